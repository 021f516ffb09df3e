"""The protocol of the perturbation profiles, on classifiers that are known to read a box and nothing else."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Bunch

from benchmarks.records import Settings
from benchmarks.tasks.ecoli_inspection import (
    ALL,
    DEEPEST,
    KMERS,
    LOWEST,
    MATCHES,
    MATCHES_ALIGNED,
    OTHERS,
    PROMOTERS,
    SPREAD,
    START,
    Plan,
    align,
    describe_letters,
    draw,
    find_box,
    inspect_folds,
    lowest,
    read_letters,
    run,
    score,
)
from benchmarks.tasks.ecoli_pictures import draw_inspection
from skgenome.inspection import in_silico_mutagenesis

BOX, FIRST = "TATAAT", -12
SMALL = Plan(n_splits=2, width=5, map_widths=(3, 9), map_step=4, n_mapped=4)


def make_sequences(n, box_at, seed):
    """Random sequences of 81 bases, with the box in the places that are named, one for each."""
    rng = np.random.default_rng(seed)
    sequences = ["".join(rng.choice(list("CG"), 81)) for _ in range(n)]
    for i, at in enumerate(box_at):
        first = START + at
        sequences[i] = sequences[i][:first] + BOX + sequences[i][first + len(BOX) :]
    return np.array(sequences, dtype=object)


class ReadsBox(ClassifierMixin, BaseEstimator):
    """Count the letters of the box, at one place or where they are most; learn nothing."""

    def __init__(self, at=(FIRST,)):
        self.at = at

    def fit(self, X, y):
        self.seen_ = set(X)
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        assert self.seen_.isdisjoint(X)
        places = [START + at for at in self.at]
        return np.array(
            [max(sum(map(str.__eq__, s[p : p + 6], BOX)) for p in places) for s in X], dtype=float
        )


@pytest.fixture(scope="module")
def data():
    """Forty sequences with the box and eighty without."""
    return Bunch(data=make_sequences(120, [FIRST] * 40, 0), target=np.arange(120) < 40)


@pytest.fixture(scope="module")
def found(data):
    return {
        "a": inspect_folds(
            {"a": ReadsBox()}, Bunch(**{**data, "target": data.target.astype(int)}), SMALL, Settings()
        )["a"]
    }


def test_inspect_folds_looks_at_what_was_not_learnt(found):
    """The classifier refuses what it has learnt from."""
    assert len(found["a"]) == 2


def test_inspect_finds_the_box(found):
    for result in found["a"]:
        deepest = lowest(result[PROMOTERS], result["positions"], -60, 20)
        # Windows of five bases, centred on the third: those within the six of the box.
        assert FIRST + 2 <= deepest <= FIRST + 3
        by_place = dict(zip(result["positions"], result[PROMOTERS], strict=True))
        reach = range(FIRST - 2, FIRST + 8)
        assert all(by_place[place] < 0 for place in reach)
        assert all(value == 0 for place, value in by_place.items() if place not in reach)


def test_inspect_is_what_a_replacement_does_on_average(found):
    """Five of six letters are replaced by random ones, of which a quarter is the right one."""
    result = found["a"][0]
    at = result["positions"].index(FIRST + 2)
    assert result[PROMOTERS][at] == pytest.approx(-5 * 3 / 4, abs=0.5)


def test_inspect_reads_the_letters(found):
    for result in found["a"]:
        letters = read_letters(result["mutagenesis"])
        assert find_box(letters, result["mutated"], BOX, -16, -4) == (FIRST, 6)
        assert read_letters(result["aligned"]) == BOX


def test_inspect_maps_wider_windows_deeper(found):
    for result in found["a"]:
        narrow, wide = np.array(result["map"])
        assert np.nanmin(wide) < np.nanmin(narrow) < 0


def test_align_finds_boxes_at_different_places():
    places = np.random.default_rng(0).integers(-15, -4, 60)
    sequences = make_sequences(60, places, 1)
    classifier = ReadsBox(at=tuple(range(-16, -3)))
    classifier.fit(["A"], [0])
    classifier.classes_ = np.array([0, 1])
    found = in_silico_mutagenesis(
        classifier, list(sequences), positions=np.arange(-20, 3) + START, response_method="decision_function"
    )
    aligned = align(found.attributions, found.positions - START)
    assert read_letters(aligned) == BOX
    # By position, no base matters in more than some of the sequences.
    by_place = found.attributions.mean(axis=0)
    assert -aligned.sum(axis=0).max() > 1.3 * -by_place.sum(axis=0).min() > 0


def test_score_has_a_value_for_each_fold(found):
    scores = {(s.metric, s.condition): s.values for s in score(found, 60)}
    assert all(len(values) == 2 for values in scores.values())
    assert all(FIRST + 2 <= value <= FIRST + 3 for value in scores[LOWEST, PROMOTERS])
    assert scores[MATCHES.format(BOX), PROMOTERS] == scores[MATCHES_ALIGNED.format(BOX), PROMOTERS] == [6, 6]
    assert max(scores[SPREAD, OTHERS]) < 0.4 * min(scores[SPREAD, PROMOTERS])
    assert max(scores[DEEPEST, PROMOTERS]) < -3


def test_describe_letters_says_what_is_read(found):
    (note,) = describe_letters(found)
    assert "nearest to TATAAT is TATAAT from -12 on (6 of 6)" in note
    assert note.endswith("aligned, read TATAAT.")


@pytest.mark.parametrize(
    ("letters", "expected"), [("GGTATAATGG", (-8, 6)), ("TATAATTATA", (-10, 6)), ("CCTATACTCC", (-8, 5))]
)
def test_find_box_takes_the_most_alike_and_the_first(letters, expected):
    assert find_box(letters, list(range(-10, 0)), BOX, -10, -4) == expected


def test_lowest_searches_between_two_places():
    assert lowest([0, -3, 1, -2], [5, 6, 7, 8], 5, 8) == 6
    assert lowest([0, -3, 1, -2], [5, 6, 7, 8], 7, 8) == 8


def test_draw_inspection_has_three_panels_for_each_method(found):
    figure = draw_inspection({"a": found["a"], "b": found["a"]}, SMALL.map_widths, SMALL.width)
    panels = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
    assert len(panels) == 6
    assert {ax.get_title(loc="left") for ax in panels} == {"a", "b", ""}


@pytest.mark.slow
@pytest.mark.real_data
def test_quick_run_inspects_real_promoters(real_data_home, tmp_path):
    settings = Settings(str(real_data_home), "cpu", 0, tmp_path, quick=True)
    record = run(settings)
    assert set(record.models) == set(ALL)
    assert len(record.notes) == len(ALL)
    assert {row["condition"] for row in record.scores} == {PROMOTERS, OTHERS}
    assert KMERS in record.notes[0]
    assert draw(settings, tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
