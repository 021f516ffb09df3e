"""Read the files of DeepSEA: sequences one-hot encoded, with 919 labels each."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.io import loadmat
from sklearn.utils import Bunch

from skgenome._sklearn import StrOptions, validate_params
from skgenome.exceptions import DataIntegrityError

SUBSETS = ("train", "valid", "test")
# What a sequence is spelled with where no channel, or the first, second, ... is 1. DeepSEA's order.
_LETTERS = np.frombuffer(b"NAGCT", dtype=np.uint8)
# MATLAB writes a line of text first, and HDF5 behind it; other programs write HDF5 from the start.
_HEADERS = {b"MATLAB 7.3": "hdf5", b"\x89HDF\r\n\x1a\n": "hdf5", b"MATLAB 5.0": "v5"}
# No filter of HDF5 that MATLAB or h5py write by themselves packs tighter than deflate can.
_TIGHTEST = 1032
# Sequences decoded at a time: 131 MB of one-hot.
_BLOCK = 2**15

_DESCR = """DeepSEA, {subset}

{n_samples:,} sequences of the human genome (hg19) of {length} bases, out of {n_in_file:,} in {filename}, with
{n_labels} labels: open chromatin, transcription factors and histone marks in human cells (ENCODE, Roadmap).
Cite: Zhou & Troyanskaya 2015, Nature Methods 12, 931.
"""


class _Arrays(NamedTuple):
    """The two arrays of a file and how to read rows of them; samples are the last axis in HDF5."""

    sequences: Any
    targets: Any
    samples_last: bool

    @property
    def n_samples(self) -> int:
        """How many there are in the file."""
        return self.sequences.shape[-1 if self.samples_last else 0]

    def read(self, rows: slice) -> tuple[np.ndarray, np.ndarray]:
        """Read rows: one-hot as (n, 4, length), targets as (n, n_labels)."""
        if self.samples_last:
            return self.sequences[:, :, rows].transpose(2, 1, 0), self.targets[:, rows].T
        return self.sequences[rows], self.targets[rows]


def _format_of(path: Path) -> str:
    """Tell the format of a file from its first bytes."""
    with path.open("rb") as file:
        head = file.read(16)
    for header, kind in _HEADERS.items():
        if head.startswith(header):
            return kind
    raise DataIntegrityError(
        f"{path} is no MATLAB file of version 5 or 7.3: it begins with {head!r}. train.mat, valid.mat or "
        "test.mat of DeepSEA was expected."
    )


def _open_hdf5(path: Path) -> Any:
    """Open a file with h5py, which is not installed with the package."""
    try:
        h5py = import_module("h5py")
    except ImportError as err:
        raise ImportError(
            f"{path} is HDF5, and reading it needs h5py. Install it: pip install 'skgenome[deepsea]'."
        ) from err
    return h5py.File(path, "r")


def _find_subset(names: set[str], path: Path) -> str:
    """Tell which part a file is from the names of its arrays."""
    for subset in SUBSETS:
        if {f"{subset}xdata", f"{subset}data"} <= names:
            return subset
    raise DataIntegrityError(
        f"{path} must have the arrays trainxdata and traindata, or those of valid or test. Got "
        f"{', '.join(sorted(names)) or 'none'}."
    )


def _check_shapes(arrays: _Arrays, path: Path) -> None:
    """Raise DataIntegrityError unless sequences and targets belong together."""
    sequences, targets = arrays.sequences.shape, arrays.targets.shape
    sample_axis = -1 if arrays.samples_last else 0
    expected = (
        "(length, 4, n) and (n_labels, n)" if arrays.samples_last else "(n, 4, length) and (n, n_labels)"
    )
    fits = len(sequences) == 3 and len(targets) == 2 and sequences[1] == 4
    if not fits or sequences[sample_axis] != targets[sample_axis]:
        raise DataIntegrityError(
            f"The arrays of {path} must have the shapes {expected}. Got {sequences} and {targets}."
        )


def _check_stored(array: Any, path: Path) -> None:
    """Refuse an array of HDF5 whose shape promises more than is on disk: zeros would fill the memory."""
    if not hasattr(array, "id"):
        return
    stored = array.id.get_storage_size()
    if array.nbytes > _TIGHTEST * stored:
        raise DataIntegrityError(
            f"An array of {path} claims the shape {array.shape}, {array.nbytes:,} bytes, but only {stored:,} "
            "are on disk. The file is damaged; copy it again."
        )


def _decode(one_hot: np.ndarray, first: int, path: Path) -> list[str]:
    """Spell one-hot sequences of shape (n, 4, length); what is 0 in all channels is N."""
    if not np.isin(one_hot, (0, 1)).all() or (one_hot.sum(axis=1) > 1).any():
        raise DataIntegrityError(
            f"The sequences of {path} must be one-hot: 0 and 1, with one 1 per base at most. Those from row "
            f"{first} on are not."
        )
    # Summed with the weights 1 to 4: 0 stays where no channel is 1.
    weights = np.arange(1, 5, dtype=np.uint8)[:, None]
    codes = (one_hot.astype(np.uint8) * weights).sum(axis=1, dtype=np.uint8)
    return [row.tobytes().decode("ascii") for row in _LETTERS[codes]]


def _blocks(rows: range) -> Iterator[slice]:
    """Cut a range of rows into slices of few enough."""
    for first in range(0, len(rows), _BLOCK):
        block = rows[first : first + _BLOCK]
        yield slice(block.start, block.stop, block.step)


def _read_rows(arrays: _Arrays, rows: slice | None, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read and decode rows, block by block, so that the one-hot form is never in memory as a whole."""
    _check_shapes(arrays, path)
    for array in (arrays.sequences, arrays.targets):
        _check_stored(array, path)
    chosen = range(arrays.n_samples)[slice(None) if rows is None else rows]
    if chosen.step < 1:
        raise ValueError(f"rows must go forward. Got {rows}.")
    data: list[str] = []
    targets = [np.zeros((0, arrays.targets.shape[0 if arrays.samples_last else 1]), dtype=np.uint8)]
    for block in _blocks(chosen):
        one_hot, target = arrays.read(block)
        data += _decode(one_hot, block.start, path)
        targets.append(np.asarray(target, dtype=np.uint8))
    return np.array(data, dtype=object), np.concatenate(targets)


