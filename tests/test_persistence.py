"""Saved models: the same bits come back, and nothing damaged, foreign or harmful gets in."""

import builtins
import json
import os
import pickle
import sys
from collections import Counter
from hashlib import sha256
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from skgenome import persistence
from skgenome.exceptions import DataIntegrityError, ModelMismatchError
from skgenome.persistence import CONFIG_FILE, SAVABLE, WEIGHTS_FILE, load, save
from skgenome.preprocessing import KmerCounter, KmerTokenizer
from skgenome.representation import ContrastivePredictiveCoding, LanguageModel

RANDOM = np.random.default_rng(0)
SEQUENCES = ["".join(RANDOM.choice(list("ACGT"), n)) for n in RANDOM.integers(30, 60, 24)] + ["T" * 40] * 2
LABELS = np.array(["plus", "minus"])[np.array([s.count("G") % 2 for s in SEQUENCES])]
COUNTS = KmerCounter(k=2, sparse=False).transform(SEQUENCES)
TOKEN_IDS = KmerTokenizer(k=3).transform(SEQUENCES)
BASES = KmerTokenizer(k=1).transform(SEQUENCES)


def contrastive():
    sizes = {"width": 1, "context_size": 3, "patch_length": 8, "patch_stride": 4, "n_patches": 4}
    options = {"steps": (2,), "max_steps": 1, "device": "cpu", "random_state": 0}
    return ContrastivePredictiveCoding(**sizes, **options).fit(BASES)


def language_model():
    params = {"embedding_size": 4, "hidden_size": 6, "n_layers": 2, "batch_size": 4, "bptt": 10}
    lm = LanguageModel(**params, max_steps=5, device="cpu", cache_size=0, random_state=0)
    return lm.fit(TOKEN_IDS)


def lasso():
    return import_module("skgenome.linear_model").LassoLogisticRegressionCV().fit(COUNTS, LABELS)


def label_fraction():
    classifier = import_module("skgenome.model_selection").LabelFractionClassifier
    return classifier(LogisticRegression(), fraction=0.5, random_state=0).fit(COUNTS, LABELS)


def classifier(name, **params):
    cls = getattr(import_module("skgenome.classification"), name)
    params = {"max_epochs": 1, "batch_size": 8, "cv": 2, "device": "cpu", "random_state": 0, **params}
    return cls(FrozenEstimator(language_model()), **params)


# For each class that can be saved: how to make a fitted one, what it is asked, and about what.
MAKERS = {
    "ContrastivePredictiveCoding": (contrastive, "transform", BASES),
    "KmerCounter": (lambda: KmerCounter(k=3, k_min=1), "transform", SEQUENCES),
    "KmerTokenizer": (lambda: KmerTokenizer(k=5, stride=2), "transform", SEQUENCES),
    "LabelFractionClassifier": (label_fraction, "predict_proba", COUNTS),
    "LanguageModel": (language_model, "transform", TOKEN_IDS),
    "LassoLogisticRegressionCV": (lasso, "predict_proba", COUNTS),
    "SequenceClassifier": (
        lambda: classifier("SequenceClassifier", class_weight={"plus": 2, "minus": 1.0}).fit(
            TOKEN_IDS, LABELS
        ),
        "predict_proba",
        TOKEN_IDS,
    ),
    "ULMFiTClassifier": (
        lambda: classifier("ULMFiTClassifier", lm_max_epochs=1, head="mlp").fit(TOKEN_IDS, LABELS),
        "predict_proba",
        TOKEN_IDS,
    ),
    "FrozenEstimator": (lambda: FrozenEstimator(language_model()), "transform", TOKEN_IDS),
    "Pipeline": (
        lambda: make_pipeline(
            KmerTokenizer(k=3), language_model(), StandardScaler(), LogisticRegression()
        ).fit(SEQUENCES, LABELS),
        "predict_proba",
        SEQUENCES,
    ),
    "FeatureUnion": (
        lambda: FeatureUnion(
            [("counts", KmerCounter(k=2, sparse=False)), ("none", "drop")],
            transformer_weights={"counts": 2.0},
        ).fit(SEQUENCES),
        "transform",
        SEQUENCES,
    ),
    "StandardScaler": (lambda: StandardScaler().fit(COUNTS), "transform", COUNTS),
    "MaxAbsScaler": (lambda: MaxAbsScaler().fit(COUNTS), "transform", COUNTS),
    "LogisticRegression": (lambda: LogisticRegression().fit(COUNTS, LABELS), "predict_proba", COUNTS),
}


