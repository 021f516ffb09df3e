"""Commands that read sequences with a model: ``embed`` gives features, ``classify`` classes."""

from itertools import chain

import click

from skgenome._cli.inputs import iter_batches, iter_checked, load_classifier, load_pipeline
from skgenome._cli.options import (
    device_option,
    fasta_argument,
    force_option,
    model_option,
    output_option,
    quiet_option,
)
from skgenome._cli.outputs import (
    check_outputs,
    check_suffix,
    require_parquet,
    write_parquet,
    write_table,
)


def set_device(model, device):
    """Have the networks among the steps of a model run on a device."""
    for _, step in getattr(model, "steps", []):
        # A FrozenEstimator hides the parameters of what is in it.
        network = getattr(step, "estimator", step)
        if "device" in network.get_params(deep=False):
            network.set_params(device=device)
    return model


def _batches(fasta, quiet):
    """Read names and sequences batch by batch; a bar counts those that have been answered."""
    # Not a generator itself, so that a file that is missing is told of before there is a bar.
    return _with_bar(iter_batches(iter_checked(fasta)), quiet)


def _with_bar(batches, quiet):
    from tqdm.auto import tqdm

    with tqdm(unit=" sequences", disable=quiet) as bar:
        for batch in batches:
            yield [record.name for record in batch], [record.sequence for record in batch]
            bar.update(len(batch))


def _embed_batch(model, sequences):
    import numpy as np

    features = model.transform(sequences)
    # Counts of k-mers are sparse.
    return features.toarray() if hasattr(features, "toarray") else np.asarray(features)


@click.command(
    epilog="""\b
Example:
  skgenome embed sequences.fa --model model -o features.csv"""
)
@fasta_argument
@model_option
@output_option
@device_option
@quiet_option
@force_option
def embed(fasta, model, output, device, quiet, force):
    """Turn sequences into features: a vector for each.

    The suffix of the output chooses: .npy is the matrix alone, a row for each sequence in the order of the
    files; .csv, .tsv (compressed or not) and .parquet have the names of the sequences in front.
    """
    import numpy as np

    from skgenome.exceptions import ModelMismatchError

    suffix = check_suffix(output, [".npy", ".csv", ".tsv", ".parquet"])
    check_outputs([output], force=force)
    if suffix == ".parquet":
        require_parquet()
    loaded = set_device(load_pipeline(model), device)
    if not hasattr(loaded, "transform"):
        raise ModelMismatchError(
            f"{model} is a classifier, which gives no features: embed with a pretrained model."
        )
    names, matrices = [], []
    for some, sequences in _batches(fasta, quiet):
        names += some
        matrices.append(_embed_batch(loaded, sequences))
    _write_features(output, suffix, names, np.concatenate(matrices), _feature_names(loaded))
    click.echo(f"{len(names)} sequences, {matrices[0].shape[1]} features each, in {output}")


def _feature_names(model):
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    return [str(name) for name in last.get_feature_names_out()]


def _write_features(path, suffix, names, features, columns):
    import numpy as np

    from skgenome.sequences import write_beside

    if suffix == ".npy":
        with write_beside(path) as file:
            np.save(file, features)
    elif suffix == ".parquet":
        write_parquet(path, {"name": names, **dict(zip(columns, features.T, strict=True))})
    else:
        rows = ([name, *row.tolist()] for name, row in zip(names, features, strict=True))
        write_table(path, ["name", *columns], rows)


def _predict_batch(classifier, names, sequences):
    """Give name, class and probabilities of each sequence of a batch."""
    import numpy as np

    probabilities = np.asarray(classifier.predict_proba(sequences))
    predicted = np.asarray(classifier.predict(sequences))
    if predicted.ndim == 2:
        # Labels of their own: the numbers of those that a sequence has.
        predicted = [",".join(map(str, np.flatnonzero(row))) for row in predicted]
    for name, label, row in zip(names, predicted, probabilities, strict=True):
        yield [name, str(label), *row.tolist()]


@click.command(
    epilog="""\b
Example:
  skgenome classify sequences.fa --model classifier -o classes.tsv"""
)
@fasta_argument
@model_option
@output_option
@device_option
@quiet_option
@force_option
def classify(fasta, model, output, device, quiet, force):
    """Predict the class of each sequence.

    The table (.tsv or .csv, compressed or not) has a row for each sequence: its name, the class, and the
    probability of every class. Sequences are read and answered a batch at a time.
    """
    check_suffix(output, [".tsv", ".csv"])
    check_outputs([output], force=force)
    classifier = set_device(load_classifier(model), device)
    rows = chain.from_iterable(_predict_batch(classifier, *batch) for batch in _batches(fasta, quiet))
    write_table(output, ["name", "class", *(f"probability_{c}" for c in classifier.classes_)], rows)
