import tracemalloc

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from skgenome.datasets import make_promoters
from skgenome.exceptions import SkgenomeWarning
from skgenome.preprocessing import KmerCounter
from skgenome.scanning import iter_scan, scan
from skgenome.sequences import reverse_complement


def brute_force(classifier, contig, starts, window_size):
    """Values of both strands, one window at a time."""
    windows = [contig[start : start + window_size] for start in starts]
    turned = [reverse_complement(window) for window in windows]
    return np.array([[classifier.predict_proba([w])[0, 1] for w in strand] for strand in (windows, turned)])


def expected_starts(length, window_size, step, ends):
    """All starts at which a window fits, and the one that ends at the end."""
    starts = [start for start in range(0, length, step) if start + window_size <= length]
    if ends == "shift" and starts and starts[-1] != length - window_size:
        starts.append(length - window_size)
    return starts


@pytest.fixture(scope="module")
def promoters():
    return make_promoters(n_samples=200, random_state=0, return_X_y=True)


@pytest.fixture(scope="module")
def pipeline(promoters):
    return make_pipeline(KmerCounter(k=3), LogisticRegression()).fit(*promoters)


@pytest.mark.parametrize("ends", ["shift", "drop"])
@pytest.mark.parametrize(
    ("length", "window_size", "step"), [(200, 12, 1), (203, 12, 7), (50, 50, 3), (51, 50, 9)]
)
def test_scan_gives_brute_force_values(make_hash_classifier, make_dna, length, window_size, step, ends):
    classifier, contig = make_hash_classifier(), make_dna(length)
    track = scan(classifier, {"chr1": contig}, window_size=window_size, step=step, ends=ends)
    starts = expected_starts(length, window_size, step, ends)
    values = brute_force(classifier, contig, starts, window_size)
    np.testing.assert_array_equal(track.starts("chr1"), starts)
    np.testing.assert_array_equal(track.values("chr1", "+"), values[0])
    np.testing.assert_array_equal(track.values("chr1", "-"), values[1])


@pytest.mark.parametrize("place", [0, 1, 37, 93, 94])
@pytest.mark.parametrize("strand", ["+", "-"])
def test_scan_finds_a_word_where_it_is(make_word_classifier, place, strand):
    """A window of the word's length is 1 at the word and nowhere else, on the strand that reads it."""
    word = "TATGCA"
    planted = word if strand == "+" else reverse_complement(word)
    contig = "C" * place + planted + "C" * (94 - place)
    track = scan(make_word_classifier(word), {"chr1": contig}, window_size=6, step=1)
    for of_strand in "+-":
        expected = [place] if of_strand == strand else []
        assert np.flatnonzero(track.values("chr1", of_strand)).tolist() == expected


@pytest.mark.parametrize(("strand", "strands"), [("forward", ("+",)), ("reverse", ("-",))])
def test_scan_of_one_strand_is_a_row_of_both(make_hash_classifier, make_dna, strand, strands):
    genome = {"a": make_dna(90), "b": make_dna(40)}
    both = scan(make_hash_classifier(), genome, window_size=20, step=3)
    one = scan(make_hash_classifier(), genome, window_size=20, step=3, strand=strand)
    assert one.strands == strands
    for contig in genome:
        np.testing.assert_array_equal(one.values(contig), both.values(contig, strands[0]))


def test_scan_values_are_those_of_predict_proba(pipeline, promoters):
    X, _ = promoters
    track = scan(pipeline, {"chr1": "".join(X)}, window_size=len(X[0]), step=len(X[0]), strand="forward")
    np.testing.assert_allclose(track.values("chr1"), pipeline.predict_proba(X)[:, 1], rtol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 2, 7, 64, 10_000])
