"""When the memory runs out: a batch is read in parts, and what is learnt is what the whole would teach."""

import math
import warnings

import numpy as np
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from torch import nn

from skgenome.classification import SequenceClassifier
from skgenome.exceptions import SkgenomeWarning
from skgenome.nn import (
    AWDLSTM,
    AWDLSTMLanguageModel,
    CNNLSTMLanguageModel,
    ContrastiveModule,
    InfoNCE,
    LinearHead,
    PatchEncoder,
    PooledEncoder,
    SequenceClassifierModule,
    make_context,
)
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel
from skgenome.sequences import TokenIds, check_token_ids
from skgenome.training import (
    LabelledRows,
    SegmentStream,
    Stage,
    contrastive_net,
    cut_into_stretches,
    finetune,
    hold_out,
    language_model_net,
    mean_loss,
    pool_rows,
    recognise_patches,
    row_surprise,
)
from skgenome.training._memory import BatchMemory, is_out_of_memory

CPU = torch.device("cpu")
# Plain gradient descent: what is adaptive makes a difference in the last digit a large one.
TRAINING = {
    "optimizer": "sgd",
    "schedule": "constant",
    "weight_decay": 0.01,
    "gradient_clip": 1.0,
    "device": CPU,
    "dtype": torch.float32,
    "seed": 0,
    "progress": False,
}
PRETRAINING = {
    "k": None,
    "batch_size": 8,
    "max_epochs": 2,
    "max_steps": None,
    "steps_per_round": None,
    "learning_rate": 0.1,
    **TRAINING,
}
NO_DROPOUT = dict.fromkeys(["embedding_p", "input_p", "hidden_p", "weight_p", "output_p"], 0.0)
MODULES = {
    "awd-lstm": (AWDLSTMLanguageModel, {"embedding_size": 4}),
    "cnn-lstm": (CNNLSTMLanguageModel, {"n_filters": 4, "kernel_size": 3}),
}
NO_MEMORY = "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to ..."


def limit_rows(module, most_rows, in_eval=None):
    """Let a module run out of memory above so many rows; note the rows of every try."""
    module.tries = []

    def refuse(_, args, kwargs):
        n_rows = len(args[0] if args else kwargs["token_ids"])
        limit = most_rows if module.training or in_eval is None else in_eval
        module.tries.append((module.training, n_rows))
        if n_rows > limit:
            raise RuntimeError(NO_MEMORY)

    module.register_forward_pre_hook(refuse, with_kwargs=True)
    return module


def count_refused(module, limits):
    return sum(n_rows > limits[training] for training, n_rows in module.tries)


def column(net, name):
    return [batch[name] for row in net.history for batch in row["batches"] if name in batch]


def assert_close(module, other):
    for (name, weight), expected in zip(
        module.state_dict().items(), other.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(weight, expected, rtol=1e-3, atol=1e-6, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("least", [1, 2, 3])
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 16, 40])
@pytest.mark.parametrize("n_rows", [1, 2, 3, 7, 16, 33])
def test_parts_cover_a_batch_in_order(n_rows, limit, least):
    memory = BatchMemory("", least_rows=least)
    assert memory.parts("train", n_rows) == [slice(0, n_rows)]
    memory.limits["train"] = limit
    parts = memory.parts("train", n_rows)
    rows = np.arange(n_rows)
    sizes = [len(rows[part]) for part in parts]
    assert np.concatenate([rows[part] for part in parts]).tolist() == rows.tolist()
    assert min(sizes) >= min(least, n_rows)
    assert max(sizes) <= max(limit, 2 * least - 1)
    assert memory.parts("valid", n_rows) == [slice(0, n_rows)]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), True),
        (RuntimeError(NO_MEMORY), True),
        (RuntimeError("[enforce fail] not enough memory: you tried to allocate 8 bytes."), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (MemoryError("Unable to allocate 9 TiB"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied (1x2 and 3x4)"), False),
        (ValueError("out of memory"), False),
    ],
    ids=lambda value: str(value)[:20],
)
def test_is_out_of_memory_knows_what_torch_says(error, expected):
    assert is_out_of_memory(error) is expected


def test_is_out_of_memory_knows_a_real_one():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**55, dtype=torch.uint8)
    assert is_out_of_memory(raised.value)


