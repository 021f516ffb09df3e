"""The commands ``datasets`` and ``models``."""

import csv
import re

import numpy as np
import pytest
from sklearn.utils import Bunch

import skgenome.datasets
from skgenome import persistence
from skgenome.persistence import load, save
from skgenome.preprocessing import KmerCounter
from skgenome.sequences import read_sequences


def test_datasets_list_names_every_fetcher(run, tmp_path, monkeypatch):
    monkeypatch.setenv("SKGENOME_DATA", str(tmp_path))
    said = run("datasets", "list").stdout
    fetchers = [name for name in skgenome.datasets.__all__ if name.startswith("fetch_")]
    names = [line.split()[0] for line in said.split("\n\n")[0].splitlines()]
    assert [f"fetch_{name.replace('-', '_')}" for name in names] == fetchers
    assert f"Folder: {tmp_path}" in said


def test_datasets_fetch_missing_offline_is_an_error(error_of, tmp_path):
    said = error_of("datasets", "fetch", "ecoli-promoters", "--data-home", tmp_path, "--offline")
    assert "download_if_missing is False" in said


@pytest.fixture
def fetched(monkeypatch):
    """A fetcher that fetches nothing, and what it was asked for."""
    asked = {}

    def fetch_ecoli_promoters(*, subset="train", data_home=None, download_if_missing=True):
        """Fetch *invented* promoters."""
        asked.update(subset=subset, data_home=data_home, download_if_missing=download_if_missing)
        return Bunch(data=["ACGT", "GATTACA"], target=[1, 0], target_names=["non-promoter", "promoter"])

    monkeypatch.setattr(skgenome.datasets, "fetch_ecoli_promoters", fetch_ecoli_promoters)
    return asked


def test_datasets_fetch_hands_on_what_it_is_given(run, fetched, tmp_path):
    result = run("datasets", "fetch", "ecoli-promoters", "--data-home", tmp_path, "--subset", "test")
    assert fetched == {"subset": "test", "data_home": tmp_path, "download_if_missing": True}
    assert result.stdout == f"ecoli-promoters: 2 sequences, whole, in {tmp_path}\n"


def test_datasets_fetch_writes_tables_and_fasta(run, fetched, tmp_path):
    run("datasets", "fetch", "ecoli-promoters", "-o", tmp_path / "a.csv")
    with (tmp_path / "a.csv").open() as file:
        assert list(csv.reader(file)) == [
            ["sequence", "label"],
            ["ACGT", "promoter"],
            ["GATTACA", "non-promoter"],
        ]
    run("datasets", "fetch", "ecoli-promoters", "-o", tmp_path / "a.fa")
    assert [record.sequence for record in read_sequences(tmp_path / "a.fa")] == ["ACGT", "GATTACA"]


@pytest.mark.parametrize(
    ("bunch", "said"),
    [
        (Bunch(sequence="ACGT"), "is not a list of sequences"),
        (Bunch(data=["ACGT"], target=[[1, 0]]), "not one label for each sequence"),
        (Bunch(data=["ACGT"]), "not one label for each sequence"),
    ],
)
def test_datasets_fetch_without_labels_is_no_table(run, tmp_path, monkeypatch, bunch, said):
    monkeypatch.setattr(
        skgenome.datasets, "fetch_genome", lambda data_home=None, download_if_missing=True: bunch
    )
    result = run("datasets", "fetch", "genome", "-o", tmp_path / "a.csv", code=1)
    assert said in result.stderr
    assert not (tmp_path / "a.csv").exists()


def test_models_shows_a_pretrained_model(run, model):
    said = run("models", model).stdout
    lm = load(model)[1]
    assert said.splitlines()[0] == str(model)
    assert "KmerTokenizer()" in said
    assert "embedding_size=8" in said
    assert "k=3, stride=1" in said
    assert f"{sum(w.numel() for w in lm.module_.parameters()):,}" in said
    assert f"valid_bits_per_base={lm.history_[-1]['valid_bits_per_base']:.4g}" in said
    assert " MB" in said


def test_models_shows_several_and_what_is_in_them(run, tuned, tmp_path):
    save(KmerCounter(k=2), tmp_path / "counter")
    said = run("models", tuned.path, tmp_path / "counter").stdout
    assert "AT, GC" in said
    assert "FrozenEstimator(estimator=LanguageModel(" in said
    assert "KmerCounter(k=2)" in said


def test_models_errors(error_of, tmp_path):
    assert "is no folder that skgenome.save has written" in error_of("models", tmp_path)
    path = save(KmerCounter(k=2), tmp_path / "counter")
    (path / "model.json").write_text("{")
    assert "is damaged" in error_of("models", path)


def test_models_without_a_folder_lists_the_box(run, tmp_path, monkeypatch):
    monkeypatch.setattr(persistence, "BOX", tmp_path)
    assert run("models").stdout == "No model comes with this package. Name a folder, or hf://user/name.\n"
    save(KmerCounter(k=3), tmp_path / "counter-small")
    said = run("models").stdout
    assert said.splitlines()[0] == "counter-small"
    assert "KmerCounter(k=3)" in said
    assert run("models", "counter-small").stdout == said


def test_models_of_an_unknown_name_lists_those_there_are(error_of, tmp_path, monkeypatch):
    monkeypatch.setattr(persistence, "BOX", tmp_path)
    save(KmerCounter(k=3), tmp_path / "counter-small")
    assert "it has counter-small. Give" in error_of("models", "counter-large")


@pytest.mark.parametrize("field", ["names", "contig_names"])
def test_datasets_fetch_writes_the_names_there_are(run, tmp_path, monkeypatch, field):
    """VCF and BED files know contigs by them."""
    bunch = Bunch(data=["ACGT", "GATTACA"], **{field: np.array(["NC_1", "NC_2"])})

    def fetch(*, data_home=None, download_if_missing=True):
        """Fetch *invented* sequences."""
        return bunch

    monkeypatch.setattr(skgenome.datasets, "fetch_ecoli_promoters", fetch)
    run("datasets", "fetch", "ecoli-promoters", "-o", tmp_path / "a.fa")
    assert [record.name for record in read_sequences(tmp_path / "a.fa")] == ["NC_1", "NC_2"]


def test_models_keeps_words_apart(run, tuned):
    """'classifier' has ten letters."""
    lines = run("models", tuned.path).stdout.splitlines()[1:]
    starts = {re.match(r"  (\S+)(\s+)", line).end() for line in lines}
    assert len(starts) == 1