def test_scan_batch_size_changes_nothing(make_hash_classifier, make_dna, batch_size):
    genome = {"a": make_dna(150), "b": make_dna(31), "n": "N" * 40, "c": make_dna(35)}
    classifier = make_hash_classifier()
    with pytest.warns(SkgenomeWarning, match="1 of 4 contigs have no value: skipped as a whole"):
        track = scan(classifier, genome, window_size=30, step=2, batch_size=batch_size)
    assert max(classifier.batches) <= max(batch_size, 2)
    for contig in "abc":
        expected = brute_force(make_hash_classifier(), genome[contig], track.starts(contig), 30)
        np.testing.assert_array_equal(track.pieces[contig].values, expected)


def test_scan_puts_short_contigs_into_one_batch(make_hash_classifier, make_dna):
    classifier = make_hash_classifier()
    scan(classifier, {f"c{i}": make_dna(30) for i in range(100)}, window_size=30, step=1, batch_size=50)
    # The first window is asked about to learn what the classifier answers.
    assert classifier.batches == [1] + [50] * 4


def test_scan_skips_ambiguous_windows(make_hash_classifier):
    contig = "ACGTACGTNNACGTACGTRC"
    track = scan(make_hash_classifier(), {"chr1": contig}, window_size=5, step=1, max_ambiguous=0.2)
    counts = np.array([sum(base in "NR" for base in contig[i : i + 5]) for i in range(16)])
    for strand in "+-":
        np.testing.assert_array_equal(np.isnan(track.values("chr1", strand)), counts > 1)
    assert track.n_skipped == np.sum(counts > 1)


@pytest.mark.parametrize(("max_ambiguous", "n_skipped"), [(0.0, 100), (0.28, 72), (0.29, 71), (1.0, 0)])
def test_scan_max_ambiguous_is_a_share_that_is_still_read(make_hash_classifier, max_ambiguous, n_skipped):
    """Windows hold 0 to 100 N: 29 of 100 is a share of 0.29, whatever floats make of it."""
    genome = {"chr1": "A" * 100 + "N" * 100}
    track = scan(make_hash_classifier(), genome, window_size=100, step=1, max_ambiguous=max_ambiguous)
    assert track.n_skipped == n_skipped


def test_scan_warns_of_contigs_shorter_than_a_window(make_hash_classifier, make_dna):
    genome = {"long": make_dna(50)} | {f"short{i}": make_dna(20) for i in range(7)}
    with pytest.warns(
        SkgenomeWarning, match=r"7 of 8 contigs .* shorter than a window of 30 .* and 2 more"
    ) as record:
        track = scan(make_hash_classifier(), genome, window_size=30, step=5)
    assert record[0].filename == __file__
    assert list(track.lengths) == list(genome)
    assert track.starts("short0").size == 0
    assert np.isnan(track.per_base("short0", "+")).all()
    assert track.n_windows == 5


def test_iter_scan_warns_where_it_is_read(make_hash_classifier, make_dna):
    pieces = iter_scan(make_hash_classifier(), {"a": make_dna(50), "b": "A"}, window_size=30, step=5)
    with pytest.warns(SkgenomeWarning, match=r"They are b\.") as record:
        assert [piece.contig for piece in pieces] == ["a", "b"]
    assert record[0].filename == __file__


def test_iter_scan_pieces_are_the_track(make_hash_classifier, make_dna):
    genome = {"a": make_dna(200), "b": make_dna(60)}
    pieces = list(iter_scan(make_hash_classifier(), genome, window_size=10, step=3, batch_size=16))
    track = scan(make_hash_classifier(), genome, window_size=10, step=3)
    assert max(len(piece.starts) for piece in pieces) == 8
    for contig in genome:
        values = np.concatenate([piece.values for piece in pieces if piece.contig == contig], axis=1)
        np.testing.assert_array_equal(values, track.pieces[contig].values)


class _FirstLetter(ClassifierMixin, BaseEstimator):
    """Cheap, so that tracemalloc sees the scan."""

    classes_ = np.array([0, 1])

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y=None):
        return self

    def decision_function(self, X):
        return np.fromiter(map(len, X), dtype=float, count=len(X))