def test_batch_memory_leaves_other_errors_alone():
    def fail(_):
        raise RuntimeError("shapes cannot be multiplied")

    memory = BatchMemory("")
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        memory.run("train", 8, fail)
    assert memory.limits == {}


def test_batch_memory_lets_go_of_what_the_failed_try_held():
    """Else the halves would not have the memory that the whole batch had taken."""

    class Tensor:
        alive = 0

        def __init__(self):
            Tensor.alive += 1

        def __del__(self):
            Tensor.alive -= 1

    seen = []

    def compute(parts):
        seen.append(Tensor.alive)
        held = Tensor()
        if len(parts) < 4:
            raise RuntimeError(NO_MEMORY)
        return held

    BatchMemory("", quiet=True).run("train", 8, compute)
    assert seen == [0, 0, 0]


@pytest.fixture
def stretches(rng, seed):
    """Stretches of different lengths, so that batches are padded; one has unknown tokens."""
    lengths = [300, 121, 77, 19]
    values = rng.integers(2, 18, sum(lengths))
    values[30:45] = 1
    corpus = TokenIds(values, np.concatenate([[0], np.cumsum(lengths)]))
    parts, contigs = cut_into_stretches(corpus, 40)
    return hold_out(parts, contigs, 80, "stretches", np.random.RandomState(seed))


@pytest.fixture
def pretrain(stretches, seed):
    """Pretrain a tiny language model that stands so many rows."""

    def train(name="awd-lstm", limits=(math.inf, None), change=limit_rows, **changes):
        kind, sizes = MODULES[name]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = change(kind(18, hidden_size=6, n_layers=2, **sizes, **NO_DROPOUT), *limits)
            options = {**PRETRAINING, "bptt": 10, "new_bases": 1, "alpha": 0.4, "beta": 0.2, **changes}
            net = language_model_net(module, *stretches, **options)
            net.fit(stretches[0])
        return net

    return train


@pytest.mark.parametrize("limit", [4, 3, 1])
@pytest.mark.parametrize("name", MODULES)
def test_language_model_learns_the_same_in_parts(name, limit, pretrain):
    """Gradients, penalties, carried states and figures are those of whole batches."""
    whole = pretrain(name)
    with pytest.warns(SkgenomeWarning, match=r"ran out in a batch of \d+ rows \(train\).* at most") as record:
        halved = pretrain(name, (limit, None))
    assert len(record) == 1
    assert f"at most {halved.memory.limits['train']} rows" in str(record[0].message)
    assert halved.memory.limits["train"] <= limit
    assert_close(halved.module_, whole.module_)
    for part in ("train", "valid"):
        np.testing.assert_allclose(column(halved, f"{part}_loss"), column(whole, f"{part}_loss"), rtol=1e-4)
        assert column(halved, f"{part}_tokens") == column(whole, f"{part}_tokens")
    figures = [[row["train_bits_per_base"] for row in net.history] for net in (halved, whole)]
    assert figures[0] == pytest.approx(figures[1], rel=1e-4)


def test_language_model_keeps_the_halved_size(pretrain):
    """In the whole training, only the halvings down to one row have run out of memory."""
    with pytest.warns(SkgenomeWarning, match="at most 1 rows"):
        net = pretrain(limits=(1, math.inf))
    assert net.memory.limits == {"train": 1}
    assert len(column(net, "train_loss")) > 5
    n_first = next(n_rows for training, n_rows in net.module_.tries if training)
    assert count_refused(net.module_, {True: 1, False: math.inf}) == math.ceil(math.log2(n_first))
    # Validation takes less memory: it stays whole.
    assert max(n_rows for training, n_rows in net.module_.tries if not training) > 1


