import numpy as np
import pytest

from skgenome.inspection import in_silico_mutagenesis
from skgenome.sequences import encode


def brute_force(predict, sequences):
    """Make every substitution by hand, one prediction each."""
    length = max(map(len, sequences))
    effects = np.full((len(sequences), 4, length), np.nan)
    for i, sequence in enumerate(sequences):
        for j in range(len(sequence)):
            for b, base in enumerate("ACGT"):
                edited = sequence[:j] + base + sequence[j + 1 :]
                effects[i, b, j] = predict([edited])[0] - predict([sequence])[0]
    return effects


def test_in_silico_mutagenesis_is_brute_force_on_ragged_sequences(kmer_classifier, draw_dna):
    sequences = [*draw_dna(1, 12, 2, 7), "ACNRTGC"]
    result = in_silico_mutagenesis(kmer_classifier, sequences)
    expected = brute_force(lambda s: kmer_classifier.predict_proba(s)[:, 1], sequences)
    np.testing.assert_allclose(result.attributions, expected, atol=1e-12)


def test_in_silico_mutagenesis_of_a_linear_model_in_closed_form(kmer_classifier):
    """A substitution inside removes two dinucleotides and makes two others."""
    names = kmer_classifier[0].get_feature_names_out().tolist()
    weight = dict(zip(names, kmer_classifier[1].coef_[0], strict=True))
    result = in_silico_mutagenesis(kmer_classifier, ["GATTACA"], response_method="decision_function")
    expected = weight["AG"] + weight["GT"] - weight["AT"] - weight["TT"]
    assert result.attributions[0, 2, 2] == pytest.approx(expected)
    assert result.attributions[0, 0, 0] == pytest.approx(weight["AA"] - weight["GA"])


@pytest.mark.parametrize("target", ["a", "c", None])
def test_in_silico_mutagenesis_of_additive_scores_in_closed_form(place_scorer, draw_dna, target):
    scorer, sequences = place_scorer(3), draw_dna(2, 20, 20, 20)
    result = in_silico_mutagenesis(scorer, sequences, target=target, response_method="decision_function")
    for i, sequence in enumerate(sequences):
        weights = scorer.weights["abc".index(result.target[i]), :20]
        expected = weights[:, :4] - weights[np.arange(20), encode(sequence), None]
        np.testing.assert_allclose(result.attributions[i].T, expected, atol=1e-12)


def test_in_silico_mutagenesis_of_a_label(place_scorer, draw_dna):
    scorer, sequences = place_scorer(3, "labels"), draw_dna(3, 9, 9)
    result = in_silico_mutagenesis(scorer, sequences, target=2)
    expected = brute_force(lambda s: scorer.predict_proba(s)[:, 2], sequences)
    np.testing.assert_allclose(result.attributions, expected, atol=1e-12)
    assert result.target == [2, 2]


def test_in_silico_mutagenesis_reference_is_exactly_zero(kmer_classifier):
    result = in_silico_mutagenesis(kmer_classifier, ["ACGUacgtN", "AC"])
    expected = [[0, 1, 2, 3, 0, 1, 2, 3, 4], [0, 1, 4, 4, 4, 4, 4, 4, 4]]
    np.testing.assert_array_equal(result.reference, expected)
    reference = result.attributions[0, [0, 1, 2, 3] * 2, range(8)]
    np.testing.assert_array_equal(reference, np.zeros(8))
    assert (result.attributions[0, :, 8] != 0).all()
    assert np.isnan(result.attributions[1, :, 2:]).all()


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_in_silico_mutagenesis_batches_change_nothing(batch_size, word_scorer, draw_dna):
    sequences = draw_dna(4, 10, 14)
    expected = in_silico_mutagenesis(word_scorer("TATAAT"), sequences).attributions
    scorer = word_scorer("TATAAT")
    found = in_silico_mutagenesis(scorer, sequences, batch_size=batch_size).attributions
    np.testing.assert_array_equal(found, expected)
    assert max(scorer.n_calls) == min(batch_size, 72)


def test_in_silico_mutagenesis_asks_for_three_sequences_for_each_base(word_scorer, draw_dna):
    scorer = word_scorer("TATAAT")
    in_silico_mutagenesis(scorer, draw_dna(4, 10, 14))
    # One to learn what it answers, two unchanged, and 24 bases times three.
    assert sum(scorer.n_calls) == 1 + 2 + 72


def test_in_silico_mutagenesis_order_changes_nothing(kmer_classifier, draw_dna):
    sequences = draw_dna(5, 10, 10, 10)
    found = in_silico_mutagenesis(kmer_classifier, sequences[::-1]).attributions
    expected = in_silico_mutagenesis(kmer_classifier, sequences).attributions
    np.testing.assert_allclose(found[::-1], expected, atol=1e-12)


@pytest.mark.parametrize("positions", [[3, 8], np.array([9]), range(2, 5), 6])
def test_in_silico_mutagenesis_at_some_positions(positions, kmer_classifier, draw_dna):
    sequences = draw_dna(6, 10, 5)
    found = in_silico_mutagenesis(kmer_classifier, sequences, positions=positions)
    expected = in_silico_mutagenesis(kmer_classifier, sequences)
    np.testing.assert_array_equal(found.positions, np.atleast_1d(positions))
    np.testing.assert_allclose(found.attributions, expected.attributions[:, :, found.positions], atol=1e-12)
    np.testing.assert_array_equal(found.reference, expected.reference[:, found.positions])


@pytest.mark.parametrize(
    ("positions", "message"),
    [
        ([4, 10], "positions must be from 0 to 9, .* Got 10"),
        ([-1], "Got -1"),
        ([0.5], r"list of integers from 0.* Got \[0.5\]"),
        ([], r"list of integers from 0.* Got \[\]"),
        ([[1, 2]], "list of integers from 0"),
    ],
    ids=["behind", "negative", "fraction", "none", "matrix"],
)
def test_in_silico_mutagenesis_refuses_positions(positions, message, word_scorer, draw_dna):
    with pytest.raises(ValueError, match=message):
        in_silico_mutagenesis(word_scorer("TATAAT"), draw_dna(7, 10, 5), positions=positions)