def test_iter_scan_memory_does_not_grow_with_the_contig():
    def peak(contig):
        tracemalloc.start()
        n_windows = sum(
            len(piece.starts)
            for piece in iter_scan(_FirstLetter(), {"chr1": contig}, window_size=300, step=100)
        )
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert n_windows == 1 + (len(contig) - 300) // 100
        return size

    short = peak("ACGTA" * 200_000)
    long = peak("ACGTA" * 1_000_000)
    # 4 Mb more of contig; not one byte for each hundred bases.
    assert long - short < 40_000


@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
@pytest.mark.parametrize(("target", "column"), [(None, 1), (1, 1), (0, 0)])
def test_scan_target_of_two_classes(make_hash_classifier, make_dna, method, target, column):
    classifier, contig = make_hash_classifier(), make_dna(25)
    track = scan(
        classifier,
        {"chr1": contig},
        window_size=20,
        step=1,
        strand="forward",
        target=target,
        response_method=method,
    )
    windows = [contig[i : i + 20] for i in range(6)]
    proba = classifier.predict_proba(windows)[:, column]
    log_odds = classifier.decision_function(windows) * (1 if column else -1)
    np.testing.assert_array_equal(track.values("chr1"), proba if method == "predict_proba" else log_odds)


@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
def test_scan_target_of_several_classes(make_hash_classifier, make_dna, method):
    classifier, contig = make_hash_classifier(4), make_dna(25)
    track = scan(
        classifier,
        {"chr1": contig},
        window_size=20,
        step=1,
        strand="forward",
        target=2,
        response_method=method,
    )
    windows = [contig[i : i + 20] for i in range(6)]
    np.testing.assert_array_equal(track.values("chr1"), getattr(classifier, method)(windows)[:, 2])


@pytest.mark.parametrize(
    "several", [MultiOutputClassifier, OneVsRestClassifier], ids=["list of arrays", "columns"]
)
def test_scan_target_of_two_labels(promoters, several):
    """Two labels look like two classes in a matrix, but neither is what the other is not."""
    X, y = promoters
    labels = np.column_stack([y, np.arange(len(y)) % 2])
    classifier = make_pipeline(KmerCounter(k=3), several(LogisticRegression())).fit(X, labels)
    windows = {"window_size": len(X[0]), "step": 1, "strand": "forward"}
    expected = classifier.predict_proba(X[:1])
    expected = expected[0][0, 1] if isinstance(expected, list) else expected[0, 0]
    track = scan(classifier, {"c": X[0]}, target=0, **windows)
    assert track.values("c")[0] == expected
    assert track.label == "probability of label 0"
    with pytest.raises(ValueError, match=r"the number of a label of the estimator: 0, 1\. Got None"):
        scan(classifier, {"c": X[0]}, **windows)


@pytest.mark.parametrize(
    ("classes", "method", "label"),
    [
        ("ab", "auto", "probability of b"),
        ("ab", "decision_function", "decision function of b"),
        (2, "auto", "probability of class 1"),
    ],
)
def test_scan_label_says_what_the_values_are(make_hash_classifier, classes, method, label):
    classifier = make_hash_classifier()
    classifier.classes_ = np.array(list(classes)) if isinstance(classes, str) else np.arange(classes)
    track = scan(classifier, {"c": "ACGT"}, window_size=4, step=1, response_method=method)
    assert track.label == label


def test_scan_takes_decision_function_where_there_is_no_probability(promoters):
    X, y = promoters
    classifier = make_pipeline(KmerCounter(k=3), LinearSVC()).fit(X, y)
    track = scan(classifier, {"c": X[0]}, window_size=len(X[0]), step=1, strand="forward")
    np.testing.assert_allclose(track.values("c"), classifier.decision_function(X[:1]))