def test_language_model_forgets_the_gradients_of_a_failed_try(pretrain):
    """The second half may be what the memory is too small for, with the gradients of the first there."""

    def fail_twice(module):
        seen = []

        def refuse(*_):
            seen.append(None)
            # The whole batch, then the second half of it.
            if len(seen) in (1, 3):
                raise torch.OutOfMemoryError("CUDA out of memory.")

        module.register_forward_pre_hook(refuse)
        return module

    whole = pretrain(max_steps=1)
    with pytest.warns(SkgenomeWarning, match=r"at most \d rows"):
        halved = pretrain(limits=(), change=fail_twice, max_steps=1)
    assert_close(halved.module_, whole.module_)


def test_language_model_that_stands_no_row_says_what_to_do(pretrain):
    with pytest.raises(MemoryError, match=r"ran out with 1 row.*can't allocate.*Set a smaller bptt"):
        pretrain(limits=(0, None))


def test_language_model_with_dropout_learns_in_parts(pretrain, monkeypatch):
    monkeypatch.setitem(NO_DROPOUT, "hidden_p", 0.2)
    monkeypatch.setitem(NO_DROPOUT, "weight_p", 0.2)
    with pytest.warns(SkgenomeWarning, match="at most 2 rows"):
        net = pretrain(limits=(2, None))
    assert all(math.isfinite(loss) for loss in column(net, "train_loss"))


class Bases(nn.Module):
    """Encodes a patch by a vector for each base at each place."""

    n_features = 5

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(6, 8, 5))

    def forward(self, patches):
        return self.table[patches, torch.arange(8, device=patches.device)].sum(1)


@pytest.fixture
def windows(make_corpus):
    stretches, contigs = cut_into_stretches(make_corpus([600, 150], k=1), 39)
    # Of the same length, so that all have the same number of predictions.
    same = stretches.ends - stretches.starts >= 38
    return hold_out(stretches.subset(same), contigs[same], 150, "stretches", np.random.RandomState(0))


@pytest.fixture
def contrast(windows, seed):
    """Train a tiny contrastive network that stands so many rows."""

    def train(negatives, limits=(math.inf, None), **changes):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            patches = PatchEncoder(Bases(), make_context("gru", 5, 6), 8, 4)
            info_nce = InfoNCE(5, 6, steps=(2, 3), projection_size=4, negatives=negatives)
            module = limit_rows(ContrastiveModule(patches, info_nce), *limits)
            least_rows = 2 if negatives == "batch" else 1
            options = {**PRETRAINING, "bptt": 40, "least_rows": least_rows, **changes}
            net = contrastive_net(module, *windows, **options)
            net.fit(windows[0])
        return net

    return train


@pytest.mark.parametrize("limit", [4, 1])
def test_contrastive_net_learns_the_same_from_negatives_of_the_sequence(limit, contrast):
    whole = contrast("sequence")
    with pytest.warns(SkgenomeWarning, match=f"at most {limit} rows.*fewer negatives") as record:
        halved = contrast("sequence", (limit, None))
    assert len(record) == 1
    assert_close(halved.module_, whole.module_)
    for part in ("train", "valid"):
        for figure in ("loss", "accuracy", "chance", "predictions", "tokens"):
            name = f"{part}_{figure}"
            np.testing.assert_allclose(column(halved, name), column(whole, name), rtol=1e-4, err_msg=name)


def test_contrastive_net_has_the_negatives_of_a_part(contrast):
    whole = contrast("batch")
    with pytest.warns(SkgenomeWarning, match=r"at most 2 rows.*fewer negatives than asked for"):
        halved = contrast("batch", (3, math.inf))
    sizes = [n_rows for training, n_rows in halved.module_.tries if training and n_rows <= 3]
    assert min(sizes) == 2
    # Of 2 rows of 9 patches, 9 are candidates beside the true one; of 8 rows 63.
    assert max(column(whole, "train_chance")) < 0.06
    assert min(column(halved, "train_chance")) >= 1 / 19
    assert column(halved, "train_predictions") == column(whole, "train_predictions")


def test_contrastive_net_that_stands_no_pair_says_what_to_do(contrast):
    with pytest.raises(MemoryError, match=r"ran out with [23] row.*Set a smaller n_patches"):
        contrast("batch", (1, None))


