import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline

from skgenome.exceptions import SkgenomeWarning
from skgenome.model_selection import HomologyGroupKFold, similarity_groups
from skgenome.preprocessing import KmerCounter
from skgenome.sequences import decode, reverse_complement

N_FAMILIES = 30


@pytest.fixture(scope="module")
def families():
    """Sequences of 30 families of 1 to 5 members, which class is theirs, and the families; in no order."""
    rng = np.random.default_rng(0)
    X, y, family = [], [], []
    for number in range(N_FAMILIES):
        founder = rng.integers(0, 4, 200, dtype=np.uint8)
        for member in range(1 + number % 5):
            codes = founder.copy()
            places = rng.choice(200, 5, replace=False)
            codes[places] = (codes[places] + 1) % 4
            X.append(reverse_complement(decode(codes)) if member % 2 else decode(codes))
            y.append("coding" if number % 3 else "other")
            family.append(number)
    order = rng.permutation(len(X))
    return [X[place] for place in order], np.array(y)[order], np.array(family)[order]


def _assert_partition(splits, n_samples, n_splits):
    assert len(splits) == n_splits
    tested = np.concatenate([test for _, test in splits])
    np.testing.assert_array_equal(np.sort(tested), np.arange(n_samples))
    for train, test in splits:
        assert len(test) > 0
        np.testing.assert_array_equal(np.setdiff1d(np.arange(n_samples), test), train)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("n_splits", [2, 5, N_FAMILIES // 3])
def test_homology_group_kfold_divides_no_family(families, n_splits, shuffle):
    X, y, family = families
    folds = HomologyGroupKFold(n_splits, shuffle=shuffle, random_state=0)
    splits = list(folds.split(X, y))
    _assert_partition(splits, len(X), n_splits)
    for train, test in splits:
        assert set(family[train]).isdisjoint(family[test])


def test_homology_group_kfold_is_the_stratified_splitter_of_the_groups(families):
    X, y, _ = families
    expected = StratifiedGroupKFold(4).split(X, y, similarity_groups(X))
    for ours, theirs in zip(HomologyGroupKFold(4).split(X, y), expected, strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[1], theirs[1])


def test_homology_group_kfold_keeps_the_shares_of_classes(families):
    X, y, _ = families
    share = np.mean(y == "coding")
    for _, test in HomologyGroupKFold(3).split(X, y):
        assert abs(np.mean(y[test] == "coding") - share) < 0.1


@pytest.mark.parametrize(
    "y",
    [None, np.linspace(0, 1, 90), np.eye(90, 3, dtype=int)],
    ids=["none", "numbers", "labels"],
)
def test_homology_group_kfold_without_classes_balances_sizes(families, y):
    X, _, family = families
    splits = list(HomologyGroupKFold(5).split(X, y))
    _assert_partition(splits, len(X), 5)
    assert all(set(family[train]).isdisjoint(family[test]) for train, test in splits)
    assert max(len(test) for _, test in splits) - min(len(test) for _, test in splits) <= 4


def test_homology_group_kfold_keeps_given_groups_together_too(families):
    """A contig joins the families on it; it need not be a number."""
    X, y, family = families
    contigs = np.array([f"contig {number // 3}" for number in family])
    contigs[np.flatnonzero(family == 0)[0]] = "contig 9"
    for train, test in HomologyGroupKFold(4).split(X, y, groups=contigs):
        assert set(family[train]).isdisjoint(family[test])
        assert set(contigs[train]).isdisjoint(contigs[test])


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series, lambda X: pd.DataFrame({"sequence": X})])
def test_homology_group_kfold_takes_what_estimators_take(families, kind):
    X, y, _ = families
    expected = [test.tolist() for _, test in HomologyGroupKFold(3).split(X, y)]
    assert [test.tolist() for _, test in HomologyGroupKFold(3).split(kind(X), list(y))] == expected


def test_homology_group_kfold_shuffles_by_seed(families):
    X, y, _ = families
    tests = [
        [test.tolist() for _, test in HomologyGroupKFold(3, shuffle=True, random_state=s).split(X, y)]
        for s in (0, 0, 1)
    ]
    assert tests[0] == tests[1] != tests[2]


def test_homology_group_kfold_parameters_reach_the_groups(families):
    """At threshold 1 mutants are no relatives, and on one strand those of the other are none."""
    X, y, family = families
    for settings in ({"threshold": 1.0}, {"canonical": False}, {"k": 15, "threshold": 0.9, "n_hashes": None}):
        splits = HomologyGroupKFold(3, **settings).split(X, y)
        assert any(not set(family[train]).isdisjoint(family[test]) for train, test in splits)


