"""Sizes that a file claims are compared with what it holds, before memory is taken for them."""

import json
import struct
import tracemalloc
from hashlib import sha256

import numpy as np
import pytest
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from sklearn.frozen import FrozenEstimator

from skgenome.classification import SequenceClassifier
from skgenome.datasets import load_deepsea
from skgenome.exceptions import DataIntegrityError
from skgenome.nn import rebuild
from skgenome.persistence import CONFIG_FILE, WEIGHTS_FILE, load, save
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import ContrastivePredictiveCoding, LanguageModel
from skgenome.sequences import SequenceStore, build_store, write_fasta
from skgenome.sequences._store_index import INDEX_FILE, _seal
from skgenome.training import pack_state, unpack_state

TOKEN_IDS = KmerTokenizer(k=1).transform(["GATTACAC" * 4, "CCGGTTAA" * 4] * 6)
FIT = {"max_steps": 1, "device": "cpu", "random_state": 0}
TERA = 2**40


@pytest.fixture(autouse=True)
def little_memory():
    """No test here may take memory, of Python or NumPy, for what is not there."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 * 2**20


@pytest.fixture(scope="module")
def models():
    sizes = {
        "embedding_size": 2,
        "hidden_size": 3,
        "n_layers": 2,
        "batch_size": 4,
        "bptt": 8,
        "cache_size": 0,
    }
    lm = LanguageModel(**sizes, **FIT).fit(TOKEN_IDS)
    sizes = {"encoder": "cnn-lstm", "width": 1, "context_size": 2, "patch_length": 8, "patch_stride": 4}
    contrastive = ContrastivePredictiveCoding(**sizes, n_patches=4, steps=(2,), **FIT).fit(TOKEN_IDS)
    options = {
        "training": "frozen",
        "early_stopping": False,
        "max_epochs": 1,
        "device": "cpu",
        "random_state": 0,
    }
    heads = {
        head: SequenceClassifier(FrozenEstimator(lm), head=head, **options).fit(TOKEN_IDS, [0, 1] * 6)
        for head in ("linear", "mlp")
    }
    return {"lm": lm, "contrastive": contrastive, **heads}


def change(folder, change_state, change_arrays=lambda arrays: None):
    """Forge a saved model, checksum included."""
    arrays = load_tensors((folder / WEIGHTS_FILE).read_bytes())
    change_arrays(arrays)
    content = save_tensors(arrays)
    (folder / WEIGHTS_FILE).write_bytes(content)
    config = json.loads((folder / CONFIG_FILE).read_text())
    change_state(config["estimator"]["state"])
    (folder / CONFIG_FILE).write_text(json.dumps({**config, "weights_sha256": sha256(content).hexdigest()}))


@pytest.mark.parametrize(
    ("model", "size", "value"),
    [
        ("lm", "hidden_size", 40_000),
        ("lm", "embedding_size", 10**6),
        ("lm", "n_layers", 10**9),
        ("contrastive", "context_size", 40_000),
        ("contrastive", "width", 40_000),
        ("contrastive", "projection_size", 10**9),
    ],
)
def test_load_believes_no_size_of_a_network(model, size, value, models, tmp_path):
    """Non-regression test: a few bytes of model.json made a network of gigabytes, or layers without end."""
    folder = save(models[model], tmp_path / "model")
    change(folder, lambda state: state["architecture_"]["dict"].update({size: value}))
    with pytest.raises(DataIntegrityError, match=r"model\.json does not describe .*(shape|weights for)"):
        load(folder)


def test_load_believes_no_vocabulary(models, tmp_path):
    folder = save(models["lm"], tmp_path / "model")
    change(folder, lambda state: state.update(n_tokens_=10**8))
    with pytest.raises(DataIntegrityError, match=r"'\S+' has the shape \(100000000"):
        load(folder)


@pytest.mark.parametrize(
    ("head", "weight", "bias"),
    [("linear", "linear.weight", "linear.bias"), ("mlp", "layers.1.weight", "layers.5.bias")],
)
def test_load_believes_no_size_of_a_head(head, weight, bias, models, tmp_path):
    """Non-regression test: two arrays, each long in one direction, made a head that is long in both."""
    folder, n = save(models[head], tmp_path / "model"), 100_000

    def stretch(arrays):
        names = {name.rpartition("/")[2]: name for name in arrays if "/" in name}
        arrays[names[weight]] = torch.zeros(1, n)
        arrays[names[bias]] = torch.zeros(n)

    change(folder, lambda state: None, stretch)
    with pytest.raises(DataIntegrityError, match=r"has the shape .* in the network that is described"):
        load(folder)


@pytest.mark.parametrize(
    "header",
    [
        struct.pack("<Q", TERA) + b"{}",
        b'{"estimator.x":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}}',
        b'{"estimator.x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}',
    ],
    ids=["length of the header", "shape and bytes", "shape that overflows"],
)
def test_load_believes_no_header_of_safetensors(header, tmp_path):
    folder = save(KmerTokenizer(), tmp_path / "model")
    content = header if header[:1] != b"{" else struct.pack("<Q", len(header)) + header + b"0000"
    (folder / WEIGHTS_FILE).write_bytes(content)
    config = json.loads((folder / CONFIG_FILE).read_text())
    (folder / CONFIG_FILE).write_text(json.dumps({**config, "weights_sha256": sha256(content).hexdigest()}))
    with pytest.raises(DataIntegrityError, match="is no safetensors file"):
        load(folder)


@pytest.mark.parametrize("count", ["n_contigs", "n_bases", "n_name_bytes"])
def test_store_believes_no_count(count, tmp_path):
    """With a checksum of the index that fits."""
    write_fasta(tmp_path / "a.fa", ["GATTACA"])
    folder = build_store(tmp_path / "a.fa", tmp_path / "store").path
    index = json.loads((folder / INDEX_FILE).read_text())
    index["sources"][0][count] = TERA
    del index["sha256"]
    (folder / INDEX_FILE).write_text(json.dumps({**index, "sha256": _seal(index)}))
    with pytest.raises(DataIntegrityError, match=r"bytes where the index says [\d,]+"):
        SequenceStore(folder)


@pytest.mark.parametrize("strides", [[TERA, 1], [30, 1], [0, 1], [-3, 1]])
def test_state_of_a_training_believes_no_strides(strides):
    """Non-regression test: a checkpoint said how far its tensors reach, and got the memory for it."""
    tensors = load_tensors(pack_state(torch.zeros(2, 3)))
    tensors["rest"] = torch.frombuffer(
        bytearray(json.dumps({"tensor": ["0", strides]}).encode()), dtype=torch.uint8
    )
    with pytest.raises(DataIntegrityError, match=r"strides \[.*\] are none of a tensor of shape \(2, 3\)"):
        unpack_state(save_tensors(tensors))


def test_deepsea_believes_no_shape(tmp_path):
    """Non-regression test: HDF5 has zeros for what is not on disk, and those were read until memory ended."""
    h5py = pytest.importorskip("h5py", reason="comes with the extra deepsea")
    with h5py.File(tmp_path / "train.mat", "w") as file:
        for name, shape in {"trainxdata": (1000, 4, TERA), "traindata": (919, TERA)}.items():
            file.create_dataset(name, shape=shape, dtype="u1", chunks=(1,) * (len(shape) - 1) + (100,))
    with pytest.raises(DataIntegrityError, match="but only 0 are on disk"):
        load_deepsea(tmp_path / "train.mat")


def test_rebuild_makes_no_network_of_wrong_size():
    """Made without memory first, it is not made with memory once the sizes differ."""
    devices = []

    def make():
        layer = torch.nn.Linear(2, 1)
        devices.append(layer.weight.device.type)
        return layer

    with pytest.raises(ValueError, match=r"'weight' has the shape \(1, 2\) .* and \(5, 2\) in the file"):
        rebuild(make, {"weight": np.zeros((5, 2)), "bias": np.zeros(1)})
    assert devices == ["meta"]


@pytest.mark.parametrize(
    "weights", [{"weight": np.zeros((1, 2))}, {"weight": np.zeros((1, 2)), "bias": [0.0]}]
)
def test_rebuild_names_the_weight_that_is_missing(weights):
    with pytest.raises(ValueError, match="the weight 'bias' has the shape"):
        rebuild(lambda: torch.nn.Linear(2, 1), weights)


def test_rebuild_gives_the_weights_and_leaves_the_generator_alone():
    layer = torch.nn.Linear(2, 1)
    before = torch.get_rng_state()
    twin = rebuild(lambda: torch.nn.Linear(2, 1), {name: w.numpy() for name, w in layer.state_dict().items()})
    assert torch.equal(torch.get_rng_state(), before)
    assert not twin.training
    assert torch.equal(twin(torch.ones(1, 2)), layer(torch.ones(1, 2)))


def test_rebuild_takes_a_count_as_an_array_of_one():
    """Non-regression test: batch normalisation counts in an array without axes, which is saved with one."""
    layer = torch.nn.BatchNorm1d(2)
    layer(torch.randn(4, 2))
    weights = {name: np.atleast_1d(value.numpy()) for name, value in layer.state_dict().items()}
    assert rebuild(lambda: torch.nn.BatchNorm1d(2), weights).num_batches_tracked.item() == 1
