"""Commands that learn: ``pretrain`` without labels, ``fine-tune`` with them."""

from pathlib import Path

import click

from skgenome._cli.inputs import load_pretrained, read_labelled
from skgenome._cli.options import (
    checkpoint_option,
    column_options,
    device_option,
    force_option,
    labelled_argument,
    model_option,
    output_option,
    quiet_option,
    seed_option,
)
from skgenome._cli.outputs import check_model_folder

_AT_LEAST_ONE = click.IntRange(min=1)
# Of the machine and the run, not of the model: a saved one is to work elsewhere.
_OF_THE_RUN = {"device": "auto", "verbose": 0, "checkpoint_dir": None}


def _open_corpus(fasta, store):
    """Give sequences to pretrain on: a list in memory, or a store on disk."""
    from skgenome.sequences import SequenceStore, build_store, read_sequences

    if store is None:
        return [record.sequence for record in read_sequences(fasta)]
    return build_store(fasta, store) if fasta else SequenceStore(store)


def _save(steps, path):
    """Save a pipeline, the parameters of the run taken back."""
    from sklearn.pipeline import Pipeline

    from skgenome.persistence import save

    save(Pipeline(steps), path)
    click.echo(f"Saved to {path}")


@click.command(
    epilog="""\b
Example:
  skgenome pretrain genomes/ more.fna.gz -o model --max-steps 2000 --checkpoint-dir checkpoints
  skgenome pretrain genomes/*.fna.gz --store corpus -o model    (corpus on disk, not in memory)"""
)
@click.argument("fasta", nargs=-1, metavar="[FASTA]...")
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of a sequence store: made of the FASTA files, or read if there are none. For more "
    "than fits into memory.",
)
@output_option
@click.option("--k", type=click.IntRange(1, 9), default=3, show_default=True, help="Bases in a token.")
@click.option(
    "--stride", type=_AT_LEAST_ONE, default=1, show_default=True, help="Bases between starts of tokens."
)
@click.option("--embedding-size", type=_AT_LEAST_ONE, default=128, show_default=True, help="Of a token.")
@click.option("--hidden-size", type=_AT_LEAST_ONE, default=256, show_default=True, help="Of a layer.")
@click.option("--n-layers", type=_AT_LEAST_ONE, default=3, show_default=True, help="Number of layers.")
@click.option("--batch-size", type=_AT_LEAST_ONE, default=64, show_default=True, help="Stretches at a time.")
@click.option("--max-epochs", type=_AT_LEAST_ONE, default=10, show_default=True, help="Passes over it all.")
@click.option("--max-steps", type=_AT_LEAST_ONE, help="Training steps, in place of passes.")
@click.option("--steps-per-round", type=_AT_LEAST_ONE, help="Steps between two validations.")
@click.option("--layer", type=int, default=-1, show_default=True, help="Layer that features are read from.")
@checkpoint_option
@seed_option
@device_option
@quiet_option
@force_option
def pretrain(fasta, store, output, k, stride, force, quiet, **parameters):
    """Train a language model on DNA without labels.

    FASTA are files, folders or patterns, plain or compressed. The model is saved as a folder that the other
    commands take as --model.
    """
    if not fasta and store is None:
        raise click.UsageError("Give FASTA files to learn from, or a --store.")
    check_model_folder(output, force=force)
    from skgenome.preprocessing import KmerTokenizer
    from skgenome.representation import LanguageModel

    token_ids = KmerTokenizer(k=k, stride=stride, padding=False).transform(_open_corpus(fasta, store))
    lm = LanguageModel(**parameters, verbose=int(not quiet)).fit(token_ids)
    # Nothing is validated on a corpus too small to hold a part of it out.
    bits = lm.history_[-1].get("valid_bits_per_base")
    if bits is not None:
        click.echo(f"{bits:.4f} bits per base on what was held out (2: all bases are equally likely)")
    _save([("tokens", KmerTokenizer(k=k, stride=stride)), ("lm", lm.set_params(**_OF_THE_RUN))], output)


def _make_classifier(encoder, method, lm_epochs, given):
    """Make the estimator behind the tokenizer, not fitted yet."""
    from sklearn.frozen import FrozenEstimator

    from skgenome.classification import SequenceClassifier, ULMFiTClassifier

    if lm_epochs:
        return ULMFiTClassifier(FrozenEstimator(encoder), lm_max_epochs=lm_epochs, training=method, **given)
    return SequenceClassifier(FrozenEstimator(encoder), training=method, **given)


def _fit_lasso(encoder, token_ids, y, seed):
    from sklearn.frozen import FrozenEstimator

    from skgenome.linear_model import LassoLogisticRegressionCV

    lasso = LassoLogisticRegressionCV(random_state=seed).fit(encoder.transform(token_ids), y)
    return [("lm", FrozenEstimator(encoder)), ("classifier", lasso)]


@click.command(
    "fine-tune",
    epilog="""\b
Example:
  skgenome fine-tune promoter=pos.fa other=neg.fa --model model -o classifier
  skgenome fine-tune labelled.csv --model model --method lasso -o classifier""",
)
@labelled_argument
@model_option
@output_option
@click.option(
    "--method",
    type=click.Choice(["gradual", "finetune", "frozen", "lasso"]),
    default="gradual",
    show_default=True,
    help="'gradual' and 'finetune' train the network, from the top down or at once; 'frozen' a head on it; "
    "'lasso' a linear model on its features, for few labels.",
)
@click.option(
    "--max-epochs", type=_AT_LEAST_ONE, default=6, show_default=True, help="Passes over the labels."
)
@click.option(
    "--lm-epochs",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Passes of the language model over the sequences before (ULMFiT).",
)
@column_options
@checkpoint_option
@seed_option
@device_option
@quiet_option
@force_option
def fine_tune(
    labelled, model, output, method, max_epochs, lm_epochs, sequence_column, label_column, checkpoint_dir,
    random_state, device, quiet, force,
):  # fmt: skip
    """Learn classes with a pretrained model.

    LABELLED is a table (.csv or .tsv) with the columns sequence and label, or FASTA files of one class each:
    class=file, or a file whose name is the class.
    """
    if method == "lasso" and lm_epochs:
        raise click.UsageError("--lm-epochs changes the network, --method lasso leaves it: give one of them.")
    check_model_folder(output, force=force)
    sequences, y = read_labelled(labelled, sequence_column, label_column)
    tokenizer, encoder = load_pretrained(model)
    encoder.set_params(device=device)
    token_ids = tokenizer.transform(sequences)
    if method == "lasso":
        steps = _fit_lasso(encoder, token_ids, y, random_state)
    else:
        given = {"max_epochs": max_epochs, "device": device, "random_state": random_state}
        given |= {"checkpoint_dir": checkpoint_dir, "verbose": int(not quiet)}
        classifier = _make_classifier(encoder, method, lm_epochs, given).fit(token_ids, y)
        steps = [("classifier", classifier.set_params(**_OF_THE_RUN))]
    encoder.set_params(device="auto")
    _save([("tokens", tokenizer), *steps], output)