def test_homology_group_kfold_in_cross_val_score_removes_memory(families):
    """Families have random labels: nearest relatives tell them on random folds, and nothing does on ours."""
    X, _, family = families
    big = np.flatnonzero(family % 5 > 1)
    X, family = [X[place] for place in big], family[big]
    y = np.random.default_rng(1).permutation(np.arange(N_FAMILIES) % 2)[family]
    classifier = make_pipeline(KmerCounter(k=6, canonical=True), LogisticRegression(C=10.0))
    random = cross_val_score(classifier, X, y, cv=StratifiedKFold(5, shuffle=True, random_state=0))
    honest = cross_val_score(classifier, X, y, cv=HomologyGroupKFold(5))
    assert random.mean() > 0.9
    assert honest.mean() < 0.75


def test_homology_group_kfold_in_grid_search(families):
    X, y, _ = families
    pipeline = make_pipeline(KmerCounter(normalize="frequency"), LogisticRegression())
    folds = HomologyGroupKFold(3)
    search = GridSearchCV(pipeline, {"kmercounter__k": [1, 2]}, cv=folds).fit(X, y)
    assert search.n_splits_ == 3
    assert set(search.classes_) == {"coding", "other"}
    by_hand = cross_val_score(pipeline.set_params(kmercounter__k=2), X, y, cv=folds)
    ours = [search.cv_results_[f"split{fold}_test_score"][1] for fold in range(3)]
    np.testing.assert_array_equal(ours, by_hand)
    clone(search)


def test_homology_group_kfold_requests_groups_when_metadata_is_routed(families):
    X, y, family = families
    with config_context(enable_metadata_routing=True):
        folds = HomologyGroupKFold(3)
        assert folds.get_metadata_routing().split.requests == {"groups": True}
        result = cross_validate(
            DummyClassifier(), X, y, cv=folds, params={"groups": family // 3}, return_indices=True
        )
        for train, test in zip(result["indices"]["train"], result["indices"]["test"], strict=True):
            assert set(family[train] // 3).isdisjoint(family[test] // 3)
        silent = folds.set_split_request(groups=False)
        assert silent.get_metadata_routing().split.requests == {"groups": False}


def test_homology_group_kfold_says_how_many_splits_and_what_it_is():
    folds = HomologyGroupKFold(7, k=9, shuffle=True, random_state=3)
    assert folds.get_n_splits() == folds.get_n_splits(["ACGT"], [0], [1]) == 7
    text = "".join(repr(folds).split())
    assert text == (
        "HomologyGroupKFold(canonical=True,k=9,n_hashes='auto',n_splits=7,random_state=3,shuffle=True,"
        "threshold=0.3)"
    )


def test_homology_group_kfold_refuses_more_folds_than_groups(families):
    X, _, family = families
    few = [X[place] for place in np.flatnonzero(np.isin(family, [4, 9, 14]))]
    with pytest.raises(ValueError, match=r"n_splits=4 .* 15 sequences make up 3, the largest of 5. A higher"):
        next(HomologyGroupKFold(4).split(few))


def test_homology_group_kfold_warns_of_a_group_larger_than_a_fold(families):
    X, _, family = families
    X = [X[place] for place in np.flatnonzero(np.isin(family, [0, 5, 10, 4]))]
    with pytest.warns(SkgenomeWarning, match=r"5 of 8 sequences are one group .* n_splits=2") as caught:
        splits = list(HomologyGroupKFold(2).split(X))
    assert caught[0].filename == __file__
    assert sorted(len(test) for _, test in splits) == [3, 5]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_splits": 1}, r"'n_splits' parameter .* in the range \[2, inf\). Got 1"),
        ({"n_splits": 2.5}, "'n_splits' parameter .* Got 2.5"),
        ({"k": 16}, "'k' parameter .* Got 16"),
        ({"threshold": 0}, "'threshold' parameter .* Got 0"),
        ({"shuffle": "yes"}, "'shuffle' parameter .* Got 'yes'"),
        ({"n_hashes": "some"}, "'n_hashes' parameter .* Got 'some'"),
    ],
)
def test_homology_group_kfold_refuses_bad_parameters(settings, message):
    with pytest.raises(ValueError, match=message):
        HomologyGroupKFold(**settings)


@pytest.mark.parametrize(
    ("X", "settings", "error", "message"),
    [
        (np.zeros((6, 2)), {}, ValueError, "one-column frame of str"),
        ([[0.0], [1.0]], {}, TypeError, r"X\[0\] must be a str of DNA or RNA"),
        (["ACGTACGTACGT"] * 4, {"y": [0, 1]}, ValueError, "inconsistent numbers of samples"),
        (["ACGTACGTACGT"] * 4, {"groups": [0, 1]}, ValueError, "inconsistent numbers of samples"),
        (["ACGTACGTACGJ"], {}, ValueError, "Sequence 0 has 'J' at position 11"),
    ],
)
def test_homology_group_kfold_refuses_what_is_no_sequences(X, settings, error, message):
    with pytest.raises(error, match=message):
        next(HomologyGroupKFold(2).split(X, **settings))