def test_recognise_patches_is_not_made_in_parts(contrast, windows):
    """Each part would have fewer candidates, and so give another figure than the one asked for."""
    module = limit_rows(contrast("batch").module_, 3)
    batches = SegmentStream(windows[0], 8, 40, least_rows=2)
    with pytest.raises(MemoryError, match=r"ran out with 8 row.*Set a smaller batch_size"):
        recognise_patches(module, batches, device=CPU, dtype=torch.float32)


@pytest.fixture
def rows(rng):
    ids = [rng.integers(2, 18, n) for n in rng.integers(4, 25, 30)]
    y = (np.arange(30) % 2)[:, None].astype(np.float32)
    return LabelledRows.of_strand(check_token_ids(ids), y, rng.uniform(0.5, 1.5, 30), "concat", 2)


@pytest.fixture
def make_module(seed):
    def make(strand="forward"):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            encoder = AWDLSTM(
                18, embedding_size=4, hidden_size=6, n_layers=2,
                input_p=0.0, hidden_p=0.0, weight_p=0.0, embedding_p=0.0,
            )  # fmt: skip
            pooled = PooledEncoder(encoder, "concat", [-1], strand)
            head = LinearHead(pooled.n_features, 1, input_p=0.0)
            head.l2.fill_(0.5)
            return SequenceClassifierModule(pooled, head)

    return make