@pytest.fixture(scope="module")
def lm():
    return language_model()


@pytest.fixture
def folder(lm, tmp_path):
    """A saved language model."""
    return save(lm, tmp_path / "model")


def as_array(output):
    return output.toarray() if hasattr(output, "toarray") else np.asarray(output)


def read_config(folder):
    return json.loads((folder / CONFIG_FILE).read_text())


def change_config(folder, change):
    config = read_config(folder)
    change(config)
    (folder / CONFIG_FILE).write_text(json.dumps(config))


def change_weights(folder, change):
    """Replace the weights, checksum included, as somebody with intent would."""
    arrays = load_tensors((folder / WEIGHTS_FILE).read_bytes())
    change(arrays)
    content = save_tensors(arrays)
    (folder / WEIGHTS_FILE).write_bytes(content)
    change_config(folder, lambda config: config.update(weights_sha256=sha256(content).hexdigest()))


def litter(path):
    """Name what lies beside a folder."""
    return [file.name for file in path.parent.iterdir() if file != path]


@pytest.mark.parametrize("name", sorted(SAVABLE))
def test_save_and_load_give_the_same_bits(name, tmp_path):
    make, method, X = MAKERS[name]
    estimator = make()
    loaded = load(save(estimator, tmp_path / "model"))
    assert type(loaded) is type(estimator)
    assert (as_array(getattr(loaded, method)(X)) == as_array(getattr(estimator, method)(X))).all()


@pytest.mark.parametrize("name", sorted(SAVABLE))
def test_save_and_load_and_save_give_the_same_folder(name, tmp_path):
    """What was lost or changed on the way would show in the second folder."""
    first = save(MAKERS[name][0](), tmp_path / "first")
    second = save(load(first), tmp_path / "second")
    assert read_config(first) == read_config(second)
    assert (first / WEIGHTS_FILE).read_bytes() == (second / WEIGHTS_FILE).read_bytes()


@pytest.mark.parametrize("name", sorted(SAVABLE))
def test_save_holds_json_and_safetensors_alone(name, tmp_path):
    folder = save(MAKERS[name][0](), tmp_path / "model")
    assert sorted(file.name for file in folder.iterdir()) == [CONFIG_FILE, WEIGHTS_FILE]
    read_config(folder)
    load_tensors((folder / WEIGHTS_FILE).read_bytes())


@pytest.mark.parametrize(
    "estimator",
    [
        LanguageModel(hidden_size=7, stretch_length=None, learning_rate=np.float64(0.1), strand="average"),
        KmerCounter(k=4, canonical=True),
        make_pipeline(KmerTokenizer(), LanguageModel(), memory="folder"),
        StandardScaler(with_mean=np.bool_(False)),
    ],
    ids=["language model", "counter", "pipeline", "scaler"],
)
def test_save_unfitted_keeps_the_parameters(estimator, tmp_path):
    loaded = load(save(estimator, tmp_path / "model"))
    assert repr(loaded) == repr(estimator)
    assert Counter(map(type, loaded.get_params().values())) == Counter(
        map(type, estimator.get_params().values())
    )


def test_save_keeps_what_a_language_model_can_do(lm, folder):
    loaded = load(folder)
    assert loaded.score(TOKEN_IDS) == lm.score(TOKEN_IDS)
    assert (loaded.sample(2, random_state=0) == lm.sample(2, random_state=0)).all()
    assert (loaded.k_, loaded.stride_, loaded.n_tokens_) == (3, 1, 66)
    assert loaded.history_[-1]["step"] == 5
    assert list(loaded.get_feature_names_out()) == list(lm.get_feature_names_out())
    loaded.partial_fit(TOKEN_IDS)
    assert loaded.history_[-1]["step"] == 10


def test_load_leaves_the_global_generator_alone(folder):
    before = torch.random.get_rng_state()
    load(folder)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_save_and_load_take_strings_and_make_parents(tmp_path):
    path = str(tmp_path / "a" / "b" / "model")
    assert save(KmerTokenizer(k=2), path) == Path(path)
    assert load(path).k == 2


