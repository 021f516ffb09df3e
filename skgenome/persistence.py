"""Save fitted estimators as JSON and safetensors, and load them without running code.

A saved model is a folder: ``model.json`` holds the classes' names, their parameters and the learnt state,
``weights.safetensors`` the arrays. Loading creates instances of the classes named in `SAVABLE` and of no
others, and executes nothing that stands in the folder.

Some models come with the package: `load` knows them by name. Others are fetched from the Hugging Face Hub.
"""

import json
import os
import shutil
import tempfile
from hashlib import sha256
from importlib import import_module
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from skgenome._hub import SCHEME, fetch, push
from skgenome._sklearn import REQUESTS, list_requests, restore_requests
from skgenome.exceptions import DataIntegrityError, ModelMismatchError

__all__ = ["list_models", "load", "push_to_hub", "save"]

#: Version of the layout. A reader refuses a layout that is newer than itself.
FORMAT_VERSION = 1

CONFIG_FILE = "model.json"
WEIGHTS_FILE = "weights.safetensors"

#: What a saved model consists of; the description first.
MODEL_FILES = (CONFIG_FILE, WEIGHTS_FILE)

#: The models that come with the package, a folder each.
BOX = files("skgenome") / "weights"

# Characters of a damaged file that a message repeats.
_SHOWN = 300

#: The classes that a folder may name, and where each lives.
SAVABLE = {
    "ContrastivePredictiveCoding": "skgenome.representation",
    "KmerCounter": "skgenome.preprocessing",
    "KmerTokenizer": "skgenome.preprocessing",
    "LabelFractionClassifier": "skgenome.model_selection",
    "LanguageModel": "skgenome.representation",
    "LassoLogisticRegressionCV": "skgenome.linear_model",
    "SequenceClassifier": "skgenome.classification",
    "ULMFiTClassifier": "skgenome.classification",
    "FrozenEstimator": "sklearn.frozen",
    "Pipeline": "sklearn.pipeline",
    "FeatureUnion": "sklearn.pipeline",
    "StandardScaler": "sklearn.preprocessing",
    "MaxAbsScaler": "sklearn.preprocessing",
    "LogisticRegression": "sklearn.linear_model",
}


#: The page of a shared model whose author has written none.
_PAGE = """---
library_name: skgenome
tags:
- biology
- genomics
---

A {name}, saved by skgenome (`pip install skgenome`) as JSON and safetensors: loading it runs no code.

```python
import skgenome

model = skgenome.load("hf://{repo_id}")
```
"""


