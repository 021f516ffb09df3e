"""The task ``bacteria-small``: the language model that comes with the package, and what its card says."""

import shutil
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

from benchmarks import markov
from benchmarks.cards import write_card
from benchmarks.corpora import FLANK, MIN_LENGTH, Corpus, for_run
from benchmarks.evaluation import make_record, score_methods
from benchmarks.methods import frozen, kmers, majority, ridge, scaled
from benchmarks.parts import Parts
from benchmarks.pretraining import LONG_STEPS, NETWORK, Pretrained, make_language_model, pretrain
from benchmarks.records import Record, Score, Settings, fold
from benchmarks.stopwatch import Stopwatch
from benchmarks.tasks import bacterial_promoters, ecoli_promoters
from benchmarks.transfer import take
from skgenome.classification import SequenceClassifier
from skgenome.datasets import (
    fetch_bacterial_genomes,
    fetch_bacterial_promoters,
    fetch_ecoli_promoters,
    fetch_genome,
    fetch_gram_staining,
    find_matches,
    split_at_matches,
)
from skgenome.persistence import save
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel

NAME = "bacteria-small"
TITLE = "bacteria-small: a language model of bacterial genomes"
#: Left out of the corpus: three genera of each Gram class, of five groups. They are always the same, so that
#: every later model can be compared on them.
HELD_OUT = ("Brucella", "Clostridium", "Flavobacterium", "Listeria", "Mycobacteroides", "Stenotrophomonas")
#: 20 windows of each are 134 kb: enough for the third decimal.
WINDOW_SIZE, N_WINDOWS_PER_GENOME = 6700, 20
LARGEST_K = 4

PROTOCOL = """{n_genomes} genomes, E. coli K-12 among them, without the genera {held_out}, and without every
exact copy of a sequence of the benchmarks of E. coli's promoters (the test set of 150 bp, and all of 81 bp
of both species), with {flank} bp on each side, on either strand: {n_cut} places. Bits per base are means
over windows of {size} bp of the genera left out; Markov models of every order were counted on the same
corpus, on both strands, and each is mixed with the one below it. Three tasks with frozen features and L2
logistic regression, beside k-mers: promoters of E. coli of 150 bp with few labels; promoters of E. coli of
81 bp in cross-validation; Gram staining of windows of the genera left out, learnt from few labelled windows
of the others."""

LIMITS = (
    "It has read bacteria alone: what it makes of archaea, viruses or eukaryotes was not measured.",
    "Escherichia and Shigella are in the corpus: copies of E. coli's promoters that differ by a base or more "
    "were read, so figures on E. coli are those of a model that has read its relatives.",
    "Genera of the Gram staining benchmark are drawn anew in each of its repeats, so most of them were read: "
    "only the genera left out here are new to this model.",
    "It reads 3-mers at every base, one after the other: no gene order, no structure far apart.",
    "It has read one genome of a genus, as a rule.",
    "No licence is stated for the genomes, which are public (NCBI RefSeq). The weights are ours.",
)


class Plan(NamedTuple):
    """How much is measured."""

    order: int = 11
    n_windows: int = N_WINDOWS_PER_GENOME
    window_size: int = WINDOW_SIZE
    few_labels: ecoli_promoters.Plan = ecoli_promoters.Plan((20, 100, 1000), 5)
    folds: bacterial_promoters.Plan = bacterial_promoters.Plan()
    n_gram: tuple[int, ...] = (20, 100)
    n_repeats: int = 5


QUICK_PLAN = Plan(4, 6, 1500, ecoli_promoters.Plan((20,), 1, 20), bacterial_promoters.QUICK_PLAN, (20,), 1)


def make_corpus(genomes: Bunch, k12: Bunch, excluded: list[str]) -> tuple[Corpus, int]:
    """Put the corpus together.

    Parameters
    ----------
    genomes, k12 : Bunch
        With data and filenames.
    excluded : list of str
        What is cut out of all of them, with its surroundings.

    Returns
    -------
    corpus : Corpus
        Named ``"bacteria"``.
    n_cut : int
        How many places were cut out.
    """
    contigs = [*k12.data, *genomes.data]
    n_cut = len(find_matches(contigs, excluded))
    kept = split_at_matches(contigs, excluded, flank=FLANK, min_length=MIN_LENGTH)
    # The other files of K-12 are its annotation.
    filenames = [k12.filenames[0], *genomes.filenames]
    description = f"{len(filenames)} bacterial genomes without {', '.join(HELD_OUT)}; {n_cut} places cut out"
    return Corpus("bacteria", kept, description, filenames), n_cut