def test_scan_calibrated_classifier_gives_its_probabilities(pipeline, promoters):
    X, y = promoters
    calibrated = CalibratedClassifierCV(FrozenEstimator(pipeline)).fit(X, y)
    track = scan(calibrated, {"c": "".join(X[:5])}, window_size=len(X[0]), step=len(X[0]), strand="forward")
    np.testing.assert_allclose(track.values("c"), calibrated.predict_proba(X[:5])[:, 1])
    assert not np.allclose(track.values("c"), pipeline.predict_proba(X[:5])[:, 1])


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"window_size": 0}, ValueError, r"'window_size' parameter of scan .* \[1, inf\). Got 0"),
        ({"step": 0}, ValueError, r"'step' parameter of scan .* \[1, inf\). Got 0"),
        ({"step": 2.5}, ValueError, "'step' parameter of scan must be an int"),
        ({"strand": "+"}, ValueError, "'strand' parameter of scan must be a str among"),
        ({"ends": "pad"}, ValueError, "'ends' parameter of scan must be a str among"),
        ({"max_ambiguous": 10}, ValueError, r"'max_ambiguous' parameter .* \[0.0, 1.0\]. Got 10"),
        ({"batch_size": 0}, ValueError, "'batch_size' parameter of scan"),
        ({"response_method": "predict"}, ValueError, "'response_method' parameter of scan"),
        ({"target": "promoter"}, ValueError, r"a class of the estimator: 0, 1\. Got 'promoter'"),
        ({"window_size": 31}, ValueError, r"Got 31 bases, and no contig or region is as long: chr1\."),
    ],
)
def test_scan_refuses_wrong_parameters(make_hash_classifier, parameters, error, message):
    parameters = {"window_size": 10, "step": 1} | parameters
    with pytest.raises(error, match=message):
        scan(make_hash_classifier(), {"chr1": "ACGTA" * 6}, **parameters)


def _unfitted(_):
    return make_pipeline(KmerCounter(k=2), LogisticRegression())


class _Short(_FirstLetter):
    """Drops a window, though not where there is one alone."""

    def decision_function(self, X):
        return np.zeros(max(1, len(X) - 1))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (_unfitted, NotFittedError, "must be fitted before it is asked"),
        (lambda _: "model.joblib", TypeError, "str has not; pass a classifier"),
        (lambda _: LogisticRegression, TypeError, "Got the class LogisticRegression itself"),
        (lambda _: KmerCounter(), TypeError, "must have predict_proba or decision_function. KmerCounter has"),
        (
            lambda _: DummyClassifier().fit([[0]] * 3, [0, 1, 2]),
            ValueError,
            r"a class .*: 0, 1, 2\. Got None",
        ),
        (lambda _: _Short(), ValueError, r"of _Short must give a row for each of 12 sequences"),
    ],
    ids=["not fitted", "path", "class", "no classifier", "no target", "row dropped"],
)
def test_scan_refuses_what_is_no_fitted_classifier(promoters, make, error, message):
    with pytest.raises(error, match=message):
        scan(make(promoters), {"c": "ACGTACGTAC"}, window_size=5, step=1)


@pytest.mark.parametrize("window_size", [1, 4, 5, 8, 81])
def test_scan_tries_the_classifier_on_a_window_before_the_genome_is_read(window_size):
    """Whatever does not fit the classifier is known at once, not after the first batch was cut."""
    asked = []

    class Listening(_FirstLetter):
        def decision_function(self, X):
            asked.append(list(X))
            return super().decision_function(X)

    iter_scan(Listening(), {"c": "ACGT"}, window_size=window_size, step=1)
    assert asked == [[("ACGT" * 30)[:window_size]]]


def test_iter_scan_refuses_at_once(make_hash_classifier):
    with pytest.raises(FileNotFoundError, match=r"no\.fa does not exist"):
        iter_scan(make_hash_classifier(), "no.fa", window_size=5, step=1)
