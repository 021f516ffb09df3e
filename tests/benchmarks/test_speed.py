"""The speed task: that both sides of every ratio do the same work."""

import builtins
import pickle
import subprocess
from collections import Counter
from functools import partial
from time import sleep

import numpy as np
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from benchmarks.bare import (
    BareClassifier,
    BareContrastive,
    BareLanguageModel,
    BarePatchClassifier,
    BareResNet,
    BareTraining,
    make_training_pass,
)
from benchmarks.fastai_peer import FastaiTraining, make_fastai_lm
from benchmarks.footprint import Footprint, _measure
from benchmarks.records import Settings
from benchmarks.tasks import run_task, speed
from benchmarks.tasks.speed import contrastive, growth, memory, network, reading, scanning, search, start
from benchmarks.tasks.speed.contrastive import (
    STEPS,
    PatchSize,
    cut_windows,
    make_bare_patches,
    make_representation,
)
from benchmarks.tasks.speed.inspection import as_plain, measure_mutagenesis
from benchmarks.tasks.speed.network import BATCH_SIZE, BPTT, Size, make_net
from benchmarks.tasks.speed.reading import make_biopython_reader, write_files
from benchmarks.tasks.speed.scanning import (
    cut_both_strands,
    fit_classifiers,
    measure_scanning,
    measure_scanning_memory,
    repeat,
)
from benchmarks.tasks.speed.tokens import make_workloads, measure_tokenizer, rolling_ids
from skgenome.nn import (
    AWDLSTM,
    AWDLSTMLanguageModel,
    LinearHead,
    PooledEncoder,
    PooledPatches,
    ResNet1d,
    SequenceClassifierModule,
)
from skgenome.preprocessing import KmerCounter, KmerTokenizer
from skgenome.sequences import build_store, encode, read_sequences

CPU = torch.device("cpu")
#: Windows of 270 bases.
PATCHES = PatchSize(4, 8, 60, 30, 8, 4)


@pytest.fixture(scope="module")
def contig():
    return "".join(np.random.RandomState(0).choice(list("ACGT"), 20_000))


def test_rolling_ids_are_those_of_the_tokenizer(contig):
    assert np.array_equal(rolling_ids(encode(contig)), KmerTokenizer(k=3).transform([contig])[0])


def test_make_workloads_cuts_reads_out_of_the_contig(contig):
    whole, reads = make_workloads(contig, 10, 0)
    assert whole.sequences == [contig]
    assert len(reads.sequences) == 10
    assert all(len(read) == 150 and read in contig for read in reads.sequences)


def test_measure_tokenizer_names_three_peers_for_each_input(contig):
    rows = [timing.as_row() for timing in measure_tokenizer(make_workloads(contig, 10, 0), 1)]
    assert len(rows) == 6
    assert len({row["peer"] for row in rows}) == 3
    assert {row["target_value"] for row in rows} == {300.0, 150.0}
    assert all(row["value"] > 0 for row in rows)


