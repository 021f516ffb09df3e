"""The commands ``embed`` and ``classify``."""

import csv
import gzip

import numpy as np
import pandas
import polars
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skgenome._cli import outputs
from skgenome._cli.inputs import iter_batches
from skgenome._cli.predicting import set_device
from skgenome.classification import SequenceClassifier
from skgenome.persistence import load, save
from skgenome.preprocessing import KmerCounter, KmerTokenizer
from skgenome.representation import LanguageModel
from skgenome.sequences import SequenceRecord, read_sequences, write_fasta


def read_table(path, delimiter=","):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as file:
        header, *rows = csv.reader(file, delimiter=delimiter)
    return header, rows


def test_embed_npy_is_transform(run, files, model, tmp_path):
    result = run(
        "embed", files.promoter, files.other, "-m", model, "-o", tmp_path / "a.npy", "--device", "cpu"
    )
    X = [record.sequence for record in read_sequences([files.promoter, files.other])]
    features = np.load(tmp_path / "a.npy")
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, load(model).transform(X), rtol=1e-5, atol=1e-6)
    assert f"{len(X)} sequences, {features.shape[1]} features each" in result.stdout


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".parquet"])
def test_embed_tables_have_names(run, files, model, tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    run("embed", files.promoter, "-m", model, "-o", path, "-q", "--device", "cpu")
    records = read_sequences(files.promoter)
    if suffix == ".parquet":
        frame = polars.read_parquet(path)
        header, rows = frame.columns, frame.rows()
    else:
        header, rows = read_table(path, "\t" if suffix == ".tsv" else ",")
    assert header == ["name", *load(model)[-1].get_feature_names_out()]
    assert [row[0] for row in rows] == [record.name for record in records]
    found = np.array([row[1:] for row in rows], dtype=float)
    expected = load(model).transform([record.sequence for record in records])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_embed_counts_of_kmers(run, files, tmp_path):
    save(KmerCounter(k=2), tmp_path / "counter")
    run("embed", files.promoter, "-m", tmp_path / "counter", "-o", tmp_path / "a.csv", "-q")
    header, rows = read_table(tmp_path / "a.csv")
    assert header[1:3] == ["AA", "AC"]
    assert len(rows) == len(read_sequences(files.promoter))


def test_embed_parquet_without_a_writer_says_what_to_install(error_of, files, model, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = error_of("embed", files.promoter, "-m", model, "-o", tmp_path / "a.parquet")
    assert "pip install polars" in said


def test_write_parquet_by_pandas_where_polars_is_missing(tmp_path, monkeypatch):
    def to_parquet(frame, file, index):
        assert not index
        file.write(frame.to_csv(index=index).encode())

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "polars" else name)
    monkeypatch.setattr(pandas.DataFrame, "to_parquet", to_parquet)
    outputs.write_parquet(tmp_path / "a.parquet", {"name": ["x"], "f0": np.array([0.5])})
    assert (tmp_path / "a.parquet").read_text() == "name,f0\nx,0.5\n"


def test_embed_refuses_a_classifier(error_of, files, classifier, tmp_path):
    said = error_of("embed", files.promoter, "-m", classifier, "-o", tmp_path / "a.npy", "-q")
    assert "is a classifier, which gives no features" in said


def test_embed_leaves_nothing_of_a_file_that_breaks_off(error_of, files, model, tmp_path):
    half = tmp_path / "half.fa.gz"
    half.write_bytes(files.promoter.read_bytes()[:-20])
    before = set(tmp_path.iterdir())
    assert "breaks off or is damaged" in error_of("embed", half, "-m", model, "-o", tmp_path / "a.npy", "-q")
    assert set(tmp_path.iterdir()) == before


def test_classify_is_predict_proba(run, files, classifier, tmp_path):
    path = tmp_path / "a.tsv"
    result = run("classify", files.promoter, files.other, "-m", classifier, "-o", path, "--device", "cpu")
    records = read_sequences([files.promoter, files.other])
    X = [record.sequence for record in records]
    header, rows = read_table(path, "\t")
    assert header == ["name", "class", "probability_other", "probability_promoter"]
    assert [row[0] for row in rows] == [record.name for record in records]
    assert [row[1] for row in rows] == load(classifier).predict(X).tolist()
    found = np.array([row[2:] for row in rows], dtype=float)
    assert np.ptp(found) > 0.1
    np.testing.assert_allclose(found, load(classifier).predict_proba(X), rtol=1e-5)
    assert f"{len(X)} sequences" in result.stderr


def test_classify_labels_of_their_own(run, files, tmp_path):
    y = np.column_stack([files.y, np.ones(len(files.X), dtype=int), np.arange(len(files.X)) % 2])
    y[0] = 0
    lm = LanguageModel(embedding_size=4, hidden_size=4, n_layers=1)
    pipeline = make_pipeline(KmerTokenizer(k=2), SequenceClassifier(lm, max_epochs=1, random_state=0))
    pipeline.fit(files.X, y)
    save(pipeline, tmp_path / "many")
    fasta, path = tmp_path / "a.fa", tmp_path / "a.tsv"
    write_fasta(fasta, files.X)
    run("classify", fasta, "-m", tmp_path / "many", "-o", path, "-q", "--device", "cpu")
    header, rows = read_table(path, "\t")
    assert header == ["name", "class", "probability_0", "probability_1", "probability_2"]
    indicator = pipeline.predict(files.X)
    assert [row[1] for row in rows] == [",".join(map(str, np.flatnonzero(row))) for row in indicator]


def test_classify_numbers_as_classes(run, files, tmp_path):
    save(make_pipeline(KmerCounter(k=2), LogisticRegression()).fit(files.X, files.y), tmp_path / "c")
    run("classify", files.promoter, "-m", tmp_path / "c", "-o", tmp_path / "a.csv", "-q")
    header, rows = read_table(tmp_path / "a.csv")
    assert header == ["name", "class", "probability_0", "probability_1"]
    assert {row[1] for row in rows} <= {"0", "1"}


def test_classify_refuses_what_predicts_nothing(error_of, files, model, tmp_path):
    said = error_of("classify", files.promoter, "-m", model, "-o", tmp_path / "a.tsv", "-q")
    assert "must hold a classifier" in said
    assert "LanguageModel" in said


def test_set_device_reaches_a_frozen_network(run, tuned, files, tmp_path):
    pipeline = set_device(load(tuned.path), "cpu")
    assert pipeline["lm"].estimator.device == "cpu"
    run("classify", files.promoter, "-m", tuned.path, "-o", tmp_path / "a.tsv", "-q", "--device", "cpu")


def test_iter_batches_bounds_rows_and_padding():
    lengths = [10] * 1500 + [2**23, 10, 2**23, 2**24, 5]
    records = [SequenceRecord(str(i), "A" * n) for i, n in enumerate(lengths)]
    batches = list(iter_batches(records))
    assert [record for batch in batches for record in batch] == records
    assert [len(batch) for batch in batches] == [1024, 476, 2, 1, 1, 1]
    assert list(iter_batches([])) == []


@pytest.mark.parametrize("name", ["a.npy.gz", "a.parquet.bz2", "a.NPY.XZ"])
def test_embed_compresses_no_binary_file(error_of, files, model, tmp_path, name):
    """Readers want them as they are, and arrays go past the compressor to the disk."""
    said = error_of("embed", files.promoter, "-m", model, "-o", tmp_path / name, code=2)
    assert "can't be compressed" in said
    assert list(tmp_path.iterdir()) == []


def test_letter_that_is_none_is_told_with_file_record_and_position(
    error_of, files, model, classifier, tmp_path
):
    path = tmp_path / "bad.fa"
    path.write_text("".join(f">r{i}\nACGTACGTACGT\n" for i in range(1500)) + ">bad one\nACGT*ACGT\n")
    expected = f"{path}: record 1501 ('bad') has '*' at position 4"
    assert expected in error_of(
        "classify", files.promoter, path, "-m", classifier, "-q", "-o", tmp_path / "a.tsv"
    )
    assert expected in error_of("embed", path, "-m", model, "-q", "-o", tmp_path / "a.npy")
    assert expected in error_of(
        "fine-tune", f"a={files.promoter}", f"b={path}", "-m", model, "-o", tmp_path / "m"
    )
    assert list(tmp_path.iterdir()) == [path]


def test_names_behind_a_blank_are_names(run, files, classifier, tmp_path):
    (tmp_path / "a.fa").write_text("> 6400\nACGTACGT\n>\t6401 second\nACGTACGT\n")
    run("classify", tmp_path / "a.fa", "-m", classifier, "-q", "-o", tmp_path / "a.tsv")
    assert [row[0] for row in read_table(tmp_path / "a.tsv", "\t")[1]] == ["6400", "6401"]
