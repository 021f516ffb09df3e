"""The task ``ecoli-perturbation``: which bases classifiers read of promoters that they have not seen."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from benchmarks.corpora import Corpus, fetch_enterobacteria, for_run
from benchmarks.evaluation import make_record
from benchmarks.methods import describe_method, kmers, positions, ridge, scaled
from benchmarks.parts import Parts
from benchmarks.pretraining import (
    CACHE_BYTES,
    LONG_STEPS,
    NETWORK,
    make_language_model,
    pretrain,
)
from benchmarks.records import Record, Score, Settings, fold
from benchmarks.stopwatch import Stopwatch
from benchmarks.tasks.ecoli_scan import KMERS, POSITIONS, READING, TUNED
from benchmarks.transfer import FINE_TUNING, POSITIONS_K, take
from skgenome.classification import SequenceClassifier
from skgenome.datasets import fetch_bacterial_promoters
from skgenome.inspection import in_silico_mutagenesis, perturbation_importance
from skgenome.representation import LanguageModel

logger = logging.getLogger(__name__)

NAME = "ecoli-perturbation"
TITLE = "What classifiers read of a promoter of E. coli"
ALL = (KMERS, POSITIONS, TUNED)

#: Base of a sequence at which transcription starts. What is before it counts as in textbooks, -1 being the
#: last base before; the start itself is 0 here and +1 there.
START = 60
#: What sigma70 binds, and between which positions its first base is looked for.
BOXES = {"TATAAT": (-16, -4), "TTGACA": (-40, -28)}
#: Where the profile is searched for either box, first and last position.
NEAR = {"-10": (-22, -1), "-35": (-46, -24)}
PROMOTERS, OTHERS = "promoters", "non-promoters"

LOWEST = "position of the deepest fall of the log odds, bp from the start"
LOWEST_NEAR = "position of the deepest fall from {} to {}, bp from the start"
DEEPEST = "deepest fall of the log odds, mean of the sequences"
SPREAD = "standard deviation of the mean profile along the sequence, log odds"
MATCHES = "letters of {} that mutagenesis prefers there"
MATCHES_ALIGNED = "letters of {} that mutagenesis prefers, each promoter's costliest six bases aligned"
#: The box that promoters are aligned by: it is the one that all of them have, at a distance that differs.
MAIN_BOX = "TATAAT"

PROTOCOL = """The set of {n_promoters} mapped promoters of E. coli and {n_others} stretches of coding
sequences, 81 bp, in {n_splits} folds, stratified; what is looked at, all promoters and as many others, was
not learnt from. Each window of {width} bp is replaced by random bases, {n_draws} times, and the change of
the log odds of a promoter is averaged over the sequences of a fold: the profile. Below 0 the prediction
rests on these bases. Then every base from {first} to {last} of the promoters is substituted by each other
one; the preferred letter of a position is the one with the highest mean. Positions count from the first
transcribed base, which is 0; a window is named by its centre. A value for each fold. The fine-tuned language
model has read the genome, without labels."""


class Plan(NamedTuple):
    """How much is measured."""

    n_splits: int = 5
    every: int = 1
    max_epochs: int = 4
    """Of fine-tuning."""
    width: int = 7
    """Of the window of the profile, in bases: about that of a box."""
    n_draws: int = 2
    """Replacements of each window; there are hundreds of sequences to average over."""
    first: int = -45
    last: int = 2
    """What is mutated, from the start of transcription."""
    map_widths: tuple[int, ...] = (1, 3, 5, 7, 9, 11, 13, 15)
    map_step: int = 2
    n_mapped: int = 20
    """Promoters of each fold in the map of all widths."""


QUICK_PLAN = Plan(2, 40, 1, n_draws=1, first=-16, last=2, map_widths=(5, 15), map_step=10, n_mapped=2)


def make_methods(
    lm: LanguageModel, windows: Sequence[str], plan: Plan, settings: Settings
) -> dict[str, ClassifierMixin]:
    """Give the methods.

    Parameters
    ----------
    lm : LanguageModel
        Pretrained.
    windows : sequence of str
        All sequences, without labels: the scale of the features.
    plan : Plan
        For how long is trained.
    settings : Settings
        Device and seed.

    Returns
    -------
    dict
        Name to classifier of sequences, not fitted.
    """
    options = {**READING.options(), "device": settings.device, "random_state": settings.random_state}
    tuning = {**FINE_TUNING, "max_epochs": plan.max_epochs}
    return {
        KMERS: Pipeline(scaled(kmers(READING.largest_k, 1), windows) + ridge()),
        POSITIONS: Pipeline(positions(POSITIONS_K, windows) + ridge()),
        TUNED: READING.before(SequenceClassifier(FrozenEstimator(lm), **tuning, **options)),
    }


def inspect(
    classifier: ClassifierMixin,
    promoters: Sequence[str],
    others: Sequence[str],
    plan: Plan,
    random_state: int,
) -> dict[str, Any]:
    """Look at what a classifier reads of sequences that it has not learnt from.

    Parameters
    ----------
    classifier : classifier
        Fitted.
    promoters, others : sequence of str
        Of one length, aligned by the start of transcription.
    plan : Plan
        How closely.
    random_state : int
        Of the replacements.

    Returns
    -------
    dict
        In values that JSON knows: ``positions`` of the windows, counted from the start; the mean profiles
        `PROMOTERS` and `OTHERS` there; ``map``, a row of means for each width, at ``map_positions``; and
        ``mutagenesis``, the mean change by A, C, G and T, at ``mutated``, and ``aligned``, that of the bases
        whose substitution costs most (:func:`align`).
    """
    options = {"response_method": "decision_function", "target": 1, "batch_size": 256}
    perturb = partial(
        perturbation_importance, classifier, n_repeats=plan.n_draws, random_state=random_state, **options
    )
    profiles = {}
    for name, sequences in ((PROMOTERS, promoters), (OTHERS, others)):
        found = perturb(list(sequences), widths=plan.width)
        mean = found.importances_mean[:, 0].mean(axis=0)
        # Where the window does not fit there is nothing.
        inside = ~np.isnan(mean)
        profiles[name] = mean[inside].tolist()
    mapped = perturb(list(promoters[: plan.n_mapped]), widths=list(plan.map_widths), step=plan.map_step)
    mutated = in_silico_mutagenesis(
        classifier,
        list(promoters),
        positions=np.arange(plan.first, plan.last + 1) + START,
        **options,
    )
    return {
        "positions": (found.positions[inside] - START).tolist(),
        **profiles,
        "map": mapped.importances_mean.mean(axis=0).tolist(),
        "map_positions": (mapped.positions - START).tolist(),
        "mutagenesis": mutated.attributions.mean(axis=0).tolist(),
        "mutated": (mutated.positions - START).tolist(),
        "aligned": align(mutated.attributions, mutated.positions - START).tolist(),
    }


def align(attributions: np.ndarray, places: np.ndarray, box: str = MAIN_BOX) -> np.ndarray:
    """Average over what each sequence has in the place of a box, wherever that is.

    The letters of the box are not looked at: its place in a sequence are the adjacent bases whose
    substitution costs most. A mean by position blurs what stands a base further in every other sequence.

    Parameters
    ----------
    attributions : ndarray of shape (n_sequences, 4, n_positions)
        Changes by A, C, G and T; 0 for the base that is there.
    places : ndarray of shape (n_positions,)
        Positions, adjacent.
    box : str
        One of `BOXES`: its length, and where it is looked for.

    Returns
    -------
    ndarray of shape (4, n_letters)
        Mean changes.
    """
    first, last = BOXES[box]
    # The change of the base that is there is 0, so that the sum is that of the other three.
    loss = sliding_window_view(-attributions.sum(axis=1), len(box), axis=1).sum(axis=2)
    starts = places[: loss.shape[1]]
    inside = np.flatnonzero((starts >= first) & (starts <= last))
    chosen = inside[loss[:, inside].argmax(axis=1)]
    return np.mean([row[:, i : i + len(box)] for row, i in zip(attributions, chosen, strict=True)], axis=0)


def inspect_folds(
    methods: Mapping[str, ClassifierMixin],
    data: Bunch,
    plan: Plan,
    settings: Settings,
    parts: Parts | None = None,
) -> dict[str, list[dict]]:
    """Learn all methods from each set of training folds, and look at what is held out.

    Parameters
    ----------
    methods : mapping of str to classifier
        Not fitted; those that the caller does not want are left out.
    data : Bunch
        With data and target.
    plan : Plan
        How much.
    settings : Settings
        The seed, and which methods.
    parts : Parts or None, default=None
        Where what is found is kept.

    Returns
    -------
    dict of str to list of dict
        By method, what :func:`inspect` gives for each fold.
    """
    X, y, keep = data.data, data.target, parts or Parts()
    folds = StratifiedKFold(plan.n_splits, shuffle=True, random_state=settings.random_state)
    found: dict[str, list[dict]] = {}
    for name, method in settings.choose(methods, "methods").items():
        for number, (train, test) in enumerate(folds.split(X, y)):

            def compute(
                method: ClassifierMixin = method, train: np.ndarray = train, test: np.ndarray = test
            ) -> dict:
                fitted = method.fit(X[train], y[train])
                promoters, others = (X[test[y[test] == label]] for label in (1, 0))
                # In the files, neighbours are of one stretch of the genome.
                chosen = np.random.default_rng(settings.random_state).permutation(len(others))
                return inspect(
                    fitted, promoters, others[chosen[: len(promoters)]], plan, settings.random_state
                )

            key = {"method": describe_method(method), "fold": number, "plan": list(plan)}
            found.setdefault(name, []).append(keep(compute, **key))
            logger.info("%s: fold %d of %d inspected", name, number + 1, plan.n_splits)
    return found


def lowest(profile: Sequence[float], places: Sequence[int], first: int, last: int) -> int:
    """Say where a profile is lowest.

    Parameters
    ----------
    profile : sequence of float
        Values.
    places : sequence of int
        Their positions.
    first, last : int
        The positions between which is searched, both included.

    Returns
    -------
    int
        The position.
    """
    return min(
        (value, place) for value, place in zip(profile, places, strict=True) if first <= place <= last
    )[1]


def read_letters(mutagenesis: np.ndarray) -> str:
    """Give the preferred base of every position.

    Parameters
    ----------
    mutagenesis : array-like of shape (4, n_positions)
        Mean changes by A, C, G and T.

    Returns
    -------
    str
        The bases.
    """
    return "".join("ACGT"[base] for base in np.argmax(mutagenesis, axis=0))


def count_matches(letters: str, box: str) -> int:
    """Count the places at which two words have the same letter.

    Parameters
    ----------
    letters, box : str
        Of one length.

    Returns
    -------
    int
        How many.
    """
    return sum(map(str.__eq__, letters, box))


def find_box(letters: str, places: Sequence[int], box: str, first: int, last: int) -> tuple[int, int]:
    """Find the place at which letters are most like a box.

    Parameters
    ----------
    letters : str
        Preferred bases.
    places : sequence of int
        Their positions, adjacent.
    box : str
        Bases.
    first, last : int
        Positions between which its first base may be.

    Returns
    -------
    place : int
        Of its first base; the first one of equal ones.
    n_matches : int
        How many letters are the same.
    """
    candidates = [
        (-count_matches(letters[i : i + len(box)], box), place)
        for i, place in enumerate(places)
        if first <= place <= last and i + len(box) <= len(letters)
    ]
    n_matches, place = min(candidates)
    return place, -n_matches


def score(found: Mapping[str, Sequence[dict]], n_learnt: int) -> list[Score]:
    """Put what was found into numbers.

    Parameters
    ----------
    found : mapping of str to list of dict
        What :func:`inspect_folds` gives.
    n_learnt : int
        Sequences that a method has learnt from.

    Returns
    -------
    list of Score
        A value for each fold.
    """
    values: dict[tuple[str, str], dict[str, list[float]]] = {}

    def add(metric: str, condition: str, name: str, value: float) -> None:
        values.setdefault((metric, condition), {}).setdefault(name, []).append(float(value))

    for name, folds in found.items():
        for result in folds:
            places, profile = result["positions"], result[PROMOTERS]
            add(LOWEST, PROMOTERS, name, lowest(profile, places, places[0], places[-1]))
            for first, last in NEAR.values():
                add(LOWEST_NEAR.format(first, last), PROMOTERS, name, lowest(profile, places, first, last))
            for kind in (PROMOTERS, OTHERS):
                add(DEEPEST, kind, name, min(result[kind]))
                add(SPREAD, kind, name, np.std(result[kind]))
            aligned = read_letters(result["aligned"])
            add(MATCHES_ALIGNED.format(MAIN_BOX), PROMOTERS, name, count_matches(aligned, MAIN_BOX))
            letters = read_letters(result["mutagenesis"])
            for box, bounds in BOXES.items():
                if result["mutated"][0] <= bounds[0]:
                    add(
                        MATCHES.format(box),
                        PROMOTERS,
                        name,
                        find_box(letters, result["mutated"], box, *bounds)[1],
                    )
    order = list(dict.fromkeys(metric for metric, _ in values))
    return [
        Score(name, condition, n_learnt, metric, numbers)
        for (metric, condition), by_name in sorted(values.items(), key=lambda item: order.index(item[0][0]))
        for name, numbers in by_name.items()
    ]


def describe_letters(found: Mapping[str, Sequence[dict]]) -> list[str]:
    """Write down what mutagenesis reads, all folds together.

    Parameters
    ----------
    found : mapping of str to list of dict
        What :func:`inspect_folds` gives.

    Returns
    -------
    list of str
        A sentence for each method.
    """
    notes = []
    for name, folds in found.items():
        places = folds[0]["mutated"]
        letters = read_letters(np.mean([result["mutagenesis"] for result in folds], axis=0))
        boxes = []
        for box, bounds in BOXES.items():
            if places[0] <= bounds[0]:
                place, n_matches = find_box(letters, places, box, *bounds)
                read = letters[place - places[0] :][: len(box)]
                boxes.append(f"nearest to {box} is {read} from {place} on ({n_matches} of {len(box)})")
        text = f"Preferred by {name} from {places[0]} to {places[-1]}: {letters}"
        aligned = read_letters(np.mean([result["aligned"] for result in folds], axis=0))
        boxes.append(f"the costliest {len(aligned)} bases near -10, aligned, read {aligned}")
        notes.append("; ".join([text, *boxes]) + ".")
    return notes


def _read(settings: Settings, plan: Plan) -> tuple[Bunch, Corpus]:
    data = fetch_bacterial_promoters(species="ecoli", data_home=settings.data_home)
    corpus = fetch_enterobacteria(settings.data_home)
    return take(data, slice(None, None, plan.every)), for_run(corpus, settings)


class Inspected(NamedTuple):
    """What a run comes to."""

    found: dict[str, list[dict]]
    methods: dict[str, ClassifierMixin]
    data: Bunch
    corpus: Corpus
    facts: dict
    """Of the pretraining."""


def _inspect(settings: Settings, watch: Stopwatch) -> Inspected:
    """Do all that takes time, or find it done."""
    plan, parts = QUICK_PLAN if settings.quick else Plan(), Parts.of(NAME, settings, watch)
    with watch("reading data"):
        data, corpus = _read(settings, plan)
    with watch("pretraining, or finding it done"):
        lm = make_language_model(NETWORK, LONG_STEPS, settings)
        lm, facts = pretrain(lm, corpus, settings.work_dir)
        lm.set_params(**READING.options(), cache_size=CACHE_BYTES, verbose=0)
    with watch("learning and inspecting"):
        methods = make_methods(lm, data.data, plan, settings)
        found = inspect_folds(methods, data, plan, settings, parts)
    return Inspected(found, methods, data, corpus, facts)


def run(settings: Settings) -> Record:
    """Learn, inspect, and put what was found into numbers.

    Parameters
    ----------
    settings : Settings
        What the caller chose.

    Returns
    -------
    Record
        With scores, and what mutagenesis reads as notes.
    """
    settings.check("methods", ALL)
    watch, plan = Stopwatch(), QUICK_PLAN if settings.quick else Plan()
    found, methods, data, corpus, facts = _inspect(settings, watch)
    n_promoters = int(np.sum(data.target == 1))
    n_learnt = len(data.target) * (plan.n_splits - 1) // plan.n_splits
    return make_record(
        settings,
        watch,
        methods,
        score(found, n_learnt),
        sorted({*data.filenames, *corpus.filenames}),
        name=NAME,
        title=TITLE,
        protocol=fold(PROTOCOL).format(
            **plan._asdict(), n_promoters=n_promoters, n_others=len(data.target) - n_promoters
        ),
        notes=describe_letters(found),
        pretraining=[facts],
    )


def draw(settings: Settings, path: Path) -> Path:
    """Draw map, profile and logo of k-mers and network; what a run has kept is not computed again.

    Parameters
    ----------
    settings : Settings
        What the caller chose.
    path : pathlib.Path
        The picture, a PNG.

    Returns
    -------
    pathlib.Path
        The picture.
    """
    # Only here, since a run has no need of matplotlib.
    from benchmarks.pictures import save
    from benchmarks.tasks.ecoli_pictures import draw_inspection

    plan = QUICK_PLAN if settings.quick else Plan()
    found = _inspect(settings._replace(methods=(KMERS, TUNED)), Stopwatch()).found
    return save(draw_inspection(found, plan.map_widths, plan.width), path)