def read_corpus(data_home: str | None) -> tuple[Corpus, int]:
    """Read the corpus: all genomes but those held out, without the sequences of benchmarks.

    Parameters
    ----------
    data_home : str or None
        Folder of the data.

    Returns
    -------
    corpus, n_cut
        As :func:`make_corpus` gives them.
    """
    tests = fetch_ecoli_promoters(subset="test", data_home=data_home).data
    mapped = [
        fetch_bacterial_promoters(species=species, data_home=data_home).data
        for species in bacterial_promoters.SPECIES.values()
    ]
    excluded = sorted({str(sequence) for part in (tests, *mapped) for sequence in part})
    genomes = fetch_bacterial_genomes(exclude_genera=HELD_OUT, data_home=data_home)
    return make_corpus(genomes, fetch_genome("ecoli_k12", data_home=data_home), excluded)


def score_surprise(
    lm: LanguageModel, tables: list[np.ndarray], windows: Mapping[str, list[str]]
) -> list[Score]:
    """Measure bits per base of the language model and of Markov models on every genus.

    Parameters
    ----------
    lm : LanguageModel
        Fitted.
    tables : list of ndarray
        As :func:`benchmarks.markov.next_base_tables` gives them.
    windows : mapping of str to list of str
        Genus to windows.

    Returns
    -------
    list of Score
        A value for each genus, and a condition each.
    """
    tokenizer = KmerTokenizer(k=lm.k_, stride=lm.stride_, padding=False)
    scores = []
    for genus, some in windows.items():
        orders = markov.bits_per_base(tables, some)
        found = {"language model": lm.bits_per_base(tokenizer.transform(some))}
        found |= {f"Markov model of order {order}": bits for order, bits in enumerate(orders)}
        scores += [Score(name, genus, 0, "bits_per_base", [float(bits)]) for name, bits in found.items()]
    return scores


def on_features(
    lm: LanguageModel, unlabelled: list[str], k: int, *, canonical: bool
) -> dict[str, ClassifierMixin]:
    """Give the methods of a task: its majority, k-mers, and the frozen model.

    Parameters
    ----------
    lm : LanguageModel
        Fitted.
    unlabelled : list of str
        What the scale of features is measured on.
    k : int
        Bases in the longest k-mer.
    canonical : bool
        Whether k-mers of both strands count alike; else all lengths up to `k` are counted.

    Returns
    -------
    dict of str to classifier
        Not fitted.
    """
    counts = kmers(k, canonical=True) if canonical else kmers(k, 1)
    name = f"{k}-mers" if canonical else f"k-mers up to {k}"
    return {
        "majority": majority(),
        f"{name} + L2 logistic regression": Pipeline(scaled(counts, unlabelled) + ridge()),
        "language model + L2 logistic regression": Pipeline(scaled(frozen(lm), unlabelled) + ridge()),
    }


def _few_labels(
    lm: LanguageModel, plan: Plan, settings: Settings, parts: Parts
) -> tuple[list[Score], list[str]]:
    train, test = ecoli_promoters.read_promoters(settings.data_home)
    some = take(train, slice(None, None, plan.few_labels.every))
    methods = on_features(lm, some.data, LARGEST_K, canonical=False)
    scores = ecoli_promoters.measure(methods, some, test, plan.few_labels, settings, parts)
    named = [s._replace(condition=f"E. coli, 150 bp, {s.condition} labels") for s in scores]
    return named, [*train.filenames, *test.filenames]


def _mapped(lm: LanguageModel, plan: Plan, settings: Settings, parts: Parts) -> tuple[list[Score], list[str]]:
    promoters = fetch_bacterial_promoters(species="ecoli", data_home=settings.data_home)
    some = take(promoters, slice(None, None, plan.folds.every))
    reading = bacterial_promoters.READING
    methods = on_features(lm, some.data, reading.largest_k, canonical=False)
    # What is aligned is read by segments: a network with a head that is trained alone.
    del methods["language model + L2 logistic regression"]
    options = {**reading.options(), "device": settings.device, "random_state": 0}
    methods["language model, by segments"] = reading.before(
        SequenceClassifier(FrozenEstimator(lm), training="frozen", **options)
    )
    scores = bacterial_promoters.measure(methods, some, "E. coli, 81 bp", plan.folds, settings, parts)
    return scores, promoters.filenames