def save(estimator: BaseEstimator, path: str | os.PathLike) -> Path:
    """Write an estimator, or a Pipeline of them, to a folder.

    The folder is written beside its place and renamed when it is whole, so an interrupted save leaves
    what was there before.

    Parameters
    ----------
    estimator : estimator
        One of the classes in ``skgenome.persistence.SAVABLE``, fitted or not, or a Pipeline of them.
    path : str or path
        The folder. One that holds a saved model and nothing else is replaced; anything else there is an
        error.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    TypeError
        If the estimator, or a part of it, is of a class that can't be saved this way.
    ModelMismatchError
        If a Pipeline's tokenizer does not make the tokens that its model was fitted on.
    FileExistsError
        If `path` exists and is no saved model, or holds other files beside it.

    Examples
    --------
    >>> import tempfile
    >>> from skgenome.persistence import load, save
    >>> from skgenome.preprocessing import KmerTokenizer
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load(save(KmerTokenizer(k=5), f"{folder}/tokenizer"))
    KmerTokenizer(k=5)
    """
    path = Path(path)
    if path.exists() and not _is_saved_model(path):
        raise FileExistsError(
            f"{path} exists and is not a folder with a saved model and nothing else, so it is left alone. "
            "Give another path."
        )
    arrays: dict[str, np.ndarray] = {}
    packed = _pack_estimator(estimator, "estimator", arrays)
    _check_pipelines(estimator)
    weights = save_tensors(arrays)
    config = {
        "format": "skgenome-model",
        "format_version": FORMAT_VERSION,
        "skgenome_version": version("skgenome"),
        "weights_sha256": sha256(weights).hexdigest(),
        "estimator": packed,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        (beside / WEIGHTS_FILE).write_bytes(weights)
        (beside / CONFIG_FILE).write_text(json.dumps(config, indent=1), encoding="utf-8")
        beside.chmod(0o755)
        _put_in_place(beside, path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return path


def list_models() -> list[str]:
    """Name the models that come with the package.

    Returns
    -------
    list of str
        Names that :func:`load` takes, sorted. The folder of each has a card, ``README.md``: what it has read,
        how good it is, and what it is not for.

    Examples
    --------
    >>> from skgenome.persistence import list_models
    >>> isinstance(list_models(), list)
    True
    """
    if not BOX.is_dir():
        return []
    return sorted(folder.name for folder in BOX.iterdir() if (folder / CONFIG_FILE).is_file())


def load(path: str | os.PathLike, *, max_bytes: int = 2**31) -> BaseEstimator:
    """Read an estimator that :func:`save` has written.

    Parameters
    ----------
    path : str or path
        The folder. Or the name of a model that comes with the package, one of :func:`list_models`; a folder
        of that name is preferred. Or ``"hf://user/name@revision"`` on the Hugging Face Hub, for which the
        extra ``hub`` has to be installed. A revision is a commit, a tag or a branch; a commit alone is the
        same model for ever. What has been fetched once is found without network.
    max_bytes : int, default=2**31
        Most bytes to fetch from a hub. For folders it is of no meaning.

    Returns
    -------
    estimator
        As it was saved: its predictions have the same bits on the same machine.

    Raises
    ------
    FileNotFoundError
        If there is no saved model.
    ImportError
        If a model on the hub is asked for, and its client is not installed.
    ValueError
        If an address on the hub is malformed, or what it names is larger than `max_bytes`.
    DataIntegrityError
        If a file is damaged: no JSON, weights that differ from their checksum, an array that is missing.
    ModelMismatchError
        If the folder was written in a newer layout, or its tokenizer and its model do not fit together.

    Examples
    --------
    >>> import tempfile
    >>> from skgenome.persistence import load, save
    >>> from skgenome.preprocessing import KmerCounter
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     load(save(KmerCounter(k=2), f"{folder}/counter")).transform(["GATTACA"]).sum()
    np.float32(6.0)
    """
    if isinstance(path, str) and path.startswith(SCHEME):
        return _load_folder(fetch(path, MODEL_FILES, max_bytes))
    name = os.fspath(path)
    path = Path(path)
    # Not path.name alone: of "./name", pathlib drops the dot.
    if path.exists() or path.name != name:
        return _load_folder(path)
    if path.name not in list_models():
        raise FileNotFoundError(
            f"There is no folder {path} here, and no model of that name in the package; it has "
            f"{', '.join(list_models()) or 'none'}. Give the folder that skgenome.save has written, or hf://user/name."
        )
    # The package may lie in an archive, where there are no paths.
    with as_file(BOX / path.name) as folder:
        return _load_folder(folder)


def push_to_hub(
    estimator: BaseEstimator,
    repo_id: str,
    *,
    readme: str | None = None,
    private: bool | None = None,
    revision: str | None = None,
    commit_message: str = "Add a model saved by skgenome",
) -> str:
    """Share an estimator on the Hugging Face Hub.

    The extra ``hub`` has to be installed, and a token that may write to be set (``hf auth login``, or the
    environment variable ``HF_TOKEN``). What goes there are the files that :func:`save` writes, and a page.

    Parameters
    ----------
    estimator : estimator
        As in :func:`save`.
    repo_id : str
        ``"user/name"``; made if it does not exist.
    readme : str, optional
        The page of a repository that has none yet, in Markdown: say there what the model has read, and how
        good it is. None writes a few lines on how to load it. A page that is there is left as it is.
    private : bool, optional
        Whether a new repository is private. None leaves that to the hub.
    revision : str, optional
        Branch to put it on, which must exist. None: the main one.
    commit_message : str
        Of the commit.

    Returns
    -------
    str
        ``"hf://user/name@commit"``, by which :func:`load` gives this very model.

    Raises
    ------
    ImportError
        If the client of the hub is not installed.
    TypeError
        If the estimator, or a part of it, is of a class that can't be saved this way.
    ValueError
        If `repo_id` is no name.
    OSError
        If the hub refuses it, or can't be reached.

    Examples
    --------
    >>> from skgenome.persistence import push_to_hub
    >>> from skgenome.preprocessing import KmerTokenizer
    >>> push_to_hub(KmerTokenizer(k=5), "somebody/tokenizer")  # doctest: +SKIP
    'hf://somebody/tokenizer@4f0b...'
    """
    with tempfile.TemporaryDirectory() as place:
        return push(
            save(estimator, Path(place) / "model"),
            repo_id,
            MODEL_FILES,
            readme=_PAGE.format(repo_id=repo_id, name=type(estimator).__name__) if readme is None else readme,
            private=private,
            revision=revision,
            commit_message=commit_message,
        )


def _load_folder(path: Path) -> BaseEstimator:
    config = _read_config(path / CONFIG_FILE)
    arrays = _read_weights(path / WEIGHTS_FILE, config["weights_sha256"])
    try:
        estimator = _unpack_estimator(config["estimator"], arrays)
        _check_pipelines(estimator)
    except ModelMismatchError as err:
        raise ModelMismatchError(f"{path / CONFIG_FILE}: {err}") from err
    except MemoryError:
        # The file is what it says: sizes that it only claims are refused before anything is made of them.
        raise
    # What stands there reaches constructors and setters of three libraries, each with errors of its own.
    except Exception as err:
        raise DataIntegrityError(
            f"{path / CONFIG_FILE} does not describe a model that can be put together: {_brief(err)}. Was it "
            "edited by hand? Save the model again, or fetch the folder anew."
        ) from err
    return estimator


def _brief(value: Any) -> str:
    """Show what stands in a folder, which may go on for megabytes."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _is_saved_model(path: Path) -> bool:
    """Say whether a folder holds a saved model and nothing that would be lost with it."""
    if not (path / CONFIG_FILE).is_file():
        return False
    return {file.name for file in path.iterdir()} <= {CONFIG_FILE, WEIGHTS_FILE}


def _put_in_place(beside: Path, path: Path) -> None:
    """Rename a whole folder to its place; the one that was there goes only after that."""
    if not path.exists():
        beside.rename(path)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}-old-", dir=path.parent))
    try:
        path.rename(old / "model")
        beside.rename(path)
    except BaseException:
        # An interruption by the user counts too: the old folder is removed below.
        if not path.exists():
            (old / "model").rename(path)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _read_config(file: Path) -> dict:
    if not file.is_file():
        raise FileNotFoundError(
            f"{file} does not exist: {file.parent} is no folder that skgenome.save has written."
        )
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
        found = config["format"], config["format_version"]
        complete = {"estimator", "weights_sha256"} <= config.keys()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise DataIntegrityError(
            f"{file} is damaged or no description of a saved model: {err}. Save it again."
        ) from err
    if found[0] != "skgenome-model" or not complete:
        raise DataIntegrityError(f"{file} describes {_brief(found[0])}, not a complete 'skgenome-model'.")
    if not isinstance(found[1], int) or found[1] > FORMAT_VERSION:
        raise ModelMismatchError(
            f"{file} has layout version {str(found[1])[:_SHOWN]}, this skgenome reads up to "
            f"{FORMAT_VERSION}. Upgrade skgenome."
        )
    return config


def _read_weights(file: Path, expected: str) -> dict[str, np.ndarray]:
    if not file.is_file():
        raise DataIntegrityError(f"{file} is missing beside {CONFIG_FILE}. Copy the whole folder.")
    content = file.read_bytes()
    found = sha256(content).hexdigest()
    if found != expected:
        raise DataIntegrityError(
            f"{file} ({len(content):,} bytes) is damaged: its sha256 is {found}, {CONFIG_FILE} expects "
            f"{str(expected)[:_SHOWN]}. Copy the folder again from where it came."
        )
    try:
        return load_tensors(content)
    # It has an error of its own, and others for what NumPy has no dtype for.
    except (SafetensorError, LookupError, ValueError, TypeError) as err:
        raise DataIntegrityError(f"{file} is no safetensors file: {_brief(err)}.") from err


def _pack(value: Any, place: str, arrays: dict[str, np.ndarray]) -> Any:
    """Turn a value into JSON; arrays go to `arrays` under their place."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        arrays[place] = np.ascontiguousarray(value)
        return {"array": place}
    if isinstance(value, np.ndarray) and value.dtype.kind in "UO":
        return {"object_array": _pack(value.tolist(), place, arrays), "dtype": value.dtype.kind}
    if isinstance(value, np.generic):
        return (
            value.item()
            if isinstance(value, np.str_)
            else {"array": _store(value, place, arrays), "scalar": True}
        )
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        packed = [_pack(item, f"{place}/{i}", arrays) for i, item in enumerate(value)]
        return {"tuple": packed} if isinstance(value, tuple) else packed
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: _pack(item, f"{place}/{key}", arrays) for key, item in value.items()}}
    if isinstance(value, dict):
        # The keys of class_weight are labels of any type; JSON would make text of them.
        return {"pairs": [_pack(pair, f"{place}/{i}", arrays) for i, pair in enumerate(value.items())]}
    if isinstance(value, BaseEstimator):
        return _pack_estimator(value, place, arrays)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    # torch.device; what has no network is saved without torch.
    if (type(value).__module__, type(value).__name__) == ("torch", "device"):
        return str(value)
    raise TypeError(
        f"{place} is {type(value).__name__} {str(value)[:60]!r}, which can't be saved as JSON and "
        f"safetensors. Estimators that can: {', '.join(sorted(SAVABLE))}. Pickle others with joblib, for "
        "yourself alone."
    )


