"""The methods, the protocol and the run that the tasks with labelled sets share."""

from dataclasses import replace
from functools import partial
from importlib import import_module
from itertools import product

import numpy as np
import pytest
import torch
from joblib import cpu_count
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import accuracy_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import Bunch

from benchmarks import corpora, transfer
from benchmarks.corpora import Corpus
from benchmarks.overview import GENOMIC_ULMFIT, overview_table
from benchmarks.parts import Parts
from benchmarks.pretraining import NETWORK, TINY_SIZE, Pretrained, finetune, pretrain
from benchmarks.records import Score, Settings, UnknownChoiceError, read_record, write_record
from benchmarks.tables import NOTHING, show
from benchmarks.tasks import TASKS, ecoli_promoters, run_task
from benchmarks.transfer import (
    Candidates,
    LabelledSet,
    Phases,
    Plan,
    Reading,
    TransferTask,
    hold_out,
    make_baselines,
    make_methods,
    measure,
    n_side_by_side,
    name_conditions,
    take,
)
from skgenome.datasets import make_genomes, make_promoters
from skgenome.model_selection import nested_label_subset
from skgenome.representation import LanguageModel

TRANSFER_TASKS = {
    "ecoli-promoters-ablation": "ecoli_ablation",
    "ecoli-promoters-fine-tuning": "ecoli_fine_tuning",
    "ecoli-promoters-published-size": "ecoli_published_size",
    "ecoli-promoters-tokens": "ecoli_tokens",
    "human-enhancers": "human_enhancers",
    "human-promoters": "human_promoters",
    "metagenomics": "metagenomics",
    "transcripts": "transcripts",
}
ALIGNED = Reading(strand="forward", pooling=7, largest_k=2, aligned=True)
ANYWHERE = Reading(strand="average", pooling="concat", largest_k=3, aligned=False, max_length=60)
ON_CPU = Settings(None, "cpu", 0)
SHORT = Plan((20,), 1, 2, lm_epochs=1, max_epochs=1, scratch_epochs=1, cnn_epochs=1)
JOINT = "toy: LM fine-tuned, frozen, joined with "
PHASES = (
    "pretrained, frozen",
    "pretrained, fine-tuned",
    "LM fine-tuned, frozen",
    "LM fine-tuned, fine-tuned",
)


def invent(n_samples, random_state, filenames=()):
    """Promoters of 100 bp, as a fetcher gives them."""
    bunch = make_promoters(n_samples=n_samples, sequence_length=100, random_state=random_state)
    return Bunch(**bunch, filenames=list(filenames))


@pytest.fixture(scope="module")
def promoters():
    return invent(40, 0), invent(30, 1)


@pytest.fixture(scope="module")
def corpus():
    return Corpus("toy", make_genomes(n_genomes=1, genome_length=20_000, random_state=0).data, "invented")


@pytest.fixture(scope="module")
def phases(promoters, corpus, tmp_path_factory):
    work = tmp_path_factory.mktemp("work")
    lm = LanguageModel(**{**NETWORK, **TINY_SIZE}, max_steps=2, device="cpu", random_state=0)
    start = pretrain(lm, corpus, work)
    return Phases(start, finetune(start, promoters[0].data, 1, 1e-3, work))


@pytest.fixture
def small(monkeypatch):
    """Run all fits in this process."""
    monkeypatch.setattr(transfer, "n_side_by_side", lambda device: 1)


def methods_for(phases, reading, promoters, n_models=1):
    models = [phases] * n_models
    untrained = LanguageModel(**phases.pretrained.model.get_params())
    return make_methods(models, untrained, promoters[0].data, reading, SHORT, "cpu")


@pytest.mark.parametrize("rows", [slice(None, None, 3), np.array([4, 0])], ids=["slice", "numbers"])
def test_take_gives_the_rows_and_leaves_the_set(promoters, rows):
    whole = promoters[0]
    part = take(whole, rows)
    assert set(part) == {"data", "target", "filenames"}
    np.testing.assert_array_equal(part.data, whole.data[rows])
    np.testing.assert_array_equal(part.target, whole.target[rows])
    assert len(whole.data) == 40