def _gram(lm: LanguageModel, plan: Plan, settings: Settings, parts: Parts) -> tuple[list[Score], list[str]]:
    found = _windows(plan, settings)
    is_test = np.isin(found.genus, HELD_OUT)
    methods = on_features(lm, found.data[~is_test], LARGEST_K, canonical=True)
    scores = score_methods(
        methods,
        found.data[~is_test],
        found.target[~is_test],
        conditions={f"Gram staining, {n} windows": n for n in plan.n_gram},
        metrics=("roc_auc", "accuracy"),
        random_state=settings.random_state,
        settings=settings,
        parts=parts,
        n_repeats=plan.n_repeats,
        X_test=found.data[is_test],
        y_test=found.target[is_test],
    )
    return scores, found.filenames


def _windows(plan: Plan, settings: Settings) -> Bunch:
    return fetch_gram_staining(
        window_size=plan.window_size,
        n_windows_per_genome=plan.n_windows,
        random_state=0,
        data_home=settings.data_home,
    )


def train(settings: Settings) -> tuple[Pretrained, Record]:
    """Train the model, or find it trained, and measure what its card says.

    Parameters
    ----------
    settings : Settings
        What the caller chose.

    Returns
    -------
    pretrained : Pretrained
        The model and its facts.
    record : Record
        The card's content.
    """
    watch = Stopwatch()
    parts = Parts.of(NAME, settings, watch)
    plan = QUICK_PLAN if settings.quick else Plan()
    with watch("reading data"):
        corpus, n_cut = read_corpus(settings.data_home)
        corpus = for_run(corpus, settings)
    with watch("pretraining, or finding it done"):
        found = pretrain(make_language_model(NETWORK, LONG_STEPS, settings), corpus, settings.work_dir)
    with watch("counting"):
        tables = markov.next_base_tables(markov.count_words(corpus.contigs, plan.order + 1))
    with watch("bits per base"):
        windows = _windows(plan, settings)
        by_genus = {genus: windows.data[windows.genus == genus].tolist() for genus in HELD_OUT}
        scores = score_surprise(found.model, tables, by_genus)
    filenames = [*corpus.filenames, *windows.filenames]
    for measure in (_few_labels, _mapped, _gram):
        with watch("features, learning and testing"):
            more, read = measure(found.model, plan, settings, parts)
        scores += more
        filenames += read
    record = make_record(
        settings,
        watch,
        {},
        scores,
        filenames,
        name=NAME,
        title=TITLE,
        protocol=_describe_protocol(corpus, n_cut, plan),
        chance={"roc_auc": 0.5, "matthews_corrcoef": 0.0},
        pretraining=[found.facts],
        notes=list(LIMITS),
    )
    return found, record


def _describe_protocol(corpus: Corpus, n_cut: int, plan: Plan) -> str:
    return fold(PROTOCOL).format(
        n_genomes=len(corpus.filenames),
        held_out=", ".join(HELD_OUT[:-1]) + f" and {HELD_OUT[-1]}",
        flank=FLANK,
        n_cut=n_cut,
        size=plan.window_size,
    )


def run(settings: Settings) -> Record:
    """Train the model, or find it trained, and measure it.

    Parameters
    ----------
    settings : Settings
        What the caller chose.

    Returns
    -------
    Record
        With scores.
    """
    return train(settings)[1]


def install(settings: Settings, box: Path) -> Path:
    """Put the model, with its card, into a folder of models.

    Parameters
    ----------
    settings : Settings
        What the caller chose.
    box : pathlib.Path
        The folder; a model of this name is replaced.

    Returns
    -------
    pathlib.Path
        The model's folder.
    """
    found, record = train(settings)
    return put_in(found.model, record, box / NAME)


def put_in(model: LanguageModel, record: Record, folder: Path) -> Path:
    """Write a model as everybody may have it, and its card beside it.

    Parameters
    ----------
    model : LanguageModel
        Fitted.
    record : Record
        The card's content.
    folder : pathlib.Path
        Its place.

    Returns
    -------
    pathlib.Path
        The same.
    """
    # What was chosen for this machine is nobody else's: where to run, what to show, how much to remember.
    plain = LanguageModel().get_params()
    own = {name: plain[name] for name in ("device", "verbose", "cache_size")}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as place:
        beside = save(model.set_params(**own), Path(place) / folder.name)
        weights = (beside / "weights.safetensors").read_bytes()
        write_card(record, beside, sha256(weights).hexdigest())
        if folder.exists():
            shutil.rmtree(folder)
        beside.rename(folder)
    return folder
