"""The protocol of windows of genomes: who is split from whom, who is labelled, what is compared."""

from dataclasses import fields

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score, roc_auc_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from benchmarks.corpora import Corpus
from benchmarks.labels import KnownLabels, WhereKnown
from benchmarks.parts import Parts
from benchmarks.records import Settings, UnknownChoiceError, read_record, write_record
from benchmarks.tables import show
from benchmarks.tasks import run_task
from benchmarks.windows import (
    ALL_GENOMES,
    ALL_WINDOWS,
    Condition,
    Methods,
    Plan,
    Windows,
    WindowTask,
    genomes,
    make_methods,
    measure,
    split_by_group,
    windows,
    with_all_genomes,
)
from skgenome.model_selection import nested_label_subset
from skgenome.representation import ContrastivePredictiveCoding, LanguageModel

FEW_AND_ALL = (genomes(1), genomes(3), ALL_GENOMES, windows(8), windows(20))
PLAN = Plan(2, FEW_AND_ALL)
SETTINGS = Settings(None, "cpu", 0)


@pytest.fixture
def drawn(seed):
    """Ten genera of each class, five windows each; positives are rich in GC. One genus has two genomes."""
    rng = np.random.RandomState(seed)
    target = np.repeat([0, 1], 50)
    genus = np.repeat([f"genus{i}" for i in range(20)], 5)
    genome_ids = genus.copy()
    genome_ids[3:5] = "genus0 again"
    shares = [[0.3, 0.2, 0.2, 0.3], [0.2, 0.3, 0.3, 0.2]]
    data = ["".join(rng.choice(list("ACGT"), 200, p=shares[label])) for label in target]
    return Bunch(data=np.array(data, dtype=object), target=target, genus=genus, genome_ids=genome_ids)


@pytest.fixture
def labelled(drawn):
    splits = split_by_group(drawn.genus, drawn.target, 4, 2, 0)
    return Windows(drawn.data, drawn.target, splits, [], drawn.genome_ids)


@pytest.fixture
def of_many_labels(drawn):
    """The same windows with three labels each, the last of them rare; the last thirty are held out."""
    rng = np.random.RandomState(1)
    target = np.c_[drawn.target, rng.rand(100) < 0.4, np.arange(100) % 11 == 0].astype(int)
    order = rng.permutation(100)
    return Windows(drawn.data[order], target[order], [(np.arange(70), np.arange(70, 100))], [])


