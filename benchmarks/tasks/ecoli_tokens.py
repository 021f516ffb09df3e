"""The task ``ecoli-promoters-tokens``: how sequences are cut into tokens."""

from collections.abc import Sequence

from benchmarks.corpora import Corpus
from benchmarks.methods import majority
from benchmarks.pretraining import FIVE_BASES_BY_TWO, THREE_BASES, Tokens
from benchmarks.tasks import ecoli_fine_tuning
from benchmarks.transfer import Candidates, LabelledSet, Phases, Plan, Reading, TransferTask, make_phases
from skgenome.representation import LanguageModel

#: Bases in a token and from one to the next, as published.
CUTS = {"3/1": THREE_BASES, "5/1": Tokens(5, 1), "5/2": FIVE_BASES_BY_TWO}

PROTOCOL = """The task ecoli-promoters-fine-tuning once more, with tokens of other sizes, corpus with K-12:
"5/2" are tokens of five bases of which every other base begins one. Each has a language model of its own, of
the same sizes but for the vocabulary and with the same number of steps of as many tokens: with 5/2 these are
twice as many bases. {n_train} sequences to learn from, {n_test} to test on, {n_repeats} draws of {n_labels}
labels, the same for all rows; with all labels, {n_seeds} seeds of the training. States are averaged over
{pooling} segments."""


def make_methods(
    models: Sequence[Phases],
    untrained: LanguageModel,
    unlabelled: Sequence[str],
    reading: Reading,
    plan: Plan,
    device: str,
) -> Candidates:
    """Give the language model trained further on the task, frozen and fine-tuned.

    Parameters
    ----------
    models, untrained, unlabelled, reading, plan, device
        As in :func:`benchmarks.transfer.make_methods`.

    Returns
    -------
    Candidates
        What is compared.
    """
    phases = make_phases("LM fine-tuned", models[0].tuned.model, reading, plan, device)
    return Candidates({"majority": majority(), **phases}, set(phases))


def read(data_home: str | None) -> tuple[list[LabelledSet], list[Corpus]]:
    """Read the promoters once for each way to cut them, and the corpus with K-12.

    Parameters
    ----------
    data_home : str or None
        Folder of the data.

    Returns
    -------
    sets : list of LabelledSet
        One for each.
    corpora : list of Corpus
        One.
    """
    (labelled,), corpora = ecoli_fine_tuning.read(data_home)
    (test,) = labelled.tests.values()
    sets = [
        labelled._replace(tests={name: test}, reading=ecoli_fine_tuning.ONE_STRAND._replace(tokens=tokens))
        for name, tokens in CUTS.items()
    ]
    return sets, corpora[:1]


run = TransferTask(
    name="ecoli-promoters-tokens",
    title="Promoters of E. coli: size and stride of the tokens",
    protocol=PROTOCOL,
    read=read,
    plan=Plan((100, 1000), n_repeats=5, n_seeds=3),
    make_methods=make_methods,
).run
