"""The commands ``pretrain`` and ``fine-tune``."""

import inspect
import json

import numpy as np
import pytest

from skgenome._cli import cli
from skgenome.classification import SequenceClassifier, ULMFiTClassifier
from skgenome.linear_model import LassoLogisticRegressionCV
from skgenome.persistence import load, save
from skgenome.preprocessing import KmerCounter, KmerTokenizer
from skgenome.representation import LanguageModel
from skgenome.sequences import SequenceStore, read_sequences

SAME_NAMES = {"embedding_size", "hidden_size", "n_layers", "batch_size", "max_epochs", "max_steps", "layer"}
SAME_NAMES |= {"steps_per_round", "checkpoint_dir", "device"}


def defaults_of(name):
    """Give what a command takes for each option that is not given."""
    arguments = ["a.fa", "-o", "b"] + (["-m", "c"] if name == "fine-tune" else [])
    return cli.commands[name].make_context(name, arguments).params


def test_pretrain_defaults_are_those_of_the_model():
    given = defaults_of("pretrain")
    parameters = inspect.signature(LanguageModel).parameters
    assert {n: given[n] for n in SAME_NAMES} == {n: parameters[n].default for n in SAME_NAMES}


def test_fine_tune_defaults_are_those_of_the_classifier():
    given = defaults_of("fine-tune")
    assert given["max_epochs"] == inspect.signature(SequenceClassifier).parameters["max_epochs"].default


def test_pretrain_is_the_fit_of_a_language_model(files, model):
    token_ids = KmerTokenizer(k=3, padding=False).transform(
        [record.sequence for record in read_sequences(files.genome)]
    )
    lm = LanguageModel(
        embedding_size=8, hidden_size=8, n_layers=1, max_steps=4, batch_size=8, device="cpu", random_state=0
    ).fit(token_ids)
    loaded = load(model)
    assert isinstance(loaded[0], KmerTokenizer)
    np.testing.assert_array_equal(
        loaded.transform(files.X[:5]), lm.transform(loaded[0].transform(files.X[:5]))
    )


def test_pretrain_says_how_well(run, files, tiny, tmp_path):
    result = run("pretrain", files.genome, "-o", tmp_path / "m", "--stride", 2, "--random-state", 7, *tiny)
    lm = load(tmp_path / "m")[1]
    assert (lm.k_, lm.stride_, lm.random_state) == (3, 2, 7)
    assert f"{lm.history_[-1]['valid_bits_per_base']:.4f} bits per base" in result.stdout
    assert result.stderr == ""


def test_pretrain_through_a_store_gives_the_same_bits(run, files, model, tiny, tmp_path):
    store = tmp_path / "store"
    run("pretrain", files.genome, "--store", store, "-o", tmp_path / "first", *tiny)
    assert len(SequenceStore(store)) == 2
    run("pretrain", "--store", store, "-o", tmp_path / "again", *tiny)
    expected = load(model).transform(files.X[:5])
    for name in ("first", "again"):
        np.testing.assert_array_equal(load(tmp_path / name).transform(files.X[:5]), expected)


def test_pretrain_keeps_nothing_of_the_run(run, files, tiny, tmp_path):
    checkpoints = tmp_path / "checkpoints"
    run("pretrain", files.genome, "-o", tmp_path / "m", "--checkpoint-dir", checkpoints, *tiny)
    config = json.loads((tmp_path / "m" / "model.json").read_text())
    assert str(tmp_path) not in json.dumps(config)
    lm = load(tmp_path / "m")[1]
    assert (lm.device, lm.verbose, lm.checkpoint_dir) == ("auto", 0, None)


def test_pretrain_shows_a_bar_unless_quiet(run, files, tiny, tmp_path):
    loud = [option for option in tiny if option != "--quiet"]
    assert "bits" in run("pretrain", files.genome, "-o", tmp_path / "m", *loud).stderr


def test_pretrain_force_replaces_a_model_and_nothing_else(run, error_of, files, tiny, tmp_path):
    path = tmp_path / "m"
    save(KmerTokenizer(k=2), path)
    run("pretrain", files.genome, "-o", path, "--force", *tiny)
    assert len(load(path).steps) == 2
    (path / "notes.txt").write_text("mine")
    assert "holds more than a saved model" in error_of("pretrain", files.genome, "-o", path, "--force", *tiny)
    (tmp_path / "empty").mkdir()
    said = error_of("pretrain", files.genome, "-o", tmp_path / "empty", "--force", *tiny)
    assert "is no saved model" in said


