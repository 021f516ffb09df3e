"""The speed task: that both sides of every ratio do the same work."""

import builtins

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.bare import (
    BareClassifier,
    BareContrastive,
    BareLanguageModel,
    BarePatchClassifier,
    BareResNet,
    BareTraining,
    make_training_pass,
)
from benchmarks.records import Settings
from benchmarks.tasks import run_task, speed, speed_contrastive
from benchmarks.tasks.speed_contrastive import (
    STEPS,
    PatchSize,
    cut_windows,
    make_bare_patches,
    make_representation,
)
from benchmarks.tasks.speed_inspection import as_plain, measure_mutagenesis
from benchmarks.tasks.speed_network import BATCH_SIZE, BPTT, Size, make_net
from benchmarks.tasks.speed_tokens import make_workloads, measure_tokenizer, rolling_ids
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
from skgenome.sequences import encode

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
    net, run_round = speed_contrastive.make_net(ids, PATCHES, 2, CPU, torch.float32)
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

    monkeypatch.setattr("benchmarks.tasks.speed_inspection.in_silico_mutagenesis", note)
    timing = measure_mutagenesis([contig[:30], contig[30:60]], Size(4, 6, 1), CPU, 2, 0)
    assert asked == [(True, False, 2), (False, False, 2)] * 3
    assert (timing.peer, timing.unit) == ("whole sequences", "substitutions/s")
    assert len(timing.values) == len(timing.peer_values) == 2


def test_as_plain_gives_what_the_pipeline_predicts(contig):
    pipeline = make_pipeline(KmerCounter(k=1), LogisticRegression()).fit(["AAC", "GTT"], ["a", "b"])
    plain = as_plain(pipeline)
    assert np.array_equal(plain.predict_proba([contig]), pipeline.predict_proba([contig]))
    assert list(plain.classes_) == ["a", "b"]


def test_speed_without_data_uses_an_invented_genome(tmp_path, monkeypatch):
    monkeypatch.setattr(speed, "make_genomes", lambda **_: type("Genomes", (), {"data": ["ACGT" * 50_000]})())
    record = run_task("speed", Settings(data_home=str(tmp_path), device="cpu", quick=True))
    assert record.quick
    assert record.data == []
    assert "invented genome" in record.notes[0]
    assert len(record.timings) == 18
    assert all(row["ratio"] > 0 for row in record.timings)