def test_save_keeps_arrays_of_strings_and_objects(tmp_path):
    scaler = StandardScaler().fit(COUNTS)
    scaler.feature_names_in_ = np.array([f"kmer{i}" for i in range(16)], dtype=object)
    scaler.labels_ = np.array([["a", "bc"], ["d", ""]])
    loaded = load(save(scaler, tmp_path / "model"))
    for name in ("feature_names_in_", "labels_"):
        found, expected = getattr(loaded, name), getattr(scaler, name)
        assert found.tolist() == expected.tolist()
        assert found.dtype == expected.dtype


def test_save_keeps_numbers_that_json_can_not_spell(tmp_path):
    scaler = StandardScaler()
    scaler.values_ = [float("inf"), np.float32(0.1), np.int64(3), np.bool_(True), np.str_("x")]
    loaded = load(save(scaler, tmp_path / "model")).values_
    assert loaded == scaler.values_
    assert [type(x) for x in loaded] == [float, np.float32, np.int64, np.bool_, str]
    scaler.values_ = [float("nan")]
    assert np.isnan(load(save(scaler, tmp_path / "model")).values_).all()


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (PCA(), r"estimator is a sklearn\.decomposition\._pca\.PCA, which skgenome can't save"),
        (make_pipeline(KmerCounter(), PCA()), r"estimator\.steps/1/1 is a sklearn"),
        (KmerTokenizer(k=print), r"estimator\.k is builtin_function_or_method .* can't be saved as JSON"),
        (LanguageModel(random_state=np.random.RandomState(0)), r"estimator\.random_state is RandomState"),
        (LanguageModel(optimizer=torch.optim.SGD), r"estimator\.optimizer is type"),
        (KmerTokenizer(k={1, 2}), r"estimator\.k is set"),
        ("GATTACA", r"estimator is a builtins\.str"),
    ],
    ids=["class", "step", "function", "generator", "optimizer class", "set", "no estimator"],
)  # fmt: skip
def test_save_refuses_what_it_can_not_write(estimator, message, tmp_path):
    with pytest.raises(TypeError, match=message):
        save(estimator, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_save_refuses_a_class_that_only_has_the_name(tmp_path):
    impostor = type("KmerTokenizer", (KmerTokenizer,), {})
    with pytest.raises(TypeError, match=r"is a .*KmerTokenizer, which skgenome can't save"):
        save(impostor(), tmp_path / "model")


@pytest.mark.parametrize(("k", "stride"), [(4, 1), (3, 2), (3, 3)])
@pytest.mark.parametrize("freeze", [True, False], ids=["frozen", "plain"])
def test_save_refuses_a_tokenizer_that_does_not_fit_the_model(freeze, k, stride, lm, tmp_path):
    pipe = make_pipeline(KmerTokenizer(k=k, stride=stride), FrozenEstimator(lm) if freeze else lm)
    with pytest.raises(
        ModelMismatchError, match=f"makes tokens of k={k}, stride={stride}, but .* k=3, stride=1"
    ):
        save(pipe, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "wrap",
    [
        lambda pipe: make_pipeline(pipe, StandardScaler()),
        lambda pipe: FeatureUnion([("counts", KmerCounter()), ("lm", pipe)]),
        FrozenEstimator,
    ],
    ids=["pipeline", "union", "frozen"],
)
def test_save_finds_a_tokenizer_that_does_not_fit_at_any_depth(wrap, lm, tmp_path):
    """Non-regression: only a Pipeline at the top was looked at."""
    with pytest.raises(ModelMismatchError, match="Step 'kmertokenizer' makes tokens of k=4"):
        save(wrap(make_pipeline(KmerTokenizer(k=4), lm)), tmp_path / "model")


def test_load_refuses_a_tokenizer_that_does_not_fit_the_model(lm, tmp_path):
    folder = save(make_pipeline(KmerTokenizer(k=3), lm), tmp_path / "model")
    text = (folder / CONFIG_FILE).read_text()
    change_config(folder, lambda c: c["estimator"]["params"]["steps"][0]["tuple"][1]["params"].update(k=4))
    assert (folder / CONFIG_FILE).read_text() != text
    with pytest.raises(ModelMismatchError, match="Step 'kmertokenizer' makes tokens of k=4"):
        load(folder)


@pytest.mark.parametrize("name", ["SequenceClassifier", "ULMFiTClassifier"])
def test_save_and_load_a_pipeline_that_ends_in_a_classifier(name, tmp_path):
    pipe = make_pipeline(KmerTokenizer(k=3), classifier(name, training="frozen")).fit(SEQUENCES, LABELS)
    loaded = load(save(pipe, tmp_path / "model"))
    assert (loaded.predict_proba(SEQUENCES) == pipe.predict_proba(SEQUENCES)).all()
    assert loaded.predict(SEQUENCES).tolist() == pipe.predict(SEQUENCES).tolist()


@pytest.mark.parametrize(("k", "stride"), [(4, 1), (3, 2)])
def test_save_refuses_a_tokenizer_that_does_not_fit_the_classifier(k, stride, tmp_path):
    fitted = classifier("SequenceClassifier", training="frozen").fit(TOKEN_IDS, LABELS)
    with pytest.raises(ModelMismatchError, match=f"makes tokens of k={k}, stride={stride}, but .* k=3, str"):
        save(make_pipeline(KmerTokenizer(k=k, stride=stride), fitted), tmp_path / "model")


@pytest.mark.parametrize("class_weight", [{0: 1, 1: 5.5}, {"a": 2}, {np.int64(3): np.float64(0.1)}, {}])
def test_save_keeps_class_weights_with_labels_of_any_type(class_weight, tmp_path):
    """Non-regression: only dicts with text for keys could be saved."""
    model = classifier("SequenceClassifier", class_weight=class_weight, unfreeze_schedule=[(1, 2, 1e-3)])
    loaded = load(save(model, tmp_path / "model"))
    assert loaded.class_weight == class_weight
    assert list(map(type, loaded.class_weight)) == list(map(type, class_weight))
    assert loaded.unfreeze_schedule == [(1, 2, 1e-3)]


@pytest.mark.parametrize("labels", [LABELS, LABELS.astype(object), (LABELS == "plus") + 1, LABELS == "plus"])
def test_save_keeps_the_labels_of_a_classifier(labels, tmp_path):
    fitted = classifier("SequenceClassifier", training="frozen").fit(TOKEN_IDS, labels)
    loaded = load(save(fitted, tmp_path / "model"))
    assert loaded.classes_.dtype == fitted.classes_.dtype
    assert loaded.predict(TOKEN_IDS).tolist() == fitted.predict(TOKEN_IDS).tolist()
    assert type(loaded.coder_) is type(fitted.coder_)


def test_save_stride_beyond_k_reads_as_k(tmp_path):
    pipe = make_pipeline(
        KmerTokenizer(k=2, stride=5), LanguageModel(embedding_size=2, hidden_size=2, max_steps=1)
    )
    pipe.fit(SEQUENCES)
    assert load(save(pipe, tmp_path / "model"))[-1].stride_ == 2


@pytest.mark.parametrize("place", [0, 100, -1])
def test_load_refuses_weights_with_a_flipped_bit(place, folder):
    content = bytearray((folder / WEIGHTS_FILE).read_bytes())
    content[place] ^= 1
    (folder / WEIGHTS_FILE).write_bytes(content)
    with pytest.raises(DataIntegrityError, match=r"weights\.safetensors .*damaged: its sha256 is .* expects"):
        load(folder)


@pytest.mark.parametrize("n_bytes", [0, 7, 1000])
def test_load_refuses_truncated_weights(n_bytes, folder):
    content = (folder / WEIGHTS_FILE).read_bytes()
    (folder / WEIGHTS_FILE).write_bytes(content[:n_bytes])
    with pytest.raises(DataIntegrityError, match=f"{n_bytes:,} bytes. is damaged"):
        load(folder)


def test_load_refuses_weights_that_are_no_safetensors(folder):
    (folder / WEIGHTS_FILE).write_bytes(b"nonsense")
    change_config(folder, lambda c: c.update(weights_sha256=sha256(b"nonsense").hexdigest()))
    with pytest.raises(DataIntegrityError, match="is no safetensors file"):
        load(folder)


def test_load_says_when_the_weights_are_missing(folder):
    (folder / WEIGHTS_FILE).unlink()
    with pytest.raises(DataIntegrityError, match=r"weights\.safetensors is missing beside model\.json"):
        load(folder)


@pytest.mark.parametrize("exists", [True, False], ids=["empty folder", "no folder"])
def test_load_says_when_there_is_no_model(exists, tmp_path):
    path = tmp_path / "model"
    if exists:
        path.mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"model\.json does not exist: .* is no folder that skgenome\.save"
    ):
        load(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"3", b"null", b"{}", b'{"format": "skgenome-model"}', b"\xff\xfe\x00", b"GATTACA"],
    ids=repr,
)
def test_load_refuses_damaged_json(content, folder):
    (folder / CONFIG_FILE).write_bytes(content)
    with pytest.raises(
        DataIntegrityError, match=r"model\.json is damaged or no description of a saved model"
    ):
        load(folder)