@pytest.fixture
def grouped(seed):
    """Three hundred rows that tell their group, in groups of one to six."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(100), rng.integers(1, 7, 100))[:300]
    data = np.array([f"{group} {row}" for row, group in enumerate(groups)], dtype=object)
    return Bunch(data=data, target=groups % 2, groups=groups, filenames=["a"], others="left out")


def groups_of(bunch):
    return {row.split()[0] for row in bunch.data}


def test_hold_out_has_no_group_on_both_sides(grouped):
    train, test = hold_out(grouped)
    assert sorted([*train.data, *test.data]) == sorted(grouped.data)
    assert groups_of(train).isdisjoint(groups_of(test))
    assert train.filenames == test.filenames == ["a"]


def test_hold_out_keeps_about_a_fifth_of_each_class(grouped):
    _, test = hold_out(grouped)
    for label in (0, 1):
        assert np.sum(test.target == label) / np.sum(grouped.target == label) == pytest.approx(0.2, abs=0.04)


def test_hold_out_is_the_same_each_time(grouped):
    for first, second in zip(hold_out(grouped), hold_out(grouped), strict=True):
        np.testing.assert_array_equal(first.data, second.data)


def test_plan_quick_runs_everything_once():
    quick = Plan((100, 1000), n_repeats=5, n_seeds=3).quick()
    assert quick == Plan((20,), 1, 1, 1, 1, 1, 1)
    assert Plan((), n_repeats=5, n_seeds=0).quick() == Plan((), 1, 0, 1, 1, 1, 1)


@pytest.mark.parametrize(("n_classes", "kept_classes"), [(2, [0, 1]), (100, [0, 40, 80])])
def test_thin_keeps_few_rows_or_few_whole_classes(n_classes, kept_classes):
    target = np.arange(4000) % n_classes
    bunch = Bunch(data=target.astype(str).astype(object), target=target, filenames=[])
    thin = LabelledSet(bunch, {"test": bunch}, ALIGNED).thin()
    for part in (thin.train, thin.tests["test"]):
        np.testing.assert_array_equal(part.data.astype(int), part.target)
        assert len(part.data) in (100, 120)
    if n_classes > 2:
        assert sorted(set(thin.train.target)) == kept_classes


@pytest.mark.parametrize(
    ("reading", "names"),
    [
        (ALIGNED, ["k-mers up to 2", "3-mers at their positions"]),
        (ANYWHERE, ["k-mers up to 3"]),
    ],
    ids=["aligned", "anywhere"],
)
def test_make_baselines_see_places_where_sequences_are_aligned(promoters, reading, names):
    baselines = make_baselines(promoters[0].data, reading, 20, "cpu")
    linear = [f"{name} + L2 logistic regression" for name in names]
    assert list(baselines) == ["majority", *linear, "small CNN from scratch"]
    cnn = baselines["small CNN from scratch"]
    assert (cnn.aligned, cnn.max_length) == (reading.aligned, reading.max_length)
    assert (cnn.max_epochs, cnn.min_steps) == (20, 400)


def test_make_baselines_positions_take_what_was_not_seen(promoters):
    """A test sequence may have a 3-mer where no training sequence has it."""
    train, test = promoters
    baselines = make_baselines(train.data[:10], ALIGNED, 1, "cpu")
    method = baselines["3-mers at their positions + L2 logistic regression"]
    encoded = method[:-1].transform(test.data)
    assert encoded.shape[0] == len(test.data)
    assert encoded.sum(axis=1).max() <= 98
    method.fit(train.data, train.target).predict(test.data)


@pytest.mark.parametrize("length", [70, 99, 130], ids=["shorter", "as long", "longer"])
def test_make_baselines_positions_take_other_lengths(promoters, length):
    """Reads that begin at one primer are aligned, but end where they end."""
    train, test = promoters
    data = [sequence[: 80 + i % 20] for i, sequence in enumerate(train.data)]
    baselines = make_baselines(data, ALIGNED, 1, "cpu")
    method = baselines["3-mers at their positions + L2 logistic regression"].fit(data[:20], train.target[:20])
    others = [(sequence * 2)[:length] for sequence in test.data]
    expected = np.concatenate([method.predict_proba([sequence]) for sequence in others])
    np.testing.assert_allclose(method.predict_proba(others), expected, rtol=1e-5)


@pytest.mark.parametrize("n_models", [1, 2])
def test_make_methods_come_from_the_simplest_to_all_phases(phases, promoters, n_models):
    first = Phases(Pretrained(phases.pretrained.model, {"corpus": "other"}), phases.tuned)
    models = [phases, first][:n_models]
    untrained = LanguageModel(**phases.pretrained.model.get_params())
    classifiers, semi_supervised = make_methods(models, untrained, promoters[0].data, ANYWHERE, SHORT, "cpu")
    # Of a second corpus the last phase alone.
    tuned = [f"toy: {phase}" for phase in PHASES] + [f"other: {phase}" for phase in PHASES[2:]][
        : 2 * n_models - 2
    ]
    simple = ["majority", "k-mers up to 3 + L2 logistic regression", "small CNN from scratch"]
    joint = f"toy: {PHASES[2]}, joined with {simple[1]}"
    assert list(classifiers) == [*simple, "network from scratch", *tuned, joint]
    assert semi_supervised == set(tuned)


def test_make_methods_start_each_phase_from_its_model(phases, promoters):
    classifiers, _ = methods_for(phases, ALIGNED, promoters)
    encoders = [classifiers[f"toy: {phase}"]["classifier"].encoder.estimator for phase in PHASES]
    pretrained, tuned = phases.pretrained.model, phases.tuned.model
    for found, expected in zip(encoders, [pretrained, pretrained, tuned, tuned], strict=True):
        assert found is expected
    trainings = [classifiers[f"toy: {phase}"]["classifier"].training for phase in PHASES]
    assert trainings[::2] == ["frozen", "frozen"]
    assert "frozen" not in trainings[1::2]
    # Nor is the network from scratch given weights.
    assert not hasattr(classifiers["network from scratch"]["classifier"].encoder, "module_")


def test_make_methods_read_as_the_set_is_read(phases, promoters):
    classifiers, _ = methods_for(phases, ANYWHERE, promoters)
    networks = [
        method["classifier"]
        for name, method in classifiers.items()
        if (":" in name or "network" in name) and "joined" not in name
    ]
    joint = classifiers[f"{JOINT}{ANYWHERE.by_kmers}"]["union"].transformer_list[1][1]
    assert joint["tokens"].get_params()["truncation"] == "right"
    networks.append(joint["lm"].estimator)
    assert {(network.strand, network.pooling, network.device) for network in networks} == {
        ("average", "concat", "cpu")
    }


def test_make_methods_read_no_base_behind_max_length(phases, promoters):
    classifiers, _ = methods_for(phases, ANYWHERE, promoters)
    data = promoters[1].data
    cut = [sequence[:60] for sequence in data]
    for name in ("network from scratch", "toy: LM fine-tuned, frozen"):
        tokens = classifiers[name]["tokens"]
        for whole, short in zip(tokens.transform(data), tokens.transform(cut), strict=True):
            np.testing.assert_array_equal(whole, short)


def test_make_methods_learn_with_few_labels(phases, promoters, small):
    train, test = promoters
    methods = methods_for(phases, ALIGNED, promoters)
    hidden = np.where(np.arange(40) < 20, train.target, -1)
    for name, method in methods.classifiers.items():
        if "pretrained" in name:
            # They differ from the others in the weights alone.
            continue
        rows = slice(None) if name in methods.semi_supervised else slice(20)
        fitted = method.fit(train.data[rows], hidden[rows])
        assert set(fitted.predict(test.data)) <= {0, 1}, name


class Noting(DummyClassifier):
    """A classifier that notes how many rows it is given, and how many of them have no label."""

    seen = ()

    def __init__(self, name="a"):
        super().__init__()
        self.name = name

    def fit(self, X, y):
        Noting.seen = {*Noting.seen, (self.name, len(y), int((y == -1).sum()))}
        return super().fit(X, np.where(y == -1, 0, y))


def forest():
    return make_pipeline(
        CountVectorizer(analyzer="char", ngram_range=(1, 2)), RandomForestClassifier(5, random_state=0)
    )


@pytest.mark.parametrize(
    ("names", "conditions"),
    [(("",), ("10", "20", "all")), (("x", "y"), ("x 10", "x 20", "x all", "y all"))],
    ids=["one set without a name", "two sets"],
)
@pytest.mark.usefixtures("small")
def test_measure_gives_draws_for_few_labels_and_seeds_for_all(promoters, names, conditions):
    train, test = promoters
    labelled = LabelledSet(train, dict.fromkeys(names, test), ALIGNED)
    methods = Candidates({"noting": Noting(), "forest": forest()}, set())
    scores = measure(methods, labelled, Plan((10, 20), 2, 3), ("accuracy", "roc_auc"), ON_CPU)
    n_values = {(s.metric, s.method, s.condition): len(s.values) for s in scores}
    assert n_values == {
        (metric, method, condition): 2 if "all" not in condition else 3 if method == "forest" else 1
        for metric in ("accuracy", "roc_auc")
        for method in ("noting", "forest")
        for condition in conditions
    }
    assert len(scores) == len(n_values)
    n_labels = {s.condition: s.n_labels for s in scores}
    assert n_labels == {c: 40 if "all" in c else int(c.split()[-1]) for c in conditions}


@pytest.mark.usefixtures("small")
def test_measure_values_are_those_of_fitting_by_hand(promoters):
    train, test = promoters
    labelled = LabelledSet(train, {"": test}, ALIGNED)
    plan = Plan((20,), 2, 2)
    settings = ON_CPU._replace(random_state=5)
    scores = measure(Candidates({"forest": forest()}, set()), labelled, plan, ("accuracy",), settings)
    seeds = np.random.RandomState(5).randint(np.iinfo(np.int32).max, size=2)
    draws = [nested_label_subset(train.target, 20, random_state=seed) for seed in seeds]
    fits = [(rows, 0) for rows in draws] + [(np.arange(40), seed) for seed in (5, 6)]
    expected = []
    for rows, random_state in fits:
        fitted = forest().set_params(randomforestclassifier__random_state=random_state)
        fitted.fit(train.data[rows], train.target[rows])
        expected.append(accuracy_score(test.target, fitted.predict(test.data)))
    assert [s.values for s in scores] == [expected[:2], expected[2:]]


@pytest.mark.usefixtures("small")
def test_measure_tests_few_labels_on_the_first_set_alone(promoters):
    train, test = promoters
    labelled = LabelledSet(train, {"x": test, "unread": Bunch(data=None, target=None)}, ALIGNED)
    scores = measure(Candidates({"a": Noting()}, set()), labelled, Plan((10,), 1, 0), ("accuracy",), ON_CPU)
    assert [s.condition for s in scores] == ["x 10"]


@pytest.mark.usefixtures("small")
def test_measure_without_few_labels_has_all_labels(promoters):
    train, test = promoters
    labelled = LabelledSet(train, {"x": test}, ALIGNED)
    scores = measure(Candidates({"a": Noting()}, set()), labelled, Plan((), 1, 1), ("accuracy",), ON_CPU)
    assert [(s.condition, s.n_labels) for s in scores] == [("x all", 40)]


@pytest.mark.usefixtures("small")
def test_measure_hands_unlabelled_rows_to_the_semi_supervised_alone(promoters, monkeypatch):
    monkeypatch.setattr(Noting, "seen", ())
    train, test = promoters
    methods = Candidates({"all rows": Noting("all rows"), "labelled": Noting("labelled")}, {"all rows"})
    measure(methods, LabelledSet(train, {"": test}, ALIGNED), Plan((10,), 1, 1), ("accuracy",), ON_CPU)
    assert Noting.seen == {
        *{("all rows", 40, 30), ("labelled", 10, 0)},
        *{("all rows", 40, 0), ("labelled", 40, 0)},
    }


@pytest.mark.parametrize(
    ("names", "plan", "draws", "tests"),
    [
        (("",), Plan((10, 20), 2, 3), {"10": 10, "20": 20}, ["all"]),
        (("near", "far"), Plan((10,), 2, 3), {"near 10": 10}, ["near all", "far all"]),
        (("x", "y"), Plan((), 2, 3), {}, ["x all", "y all"]),
        (("x", "y"), Plan((10,), 2, 0), {"x 10": 10}, []),
    ],
    ids=["no name", "two tests", "all labels", "few labels"],
)
def test_name_conditions_are_those_of_the_scores(promoters, names, plan, draws, tests):
    train, test = promoters
    found = name_conditions(LabelledSet(train, dict.fromkeys(names, test), ALIGNED), plan)
    assert found == (draws, dict.fromkeys(tests, test))


@pytest.mark.usefixtures("small")
def test_measure_of_parts_comes_to_the_whole(promoters, tmp_path, monkeypatch):
    train, test = promoters
    labelled = LabelledSet(train, {"x": test, "y": invent(20, 2)}, ALIGNED)
    methods = Candidates({"noting": Noting(), "forest": forest()}, set())
    rest = (methods, labelled, Plan((10,), 2, 2), ("accuracy",))
    choices = [{"methods": ("noting",)}, {"conditions": ("x 10",)}, {"conditions": ("y all",)}]
    parts = [measure(*rest, ON_CPU._replace(**choice), Parts(tmp_path)) for choice in choices]
    assert [{(s.method, s.condition) for s in part} for part in parts] == [
        set(product(["noting"], ["x 10", "x all", "y all"])),
        set(product(["noting", "forest"], ["x 10"])),
        set(product(["noting", "forest"], ["y all"])),
    ]
    # All are there: the whole fits nothing.
    monkeypatch.setattr(Noting, "fit", None)
    monkeypatch.setattr(RandomForestClassifier, "fit", None)
    whole = measure(*rest, ON_CPU, Parts(tmp_path))
    assert len(whole) == 6
    assert all(score in whole for part in parts for score in part)


def test_fits_run_side_by_side_on_a_cpu_alone(monkeypatch):
    assert n_side_by_side("cpu") == cpu_count()
    monkeypatch.setattr(transfer, "resolve_device", torch.device)
    assert n_side_by_side("cuda") == 1


PROTOCOL = """{n_train} and {n_test}, {n_labels} labels, {n_repeats} draws,
{n_seeds} seeds, {pooling} segments, {max_length} bases."""


@pytest.fixture
def task(promoters, corpus, tmp_path):
    """Two invented sets in one task; the second has two parts to test on."""
    file = tmp_path / "data" / "a.fa"
    file.parent.mkdir()
    file.write_text(">a\nACGT\n")
    train, test = (Bunch(**{**part, "filenames": [str(file)]}) for part in promoters)

    def read(data_home):
        sets = [
            LabelledSet(train, {"first": test}, ALIGNED),
            LabelledSet(train, {"near": test, "far": invent(20, 2, [str(file)])}, ANYWHERE),
        ]
        return sets, [corpus]

    return TransferTask(
        name="toy",
        title="A toy",
        protocol=PROTOCOL,
        read=read,
        plan=Plan((50, 100, 200), 3, 3),
    )


def make_few_methods(*args):
    """Leave out the networks that are trained for long; what they are called is tested elsewhere."""
    classifiers, _ = make_methods(*args)
    kept = ["majority", "small CNN from scratch", "toy: LM fine-tuned, frozen"]
    kept += [name for name in classifiers if "logistic" in name]
    return Candidates({name: classifiers[name] for name in kept}, {"toy: LM fine-tuned, frozen"})


@pytest.mark.usefixtures("small")
def test_run_measures_every_method_on_every_set(task, tmp_path, monkeypatch):
    monkeypatch.setattr(corpora, "QUICK_BASES", 5_000)
    monkeypatch.setattr(transfer, "QUICK_EVERY", 1)
    settings = Settings(str(tmp_path / "data"), "cpu", 0, tmp_path / "work", quick=True)
    record = replace(task, make_methods=make_few_methods).run(settings)
    shared = ["majority", "small CNN from scratch", "toy: LM fine-tuned, frozen"]
    first = [
        *shared,
        "3-mers at their positions + L2 logistic regression",
        *(f"{start}{ALIGNED.by_kmers}" for start in ("", JOINT)),
    ]
    second = [*shared, *(f"{start}{ANYWHERE.by_kmers}" for start in ("", JOINT))]
    assert {(s["method"], s["condition"]) for s in record.scores} == {
        *product(first, ["first 20", "first all"]),
        *product(second, ["near 20", "near all", "far all"]),
    }
    assert {s["metric"] for s in record.scores} == {"accuracy", "roc_auc", "matthews_corrcoef"}
    assert record.protocol == "40 and 30, 20 labels, 1 draws, 1 seeds, 7 segments, None bases."
    assert record.chance == {"roc_auc": 0.5, "matthews_corrcoef": 0.0}
    # The corpus is short in a quick run; the second set's model reads no more than its networks do.
    assert [row["n_bases"] for row in record.pretraining] == [5_000, 40 * 100, 40 * 60]
    assert [row["file"] for row in record.data] == ["a.fa"]
    assert record.quick
    assert read_record(write_record(record, tmp_path)) == record
    assert "near all" in show(record)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"methods": ("b",)}, r"no methods 'b'\. Those it has: 'of all sets', 'aligned'\."),
        ({"conditions": ("20",)}, r"no conditions '20'\. Those it has: 'first 20', 'first all', 'near 20', "),
    ],
    ids=["method", "condition"],
)
def test_run_names_what_can_be_asked_for(task, tmp_path, monkeypatch, choice, message):
    """Sets may differ in their methods, and do in their conditions."""
    trained = []

    def train(lm, corpus, *_):
        trained.append(corpus.name)
        return Pretrained(lm, {"corpus": corpus.name})

    def make(models, untrained, unlabelled, reading, *_):
        names = ["of all sets", "aligned"] if reading.aligned else ["of all sets"]
        return Candidates({name: DummyClassifier() for name in names}, set())

    monkeypatch.setattr(transfer, "QUICK_EVERY", 1)
    monkeypatch.setattr(transfer, "pretrain", train)
    monkeypatch.setattr(transfer, "finetune", lambda model, *_: model)
    settings = Settings(str(tmp_path / "data"), "cpu", 0, tmp_path / "work", quick=True)
    one = replace(task, make_methods=make)
    with pytest.raises(UnknownChoiceError, match=message):
        one.run(settings._replace(**choice))
    assert bool(trained) == ("methods" in choice)
    some = one.run(settings._replace(methods=("aligned",), conditions=("first 20", "near all")))
    assert {(row["method"], row["condition"]) for row in some.scores} == {("aligned", "first 20")}


@pytest.mark.usefixtures("small")
def test_run_knows_the_share_of_the_commonest_class(task, tmp_path, monkeypatch):
    def read(data_home):
        sets, found = task.read(data_home)
        return sets[:1], found

    def nothing(*_):
        return []

    monkeypatch.setattr(transfer, "measure", nothing)
    monkeypatch.setattr(transfer, "QUICK_EVERY", 1)
    take_as_trained(monkeypatch)
    one = replace(task, read=read, metrics=("accuracy", "roc_auc"))
    record = one.run(Settings(None, "cpu", 0, tmp_path, quick=True))
    assert record.chance == {"accuracy": 0.5, "roc_auc": 0.5}


def take_as_trained(monkeypatch):
    """Let every model be taken as trained, and nothing be asked of its states."""
    monkeypatch.setattr(transfer, "pretrain", lambda lm, corpus, *_: Pretrained(lm, {"corpus": corpus.name}))
    monkeypatch.setattr(transfer, "finetune", lambda model, *_: model)
    monkeypatch.setattr(Reading, "beside_kmers", lambda *_: DummyClassifier())


def give(bunch, *_, **__):
    """Fetch nothing, whatever is asked for."""
    return Bunch(**bunch)


@pytest.fixture
def invented_data(monkeypatch, tmp_path):
    """Let every fetcher of the tasks give invented data, and every model be taken as trained."""
    file = tmp_path / "a.fa"
    file.write_text(">a\nACGT\n")
    genomes = make_genomes(n_genomes=2, genome_length=10_000, random_state=0)
    kinds = {
        "target": np.arange(2),
        "target_names": ["bacteria", "phages"],
        "genome_ids": np.array(["a", "b"]),
    }
    genomes = Bunch(data=np.array(genomes.data), filenames=[str(file)], **kinds)
    # Sequences as long as those of the tasks, which are read in up to 74 segments.
    labelled = make_promoters(n_samples=60, sequence_length=250, n_genomes=10, random_state=0)
    labelled = Bunch(**labelled, filenames=[str(file)])
    modules = [import_module(f"benchmarks.tasks.{module}") for module in TRANSFER_TASKS.values()]
    for module in [corpora, ecoli_promoters, *modules]:
        for name, function in list(vars(module).items()):
            if name.startswith("fetch_") and function.__module__.startswith("skgenome"):
                given = genomes if module is corpora else labelled
                monkeypatch.setattr(module, name, partial(give, given))
    take_as_trained(monkeypatch)
    monkeypatch.setattr(transfer, "measure", pretend_to_measure)


def pretend_to_measure(methods, labelled, plan, metrics, settings, parts):
    """Give .5 for everything that would be measured."""
    few = [f"{name} {n}".strip() for name in list(labelled.tests)[:1] for n in plan.n_labels]
    all_labels = [f"{name} all".strip() for name in labelled.tests if plan.n_seeds]
    return [
        Score(name, condition, 20, metric, [0.5])
        for metric in metrics
        for name in methods.classifiers
        for condition in few + all_labels
    ]


def get_task(name):
    # The method of the task that the module shows as its function.
    return import_module(f"benchmarks.tasks.{TRANSFER_TASKS[name]}").run.__self__


def run_in_full(name, tmp_path):
    """Run a task as it is, with its full plan but a network that trains nothing."""
    settings = Settings(None, "cpu", 0, tmp_path)
    return get_task(name).run(settings)


@pytest.mark.parametrize("name", TRANSFER_TASKS)
def test_task_is_listed_under_its_name(name):
    assert get_task(name).name == name
    assert TASKS[name][0] == TRANSFER_TASKS[name]


@pytest.mark.parametrize("name", TRANSFER_TASKS)
@pytest.mark.usefixtures("invented_data")
def test_task_fills_in_its_protocol(name, tmp_path):
    task, record = get_task(name), run_in_full(name, tmp_path)
    assert not set(record.protocol) & set("{}\n")
    assert "None" not in record.protocol
    for key in ("n_repeats", "n_seeds"):
        if f"{{{key}}}" in task.protocol:
            assert f"{getattr(task.plan, key)} " in record.protocol
    if task.plan.n_labels:
        assert f"{task.plan.n_labels[-2]} and {task.plan.n_labels[-1]} labels" in record.protocol


@pytest.mark.parametrize("name", TRANSFER_TASKS)
@pytest.mark.usefixtures("invented_data")
def test_task_measures_what_others_published(name, tmp_path):
    """A published number under another name would stand in no table."""
    record = run_in_full(name, tmp_path)
    measured = {(row["metric"], row["condition"]) for row in record.scores}
    for row in record.published:
        assert {(row["metric"], condition) for condition in row["values"]} <= measured


@pytest.mark.parametrize("name", TRANSFER_TASKS)
@pytest.mark.usefixtures("invented_data")
def test_task_fills_its_rows_of_the_overview(name, tmp_path):
    rows = overview_table([run_in_full(name, tmp_path)]).rows
    for published, row in zip(GENOMIC_ULMFIT, rows, strict=True):
        expected = "0.500" if published.task == name else NOTHING
        assert [row[column] for column in (3, 4, 6)] == [expected] * 3


def test_ablation_changes_one_thing_in_each_row(phases, promoters):
    ablation = get_task("ecoli-promoters-ablation")
    untrained = LanguageModel(**phases.pretrained.model.get_params())
    classifiers, semi_supervised = ablation.make_methods(
        [phases], untrained, promoters[0].data, ALIGNED, SHORT, "cpu"
    )
    assert semi_supervised == set(classifiers) - {"majority", "no pretraining"}
    whole = classifiers["ULMFiT"]["classifier"].get_params(deep=False)
    for name, method in classifiers.items():
        if name in {"majority", "ULMFiT", "no pretraining"}:
            continue
        assert isinstance(method, Pipeline)
        parameters = method["classifier"].get_params(deep=False)
        changed = {key for key, value in parameters.items() if key != "encoder" and value != whole[key]}
        if name == "no language model fine-tuning":
            assert changed == set()
            assert parameters["encoder"].estimator is phases.pretrained.model
        else:
            assert len(changed - {"max_epochs"}) == 1, name
            assert parameters["encoder"].estimator is phases.tuned.model
    data, target = promoters[0].data, promoters[0].target
    classifiers["all layers at once"].fit(data, target).predict(promoters[1].data)


CONDITIONS = {
    "ecoli-promoters-ablation": {"20"},
    "ecoli-promoters-tokens": {f"{cut} {n}" for cut in ("3/1", "5/1", "5/2") for n in ("20", "all")},
    "human-enhancers": {"20", "all"},
    "human-promoters": {"non-TATA 20", "non-TATA all", "TATA 20", "TATA all"},
    "metagenomics": {"amplicon all", "shotgun all"},
    "transcripts": {"standard 20", "standard all", "challenge all"},
}


# All methods are run on two of them; what the others have of their own are sequences and how they are read.
METHODS = {
    "ecoli-promoters-ablation": ("majority", "ULMFiT", "no pretraining"),
    "metagenomics": ("majority", "small CNN from scratch", "all bacteria: LM fine-tuned, fine-tuned"),
    "transcripts": ("majority", "small CNN from scratch", "human: LM fine-tuned, fine-tuned"),
}


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize("name", CONDITIONS)
def test_quick_run_on_real_data(name, real_data_home, tmp_path):
    wanted = METHODS.get(name, ())
    record = run_task(name, Settings(str(real_data_home), "cpu", 0, tmp_path, quick=True, methods=wanted))
    assert {row["method"] for row in record.scores} == set(wanted or record.models)
    assert {row["condition"] for row in record.scores} == CONDITIONS[name]
    n_models = {"human-promoters": 3, "metagenomics": 3, "ecoli-promoters-tokens": 6}
    assert len(record.pretraining) == n_models.get(name, 2)
    assert record.data
    assert not any(row["file"].startswith("/") for row in record.data)
    for row in record.published:
        assert row["method"] in show(record)
