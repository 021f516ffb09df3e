"""The page that gives advice rests on figures: here stand its claims, and the results that must bear them."""

from importlib import import_module
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture
def result_tables(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    return import_module("result_tables")


@pytest.fixture
def means(result_tables):
    """A function: the means of a table as the page calls methods, by condition."""

    def read(table):
        name, metric, conditions, methods = result_tables.SCORES[table]
        return {
            shown: {
                row["condition"]: row["mean"]
                for row in result_tables.read_result(name)["scores"]
                if row["method"] == method and row["metric"] == metric and row["condition"] in conditions
            }
            for method, shown in methods.items()
        }

    return read


def test_tables_have_every_figure_that_the_page_asks_for(result_tables, tmp_path):
    result_tables.write_tables(tmp_path)
    pages = "".join(page.read_text() for page in (DOCS / "user_guide").glob("*.rst"))
    for path in tmp_path.iterdir():
        assert f"include:: ../tables/{path.name}" in pages
        assert "- -" not in path.read_text(), f"{path.name} has a figure that no result has"


def test_score_table_rounds_and_marks_what_is_missing(result_tables, monkeypatch):
    scores = [{"method": "a", "condition": "20", "metric": "roc_auc", "mean": 0.756}]
    monkeypatch.setattr(result_tables, "read_result", lambda name: {"scores": scores})
    text = result_tables.score_table("any", "roc_auc", ["20", "50"], {"a": "A method"})
    cells = [line.split("- ", 1)[1] for line in text.splitlines() if "- " in line]
    assert cells == ["roc auc", "20", "50", "A method", "0.76", "-"]


def test_choosing_claims_about_aligned_sequences(means):
    scores = means("ecoli_promoters")
    lm, placed = scores["LM, frozen"], scores["3-mers at their positions"]
    tuned, counts = scores["LM, all phases of ULMFiT"], scores["counts of k-mers"]
    others = [values for name, values in scores.items() if not name.startswith(("LM, ", "the same"))]
    assert all(lm[n] > max(values[n] for values in others) for n in ("20", "50"))
    assert lm["20"] > counts["1000"] + 0.1
    assert all(placed[n] > max(lm[n], tuned[n]) for n in ("100", "200", "500", "1000"))
    related, new = (scores[name] for name in scores if name.startswith(("LM, fine-tuned as", "the same")))
    assert all(0 < new[n] - related[n] < 0.02 for n in new)
    assert abs(scores["small CNN"]["500"] - tuned["500"]) < 0.005
    assert all(tuned[n] - lm[n] == pytest.approx(0.01, abs=0.004) for n in ("100", "200", "500"))
    assert all(tuned[n] < lm[n] for n in ("20", "50"))
    for one, more in (("50", "100"), ("200", "500")):
        assert lm[more] - lm[one] == pytest.approx(0.02, abs=0.005)
    assert placed["100"] - placed["50"] == pytest.approx(0.05, abs=0.005)
    assert placed["500"] - placed["200"] == pytest.approx(0, abs=0.005)
    shorter = means("ablation")["network frozen"]["100"]
    assert (round(lm["100"], 2), round(shorter, 2)) == (0.92, 0.90)


def test_choosing_claims_about_the_parts_of_ulmfit(means):
    scores = means("ablation")
    whole = scores.pop("ULMFiT")
    assert scores.pop("no pretraining")["100"] == pytest.approx(0.5, abs=0.01)
    for name in ("pooled over the whole", "last state alone"):
        loss = scores.pop(name)
        assert all(whole[n] - loss[n] > 0.08 for n in whole)
    both = scores.pop("both strands")
    assert both["100"] - whole["100"] > 0.01
    frozen = scores.pop("network frozen")
    assert all(0 < whole[n] - frozen[n] < 0.01 for n in whole)
    scores.pop("head with a hidden layer")
    assert len(scores) == 6
    assert all(abs(values["100"] - whole["100"]) < 0.015 for values in scores.values())
    assert all(abs(values["1000"] - whole["1000"]) < 0.005 for values in scores.values())


def test_choosing_claims_about_relatives(means):
    scores = means("ecoli_relatives")
    counts, untrained, related, new = scores.values()
    assert related["20"] - new["20"] > 0.02
    assert abs(related["1000"] - new["1000"]) < 0.01
    assert all(new[n] - max(untrained[n], counts[n]) > 0.08 for n in new)


def test_choosing_claims_about_composition(means):
    scores = means("gram_staining")
    counts, best = scores["counts of 6-mers, L2"], scores["z-scores of 6-mers, L2"]
    assert all(best[n] >= max(values.get(n, 0) for values in scores.values()) for n in best)
    assert all(best[n] - counts[n] > 0.05 for n in ("3 genomes per class", "20 windows"))
    joined, plain = scores["counts, LM and contrastive, lasso"], scores["counts of 6-mers, lasso"]
    assert all(joined[n] - plain[n] < 0.04 for n in plain)
    trained, untrained = scores["contrastive, lasso"], scores["the same network, untrained, lasso"]
    assert all(trained[n] - untrained[n] > 0.03 for n in ("all genomes", "20 windows", "100 windows"))
    # With the same lasso, but for 20 windows, where the spread is a tenth.
    assert all(trained[n] < plain[n] for n in plain if n != "20 windows")
    assert all(scores["LM, lasso"][n] < counts[n] for n in counts)


def test_claims_about_the_course_of_contrastive_pretraining(result_tables):
    (row,) = (
        one
        for one in result_tables.read_result(result_tables.CONTRASTIVE)["pretraining"]
        if one["valid_accuracy"] is not None
    )
    assert round(row["n_bases"] / 1e6) == 216
    times = [one["valid_accuracy"] / one["valid_chance"] for one in row["history"]]
    assert times[-1] == pytest.approx(10, abs=1)
    assert max(times[:4]) > 9
    assert max(times[4:]) < 15
    losses = [one["valid_loss"] for one in row["history"]]
    assert losses[3] - losses[-1] > 0.3
    assert row["parameters"]["batch_size"] == 64
    assert row["seconds"] < 90


def test_choosing_claims_about_kinds_of_genomes(means):
    scores = means("domains")
    counts, lm, contrastive, untrained, scratch = scores.values()
    assert all(
        counts[n] > max(v.get(n, 0) for name, v in scores.items() if "counts" not in name) for n in counts
    )
    assert all(lm[n] > max(contrastive[n], untrained[n]) for n in lm)
    assert all(contrastive[n] < untrained[n] for n in contrastive)
    assert scratch["all genomes"] > max(contrastive["all genomes"], untrained["all genomes"])


def test_claims_about_random_splits(means):
    shares = {name: values["containment of 0.3"] for name, values in means("leakage").items()}
    copies = {name: values["containment of 0.9"] for name, values in means("leakage").items()}
    parted, at_random = list(shares.values())[0:6:2], list(shares.values())[1:6:2]
    assert max(parted) < 0.02
    assert min(at_random) > 0.35
    assert shares["human chromatin, whole pieces held out"] == 0
    assert shares["bacterial windows, split by genus"] < 0.01
    published = [name for name in shares if name.startswith("mapped promoters")]
    assert len(published) == 2
    assert all(shares[name] > 0.5 and copies[name] > 0.1 for name in published)


def test_choosing_claims_about_few_genomes(means):
    scores = means("human_promoters")
    lm = scores.pop("LM, fine-tuned as LM, frozen")
    best = {n: max(scores, key=lambda name: scores[name][n]) for n in lm}
    assert best["non-TATA 100"] == best["non-TATA 1000"] == "counts of k-mers"
    assert all(best[n] in ("3-mers at their positions", "small CNN") for n in best if n.startswith("TATA"))
    assert all(scores[best[n]][n] >= lm[n] for n in lm)