@pytest.mark.parametrize("size", [0.1, 0.5, 0.9])
def test_load_refuses_truncated_json(size, folder):
    content = (folder / CONFIG_FILE).read_bytes()
    (folder / CONFIG_FILE).write_bytes(content[: int(size * len(content))])
    with pytest.raises(DataIntegrityError, match=r"model\.json is damaged"):
        load(folder)


@pytest.mark.parametrize(
    "change",
    [lambda c: c.update(format="other"), lambda c: c.pop("estimator"), lambda c: c.pop("weights_sha256")],
)
def test_load_refuses_a_description_of_something_else(change, folder):
    change_config(folder, change)
    with pytest.raises(DataIntegrityError, match="not a complete 'skgenome-model'"):
        load(folder)


@pytest.mark.parametrize("version", [2, 1000, "1", None])
def test_load_refuses_a_newer_layout(version, folder):
    change_config(folder, lambda c: c.update(format_version=version))
    with pytest.raises(
        ModelMismatchError, match=f"layout version {version}, this skgenome reads up to 1. Upgrade"
    ):
        load(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e.pop("state"),
        lambda e: e["params"].update(no_such_parameter=1),
        lambda e: e["state"]["architecture_"]["dict"].update(hidden_size=7),
        lambda e: e["state"]["architecture_"]["dict"].update(hidden_size=0),
        lambda e: e["state"]["architecture_"]["dict"].update(no_such_size=7),
        lambda e: e["state"].update(n_tokens_=0),
        lambda e: e["state"].update(n_tokens_=18),
        lambda e: e["state"]["weights_"]["dict"].pop("bias"),
        lambda e: e["state"]["weights_"]["dict"].update(bias={"array": "no such array"}),
        lambda e: e["state"].update(k_={"something": "else"}),
        lambda e: e.update({"class": ["LanguageModel"]}),
        lambda e: e.pop("class"),
    ],
    ids=[
        "no state", "parameter", "sizes", "size zero", "unknown size", "no tokens", "other tokens",
        "weight missing", "array missing", "value of no kind", "class of no kind", "no class",
    ],
)  # fmt: skip
def test_load_refuses_a_model_that_can_not_be_put_together(change, folder):
    change_config(folder, lambda c: change(c["estimator"]))
    with pytest.raises(
        DataIntegrityError, match=r"model\.json does not describe a model that can be put together"
    ):
        load(folder)