def _store(value: np.generic, place: str, arrays: dict[str, np.ndarray]) -> str:
    arrays[place] = np.asarray(value).reshape(1)
    return place


def _pack_estimator(estimator: BaseEstimator, place: str, arrays: dict[str, np.ndarray]) -> dict:
    name = type(estimator).__name__
    if SAVABLE.get(name) is None or _class_of(name) is not type(estimator):
        raise TypeError(
            f"{place} is a {type(estimator).__module__}.{name}, which skgenome can't save without pickle. It "
            f"saves {', '.join(sorted(SAVABLE))}."
        )
    params = estimator.get_params(deep=False)
    state = {key: value for key, value in estimator.__getstate__().items() if key not in params}
    state.pop("_sklearn_version", None)
    packed = {
        "class": name,
        "params": {key: _pack(value, f"{place}.{key}", arrays) for key, value in params.items()},
    }
    if state.pop(REQUESTS, None) is not None:
        packed["requests"] = list_requests(estimator)
    return packed | {"state": {key: _pack(value, f"{place}.{key}", arrays) for key, value in state.items()}}


def _class_of(name: str) -> type:
    return getattr(import_module(SAVABLE[name]), name)


def _unpack(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Turn JSON back into a value. Nothing is created but the classes of SAVABLE."""
    if isinstance(value, list):
        return [_unpack(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if "class" in value:
        return _unpack_estimator(value, arrays)
    if "array" in value:
        array = arrays[value["array"]]
        return array[0] if value.get("scalar") else array
    if "object_array" in value:
        items = _unpack(value["object_array"], arrays)
        return np.array(items, dtype=object if value["dtype"] == "O" else None)
    if "tuple" in value:
        return tuple(_unpack(item, arrays) for item in value["tuple"])
    if "pairs" in value:
        return dict(_unpack(item, arrays) for item in value["pairs"])
    return {key: _unpack(item, arrays) for key, item in value["dict"].items()}


def _unpack_estimator(value: dict, arrays: dict[str, np.ndarray]) -> BaseEstimator:
    if value["class"] not in SAVABLE:
        raise TypeError(f"the class {value['class']!r} is none of those that may be loaded")
    params = {key: _unpack(item, arrays) for key, item in value["params"].items()}
    estimator = _class_of(value["class"])(**params)
    state = {key: _unpack(item, arrays) for key, item in value["state"].items()}
    if state:
        estimator.__setstate__({**estimator.__getstate__(), **state})
    if "requests" in value:
        restore_requests(estimator, value["requests"])
    return estimator


def _check_pipelines(estimator: BaseEstimator) -> None:
    """Refuse a Pipeline, at any depth, whose tokenizer does not make the tokens that its model knows."""
    for part in (estimator, *estimator.get_params().values()):
        if isinstance(part, Pipeline):
            _check_pipeline(part)


def _check_pipeline(pipeline: Pipeline) -> None:
    tokenizer = None
    for name, step in pipeline.steps:
        step = getattr(step, "estimator", step)
        if hasattr(step, "vocabulary_") and hasattr(step, "stride"):
            tokenizer = name, step
        elif hasattr(step, "k_") and hasattr(step, "stride_") and tokenizer is not None:
            _check_geometry(*tokenizer, name, step)


def _check_geometry(tokenizer_name: str, tokenizer: Any, model_name: str, model: Any) -> None:
    made = tokenizer.k, min(tokenizer.stride, tokenizer.k)
    known = model.k_, model.stride_
    if made != known:
        raise ModelMismatchError(
            f"Step {tokenizer_name!r} makes tokens of k={tokenizer.k}, stride={tokenizer.stride}, but step "
            f"{model_name!r} was fitted on k={model.k_}, stride={model.stride_}. Use the tokenizer that the "
            "model was fitted with."
        )