def test_measure_tokenizer_without_hugging_face_says_so(contig, monkeypatch):
    importer = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "tokenizers":
            raise ImportError(name)
        return importer(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    rows = [timing.as_row() for timing in measure_tokenizer(make_workloads(contig, 10, 0)[:1], 1)]
    assert rows[2]["peer_value"] is None
    assert "not installed" in rows[2]["note"]


def test_bare_network_multiplies_the_same_matrices():
    """Tied weights and one bias vector for two are all that the networks differ by."""
    size = Size(8, 16, 3)
    bare, ours = BareLanguageModel(66, *size), AWDLSTMLanguageModel(66, **size._asdict())

    def recurrent(model):
        shapes = [tuple(p.shape) for p in model.parameters() if p.ndim == 2 and 66 not in p.shape]
        return sorted(shapes)

    assert recurrent(bare) == recurrent(ours)


def test_bare_training_learns_and_carries_the_state():
    torch.manual_seed(0)
    token_ids = torch.randint(2, 66, (4, 11))
    training = BareTraining(BareLanguageModel(66, 8, 16, 2), token_ids, torch.float32)
    losses = [float(training.step().detach()) for _ in range(30)]
    assert losses[-1] < losses[0]
    assert all(part.abs().sum() > 0 for layer in training.state for part in layer)


def test_bare_state_is_that_of_one_long_segment():
    torch.manual_seed(0)
    model = BareLanguageModel(66, 8, 16, 2)
    token_ids = torch.randint(2, 66, (4, 10))
    whole, _ = model.encode(token_ids)
    _, state = model.encode(token_ids[:, :6])
    rest, _ = model.encode(token_ids[:, 6:], state)
    torch.testing.assert_close(rest, whole[:, 6:])


def test_bare_classifier_has_the_matrices_of_ours():
    size = Size(8, 16, 3)
    bare = BareClassifier(66, *size)
    pooled = PooledEncoder(AWDLSTM(66, **size._asdict()), "concat", [-1])
    assert bare.head.in_features == pooled.n_features
    shapes = [
        sorted(tuple(p.shape) for name, p in model.named_parameters() if "weight_" in name)
        for model in (bare, pooled)
    ]
    assert shapes[0] == shapes[1]
    token_ids = torch.randint(2, 66, (5, 9))
    torch.testing.assert_close(bare(token_ids)[:2], bare(token_ids[:2]))


def test_make_net_round_trains_on_full_batches():
    ids = np.random.RandomState(0).randint(2, 66, 64 * 2100 + 1).astype(np.uint8)
    net, run_round = make_net(ids, Size(8, 16, 2), 2, CPU, torch.float32)
    before = net.module_.encoder.embedding.weight.detach().clone()
    run_round()
    run_round()
    assert [row["train_batch_count"] for row in net.history] == [2, 2]
    assert {row["train_tokens"] for row in net.history} == {2 * BATCH_SIZE * BPTT}
    assert not torch.equal(before, net.module_.encoder.embedding.weight)


def give_weights(ours, bare):
    """Copy all weights and statistics, which both hold in the same order, ours in images of height one."""
    pairs = zip(bare.state_dict().values(), ours.state_dict().items(), strict=True)
    with torch.no_grad():
        for target, (name, source) in pairs:
            if "norm" in name and source.is_floating_point():
                source.uniform_(0.5, 1.5)  # at the start, the branches of the blocks are zero
            target.copy_(source.view(target.shape))
    return bare


@pytest.fixture
def representation():
    return make_representation(PATCHES, CPU, random_state=0)


def bare_patches():
    return make_bare_patches(PATCHES, CPU)


def random_bases(n_rows, length):
    return torch.from_numpy(np.random.RandomState(0).randint(2, 6, (n_rows, length)))


@pytest.mark.parametrize("training", [True, False], ids=["training", "eval"])
@pytest.mark.parametrize("length", [1, 60, 499, 500])
def test_bare_resnet_is_ours_in_torchs_one_dimensional_layers(length, training):
    ours = ResNet1d(18, width=4).double()
    bare = give_weights(ours, BareResNet(4).double())
    token_ids = random_bases(3, length)
    assert bare.n_features == ours.n_features
    found, expected = bare.train(training)(token_ids), ours.train(training)(token_ids)
    torch.testing.assert_close(found, expected)


def test_bare_contrastive_loss_is_ours(representation):
    """With negatives from the whole batch, every patch is a candidate."""
    ours = representation.module_.double().train()
    bare = give_weights(ours, BareContrastive(bare_patches(), STEPS, 64, 0.1).double())
    token_ids = random_bases(4, 270)
    torch.testing.assert_close(bare(token_ids), ours(token_ids).loss)


def test_bare_patches_are_what_transform_pools(representation):
    windows = random_bases(5, 270)
    bare = give_weights(representation.module_.encoder, bare_patches()).eval()
    found = torch.from_numpy(representation.transform(windows.numpy()))
    expected = torch.cat([states.mean(1) for states in bare(windows)], dim=1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_bare_patch_classifier_is_ours(representation):
    pooled = PooledPatches(representation.module_.encoder, "mean", [0])
    ours = SequenceClassifierModule(pooled, LinearHead(pooled.n_features, 1)).eval()
    bare = BarePatchClassifier(give_weights(representation.module_.encoder, bare_patches())).eval()
    bare.head.load_state_dict(ours.head.linear.state_dict())
    token_ids = random_bases(5, 270)
    torch.testing.assert_close(bare(token_ids), ours(token_ids), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_training_pass_learns(dtype):
    torch.manual_seed(0)
    bare = BareContrastive(bare_patches(), STEPS, 64, 0.1)
    token_ids = random_bases(4, 270)
    run_pass = make_training_pass(bare, bare, [(token_ids,)] * 5, dtype)
    before = float(bare(token_ids).detach())
    for _ in range(3):
        run_pass()
    assert float(bare(token_ids).detach()) < before


def test_cut_windows_begins_again_where_the_contig_ends():
    ids = np.arange(500)
    windows = cut_windows(ids, PATCHES, 3)
    assert windows.shape == (3, 270)
    assert np.array_equal(windows.ravel(), np.concatenate([ids, ids[:310]]))


def test_contrastive_net_round_trains_on_full_windows():
    ids = np.random.RandomState(0).randint(2, 6, 5000).astype(np.uint8)
    net, run_round = contrastive.make_net(ids, PATCHES, 2, CPU, torch.float32)
    before = net.module_.info_nce.projection.weight.detach().clone()
    run_round()
    run_round()
    assert [row["train_batch_count"] for row in net.history] == [2, 2]
    assert {row["train_tokens"] for row in net.history} == {2 * 4 * 270}
    # Every patch of eight but the last ones predicts, and in a batch there are four times as many.
    assert {batch["train_predictions"] for batch in net.history[0]["batches"]} == {4 * (6 + 5 + 4)}
    assert not torch.equal(before, net.module_.info_nce.projection.weight)


def test_measure_mutagenesis_beside_whole_sequences(contig, monkeypatch):
    """Both sides make the same substitutions; ours alone is told what they are made of."""
    asked = []

    def note(estimator, sequences):
        asked.append((hasattr(estimator, "steps"), hasattr(estimator, "transform"), len(sequences)))

    monkeypatch.setattr("benchmarks.tasks.speed.inspection.in_silico_mutagenesis", note)
    timing = measure_mutagenesis([contig[:30], contig[30:60]], Size(4, 6, 1), CPU, 2, 0)
    assert asked == [(True, False, 2), (False, False, 2)] * 3
    assert (timing.peer, timing.unit) == ("whole sequences", "substitutions/s")
    assert len(timing.values) == len(timing.peer_values) == 2


def test_as_plain_gives_what_the_pipeline_predicts(contig):
    pipeline = make_pipeline(KmerCounter(k=1), LogisticRegression()).fit(["AAC", "GTT"], ["a", "b"])
    plain = as_plain(pipeline)
    assert np.array_equal(plain.predict_proba([contig]), pipeline.predict_proba([contig]))
    assert list(plain.classes_) == ["a", "b"]


@pytest.fixture
def in_this_process(monkeypatch):
    """Measure here what the task measures in processes of their own, which take seconds to start."""

    def here(work, prepare=None, *arguments):
        arguments = pickle.loads(pickle.dumps((work, prepare, arguments)))
        return _measure(*arguments)

    for module in (growth, memory, scanning, search):
        monkeypatch.setattr(module, "footprint", here)


def test_scan_and_its_peer_read_the_same_windows(contig):
    classifiers = fit_classifiers(contig, Size(4, 6, 1), CPU, 0)
    assert list(classifiers) == ["4-mers", "language model 4/6 x 1"]
    read = []

    class Spy(DummyClassifier):
        def predict_proba(self, X):
            read.append(sorted(X))
            return super().predict_proba(X)

    spy = Spy().fit(["A", "C"], [0, 1])
    (timing,) = measure_scanning({"spy": spy}, contig[:1033], CPU, 1)
    # Before its first batch a scan asks for a window of its own, to see how the classifier answers.
    assert read[-2] == read[-1] == sorted(cut_both_strands(contig[:1000]))
    assert len(read[-1]) == 2 * 18
    assert (timing.target_ratio, timing.lower_is_better) == (1.3, True)


def test_scanning_memory_compares_a_long_contig_with_a_short_one(contig, in_this_process):
    classifier = fit_classifiers(contig, Size(4, 6, 1), CPU, 0)["4-mers"]
    timing = measure_scanning_memory(classifier, contig, (1_000_000, 3_000_000), 1)
    assert timing.what == "memory of scanning 3 Mbp"
    assert timing.peer == "the same, 1 Mbp"


def test_repeat_has_the_length_that_is_asked_for():
    assert repeat("ACG", 7) == "ACGACGA"
    assert repeat("ACG", 2) == "AC"


@pytest.mark.filterwarnings("ignore:Class:skgenome.exceptions.SkgenomeWarning")
def test_search_and_its_peers_find_the_same_scores(contig):
    """What is remembered changes the time and nothing else."""
    X, y, lm = search.prepare(contig, 120, Size(4, 6, 1), 0)
    assert len(X) == len(y) == 120
    assert set(map(len, X)) == {150}
    scores = [work(X, y, lm) for work in (search.search, search.embed_once, search.search_anew)]
    assert scores[0].shape == (len(search.FRACTIONS),)
    np.testing.assert_allclose(scores[1], scores[0])
    np.testing.assert_allclose(scores[2], scores[0])


def test_start_is_timed_beside_scikit_learn(monkeypatch):
    monkeypatch.setattr(
        start, "importing", lambda package: lambda: sleep(0.02 if package == "skgenome" else 0)
    )
    timing = start.measure_start(2)
    assert (timing.peer, timing.target_value, timing.lower_is_better) == ("import sklearn", 0.3, True)
    assert min(timing.values) >= 0.02 > max(timing.peer_values)


def test_importing_a_package_that_is_not_there_fails():
    with pytest.raises(subprocess.CalledProcessError):
        start.importing("no_such_package_at_all")()
    assert start.importing("string")().returncode == 0


def test_files_hold_the_workloads(contig, tmp_path):
    workloads = make_workloads(contig, 10, 0)
    files = write_files(workloads, tmp_path)
    assert [file.n_bases for file in files] == [20_000, 1500, 20_000]
    for file, workload in zip(files, [*workloads, workloads[0]], strict=True):
        assert [record.sequence for record in read_sequences(file.path)] == workload.sequences
        for kind in ("simple", "records"):
            found = make_biopython_reader(kind)(file.path)
            sequences = [str(one.seq) if kind == "records" else one[1] for one in found]
            assert sequences == workload.sequences


def test_reading_without_biopython_says_so(contig, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "make_biopython_reader", lambda kind: None)
    rows = reading.measure_reading(write_files(make_workloads(contig, 10, 0), tmp_path), 1)
    assert len(rows) == 6
    assert all(row.values == row.peer_values == [] for row in rows)


def test_counters_count_the_same(contig):
    windows = [contig[:1000], contig[1000:2000]]
    counts = memory.count(windows).toarray()
    assert np.array_equal(np.sort(counts[counts > 0]), np.sort(memory.count_by_letters(windows).data))
    timing = reading.measure_counting(windows, 1)
    assert "2 windows" in timing.note


def test_bare_embedding_is_the_mean_of_the_last_states():
    torch.manual_seed(0)
    bare = BareLanguageModel(66, 4, 6, 1).eval()
    rows = np.random.RandomState(0).randint(2, 66, (70, 9)).astype(np.uint8)
    found = memory.embed_bare(bare, rows)
    torch.testing.assert_close(found, bare.encode(torch.from_numpy(rows.astype(int)))[0].mean(dim=1))


def test_written_genomes_repeat_contigs_under_new_names(tmp_path):
    path = growth.write_genomes(["ACGT", "GGG"], 10, tmp_path / "x.fa")
    assert [(r.name, r.sequence) for r in read_sequences(path)] == [
        ("copy_0_contig_0", "ACGT"),
        ("copy_0_contig_1", "GGG"),
        ("copy_1_contig_0", "ACG"),
    ]


def test_store_and_memory_hold_the_same_corpus(contig, tmp_path):
    path = growth.write_genomes([contig[:5000], contig[5000:9000]], 20_000, tmp_path / "x.fa")
    build_store(path, tmp_path / "store")
    _, stored = growth.open_token_ids(tmp_path / "store", Size(4, 6, 1), 1)
    lm, in_memory = growth.read_token_ids(path, Size(4, 6, 1), 1)
    assert lm.max_steps == 1
    assert [len(ids) for ids in in_memory] == [4998, 3998, 4998, 3998, 1998]
    assert all(np.array_equal(a, b) for a, b in zip(stored, in_memory, strict=True))


def test_growth_is_told_for_each_base():
    one, first = Footprint(30.0, 40.0, 500.0), Footprint(2.0, None, None)
    seconds, megabytes = growth._compare("reading", 10_000_000, one, 1_000_000, first)
    assert (seconds.what, seconds.peer) == ("reading, 10 Mbp", "the same, 1 Mbp")
    assert (seconds.unit, seconds.values, seconds.peer_values) == ("s/Mbp", [3.0], [2.0])
    assert (megabytes.unit, megabytes.values, megabytes.peer_values) == ("MB/Mbp", [4.0], [])


class FakeFastai(torch.nn.Sequential):
    """Encoder and decoder that give what fastai's give: outputs, and the states with and without dropout."""

    def __init__(self):
        super().__init__(torch.nn.Embedding(66, 4), torch.nn.Linear(4, 66))

    def forward(self, token_ids):
        states = self[0](token_ids)
        return self[1](states), states, states


def test_networks_are_timed_beside_fastai_where_it_is(monkeypatch):
    ids = np.random.RandomState(0).randint(2, 66, 64 * 2100 + 1).astype(np.uint8)
    measure = partial(network.measure_training_beside_fastai, ids, Size(4, 6, 1), torch.float32, CPU, 1, 1)
    monkeypatch.setattr(network, "make_fastai_lm", lambda *_: None)
    assert measure().values == []
    assert [
        len(one.values)
        for one in network.measure_embedding(ids[:600].reshape(4, 150), Size(4, 6, 1), CPU, 1, 0)
    ] == [1, 0]
    monkeypatch.setattr(network, "make_fastai_lm", lambda *_: FakeFastai())
    timing = measure()
    assert (timing.peer, len(timing.values), len(timing.peer_values)) == ("fastai AWD_LSTM", 1, 1)
    rows = network.measure_embedding(ids[:600].reshape(4, 150), Size(4, 6, 1), CPU, 1, 0)
    assert [(one.peer, len(one.peer_values)) for one in rows] == [
        ("torch.nn.LSTM stack", 1),
        ("fastai AWD_LSTM", 1),
    ]


def test_fastai_training_learns_with_penalties_and_clipping():
    torch.manual_seed(0)
    token_ids = torch.randint(2, 66, (4, 11))
    training = FastaiTraining(FakeFastai(), token_ids, torch.float32, alpha=0.1, beta=0.1, clip=10.0)
    losses = [float(training.step()) for _ in range(30)]
    assert losses[-1] < losses[0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fastai's
def test_fastai_peer_has_the_matrices_of_ours():
    pytest.importorskip("fastai", reason="fastai is a peer of the speed task where it is installed, no more")
    size = Size(8, 16, 3)
    theirs, ours = make_fastai_lm(66, *size), AWDLSTMLanguageModel(66, **size._asdict())
    assert sum(p.numel() for p in theirs.parameters()) == sum(p.numel() for p in ours.parameters())
    assert theirs.eval()[0](torch.randint(2, 66, (4, 9))).shape == (4, 9, 8)


@pytest.mark.filterwarnings("ignore:Class:skgenome.exceptions.SkgenomeWarning")
def test_speed_without_data_uses_an_invented_genome(tmp_path, monkeypatch, in_this_process):
    genome = "".join(np.random.RandomState(0).choice(list("ACGT"), 200_000))
    monkeypatch.setattr(speed, "make_genomes", lambda **_: Bunch(data=[genome]))
    monkeypatch.setattr(start, "importing", lambda package: lambda: None)
    record = run_task("speed", Settings(data_home=str(tmp_path), device="cpu", quick=True))
    assert record.quick
    assert record.data == []
    assert "invented genome" in record.notes[0]
    sections = Counter(row["section"] for row in record.timings)
    assert sections == {
        "start": 1,
        "tokenizer": 6,
        "reading and counting": 7,
        "network": 9,
        "contrastive network": 5,
        "inspection": 1,
        "scanning": 3,
        "search": 2,
        "memory": 5,
        "growth": 12,
    }
    assert all(row["peer"] for row in record.timings)


def test_sections_of_the_speed_task_can_be_measured_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(start, "importing", lambda package: lambda: None)
    record = run_task("speed", Settings(data_home=str(tmp_path), quick=True, methods=("start",)))
    assert [row["section"] for row in record.timings] == ["start"]
    assert list(record.seconds) == ["start"]