def test_load_refuses_weights_of_another_shape(folder):
    change_weights(
        folder, lambda arrays: arrays.update({"estimator.weights_/bias": np.zeros(3, dtype=np.float32)})
    )
    with pytest.raises(DataIntegrityError, match=r"can be put together.*bias"):
        load(folder)


def test_load_refuses_json_that_is_nested_without_end(folder):
    """Non-regression test: a RecursionError came out of the reader of JSON."""
    (folder / CONFIG_FILE).write_text('{"format": ' + "[" * 10**5 + "]" * 10**5 + "}")
    with pytest.raises(DataIntegrityError, match=r"model\.json is damaged"):
        load(folder)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c.update(format="x" * 10**5),
        lambda c: c.update(format_version="x" * 10**5),
        lambda c: c.update(weights_sha256="x" * 10**5),
        lambda c: c["estimator"].update({"class": "x" * 10**5}),
        lambda c: c["estimator"]["state"].update(k_={"x" * 10**5: 0}),
    ],
)
def test_load_repeats_no_megabytes(change, folder):
    """Non-regression test: messages had all of what stands in the folder."""
    change_config(folder, change)
    with pytest.raises((DataIntegrityError, ModelMismatchError), match=r"model\.json") as raised:
        load(folder)
    assert len(str(raised.value)) < 1500


