"""The model that comes with the package: its corpus, its card, and the way into the box."""

import json
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from sklearn.utils import Bunch

from benchmarks import markov
from benchmarks.__main__ import main
from benchmarks.cards import render_card
from benchmarks.records import Settings
from benchmarks.tasks import install_model
from benchmarks.tasks.box import HELD_OUT, NAME, make_corpus, put_in, read_corpus, score_surprise
from skgenome import persistence
from skgenome.datasets import fetch_bacterial_genomes, fetch_ecoli_promoters, find_matches
from skgenome.datasets._registry import registry_entries
from skgenome.persistence import list_models, load
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel

RNG = np.random.default_rng(0)


def random_dna(n_bases):
    return "".join(RNG.choice(list("ACGT"), n_bases))


@pytest.fixture(scope="module")
def lm():
    sizes = {"embedding_size": 4, "hidden_size": 6, "n_layers": 1, "batch_size": 2, "bptt": 20}
    token_ids = KmerTokenizer(k=3).transform([random_dna(200) for _ in range(4)])
    return LanguageModel(**sizes, max_steps=3, device="cpu", random_state=0, verbose=0).fit(token_ids)


@pytest.fixture
def measured(record):
    """The record of a model of one pretraining."""
    facts = {
        **record.pretraining[0],
        "k": 3,
        "stride": 1,
        "sha256": "0f",
        "description": "Some genomes",
        "device_name": "A GPU",
    }
    return replace(record, name=NAME, pretraining=[{**facts, "parameters": {"n_layers": 1}}])


def test_make_corpus_cuts_out_what_is_tested_with():
    test = random_dna(150)
    genome, k12 = random_dna(2000) + test + random_dna(2000), random_dna(1500)
    corpus, n_cut = make_corpus(
        Bunch(data=[genome], filenames=["a/GCF_1.fna.gz"]), Bunch(data=[k12], filenames=["k12.fa"]), [test]
    )
    assert n_cut == 1
    assert find_matches(corpus.contigs, [test]) == []
    assert [len(contig) for contig in corpus.contigs] == [1500, 1850, 1850]
    assert corpus.filenames == ["k12.fa", "a/GCF_1.fna.gz"]


@pytest.mark.real_data
def test_corpus_holds_no_genus_that_is_left_out_and_no_test_sequence(real_data_home):
    corpus, n_cut = read_corpus(str(real_data_home))
    assert n_cut > 2000
    held_out = fetch_bacterial_genomes(genera=HELD_OUT, data_home=real_data_home)
    assert not set(held_out.filenames) & set(corpus.filenames)
    assert len(corpus.filenames) == 58 + 1 - len(held_out.filenames)
    tests = fetch_ecoli_promoters(subset="test", data_home=real_data_home).data
    assert find_matches(corpus.contigs, tests[:200].tolist()) == []


def test_genera_left_out_are_of_both_classes_and_several_groups():
    held_out = {e.genus: e for e in registry_entries("bacterial_genomes") if e.genus in HELD_OUT}
    assert sorted(entry.label for entry in held_out.values()) == ["negative"] * 3 + ["positive"] * 3
    assert len({entry.group for entry in held_out.values()}) == 5


def test_score_surprise_sets_the_model_beside_every_order(lm):
    windows = {"Bacillus": [random_dna(90), random_dna(90)]}
    tables = markov.next_base_tables(markov.count_words([random_dna(500)], 3))
    scores = {score.method: score.values[0] for score in score_surprise(lm, tables, windows)}
    assert list(scores) == ["language model", *(f"Markov model of order {order}" for order in range(3))]
    token_ids = KmerTokenizer(k=3).transform(windows["Bacillus"])
    assert scores["language model"] == pytest.approx(lm.bits_per_base(token_ids))


def test_put_in_writes_a_model_and_its_card(lm, measured, tmp_path):
    for _ in range(2):  # the second time, one is there
        folder = put_in(lm, measured, tmp_path / "box" / NAME)
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "card.json", "model.json", "weights.safetensors",
    ]  # fmt: skip
    assert [path.name for path in folder.parent.iterdir()] == [NAME]
    card = json.loads((folder / "card.json").read_text())
    assert card["weights_sha256"] == sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    page = (folder / "README.md").read_text()
    assert page == render_card(card)
    for said in (
        "How it was done.",
        "A note.",
        "a.fa, sha256 00",
        card["weights_sha256"],
        "0.03 hours on A GPU",
    ):
        assert said in page
    token_ids = KmerTokenizer(k=3).transform([random_dna(60)])
    np.testing.assert_array_equal(load(folder).transform(token_ids), lm.transform(token_ids))
    assert load(folder).device == "auto"


def test_install_of_a_task_without_a_model_is_a_wrong_argument(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["speed", "--install"])
    assert "'speed' makes no model for the package." in capsys.readouterr().err


def test_install_goes_where_it_is_told(monkeypatch, tmp_path, capsys):
    asked = []
    monkeypatch.setattr("benchmarks.__main__.install_model", lambda *given: asked.append(given) or given[2])
    main([NAME, "--install", "--quick", "--output", str(tmp_path)])
    main([NAME, "--install"])
    assert [(name, settings.quick) for name, settings, _ in asked] == [(NAME, True), (NAME, False)]
    assert [box for _, _, box in asked] == [tmp_path, persistence.BOX]


@pytest.mark.slow
@pytest.mark.real_data
def test_quick_install_gives_a_model_that_loads(real_data_home, tmp_path):
    settings = {"data_home": str(real_data_home), "device": "cpu", "work_dir": tmp_path, "quick": True}
    folder = install_model(NAME, Settings(**settings), tmp_path / "box")
    card = json.loads((folder / "card.json").read_text())
    conditions = {row["condition"] for row in card["scores"] if row["metric"] == "bits_per_base"}
    assert conditions == set(HELD_OUT)
    assert {row["method"] for row in card["scores"]} > {"language model", "Markov model of order 4"}
    assert "A smoke run" in (folder / "README.md").read_text()
    assert load(folder).k_ == 3


def test_models_in_the_package_are_what_their_cards_say():
    """Weights that were trained again, or cards that were edited, would tell of another model."""
    if not list_models():
        pytest.skip("no model was put into the package yet: python -m benchmarks bacteria-small --install")
    for name in list_models():
        folder = persistence.BOX / name
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert sum(map(len, files.values())) <= 5_500_000
        assert len(files["weights.safetensors"]) <= 5_000_000
        card = json.loads(files["card.json"])
        assert not card["quick"]
        assert card["name"] == name
        assert card["weights_sha256"] == sha256(files["weights.safetensors"]).hexdigest()
        assert files["README.md"].decode() == render_card(card)
        model = load(name)
        (facts,) = card["pretraining"]
        assert facts["n_weights"] == sum(weight.numel() for weight in model.module_.parameters())
        assert (facts["k"], facts["stride"], facts["n_steps"]) == (
            model.k_, model.stride_, model.history_[-1]["step"],
        )  # fmt: skip