def tune(module, rows, strand="forward"):
    """Fine-tune in two stages."""
    options = {"batch_size": 8, "learning_rate_ratio": 2.0, "n_epochs": None, "patience": None, **TRAINING}
    train, validation = rows.subset(np.arange(20)), rows.subset(np.arange(20, 30))
    stages = [Stage(2, 1, 0.1), Stage(4, 2, 0.1)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return finetune(
            module, train, validation, stages, strand=strand, validation_dtype=torch.float32, **options
        )


@pytest.mark.parametrize("strand", ["forward", "augment", "average", "concat"])
@pytest.mark.parametrize("limit", [4, 3, 1])
def test_finetune_learns_the_same_in_parts(limit, strand, make_module, rows):
    """With the penalty of the head, whose size is that of whole batches, and held-out rows."""
    whole, halved = make_module(strand), limit_rows(make_module(strand), limit)
    expected, best = tune(whole, rows, strand)
    with pytest.warns(SkgenomeWarning, match=r"batch of 8 rows .*at most \d rows") as record:
        history, best_halved = tune(halved, rows, strand)
    assert len(record) == 1
    assert best_halved == best
    assert_close(halved, whole)
    for figure in ("train_loss", "valid_loss"):
        np.testing.assert_allclose(
            [row[figure] for row in history], [row[figure] for row in expected], rtol=1e-4
        )


def test_finetune_keeps_the_halved_size_from_stage_to_stage(make_module, rows):
    module = limit_rows(make_module(), 2, math.inf)
    with pytest.warns(SkgenomeWarning, match="at most 2 rows"):
        tune(module, rows)
    assert count_refused(module, {True: 2, False: math.inf}) == 2


def test_finetune_that_stands_no_row_says_what_to_do(make_module, rows):
    module = limit_rows(make_module(), 0, math.inf)
    with pytest.raises(MemoryError, match=r"ran out with 1 row.*Give shorter sequences"):
        tune(module, rows)
    assert not module.training


def test_mean_loss_is_the_same_in_parts(make_module, rows):
    options = {"batch_size": 8, "strand": "average", "device": CPU}
    expected = mean_loss(make_module("average"), rows, **options)
    found = mean_loss(limit_rows(make_module("average"), 3), rows, **options)
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("strand", ["forward", "average", "concat"])
def test_pool_rows_is_the_same_in_parts(strand, make_module, rows):
    encoder = make_module(strand).encoder
    options = {"k": 2, "batch_size": 8, "device": CPU, "dtype": torch.float32}
    expected = pool_rows(encoder, rows.token_ids, **options)
    limit_rows(encoder, 3)
    np.testing.assert_allclose(pool_rows(encoder, rows.token_ids, **options), expected, rtol=1e-5, atol=1e-7)
    # 30 rows: 8 and 4 failed, and nothing after them.
    assert count_refused(encoder, {False: 3}) == 2


def test_row_surprise_is_the_same_in_parts(rows, seed):
    torch.manual_seed(seed)
    model = AWDLSTMLanguageModel(18, embedding_size=4, hidden_size=6)
    options = {"batch_size": 8, "device": CPU, "dtype": torch.float32}
    expected, n_expected = row_surprise(model, rows.token_ids, **options)
    nats, n_predicted = row_surprise(limit_rows(model, 3), rows.token_ids, **options)
    np.testing.assert_allclose(nats, expected, rtol=1e-5)
    assert n_predicted.tolist() == n_expected.tolist()


def test_row_surprise_that_stands_no_row_says_what_to_do(rows):
    model = limit_rows(AWDLSTMLanguageModel(18, embedding_size=4, hidden_size=6), 0)
    with pytest.raises(MemoryError, match=r"ran out with 1 row.*Give shorter sequences"):
        row_surprise(model, rows.token_ids, batch_size=8, device=CPU, dtype=torch.float32)


TINY = {
    "embedding_size": 4,
    "hidden_size": 6,
    "n_layers": 2,
    "batch_size": 4,
    "bptt": 10,
    "dropout_scale": 0.5,
    "max_epochs": 2,
    "validation_size": 60,
    "device": "cpu",
    "precision": "float32",
    "random_state": 0,
}


@pytest.fixture
def small_memory(monkeypatch):
    """Let trainings of every network run out of memory above two rows."""
    for kind in (AWDLSTMLanguageModel, SequenceClassifierModule):

        def forward(self, token_ids, *args, _whole=kind.forward, **kwargs):
            if self.training and len(token_ids) > 2:
                raise RuntimeError(NO_MEMORY)
            return _whole(self, token_ids, *args, **kwargs)

        monkeypatch.setattr(kind, "forward", forward)


@pytest.mark.usefixtures("small_memory")
def test_estimators_in_parts_go_on_with_the_same_bits(rng, tmp_path, interruptions):
    """The size is part of a checkpoint: a try that began with whole batches would draw other dropouts."""
    dna = ["".join(rng.choice(list("ACGT"), n)) for n in [400, 200, *[30] * 16]] + ["TTTTT"]
    tokens = KmerTokenizer(k=3, padding=False).transform(dna)
    y = np.arange(16) % 2
    every_step = {"checkpoint_dir": tmp_path, "checkpoint_minutes": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkgenomeWarning)
        lm = LanguageModel(**TINY).fit(tokens)
        killed = LanguageModel(**TINY, **every_step)
        assert interruptions.run_on(lambda: killed.fit(tokens), rng, fewest=40, most=90) > 1
        params = {"training": "finetune", "early_stopping": "holdout", "max_epochs": 3, "batch_size": 4}
        params |= {"device": "cpu", "precision": "float32", "random_state": 0}
        X = tokens[2:18]
        classifier = SequenceClassifier(FrozenEstimator(lm), **params).fit(X, y)
        other = SequenceClassifier(FrozenEstimator(lm), **params, **every_step)
        assert interruptions.run_on(lambda: other.fit(X, y), rng, fewest=10, most=24) > 1
    for module, again in [(lm.module_, killed.module_), (classifier.head_, other.head_)]:
        torch.testing.assert_close(module.state_dict(), again.state_dict(), rtol=0, atol=0)


@pytest.mark.usefixtures("small_memory")
def test_estimators_warn_once(rng):
    tokens = KmerTokenizer(k=3, padding=False).transform(["".join(rng.choice(list("ACGT"), 400)), "TTTTT"])
    with pytest.warns(SkgenomeWarning, match="at most 2 rows go through the network") as record:
        lm = LanguageModel(**TINY).fit(tokens)
    assert len(record) == 1
    assert np.isfinite(lm.transform(tokens)).all()