@pytest.mark.parametrize("steps", [[["tokens"]], 5, "x", [5]])
def test_load_refuses_a_pipeline_of_no_steps(steps, tmp_path):
    """Non-regression test: an error of Python, or of scikit-learn, named neither file nor place."""
    folder = save(make_pipeline(KmerCounter(), StandardScaler(with_mean=False)), tmp_path / "model")
    change_config(folder, lambda c: c["estimator"]["params"].update(steps=steps))
    with pytest.raises(DataIntegrityError, match=r"model\.json does not describe a model"):
        load(folder)


def test_load_refuses_weights_that_are_a_list_of_arrays(folder):
    """Non-regression test: torch made a tensor of it, and warned that this is slow."""

    def change(config):
        weights = config["estimator"]["state"]["weights_"]["dict"]
        weights["bias"] = [weights["bias"]]

    change_config(folder, change)
    with pytest.raises(DataIntegrityError, match=r"the weight 'bias' has the shape .* and \('no array',\)"):
        load(folder)


def test_load_refuses_weights_that_numpy_has_no_dtype_for(folder):
    """Non-regression test: bfloat16 is one of safetensors' types and none of NumPy's."""
    header = b'{"x":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}}'
    content = len(header).to_bytes(8, "little") + header + b"\0\0"
    (folder / WEIGHTS_FILE).write_bytes(content)
    change_config(folder, lambda c: c.update(weights_sha256=sha256(content).hexdigest()))
    with pytest.raises(DataIntegrityError, match=r"is no safetensors file|can be put together"):
        load(folder)


@pytest.mark.parametrize(
    "name", ["os.system", "PCA", "sklearn.decomposition.PCA", "subprocess.Popen", "eval"]
)
def test_load_creates_no_class_but_those_listed(name, folder, monkeypatch):
    change_config(folder, lambda c: c["estimator"].update({"class": name, "params": {}, "state": {}}))
    monkeypatch.setattr(persistence, "import_module", lambda m: pytest.fail(f"{m} was imported"))
    with pytest.raises(DataIntegrityError, match=f"class '{name}' is none of those that may be loaded"):
        load(folder)


def test_load_imports_no_module_named_in_the_folder(folder):
    name = "antigravity"
    assert name not in sys.modules
    change_config(folder, lambda c: c["estimator"].update({"class": name}))
    with pytest.raises(DataIntegrityError, match="none of those that may be loaded"):
        load(folder)
    assert name not in sys.modules


