import numpy as np
import pandas as pd
import pytest

from skgenome.datasets import make_promoters
from skgenome.exceptions import SkgenomeWarning
from skgenome.model_selection import HomologyGroupKFold, LeakageReport, leakage_report, similarity_groups
from skgenome.sequences import reverse_complement


@pytest.fixture(scope="module")
def sets():
    """Training sequences, and test sequences: 20 unrelated, then one of each kind of relative."""
    train = make_promoters(n_samples=60, random_state=0).data.tolist()
    test = make_promoters(n_samples=20, random_state=1).data.tolist()
    changed = train[5][:70] + "".join("ACGT"["TGCA".index(base)] for base in train[5][70:75]) + train[5][75:]
    return train, [*test, train[3], reverse_complement(train[4]).lower(), changed, train[6][20:90]]


def _containment(first, second, k):
    sets = []
    for sequence in (first, second):
        kmers = {sequence[i : i + k].upper() for i in range(len(sequence) - k + 1)}
        sets.append({min(kmer, reverse_complement(kmer)) for kmer in kmers})
    return len(sets[0] & sets[1]) / min(map(len, sets))


def test_leakage_report_finds_planted_relatives(sets):
    train, test = sets
    report = leakage_report(train, test)
    assert (report.n_train, report.n_test, report.k, report.threshold) == (60, 24, 11, 0.3)
    assert report.related.tolist() == [False] * 20 + [True] * 4
    assert report.nearest.tolist() == [-1] * 20 + [3, 4, 5, 6]
    assert report.duplicate.tolist() == [False] * 20 + [True, True, False, False]
    assert (report.n_related, report.n_duplicates, report.share_related) == (4, 2, 4 / 24)
    assert report.similarity[20:22].tolist() == [1.0, 1.0]
    assert report.similarity[22] == _containment(test[22], train[5], 11) < 0.95
    assert report.similarity[23] == 1.0


def test_leakage_report_similarities_equal_comparison_of_sets(sets):
    train, test = sets
    report = leakage_report(train, test, k=7, threshold=0.01)
    expected = [max(_containment(x, other, 7) for other in train) for x in test]
    np.testing.assert_allclose(
        report.similarity, np.where(np.array(expected) >= 0.01, expected, 0), rtol=1e-15
    )
    assert (report.similarity[:20] > 0).sum() > 10


def test_leakage_report_on_one_strand(sets):
    train, test = sets
    report = leakage_report(train, test, canonical=False)
    assert report.nearest[20:].tolist() == [3, -1, 5, 6]
    assert report.n_duplicates == 1


def test_leakage_report_worst_pairs_start_with_duplicates(sets):
    pairs = pd.DataFrame(leakage_report(*sets).worst_pairs())
    assert pairs["test"].tolist() == [20, 21, 23, 22]
    assert pairs["train"].tolist() == [3, 4, 6, 5]
    assert pairs["duplicate"].tolist() == [True, True, False, False]
    assert pairs["similarity"].is_monotonic_decreasing
    assert len(leakage_report(*sets).worst_pairs(2)) == 2


def test_leakage_report_prints_a_table_and_what_to_do(sets):
    lines = str(leakage_report(*sets)).splitlines()
    assert lines[0] == "24 test sequences against 60 for training, by 11-mers"
    assert [" ".join(line.split()) for line in lines[1:4]] == [
        "equal to one for training 2 8.3%",
        "containment of 0.90 or more 3 12.5%",
        "containment of 0.30 or more 4 16.7%",
    ]
    assert lines[5].split() == ["20", "3", "1.00", "equal"]
    assert "HomologyGroupKFold" in " ".join(lines[9:])
    assert max(map(len, lines)) <= 88


def test_leakage_report_without_relatives_says_so(sets):
    train, test = sets
    report = leakage_report(train, test[:20])
    assert report.worst_pairs() == []
    assert "No test sequence has a near relative" in str(report)


@pytest.mark.parametrize(
    ("train", "test"), [([], []), (["ACGTACGTACGTACGT"], []), ([], ["ACGTACGTACGTACGT"])]
)
def test_leakage_report_of_nothing(train, test):
    report = leakage_report(train, test)
    assert (report.n_related, report.n_duplicates, report.share_related) == (0, 0, 0.0)
    assert isinstance(report, LeakageReport)
    assert str(report)


def test_leakage_report_of_sequences_without_kmer_knows_equal_ones():
    with pytest.warns(SkgenomeWarning, match="3 of 4 test sequences have no 11-mer") as caught:
        report = leakage_report(["AAC", "GATTACAGATTACA"], ["guu", "AAG", "N" * 40, "GATTACAGATTACA"])
    assert caught[0].filename == __file__
    assert report.nearest.tolist() == [0, -1, -1, 1]
    assert report.duplicate.tolist() == [True, False, False, True]


@pytest.mark.parametrize("n_hashes", ["auto", None])
def test_leakage_report_is_empty_on_folds_by_homology(n_hashes, seed):
    X, y = make_promoters(n_samples=80, random_state=seed, return_X_y=True)
    X = np.array([x[start : start + 90] for start in (0, 30) for x in X])
    y = np.tile(y, 2)
    assert similarity_groups(X).max() < 90
    train, test = next(HomologyGroupKFold(4, n_hashes=n_hashes).split(X, y))
    assert leakage_report(X[train], X[test]).n_related == 0
    # A split by place divides the halves of nearly all.
    assert leakage_report(X[:80], X[80:]).share_related > 0.9


@pytest.mark.parametrize(
    ("train", "test", "error", "message"),
    [
        ("ACGT", ["ACGT"], TypeError, "train must be a list.*single str"),
        (["ACGT"], [None], ValueError, r"test\[0\] must be a str of DNA or RNA, but is missing"),
        (["ACGT", "AJ"], ["ACGT"], ValueError, "In train: Sequence 1 has 'J' at position 1"),
        (["ACGT"], ["ACGT", "ACGT-"], ValueError, "In test: Sequence 1 has '-' at position 4.* gaps"),
    ],
)
def test_leakage_report_refuses_what_is_no_sequences(train, test, error, message):
    with pytest.raises(error, match=message):
        leakage_report(train, test)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"threshold": 2}, r"'threshold' parameter of leakage_report .* Got 2"),
        ({"n_hashes": 16}, r"n_hashes must be at least 17 for threshold=0.3"),
    ],
)
def test_leakage_report_refuses_bad_parameters(settings, message):
    with pytest.raises(ValueError, match=message):
        leakage_report(["ACGT"], ["ACGT"], **settings)