def _resolve(path: str | os.PathLike, subset: str | None) -> Path:
    """Give the file that is meant, where a folder may be given."""
    resolved = Path(path).expanduser()
    if not resolved.is_dir():
        return resolved
    if subset is None:
        raise ValueError(f"subset must be one of {', '.join(SUBSETS)} where path is a folder. Got None.")
    return resolved / f"{subset}.mat"


@validate_params(
    {
        "path": [str, os.PathLike],
        "subset": [StrOptions(set(SUBSETS)), None],
        "rows": [slice, None],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_deepsea(
    path: str | os.PathLike,
    subset: str | None = None,
    *,
    rows: slice | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Load sequences and chromatin features out of DeepSEA's own files.

    The files, train.mat, valid.mat and test.mat, are those of the training bundle of DeepSEA
    (deepsea.princeton.edu). They are not downloaded: get them there, under the terms given there.
    The first has 4,400,000 sequences, in HDF5, for which h5py is needed (``pip install
    'skgenome[deepsea]'``); the others have 8,000 and 455,024. Each has 1,000 bases and 919 labels, which are
    about the 200 in the middle. The authors split by chromosome: 8 and 9 are for testing, a part of 7 for
    validation.

    Channels are A, G, C, T in these files; here they are spelled out. A base without a channel is N.

    Parameters
    ----------
    path : str or path-like
        A file, or the folder that has train.mat, valid.mat and test.mat.
    subset : {'train', 'valid', 'test'}, default=None
        Which part. Needed where `path` is a folder; where it is a file, it is checked if given.
    rows : slice, default=None
        Which rows, as ``slice(0, 100_000)``; None takes all. In memory, 100,000 sequences take 105 MB and
        their labels 92. Of HDF5 no more is read; a file of version 5 (valid.mat, test.mat) is read as a
        whole, 4 kB per sequence of the file.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    features : Bunch
        Has these fields.

        - data : ndarray of shape (n_samples,), object (str); letters A, C, G, T, N
        - target : ndarray of shape (n_samples, n_labels), uint8
        - subset : str
        - rows : ndarray of shape (n_samples,), int64; their numbers in the file, from 0
        - filename : str
        - DESCR : str
    (data, target) : tuple
        Only these two, if `return_X_y`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If the file is HDF5 and h5py is not installed.
    DataIntegrityError
        If it is no MATLAB file of version 5 or 7.3, lacks the arrays, has others than said above, or has
        a sequence that is not one-hot.
    ValueError
        If `path` is a folder and `subset` None, `subset` is not the one that the file has, or `rows` go
        backward.

    See Also
    --------
    make_multilabel_windows : Such a set of your own genome and peaks.

    References
    ----------
    Zhou & Troyanskaya (2015), Predicting effects of noncoding variants with deep learning-based sequence
    model, Nature Methods 12, 931.

    Examples
    --------
    >>> from skgenome.datasets import load_deepsea
    >>> X, y = load_deepsea("deepsea_train/train.mat", rows=slice(0, 1000), return_X_y=True)  # doctest: +SKIP
    >>> len(X[0]), y.shape  # doctest: +SKIP
    (1000, (1000, 919))
    """
    file = _resolve(path, subset)
    is_hdf5 = _format_of(file) == "hdf5"
    wanted = [f"{name}{kind}" for name in SUBSETS for kind in ("xdata", "data")]
    with _open_hdf5(file) if is_hdf5 else nullcontext(loadmat(file, variable_names=wanted)) as content:
        found = _find_subset({name for name in content if not name.startswith("_")}, file)
        if subset not in (None, found):
            raise ValueError(f"subset must be what {file} has, {found!r}. Got {subset!r}.")
        arrays = _Arrays(content[f"{found}xdata"], content[f"{found}data"], is_hdf5)
        n_in_file = arrays.n_samples
        data, target = _read_rows(arrays, rows, file)
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        subset=found,
        rows=np.arange(n_in_file)[slice(None) if rows is None else rows],
        filename=str(file),
        DESCR=_DESCR.format(
            subset=found,
            n_samples=len(data),
            length=len(data[0]) if len(data) else 0,
            n_in_file=n_in_file,
            filename=file.name,
            n_labels=target.shape[1],
        ),
    )