class Bomb:
    """Pickles to something that creates a file when it is opened."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["model.pkl", "weights.pt", "estimator.joblib", "__init__.py"])
def test_load_opens_no_pickle(name, folder, tmp_path, monkeypatch):
    (folder / name).write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    opened = []
    real_open = builtins.open
    monkeypatch.setattr(
        builtins, "open", lambda file, *a, **k: opened.append(str(file)) or real_open(file, *a, **k)
    )
    load(folder)
    assert not (tmp_path / "exploded").exists()
    assert not any(name in file for file in opened)


def test_load_does_not_unpickle_weights(folder, tmp_path):
    """Nor where the pickle stands in the place of the weights, with a checksum that fits."""
    content = pickle.dumps(Bomb(tmp_path / "exploded"))
    (folder / WEIGHTS_FILE).write_bytes(content)
    change_config(folder, lambda c: c.update(weights_sha256=sha256(content).hexdigest()))
    with pytest.raises(DataIntegrityError, match="no safetensors file"):
        load(folder)
    assert not (tmp_path / "exploded").exists()


def test_save_replaces_a_saved_model(folder):
    save(KmerTokenizer(k=7), folder)
    assert load(folder).k == 7
    assert sorted(file.name for file in folder.iterdir()) == [CONFIG_FILE, WEIGHTS_FILE]
    assert litter(folder) == []


def make_file(path):
    path.write_text("precious")


def make_folder(path):
    path.mkdir()
    (path / "precious").write_text("data")


def make_empty_folder(path):
    path.mkdir()


def make_folder_with_a_model_and_more(path):
    """Non-regression: all else in a folder with a ``model.json`` was deleted with it."""
    save(KmerTokenizer(), path)
    (path / "precious").write_text("data")


@pytest.mark.parametrize(
    "make", [make_file, make_folder, make_empty_folder, make_folder_with_a_model_and_more],
    ids=["file", "folder", "empty folder", "model and more"],
)  # fmt: skip
def test_save_leaves_alone_what_is_no_saved_model(make, tmp_path):
    path = tmp_path / "model"
    make(path)
    before = sorted(str(file) for file in tmp_path.rglob("*"))
    with pytest.raises(
        FileExistsError, match=r"model exists and is not a folder with a saved model and nothing"
    ):
        save(KmerTokenizer(), path)
    assert sorted(str(file) for file in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("step", ["write_bytes", "write_text", "rename"])
def test_save_that_is_interrupted_leaves_the_old_model(step, error, folder, monkeypatch):
    def interrupted(*_, **__):
        raise error("interrupted")

    monkeypatch.setattr(Path, step, interrupted)
    with pytest.raises(error):
        save(KmerTokenizer(k=7), folder)
    monkeypatch.undo()
    assert type(load(folder)) is LanguageModel
    assert litter(folder) == []


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_save_that_is_interrupted_between_renames_leaves_the_old_model(error, folder, monkeypatch):
    """Non-regression: the old model had been moved away and was deleted, the new one was not in place."""
    rename, calls = Path.rename, []

    def interrupted(self, target):
        calls.append(target)
        if len(calls) == 2:
            raise error("interrupted")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(error):
        save(KmerTokenizer(k=7), folder)
    monkeypatch.undo()
    assert len(calls) == 3
    assert type(load(folder)) is LanguageModel
    assert litter(folder) == []


def test_save_that_fails_leaves_no_litter(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        save(KmerTokenizer(), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_save_may_be_read_by_others(folder):
    assert folder.stat().st_mode & 0o777 == 0o755


def test_save_of_a_pipeline_with_a_frozen_model(lm, tmp_path):
    pipe = Pipeline(
        [("tokens", KmerTokenizer(k=3)), ("lm", FrozenEstimator(lm)), ("lr", LogisticRegression())]
    )
    pipe.fit(SEQUENCES, LABELS)
    loaded = load(save(pipe, tmp_path / "model"))
    assert (loaded.predict_proba(SEQUENCES) == pipe.predict_proba(SEQUENCES)).all()
    assert loaded.classes_.tolist() == ["minus", "plus"]
    assert isinstance(loaded["lm"], FrozenEstimator)


def test_save_of_a_path_among_the_parameters(tmp_path):
    loaded = load(save(LanguageModel(checkpoint_dir=tmp_path / "checkpoints"), tmp_path / "model"))
    assert loaded.checkpoint_dir == str(tmp_path / "checkpoints")


@pytest.fixture
def box(tmp_path, monkeypatch):
    """A box with one model, and something that is none."""
    place = tmp_path / "box"
    save(KmerCounter(k=2), place / "counter-small")
    (place / "notes").mkdir()
    monkeypatch.setattr(persistence, "BOX", place)
    monkeypatch.chdir(tmp_path)
    return place


def test_list_models_names_what_is_in_the_box(box):
    assert persistence.list_models() == ["counter-small"]


def test_list_models_of_no_box_is_empty(tmp_path, monkeypatch):
    monkeypatch.setattr(persistence, "BOX", tmp_path / "none")
    assert persistence.list_models() == []
    with pytest.raises(FileNotFoundError, match="no model of that name in the package; it has none"):
        load("counter-small")


def test_load_takes_a_model_of_the_box_by_its_name(box):
    (box / "counter-small" / "README.md").write_text("A card.")
    assert load("counter-small").k == 2


def test_load_prefers_a_folder_to_a_model_of_the_box(box):
    save(KmerCounter(k=5), "counter-small")
    assert load("counter-small").k == 5


def test_load_of_an_unknown_name_lists_those_there_are(box):
    with pytest.raises(FileNotFoundError, match=r"no folder counter here.*; it has counter-small\. Give"):
        load("counter")


@pytest.mark.parametrize("path", ["./counter-small", "elsewhere/counter-small"])
def test_load_of_a_path_is_never_a_name(box, path):
    with pytest.raises(FileNotFoundError, match=r"is no folder that skgenome.save has written"):
        load(path)
