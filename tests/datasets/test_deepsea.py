"""The files of DeepSEA, on small ones of their layout."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.io import savemat

from skgenome.datasets import _deepsea, load_deepsea
from skgenome.exceptions import DataIntegrityError
from skgenome.sequences import decode

CHANNELS = "AGCT"
N_SAMPLES, LENGTH, N_LABELS = 9, 30, 7


def encode_one_hot(sequences):
    """Encode base by base; N is 0 in all channels."""
    one_hot = np.zeros((len(sequences), 4, len(sequences[0])), dtype=np.uint8)
    for row, sequence in enumerate(sequences):
        for place, base in enumerate(sequence):
            if base != "N":
                one_hot[row, CHANNELS.index(base), place] = 1
    return one_hot


@pytest.fixture
def content(seed):
    """Sequences, what encodes them, and labels."""
    rng = np.random.default_rng(seed)
    sequences = [decode(rng.integers(0, 5, LENGTH, dtype=np.uint8)) for _ in range(N_SAMPLES)]
    targets = rng.integers(0, 2, (N_SAMPLES, N_LABELS), dtype=np.uint8)
    return SimpleNamespace(sequences=sequences, one_hot=encode_one_hot(sequences), targets=targets)


class FakeFile(dict):
    """Stands in for a file of h5py: arrays by name, open until it is left."""

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.is_closed = True


def write_v5(folder, content, subset):
    arrays = {f"{subset}xdata": content.one_hot, f"{subset}data": content.targets}
    savemat(folder / f"{subset}.mat", arrays)


def write_hdf5(folder, content, subset, monkeypatch):
    """Write as MATLAB does, samples last; into memory where h5py is not installed."""
    path = folder / f"{subset}.mat"
    arrays = {f"{subset}xdata": content.one_hot.T, f"{subset}data": content.targets.T}
    try:
        import h5py
    except ImportError:
        path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(512) + b"\x89HDF\r\n\x1a\n")
        fake = SimpleNamespace(File=lambda path, mode: FakeFile(arrays))
        monkeypatch.setitem(sys.modules, "h5py", fake)
        return
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(512))


@pytest.fixture(params=["train", "valid", "test"])
def deepsea(request, tmp_path, content, monkeypatch):
    """A folder with one part, in the format that it has at DeepSEA."""
    subset = request.param
    if subset == "train":
        write_hdf5(tmp_path, content, subset, monkeypatch)
    else:
        write_v5(tmp_path, content, subset)
    return SimpleNamespace(folder=tmp_path, subset=subset, **vars(content))


def test_load_deepsea_spells_what_was_encoded(deepsea):
    features = load_deepsea(deepsea.folder, deepsea.subset)
    assert features.data.tolist() == deepsea.sequences
    np.testing.assert_array_equal(features.target, deepsea.targets)
    assert (features.data.dtype, features.target.dtype) == (object, np.uint8)
    assert features.subset == deepsea.subset
    assert features.rows.tolist() == list(range(N_SAMPLES))
    assert f"DeepSEA, {deepsea.subset}" in features.DESCR
    assert (
        f"9 sequences of the human genome (hg19) of 30 bases, out of 9 in {deepsea.subset}.mat"
        in features.DESCR
    )


@pytest.mark.parametrize("block", [1, 2, 100])
@pytest.mark.parametrize(
    "rows",
    [None, slice(3), slice(2, 7), slice(1, None, 3), slice(-4, -1), slice(5, 5), slice(4, 99)],
    ids=str,
)
def test_load_deepsea_rows_are_those_of_the_whole(deepsea, monkeypatch, rows, block):
    monkeypatch.setattr(_deepsea, "_BLOCK", block)
    features = load_deepsea(deepsea.folder, deepsea.subset, rows=rows)
    chosen = np.arange(N_SAMPLES)[slice(None) if rows is None else rows]
    assert features.rows.tolist() == chosen.tolist()
    assert features.data.tolist() == [deepsea.sequences[row] for row in chosen]
    np.testing.assert_array_equal(features.target, deepsea.targets[chosen])
    assert features.target.shape == (len(chosen), N_LABELS)


def test_load_deepsea_takes_the_file_itself(deepsea):
    path = deepsea.folder / f"{deepsea.subset}.mat"
    X, y = load_deepsea(str(path), return_X_y=True)
    assert X.tolist() == deepsea.sequences
    np.testing.assert_array_equal(y, deepsea.targets)
    other = "valid" if deepsea.subset == "train" else "train"
    with pytest.raises(ValueError, match=f"has, '{deepsea.subset}'. Got '{other}'"):
        load_deepsea(path, other)


def test_load_deepsea_channels_are_those_of_deepsea(tmp_path):
    """A, G, C, T: not the alphabetical order."""
    savemat(tmp_path / "v.mat", {"validxdata": np.eye(4)[None], "validdata": np.zeros((1, 2))})
    assert load_deepsea(tmp_path / "v.mat").data.tolist() == ["AGCT"]


def test_load_deepsea_says_what_to_install(tmp_path, content, monkeypatch):
    write_hdf5(tmp_path, content, "train", monkeypatch)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"train\.mat is HDF5.*pip install 'skgenome\[deepsea\]'"):
        load_deepsea(tmp_path, "train")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros(3)}, r"must have the arrays trainxdata and traindata.*Got none"),
        ({"validxdata": np.zeros((2, 4, 3))}, r"Got validxdata\."),
        (
            {"validxdata": np.zeros((2, 3, 4)), "validdata": np.zeros((2, 5))},
            r"\(n, 4, length\) and \(n, n_labels\). Got \(2, 3, 4\) and \(2, 5\)",
        ),
        ({"validxdata": np.zeros((2, 4, 3)), "validdata": np.zeros((3, 5))}, r"Got \(2, 4, 3\) and \(3, 5\)"),
        ({"validxdata": np.ones((2, 4, 3)), "validdata": np.zeros((2, 5))}, "must be one-hot.*from row 0 on"),
        ({"validxdata": np.full((2, 4, 3), 0.25), "validdata": np.zeros((2, 5))}, "must be one-hot"),
    ],
    ids=["none", "no-labels", "channels", "numbers", "several", "fractions"],
)
def test_load_deepsea_refuses_other_arrays(tmp_path, arrays, message):
    savemat(tmp_path / "valid.mat", arrays)
    with pytest.raises(DataIntegrityError, match=message):
        load_deepsea(tmp_path, "valid")


@pytest.mark.parametrize("head", [b"", b"PK\x03\x04", b"MATLAB 4"])
def test_load_deepsea_refuses_other_files(tmp_path, head):
    (tmp_path / "test.mat").write_bytes(head)
    with pytest.raises(
        DataIntegrityError, match=r"test\.mat is no MATLAB file of version 5 or 7\.3: it begins"
    ):
        load_deepsea(tmp_path, "test")


def test_load_deepsea_needs_to_know_which_file(tmp_path):
    with pytest.raises(ValueError, match=r"one of train, valid, test where path is a folder\. Got None"):
        load_deepsea(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"valid\.mat"):
        load_deepsea(tmp_path, "valid")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rows": slice(None, None, -1)}, r"rows must go forward. Got slice\(None, None, -1\)"),
        ({"rows": 10}, "'rows' parameter"),
        ({"subset": "dev"}, "'subset' parameter"),
    ],
)
def test_load_deepsea_refuses_bad_parameters(tmp_path, content, settings, message):
    write_v5(tmp_path, content, "valid")
    with pytest.raises(ValueError, match=message):
        load_deepsea(tmp_path, **{"subset": "valid", **settings})
