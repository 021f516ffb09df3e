"""The task ``ecoli-promoters-ablation``: what each phase and each trick of ULMFiT brings."""

from collections.abc import Sequence

from sklearn.frozen import FrozenEstimator

from benchmarks.corpora import Corpus
from benchmarks.methods import majority
from benchmarks.tasks import ecoli_fine_tuning
from benchmarks.transfer import (
    FINE_TUNING,
    Candidates,
    LabelledSet,
    Phases,
    Plan,
    Reading,
    TransferTask,
)
from skgenome.classification import SequenceClassifier, ULMFiTClassifier
from skgenome.representation import LanguageModel

PROTOCOL = """The task ecoli-promoters-fine-tuning once more, with one thing changed in each row: {n_train}
sequences to learn from, {n_test} to test on, {n_repeats} draws of {n_labels} labels, the same for all rows.
The first row is ULMFiT as it is there, corpus with K-12: pretrained, language model trained further on the
training sequences, layers unfrozen one after the other, each layer at a rate 2.6 times lower than the one
above, states averaged over {pooling} segments, one strand. "All layers at once" makes as many passes in
all."""

#: One trick each: what is changed in the classifier.
CHANGES = {
    "no fine-tuning of the network (frozen)": {"training": "frozen"},
    "all layers at once": {"training": "finetune"},
    "one learning rate for all layers": {"learning_rate_ratio": 1.0},
    "constant learning rate, no cycle": {"schedule": "constant"},
    "no dropout": {"dropout_scale": 0.0},
    "no early stopping": {"early_stopping": False},
    "head with a hidden layer": {"head": "mlp"},
    "last state alone": {"pooling": "last"},
    "last, maximum and mean of all states": {"pooling": "concat"},
    "both strands": {"strand": "concat"},
    "last layer": {"layer": -1},
}


def make_methods(
    models: Sequence[Phases],
    untrained: LanguageModel,
    unlabelled: Sequence[str],
    reading: Reading,
    plan: Plan,
    device: str,
) -> Candidates:
    """Give ULMFiT, and ULMFiT without one of its parts each.

    Parameters
    ----------
    models, untrained, unlabelled, reading, plan, device
        As in :func:`benchmarks.transfer.make_methods`.

    Returns
    -------
    Candidates
        What is compared.
    """
    start, tuned = (phase.model for phase in models[0])
    shared = {**reading.options(), **FINE_TUNING, "device": device, "random_state": 0}
    shared["max_epochs"] = plan.max_epochs
    of_lm = {"lm_max_epochs": 0, **shared}
    at_once = {"max_epochs": plan.max_epochs + untrained.layer + 1}
    classifiers = {
        "ULMFiT": ULMFiTClassifier(FrozenEstimator(tuned), **of_lm),
        "no language model fine-tuning": ULMFiTClassifier(FrozenEstimator(start), **of_lm),
        "no pretraining": SequenceClassifier(untrained, **shared),
    }
    for name, change in CHANGES.items():
        passes = at_once if change.get("training") == "finetune" else {}
        classifiers[name] = ULMFiTClassifier(FrozenEstimator(tuned), **{**of_lm, **change, **passes})
    methods = {name: reading.before(classifier) for name, classifier in classifiers.items()}
    return Candidates({"majority": majority(), **methods}, set(methods) - {"no pretraining"})


def read(data_home: str | None) -> tuple[list[LabelledSet], list[Corpus]]:
    """Read the promoters and the corpus with K-12.

    Parameters
    ----------
    data_home : str or None
        Folder of the data.

    Returns
    -------
    sets : list of LabelledSet
        One.
    corpora : list of Corpus
        One.
    """
    sets, corpora = ecoli_fine_tuning.read(data_home)
    return [one._replace(reading=ecoli_fine_tuning.ONE_STRAND) for one in sets], corpora[:1]


run = TransferTask(
    name="ecoli-promoters-ablation",
    title="Promoters of E. coli: what each part of ULMFiT brings",
    protocol=PROTOCOL,
    read=read,
    plan=Plan((100, 1000), n_repeats=5, n_seeds=0),
    make_methods=make_methods,
).run