def test_pretrain_tells_of_a_protein(error_of, tiny, tmp_path):
    fasta = tmp_path / "protein.fa"
    fasta.write_text(">p\nMKLVJ\n")
    assert "Is this a protein?" in error_of("pretrain", fasta, "-o", tmp_path / "m", *tiny)
    assert not (tmp_path / "m").exists()


def test_fine_tune_lasso_is_that_of_the_api(model, tuned):
    pretrained = load(model)
    lasso = LassoLogisticRegressionCV(random_state=0).fit(pretrained.transform(tuned.X), tuned.y)
    expected = lasso.predict_proba(pretrained.transform(tuned.X))
    np.testing.assert_allclose(load(tuned.path).predict_proba(tuned.X), expected, rtol=1e-5)
    assert np.ptp(expected) > 0.1


@pytest.mark.parametrize(
    ("options", "cls"),
    [(["--method", "frozen"], SequenceClassifier), (["--lm-epochs", "1"], ULMFiTClassifier)],
)
def test_fine_tune_network_is_that_of_the_api(run, files, model, tmp_path, options, cls):
    path, own = (
        tmp_path / "c",
        {"training": options[1]} if cls is SequenceClassifier else {"lm_max_epochs": 1},
    )
    run(
        "fine-tune",
        files.table,
        "-m",
        model,
        "-o",
        path,
        "--max-epochs",
        1,
        "--device",
        "cpu",
        "-q",
        *options,
    )
    tokenizer, lm = load(model)
    y = np.where(np.asarray(files.y) == 1, "promoter", "other")
    expected = cls(lm, max_epochs=1, device="cpu", random_state=0, **own).fit(tokenizer.transform(files.X), y)
    loaded = load(path)
    assert type(loaded[-1]) is cls
    assert loaded[-1].device == "auto"
    np.testing.assert_array_equal(
        loaded.predict_proba(files.X), expected.predict_proba(tokenizer.transform(files.X))
    )


def test_fine_tune_classes_are_names_of_files_or_given(run, files, model, tmp_path):
    for name, labelled in {
        "named": [files.promoter, files.other],
        "given": [f"yes={files.promoter}", f"no={files.other}"],
    }.items():
        options = ["--method", "lasso", "--device", "cpu"]
        run("fine-tune", *labelled, "-m", model, "-o", tmp_path / name, *options)
    assert load(tmp_path / "named").classes_.tolist() == ["other", "promoter"]
    assert load(tmp_path / "given").classes_.tolist() == ["no", "yes"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Got nothing"),
        ("dna,label\nACGT,a\n", "columns 'sequence' and 'label'"),
        ("sequence,label\nACGT,a\nACGT,\n", "no sequence or no label in line 3"),
        ("sequence,label\nACGT,a\nACGT,a\n", "two classes or more"),
    ],
)
def test_fine_tune_wrong_tables(error_of, model, tmp_path, text, said):
    table = tmp_path / "t.csv"
    table.write_text(text)
    assert said in error_of("fine-tune", table, "-m", model, "-o", tmp_path / "c")


def test_fine_tune_columns_and_tabs_and_byte_order_marks(run, files, model, tmp_path):
    table = tmp_path / "t.tsv"
    rows = [f"{s}\t{label}" for s, label in zip(files.X, files.y, strict=True)]
    table.write_text("\n".join(["dna\tkind", *rows]) + "\n", encoding="utf-8-sig")
    run(
        "fine-tune", table, "-m", model, "-o", tmp_path / "c", "--method", "lasso",
        "--sequence-column", "dna", "--label-column", "kind", "--device", "cpu",
    )  # fmt: skip
    assert load(tmp_path / "c").classes_.tolist() == ["0", "1"]


def test_fine_tune_wrong_inputs(error_of, files, model, classifier, tmp_path):
    output = ["-o", tmp_path / "c"]
    other = tmp_path / "promoter.fa"
    other.write_text(">a\nACGT\n")
    assert "both of class 'promoter'" in error_of("fine-tune", files.promoter, other, "-m", model, *output)
    assert "must hold a pretrained model" in error_of("fine-tune", files.table, "-m", classifier, *output)
    save(KmerCounter(), tmp_path / "counter")
    said = error_of("fine-tune", files.table, "-m", tmp_path / "counter", *output)
    assert "Got KmerCounter" in said
    assert not (tmp_path / "c").exists()


def test_fine_tune_takes_a_bare_language_model(run, files, model, tmp_path):
    """Saved by hand, without a tokenizer: the tokens that it knows say which."""
    save(load(model)[1], tmp_path / "bare")
    run("fine-tune", files.table, "-m", tmp_path / "bare", "-o", tmp_path / "c", "--method", "lasso")
    assert load(tmp_path / "c")[0].k == 3