@pytest.fixture
def with_missing(of_many_labels):
    """The same with a third of the entries missing, and a fourth label that no test row is known to have."""
    rng = np.random.RandomState(2)
    target = np.c_[of_many_labels.target, rng.rand(100) < 0.5].astype(int)
    target[rng.rand(*target.shape) < 1 / 3] = -1
    target[70:, 3] = np.minimum(target[70:, 3], 0)
    return of_many_labels._replace(
        target=target, label_names=["rich", "any", "rare", "absent"], label_groups=["a", "b", "b", "b"]
    )


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Processes beside this one would take seconds to start."""
    monkeypatch.setattr("benchmarks.windows.n_side_by_side", lambda _: 1)


def letters(classifier):
    return make_pipeline(CountVectorizer(analyzer="char", lowercase=False), classifier)


def test_split_by_group_divides_no_group_and_keeps_the_classes(drawn, seed):
    splits = split_by_group(drawn.genus, drawn.target, 4, 3, seed)
    assert len(splits) == 3
    for train, test in splits:
        assert set(drawn.genus[train]).isdisjoint(drawn.genus[test])
        assert sorted([*train, *test]) == list(range(100))
        assert len(set(drawn.genus[test])) == 4
        assert drawn.target[test].mean() == 0.5


def test_split_by_group_draws_others_each_time(drawn, seed):
    tests = [tuple(test) for _, test in split_by_group(drawn.genus, drawn.target, 4, 5, seed)]
    assert len(set(tests)) > 1


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (genomes(1), ("1 genome per class", 1, True, False)),
        (genomes(3, trains_networks=True), ("3 genomes per class", 3, True, True)),
        (windows(1), ("1 window", 1, False, False)),
        (windows(100, trains_networks=True), ("100 windows", 100, False, True)),
        (ALL_GENOMES, ("all genomes", 1.0, True, True)),
        (ALL_WINDOWS, ("all windows", 1.0, False, True)),
    ],
    ids=lambda value: value.name if isinstance(value, Condition) else "",
)
def test_conditions_are_named_as_their_columns(condition, expected):
    assert tuple(condition) == expected


@pytest.mark.parametrize(
    ("condition", "is_all"),
    [(ALL_GENOMES, True), (ALL_WINDOWS, True), (genomes(1), False), (windows(1), False)],
    ids=lambda value: value.name if isinstance(value, Condition) else str(value),
)
def test_condition_tells_one_from_all(condition, is_all):
    assert condition.is_all == is_all


def test_windows_tell_classes_from_labels(labelled, of_many_labels):
    assert not labelled.has_own_labels
    assert of_many_labels.has_own_labels


def test_measure_tells_chance_from_knowledge(labelled):
    methods = Methods({"majority": DummyClassifier(), "GC": letters(LogisticRegression())}, {})
    scores = measure(methods, labelled, PLAN, ("roc_auc", "balanced_accuracy"), SETTINGS)
    means = {(s.metric, s.method, s.condition): np.mean(s.values) for s in scores}
    assert {condition for _, _, condition in means} == {condition.name for condition in FEW_AND_ALL}
    assert all(len(s.values) == 2 for s in scores)
    assert means["roc_auc", "majority", "all genomes"] == 0.5
    assert means["balanced_accuracy", "majority", "8 windows"] == 0.5
    assert means["roc_auc", "GC", "all genomes"] > 0.95


def test_measure_labels_whole_genomes(labelled):
    scores = measure(Methods({"majority": DummyClassifier()}, {}), labelled, PLAN, ("roc_auc",), SETTINGS)
    n_labels = {s.condition: s.n_labels for s in scores}
    # Genomes have five windows, but for the two of genus 0, which have three and two.
    assert 8 <= n_labels["1 genome per class"] <= 10
    assert 26 <= n_labels["3 genomes per class"] <= 30
    assert n_labels["all genomes"] == 80
    assert n_labels["20 windows"] == 20


@pytest.mark.parametrize("by_genome", [True, False], ids=["genomes", "windows"])
def test_measure_values_are_those_of_fitting_by_hand(labelled, by_genome):
    method = letters(LogisticRegression())
    condition = genomes(2) if by_genome else windows(12)
    metrics = ("roc_auc", "balanced_accuracy")
    scores = measure(Methods({"GC": method}, {}), labelled, Plan(2, (condition,)), metrics, SETTINGS)
    expected = [[], []]
    for (train, test), seed in zip(labelled.splits, draw_seeds(0, 2), strict=True):
        groups = labelled.genomes[train] if by_genome else None
        rows = train[
            nested_label_subset(labelled.target[train], condition.amount, groups=groups, random_state=seed)
        ]
        fitted = method.fit(labelled.data[rows], labelled.target[rows])
        probabilities = fitted.predict_proba(labelled.data[test])[:, 1]
        expected[0].append(roc_auc_score(labelled.target[test], probabilities))
        expected[1].append(
            balanced_accuracy_score(labelled.target[test], fitted.predict(labelled.data[test]))
        )
    assert [s.values for s in scores] == expected


def draw_seeds(random_state, n_repeats):
    """Give the seeds of the draws, as they are made for a curve."""
    return np.random.RandomState(random_state).randint(np.iinfo(np.int32).max, size=n_repeats)


def test_measure_trains_networks_where_the_plan_says_so(labelled):
    methods = Methods({"quick": DummyClassifier()}, {"network": DummyClassifier()})
    conditions = (genomes(1), genomes(3, trains_networks=True), ALL_GENOMES, windows(8), windows(20))
    scores = measure(methods, labelled, Plan(2, conditions), ("roc_auc",), SETTINGS)
    measured = [(s.method, s.condition) for s in scores]
    everywhere = [("quick", condition.name) for condition in conditions]
    assert measured == [*everywhere, ("network", "3 genomes per class"), ("network", "all genomes")]


def test_measure_without_a_network_to_train_fits_none(labelled):
    class Refusing(DummyClassifier):
        def fit(self, X, y):
            raise AssertionError("a network was trained")

    methods = Methods({}, {"network": Refusing()})
    plan = Plan(2, (genomes(1), windows(8)))
    assert measure(methods, labelled, plan, ("roc_auc",), SETTINGS) == []


class Drawn(DummyClassifier):
    """Give scores by chance, those of its seed, and note which rows it is given."""

    seen = ()

    def __init__(self, random_state=0):
        super().__init__()
        self.random_state = random_state

    def fit(self, X, y):
        Drawn.seen = (*Drawn.seen, (self.random_state, tuple(X)))
        self.classes_ = [np.array([0, 1])] * np.shape(y)[1]
        return self

    def predict_proba(self, X):
        return np.random.RandomState(self.random_state).rand(len(X), len(self.classes_))


def test_measure_on_one_split_repeats_draws_then_seeds(of_many_labels, monkeypatch):
    monkeypatch.setattr(Drawn, "seen", ())
    plan = Plan(3, (windows(10), windows(20), ALL_WINDOWS))
    settings = SETTINGS._replace(random_state=5)
    scores = measure(Methods({"drawn": Drawn(9)}, {}), of_many_labels, plan, ("roc_auc",), settings)
    (train, test), data = of_many_labels.splits[0], of_many_labels.data
    rows = [
        train[nested_label_subset(of_many_labels.target[train], n, random_state=seed)]
        for n in (10, 20)
        for seed in draw_seeds(5, 3)
    ]
    # Draws are fitted with the seed of the method, and all labels with three seeds in turn.
    fits = [(9, tuple(data[drawn])) for drawn in rows] + [(seed, tuple(data[train])) for seed in (5, 6, 7)]
    assert Drawn.seen == tuple(fits)
    assert all(set(few) < set(more) for few, more in zip(rows[:3], rows[3:], strict=True))
    truth = of_many_labels.target[test]
    by_seed = {
        seed: roc_auc_score(truth, np.random.RandomState(seed).rand(30, 3), average=None).tolist()
        for seed in (5, 6, 7, 9)
    }
    by_label = {
        "10 windows": [by_seed[9]] * 3,
        "20 windows": [by_seed[9]] * 3,
        "all windows": [by_seed[seed] for seed in (5, 6, 7)],
    }
    assert {s.condition: s.by_label for s in scores} == by_label
    for found in scores:
        assert found.values == pytest.approx(np.mean(by_label[found.condition], axis=1))
    assert [s.n_labels for s in scores] == [10, 20, 70]


def test_measure_of_labels_is_that_of_fitting_by_hand(of_many_labels):
    method = letters(KnownLabels(OneVsRestClassifier(LogisticRegression())))
    majority = KnownLabels(OneVsRestClassifier(DummyClassifier(strategy="prior")))
    methods = Methods({"majority": majority, "GC": method}, {})
    plan = Plan(2, (windows(40), ALL_WINDOWS))
    scores = measure(methods, of_many_labels, plan, ("roc_auc", "average_precision"), SETTINGS)
    found = {(s.metric, s.method, s.condition): s.values for s in scores}
    ((train, test),), X, y = of_many_labels.splits, of_many_labels.data, of_many_labels.target
    draws = [train[nested_label_subset(y[train], 40, random_state=seed)] for seed in draw_seeds(0, 2)]
    by_hand = [
        roc_auc_score(y[test], method.fit(X[rows], y[rows]).predict_proba(X[test]))
        for rows in (*draws, train)
    ]
    assert found["roc_auc", "GC", "40 windows"] == pytest.approx(by_hand[:2])
    # Nothing in it has a seed: measured once.
    assert found["roc_auc", "GC", "all windows"] == pytest.approx(by_hand[2:])
    assert found["roc_auc", "majority", "all windows"] == [0.5]
    prevalence = y[test].mean(axis=0).mean()
    assert found["average_precision", "majority", "all windows"] == [pytest.approx(prevalence)]


def test_measure_keeps_the_figures_of_every_measured_label(with_missing):
    method = letters(KnownLabels(WhereKnown(LogisticRegression())))
    plan = Plan(2, (windows(60), ALL_WINDOWS))
    scores = measure(
        Methods({"GC": method}, {}), with_missing, plan, ("roc_auc", "average_precision"), SETTINGS
    )
    ((train, test),), X, y = with_missing.splits, with_missing.data, with_missing.target
    draws = [train[nested_label_subset(y[train], 60, random_state=seed)] for seed in draw_seeds(0, 2)]
    rows_of = {"60 windows": draws, "all windows": [train]}
    reference = {"roc_auc": roc_auc_score, "average_precision": average_precision_score}
    assert len(scores) == 4
    for found in scores:
        expected = []
        for rows in rows_of[found.condition]:
            probabilities = clone(method).fit(X[rows], y[rows]).predict_proba(X[test])
            known = y[test] != -1
            # The fourth label has no positives to test on.
            by_label = [
                reference[found.metric](y[test][known[:, j], j], probabilities[known[:, j], j])
                for j in range(3)
            ]
            expected.append(by_label)
        np.testing.assert_allclose(found.by_label, expected)
        assert found.values == pytest.approx(np.mean(expected, axis=1))


def test_measure_of_genomes_is_of_their_mean_probabilities(labelled, tmp_path):
    method = letters(LogisticRegression())
    methods, plan = Methods({"GC": method}, {}), Plan(2, (genomes(2), windows(12)))
    metrics = ("roc_auc", "balanced_accuracy")
    scores = measure(methods, labelled, plan, metrics, SETTINGS, Parts(tmp_path), metrics)
    assert [s.metric for s in scores[::2]] == [*metrics, *(f"{metric} of genomes" for metric in metrics)]
    windows_alone = measure(methods, labelled, plan, metrics, SETTINGS)
    assert scores[:4] == windows_alone
    found = {(s.condition, s.metric): s.values for s in scores}
    expected = {key: [] for key in found if key[1].endswith("genomes")}
    for (train, test), seed in zip(labelled.splits, draw_seeds(0, 2), strict=True):
        for condition, groups in (("2 genomes per class", labelled.genomes[train]), ("12 windows", None)):
            amount = int(condition.split()[0])
            drawn = nested_label_subset(labelled.target[train], amount, groups=groups, random_state=seed)
            rows = train[drawn]
            fitted = method.fit(labelled.data[rows], labelled.target[rows])
            positive = fitted.predict_proba(labelled.data[test])[:, 1]
            names = sorted(set(labelled.genomes[test]))
            means = [positive[labelled.genomes[test] == name].mean() for name in names]
            truth = [labelled.target[labelled.genomes == name][0] for name in names]
            expected[condition, "roc_auc of genomes"].append(roc_auc_score(truth, means))
            answers = np.greater(means, 0.5)
            expected[condition, "balanced_accuracy of genomes"].append(
                balanced_accuracy_score(truth, answers)
            )
    assert {key: found[key] for key in expected} == expected


def test_measure_of_genomes_fits_no_more_and_is_kept(labelled, tmp_path):
    class Counting(DummyClassifier):
        n_fits = 0

        def fit(self, X, y):
            Counting.n_fits += 1
            return super().fit(X, y)

    methods, plan = Methods({"counting": Counting()}, {}), Plan(2, (genomes(1), ALL_GENOMES))
    first, again = (
        measure(methods, labelled, plan, ("roc_auc",), SETTINGS, Parts(tmp_path), ("roc_auc",))
        for _ in range(2)
    )
    assert Counting.n_fits == 4
    assert first == again
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("labelled", 0.5), ("of_many_labels", None), ("with_missing", None)],
)
def test_windows_know_what_average_precision_is_by_chance(kind, expected, request):
    found = request.getfixturevalue(kind)
    if expected is None:
        # That of shares for all rows: its average precision is the prevalence.
        tested = found.target[70:, :3]
        expected = np.mean([(column == 1).sum() / (column != -1).sum() for column in tested.T])
    assert found.prevalence() == pytest.approx(expected, abs=1e-4)


def test_windows_of_three_classes_have_a_third_by_chance(labelled):
    target = np.arange(100) % 3
    assert labelled._replace(target=target).prevalence() == 1 / 3


def test_windows_describe_labels_that_are_measured(with_missing, labelled):
    rows = with_missing.describe_labels()
    assert [(row["label"], row["group"]) for row in rows] == [("rich", "a"), ("any", "b"), ("rare", "b")]
    tested = with_missing.target[70:]
    assert [row["n_known"] for row in rows] == (tested[:, :3] >= 0).sum(axis=0).tolist()
    assert [row["n_positives"] for row in rows] == (tested[:, :3] == 1).sum(axis=0).tolist()
    (note,) = with_missing.name_unscored()
    assert note.endswith("lacks it: absent.")
    assert labelled.describe_labels() == labelled.name_unscored() == []


def test_windows_without_names_number_their_labels(of_many_labels):
    assert [row["label"] for row in of_many_labels.describe_labels()] == ["label 0", "label 1", "label 2"]
    assert of_many_labels.name_unscored() == []


def test_measure_on_one_split_of_genomes_keeps_the_name(labelled):
    """Non-regression test: in a quick run, with one split, the column was called "all windows"."""
    one = labelled._replace(splits=labelled.splits[:1])
    plan = Plan(1, (genomes(1), ALL_GENOMES))
    scores = measure(Methods({"majority": DummyClassifier()}, {}), one, plan, ("roc_auc",), SETTINGS)
    assert [(s.condition, s.n_labels > 10) for s in scores] == [
        ("1 genome per class", False),
        ("all genomes", True),
    ]


def test_measure_of_a_part_is_a_part_of_the_whole(labelled):
    methods = Methods(
        {"majority": DummyClassifier(), "GC": letters(LogisticRegression())}, {"network": DummyClassifier()}
    )
    whole = measure(methods, labelled, PLAN, ("roc_auc",), SETTINGS)
    settings = SETTINGS._replace(methods=("GC", "network"), conditions=("20 windows", "all genomes"))
    part = measure(methods, labelled, PLAN, ("roc_auc",), settings)
    assert [(s.method, s.condition) for s in part] == [
        ("GC", "all genomes"),
        ("GC", "20 windows"),
        ("network", "all genomes"),
    ]
    assert all(score in whole for score in part)


def test_measure_of_the_whole_finds_its_parts(of_many_labels, monkeypatch, tmp_path):
    monkeypatch.setattr(Drawn, "seen", ())
    methods, plan = Methods({"drawn": Drawn(9)}, {}), Plan(2, (windows(10), windows(20), ALL_WINDOWS))
    one, whole = SETTINGS._replace(conditions=("20 windows",)), SETTINGS
    for settings, n_fits in ((one, 2), (whole, 6), (whole, 6)):
        scores = measure(methods, of_many_labels, plan, ("roc_auc",), settings, Parts(tmp_path))
        assert len(Drawn.seen) == n_fits
    assert [s.condition for s in scores] == ["10 windows", "20 windows", "all windows"]


@pytest.fixture(scope="module")
def models():
    """Two representations as small as can be, with random weights."""
    rng = np.random.RandomState(0)
    tiny = {"batch_size": 4, "device": "cpu", "random_state": 0}
    lm = LanguageModel(embedding_size=4, hidden_size=6, n_layers=2, strand="average", pooling="mean", **tiny)
    contrastive = ContrastivePredictiveCoding(
        width=4, context_size=6, patch_length=50, patch_stride=25, n_patches=6, steps=(2,), **tiny
    )
    return lm.initialize([rng.randint(2, 66, 300)]), contrastive.initialize([rng.randint(2, 6, 300)])


FEATURES = ["3-mers", "3-mer z-scores", "language model", "contrastive", "contrastive network, untrained"]
JOINED = [f"{name}, language model and contrastive" for name in FEATURES[:2]]
ON_FEATURES = [
    "majority",
    *(f"{name} + lasso" for name in (*FEATURES, *JOINED)),
    *(f"{name} + L2 logistic regression" for name in (*FEATURES[:2], JOINED[1])),
    "language model + linear head",
    "contrastive + linear head",
]
NETWORKS = [
    f"{name}{how}"
    for name in ("language model", "contrastive")
    for how in (", fine-tuned", "'s network from scratch")
]


@pytest.mark.parametrize("kind", ["labelled", "of_many_labels"])
def test_make_methods_have_both_representations_in_all_ways(models, kind, request):
    methods = make_methods(*models, request.getfixturevalue(kind), 3, SETTINGS)
    assert list(methods.on_features) == ON_FEATURES
    assert list(methods.networks) == NETWORKS


def test_make_methods_join_what_is_alone(models, labelled):
    methods = make_methods(*models, labelled, 3, SETTINGS).on_features
    data = labelled.data[:2]
    by_counts, by_z_scores = (methods[f"{name} + lasso"][:-1].transform(data) for name in JOINED)
    counts, z_scores, *states = (methods[f"{name} + lasso"][:-1].transform(data) for name in FEATURES[:4])
    close = {"rtol": 1e-5, "atol": 1e-6}
    np.testing.assert_allclose(by_counts, np.hstack([counts, *states]), **close)
    # Here each has a third of the whole.
    blocks = [z_scores, *states]
    width = sum(block.shape[1] for block in blocks)
    weighted = [block * (width / 3 / block.shape[1]) ** 0.5 for block in blocks]
    np.testing.assert_allclose(by_z_scores, np.hstack(weighted), **close)


def test_make_methods_train_networks_that_are_pretrained_or_not(models, labelled):
    networks = make_methods(*models, labelled, 3, SETTINGS).networks
    starts = {name: method["classifier"].encoder for name, method in networks.items()}
    assert starts["contrastive, fine-tuned"].estimator is models[1]
    assert not hasattr(starts["contrastive's network from scratch"], "module_")


def test_make_methods_know_own_labels(models, of_many_labels):
    methods = make_methods(*models, of_many_labels, 3, SETTINGS)
    assert methods.on_features.pop("majority").estimator.estimator.strategy == "prior"
    for name, method in {**methods.on_features, **methods.networks}.items():
        assert type(method[-1]) is KnownLabels, name


def test_make_methods_know_which_entries_are_missing(models, with_missing):
    methods = make_methods(*models, with_missing, 3, SETTINGS)
    assert methods.on_features.pop("majority").estimator.estimator.strategy == "prior"
    for name, method in {**methods.on_features, **methods.networks}.items():
        assert type(method[-1]) is KnownLabels, name


@pytest.mark.parametrize("name", ["contrastive + linear head", "language model, fine-tuned"])
@pytest.mark.parametrize("kind", ["labelled", "of_many_labels", "with_missing"])
def test_make_methods_learn_from_windows(models, kind, name, request):
    found = request.getfixturevalue(kind)
    both = make_methods(*models, found, 3, SETTINGS)
    method = {**both.on_features, **both.networks}[name]
    depth = "estimator__" if found.has_own_labels else ""
    rows = np.arange(0, 100, 2)
    short = {f"classifier__{depth}max_epochs": 1, f"classifier__{depth}early_stopping": False}
    method.set_params(**short).fit(found.data[rows], found.target[rows])
    n_columns = found.target.shape[1] if found.has_own_labels else 2
    assert method.predict_proba(found.data[:3]).shape == (3, n_columns)


@pytest.fixture
def make_task(labelled):
    """A function that gives a task about invented windows; its networks are those of a quick run."""

    def make(found=labelled, plan=PLAN, **options):
        corpus = Corpus("invented", ["".join(found.data[:10])], "ten windows")
        return WindowTask(
            "gram-staining",
            "Invented",
            "{n_rows} windows, {n_repeats} repeats.",
            lambda *_: (found, corpus),
            plan,
            plan,
            k=2,
            contrastive_network={"patch_length": 50, "patch_stride": 25, "steps": (2,), "strand": "average"},
            **options,
        )

    return make


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"methods": ("k-mers",)}, r"no methods 'k-mers'\. Those it has: 'majority', '2-mers \+ lasso', "),
        ({"conditions": ("4 windows",)}, r"no conditions '4 windows'\. Those it has: '1 genome per class', "),
    ],
    ids=["method", "condition"],
)
def test_task_names_what_can_be_asked_for(make_task, tmp_path, choice, message):
    settings = Settings(None, "cpu", 0, tmp_path, True, **choice)
    with pytest.raises(UnknownChoiceError, match=message):
        make_task().run(settings)
    # An unknown condition is found out before anything is read or trained.
    assert bool(list(tmp_path.iterdir())) == ("methods" in choice)


def test_task_runs_from_windows_to_record(make_task, tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.windows.FINE_TUNING", {"max_epochs": 1, "early_stopping": False})
    methods = ("majority", "2-mers + L2 logistic regression", "contrastive, fine-tuned")
    settings = Settings(None, "cpu", 0, tmp_path, True, methods)
    record = make_task(plan=Plan(2, (genomes(3), ALL_GENOMES))).run(settings)
    assert {(row["method"], row["condition"]) for row in record.scores} == {
        *((method, "all genomes") for method in methods),
        *((method, "3 genomes per class") for method in methods[:2]),
    }
    assert record.protocol == "100 windows, 2 repeats."
    assert [row["stride"] for row in record.pretraining] == [2, 1]
    assert "contrastive, fine-tuned" in show(record)
    assert len(record.models) == len(ON_FEATURES) + len(NETWORKS)


def test_task_of_labels_records_each_of_them(make_task, with_missing, tmp_path):
    methods = ("majority", "2-mers + L2 logistic regression")
    settings = Settings(None, "cpu", 0, tmp_path, True, methods)
    task = make_task(with_missing, Plan(1, (windows(50), ALL_WINDOWS)), metrics=("roc_auc", "f1"))
    record = read_record(write_record(task.run(settings), tmp_path / "results"))
    assert [row["label"] for row in record.labels] == ["rich", "any", "rare"]
    assert record.notes == ["Not measured, since no test window has the label, or none lacks it: absent."]
    assert len(record.scores) == len(methods) * 4
    for row in record.scores:
        np.testing.assert_allclose(np.mean(row["by_label"], axis=1), row["values"], atol=1e-4)
    text = show(record)
    assert "; all windows, A = majority, B = 2-mers + L2 logistic regression" in text


def test_task_at_published_size_is_the_same_but_for_its_networks(make_task):
    task = make_task()
    large = task.at_published_size(contrastive_steps=7)
    assert large.name == "gram-staining-published-size"
    networks = ("lm_network", "contrastive_network")
    changed = {*networks, "name", "title", "lm_steps", "lm_tokens", "contrastive_steps"}
    for attribute in fields(task):
        same = getattr(task, attribute.name) == getattr(large, attribute.name)
        assert same == (attribute.name not in changed), attribute.name
    assert large.contrastive_steps == 7
    # As published: patches of 500 bp in windows of 6700, ResNet-18 of 64 to 512 channels, LSTM of 256.
    cpc = ContrastivePredictiveCoding(**large.contrastive_network)
    assert (cpc.encoder, cpc.width, cpc.context, cpc.context_size) == ("resnet18", 64, "lstm", 256)
    assert cpc.patch_length + (cpc.n_patches - 1) * cpc.patch_stride == 6700
    lm = LanguageModel(**large.lm_network)
    assert (lm.architecture, lm.n_filters, lm.hidden_size, lm.n_layers) == ("cnn-lstm", 320, 320, 1)


def test_with_all_genomes_changes_the_corpus_alone(labelled, monkeypatch):
    whole = Corpus("all genomes", ["ACGT"], "")
    monkeypatch.setattr("benchmarks.windows.fetch_all_genomes", lambda data_home: (whole, data_home))
    found = with_all_genomes(lambda *arguments: ((labelled, arguments), "another"))("home", 5, 0, True)
    assert found == ((labelled, ("home", 5, 0, True)), (whole, "home"))


def test_task_of_genomes_knows_their_chance(make_task, tmp_path):
    settings = Settings(None, "cpu", 0, tmp_path, True, ("majority",))
    metrics = {"metrics": ("roc_auc", "average_precision"), "genome_metrics": ("roc_auc",)}
    record = make_task(**metrics, chance={"roc_auc": 0.5}).run(settings)
    assert record.chance == {"roc_auc": 0.5, "average_precision": 0.5, "roc_auc of genomes": 0.5}
    means = {row["metric"]: row["mean"] for row in record.scores}
    assert means == record.chance
    assert record.labels == record.notes == []


def test_task_draws_both_representations_as_they_are_pretrained(make_task, tmp_path, monkeypatch):
    drawn = []

    def note(models, found, path, random_state):
        drawn.append((models, found, random_state))
        return path

    monkeypatch.setattr("benchmarks.pictures.draw_embeddings", note)
    settings = Settings(None, "cpu", 3, tmp_path / "work", True)
    path = tmp_path / "a.png"
    task = make_task()
    assert task.draw(settings, path) == path
    ((models, found, random_state),) = drawn
    assert {name: model.k_ for name, model in models.items()} == {"language model": 5, "contrastive": 1}
    assert len(found.data) == 100
    assert random_state == 3
    # Those that a run takes: it has nothing left to train.
    files = set((tmp_path / "work").glob("lm-*"))
    assert files
    task.run(settings._replace(methods=("majority",), conditions=("all genomes",)))
    assert set((tmp_path / "work").glob("lm-*")) == files


# All methods are run on the first; what the others have of their own are windows, labels and splits.
EVERY_METHOD = ()
SOME_METHODS = ("majority", "{k}-mers + L2 logistic regression", "contrastive, fine-tuned")


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "methods", "conditions", "n_files"),
    [
        ("gram-staining", EVERY_METHOD, {"1 genome per class", "all genomes"}, 58),
        ("bacteria-phages-viruses", SOME_METHODS, {"5 genomes per class", "all genomes"}, 87),
        ("human-chromatin", SOME_METHODS, {"50 windows", "all windows"}, 2),
        ("yeast-marks", SOME_METHODS, {"150 windows", "400 windows"}, 20),
    ],
)
def test_quick_run_on_real_genomes(real_data_home, tmp_path, name, methods, conditions, n_files):
    wanted = [method.format(k=5 if name == "human-chromatin" else 6) for method in methods]
    settings = Settings(str(real_data_home), "cpu", 0, tmp_path, quick=True, methods=tuple(wanted))
    record = run_task(name, settings)
    assert {row["condition"] for row in record.scores} == conditions
    assert {row["method"] for row in record.scores} == set(wanted or record.models)
    assert len(record.models) == len(ON_FEATURES) + len(NETWORKS)
    assert len(record.data) == n_files
    assert [row["n_bases"] for row in record.pretraining] == [300_000, 300_000]
