import numpy as np
import pytest

from skgenome.inspection import perturbation_importance
from skgenome.sequences import encode


def brute_force(predict, sequences, widths, insert):
    """Replace every window by hand; `insert` gives what comes in place of a content."""
    length = max(map(len, sequences))
    changes = np.full((len(sequences), len(widths), length), np.nan)
    for i, sequence in enumerate(sequences):
        for w, width in enumerate(widths):
            for start in range(len(sequence) - width + 1):
                edited = sequence[:start] + insert(width) + sequence[start + width :]
                change = predict([edited])[0] - predict([sequence])[0]
                changes[i, w, start + width // 2] = change
    return changes


def test_perturbation_importance_by_n_is_brute_force_on_ragged_sequences(kmer_classifier, draw_dna):
    sequences, widths = draw_dna(1, 12, 5, 9), [1, 4, 5]
    result = perturbation_importance(kmer_classifier, sequences, widths=widths, replacement="N")
    expected = brute_force(
        lambda s: kmer_classifier.predict_proba(s)[:, 1], sequences, widths, lambda width: "N" * width
    )
    np.testing.assert_allclose(result.importances_mean, expected, atol=1e-12)
    np.testing.assert_array_equal(result.importances_std, np.where(np.isnan(expected), np.nan, 0))
    assert result.n_repeats == 1


@pytest.mark.parametrize("target", [0, 2])
def test_perturbation_importance_by_an_insert_of_a_label(place_scorer, draw_dna, target):
    scorer, sequences = place_scorer(3, "labels"), draw_dna(2, 10, 10)
    result = perturbation_importance(scorer, sequences, widths=3, replacement="GaU", target=target)
    expected = brute_force(lambda s: scorer.predict_proba(s)[:, target], sequences, [3], lambda width: "GAT")
    np.testing.assert_allclose(result.importances_mean, expected, atol=1e-12)


def test_perturbation_importance_by_random_bases_has_the_expected_mean(place_scorer, draw_dna):
    """A base drawn uniformly scores the mean of four, in the end."""
    scorer, (sequence,) = place_scorer(3), draw_dna(3, 8)
    result = perturbation_importance(
        scorer, [sequence], widths=1, n_repeats=4000, target="b",
        response_method="decision_function", random_state=0,
    )  # fmt: skip
    weights = scorer.weights[1, :8, :4]
    expected = weights.mean(axis=1) - weights[np.arange(8), encode(sequence)]
    standard_error = weights.std(axis=1) / np.sqrt(4000)
    assert (np.abs(result.importances_mean[0, 0] - expected) < 5 * standard_error).all()
    np.testing.assert_allclose(result.importances_std[0, 0], weights.std(axis=1), rtol=0.1)


def test_perturbation_importance_by_shuffles_keeps_dinucleotides(kmer_classifier, draw_dna):
    """What counts dinucleotides alone cannot tell a shuffled content, in its place, from the old one."""
    result = perturbation_importance(
        kmer_classifier, draw_dna(4, 30), widths=[3, 12], replacement="shuffle", random_state=0
    )
    np.testing.assert_allclose(np.nan_to_num(result.importances_mean), 0, atol=1e-12)


def test_perturbation_importance_by_shuffles_moves_what_is_not_at_the_ends(place_scorer, draw_dna):
    result = perturbation_importance(
        place_scorer(2), draw_dna(4, 30), widths=[1, 3, 20], replacement="shuffle", random_state=0
    )
    assert not np.nan_to_num(result.importances_mean[0, :2]).any()
    assert (np.nan_to_num(result.importances_mean[0, 2]) != 0).sum() == 11


def test_perturbation_importance_predicts_nothing_for_what_stays(word_scorer):
    scorer = word_scorer("TATAAT")
    perturbation_importance(scorer, ["ACACACAC"], widths=3, replacement="shuffle")
    assert sum(scorer.n_calls) == 2


@pytest.mark.parametrize("step", [1, 3])
def test_perturbation_importance_positions_are_centres(step, word_scorer, draw_dna):
    result = perturbation_importance(
        word_scorer("TATAAT"), draw_dna(5, 20), widths=[1, 4, 5], step=step, random_state=0
    )
    np.testing.assert_array_equal(result.positions, range(0, 20, step))
    exists = ~np.isnan(result.importances_mean[0])
    for row, (first, last) in enumerate([(0, 19), (2, 18), (2, 17)]):
        np.testing.assert_array_equal(exists[row], (result.positions >= first) & (result.positions <= last))


def test_perturbation_importance_same_seed_same_bits(kmer_classifier, draw_dna):
    sequences = draw_dna(6, 20, 16)
    first, again, other = (
        perturbation_importance(kmer_classifier, sequences, widths=5, n_null=1, random_state=seed)
        for seed in (0, 0, 1)
    )
    for name in ("importances_mean", "importances_std", "null_mean", "null_std"):
        np.testing.assert_array_equal(first[name], again[name])
        assert not np.array_equal(first[name], other[name], equal_nan=True)


def test_perturbation_importance_of_a_sequence_does_not_depend_on_its_company(word_scorer, draw_dna):
    """Neither on the order, nor on the batch, nor on the other widths."""
    sequences = draw_dna(7, 20, 16, 18)
    scorer = word_scorer("TATAAT")
    whole = perturbation_importance(scorer, sequences, widths=[3, 5], n_null=2, random_state=0)
    for i, sequence in enumerate(sequences):
        alone = perturbation_importance(scorer, [sequence], widths=5, n_null=2, batch_size=3, random_state=0)
        n = len(sequence)
        np.testing.assert_array_equal(alone.importances_mean[0, 0], whole.importances_mean[i, 1, :n])
        np.testing.assert_array_equal(alone.importances_std[0, 0], whole.importances_std[i, 1, :n])
        np.testing.assert_array_equal(alone.null_mean[0, 0], whole.null_mean[i, 1])
        np.testing.assert_allclose(alone.null_std[0, 0], whole.null_std[i, 1], rtol=1e-12)


@pytest.mark.parametrize("batch_size", [1, 10])
def test_perturbation_importance_batches_are_no_larger_than_asked(batch_size, word_scorer, draw_dna):
    scorer = word_scorer("TATAAT")
    perturbation_importance(scorer, draw_dna(8, 12, 12), widths=3, batch_size=batch_size)
    assert max(scorer.n_calls) == batch_size


def test_perturbation_importance_null_has_lost_the_motif(word_scorer, draw_dna):
    word = "GTATAATGC"
    background = draw_dna(9, *[40] * 10)
    sequences = [f"{s[:20]}{word}{s[20:]}" for s in background]
    result = perturbation_importance(
        word_scorer(word), sequences, widths=[9], n_null=3, random_state=0,
        response_method="decision_function",
    )  # fmt: skip
    assert result.null_mean.shape == result.null_std.shape == (10, 1)
    strongest = np.nanmin(result.importances_mean[:, 0], axis=1)
    assert (strongest < result.null_mean[:, 0] - 3 * result.null_std[:, 0]).all()


def test_perturbation_importance_null_is_mean_and_sd_over_windows_of_copies(place_scorer, draw_dna):
    """Against the copies themselves, which the classifier sees before their windows are replaced."""
    (sequence,) = draw_dna(10, 25)
    scorer, seen = place_scorer(2), []

    class Recorder:
        def predict_proba(self, sequences):
            seen.extend(sequences)
            return scorer.predict_proba(sequences)

    result = perturbation_importance(
        Recorder(), [sequence], widths=[3, 8], replacement="N", n_null=4, random_state=0
    )
    copies = [s for s in seen if "N" not in s and s != sequence]
    assert len(set(copies)) == 4
    of_copies = perturbation_importance(scorer, copies, widths=[3, 8], replacement="N").importances_mean
    np.testing.assert_allclose(result.null_mean[0], np.nanmean(of_copies, axis=(0, 2)))
    np.testing.assert_allclose(result.null_std[0], np.nanstd(of_copies, axis=(0, 2)))


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"widths": 11}, ValueError, "Sequence 1 has 10 bases, fewer than the window of 11"),
        ({"widths": [3, 0]}, ValueError, r"different integers of at least 1, in bases. Got \[3, 0\]"),
        ({"widths": [3, 3]}, ValueError, r"Got \[3, 3\]"),
        ({"widths": 2.5}, ValueError, "Got 2.5"),
        ({"widths": []}, ValueError, r"Got \[\]"),
        ({"widths": 3, "step": 0}, ValueError, "'step' parameter"),
        ({"widths": 3, "step": 50}, ValueError, "Sequence 0 of 12 bases has no window of 3 .* step=50"),
        ({"widths": 3, "n_repeats": 0}, ValueError, "'n_repeats' parameter"),
        ({"widths": 3, "n_null": -1}, ValueError, "'n_null' parameter"),
        ({"replacement": "ACG", "widths": [3, 5]}, ValueError, "insert of 3 bases for windows of 5: .*=3"),
        ({"replacement": "zeros", "widths": 5}, ValueError, "'shuffle', 'N' or bases to insert. Got 'zeros'"),
        ({"replacement": "", "widths": 5}, ValueError, "Got ''"),
        ({"replacement": None, "widths": 5}, ValueError, "'replacement' parameter"),
        ({"random_state": "seed", "widths": 5}, ValueError, "'random_state' parameter"),
    ],
)  # fmt: skip
def test_perturbation_importance_refuses(params, error, message, word_scorer, draw_dna):
    with pytest.raises(error, match=message):
        perturbation_importance(word_scorer("TATAAT"), draw_dna(11, 12, 10), **params)
