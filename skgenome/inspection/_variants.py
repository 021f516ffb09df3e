"""What variants of a genome do to a prediction."""

from collections.abc import Iterator
from numbers import Integral

import numpy as np
from scipy.special import logit
from sklearn.utils import Bunch

from skgenome._response import RESPONSE_METHODS, make_predictor
from skgenome._sklearn import Interval, StrOptions, validate_params
from skgenome.inspection._edits import Edit, predict_edits
from skgenome.inspection._genome import check_against_genome, cut_windows, read_variants
from skgenome.sequences import iter_contigs, reverse_complement

# Odds of 0 and 1 are taken this far from them: a forest gives both, and their odds are infinite.
_SMALLEST = np.finfo(np.float64).eps


def _log_odds(probability):
    return logit(np.clip(probability, _SMALLEST, 1 - _SMALLEST))


def _list_alleles(variants, genome, window_size: int, n_strands: int) -> Iterator[Edit]:
    """Make the windows of both alleles on each strand; the place of each is its cell of (2, n_strands)."""
    for index, variant in enumerate(variants):
        windows = cut_windows(variant, genome[variant.contig], window_size)
        for strand in range(n_strands):
            reference, alternative = map(reverse_complement, windows) if strand else windows
            yield Edit(index, strand, reference, reference)
            yield Edit(index, n_strands + strand, reference, alternative)


@validate_params(
    {
        "variants": "no_validation",
        "genome": "no_validation",
        "window_size": [Interval(Integral, 1, None, closed="left")],
        "target": "no_validation",
        "strand": [StrOptions({"both", "forward"})],
        "response_method": [StrOptions({"auto", *RESPONSE_METHODS})],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def variant_effects(
    estimator,
    variants,
    genome,
    *,
    window_size,
    target=None,
    strand="both",
    response_method="auto",
    batch_size=1024,
):
    """Predict a window around each variant with and without it.

    All variants are checked against the genome before the first prediction.

    Read more in :ref:`inspection`.

    Parameters
    ----------
    estimator : classifier
        Fitted on sequences of about `window_size`; anything with ``predict_proba`` or ``decision_function``
        that takes a list of str.
    variants : str, path, frame or iterable of tuples
        A VCF file, plain or compressed; or rows of contig, position **from 0**, ref and alt: tuples, or a
        pandas or polars frame with these columns. A fifth element of a tuple is a name.
    genome : str, path, dict of str to str or iterable
        What `skgenome.sequences.iter_contigs` reads: FASTA, the contigs by name, or (name, sequence) pairs.
        Files and pairs are read into memory.
    window_size : int
        Bases around the variant, whose first base stands at ``window_size // 2``. At the ends of a contig the
        window is moved inwards. The alternative has the same start and the same size: an insertion pushes
        bases out on the right, a deletion lets bases in.
    target : class, number of a label or None, default=None
        Whose prediction to look at. None: all of them.
    strand : {'both', 'forward'}, default='both'
        Whether to average the predictions of the window and of its reverse complement.
    response_method : {'auto', 'predict_proba', 'decision_function'}, default='auto'
        What to ask for; 'auto' is the first that there is.
    batch_size : int, default=1024
        Sequences for which the estimator is called at once. Bounds the memory, changes nothing else.

    Returns
    -------
    result : Bunch
        With the entries:

        reference, alternative : ndarray of shape (n_variants, n_labels), float64
            The predictions for both alleles, averaged over the strands.
        difference : ndarray of shape (n_variants, n_labels), float64
            ``alternative - reference``.
        log_odds_ratio : ndarray of shape (n_variants, n_labels), float64, or None
            Log odds of `alternative` less those of `reference`, in nats. Probabilities of 0 and 1 are taken
            as 2e-16 and 1 - 2e-16. None for decision values, which are log odds already where the classifier
            is a logistic one.
        labels : list of length n_labels
            What the columns stand for.
        variants : list of Variant
            The variants in the same order, with 0-based positions.
        response_method : str
            What was asked for.

    Raises
    ------
    TypeError
        If the estimator has neither method, a row is no variant, or `genome` no genome.
    ValueError
        If the genome has a name twice, a contig is missing or shorter than the window, a position lies behind
        its end, or ref is not what the genome has there. The message names the contig or the variant.
    skgenome.exceptions.DataIntegrityError
        If the VCF or FASTA file is empty or damaged. The message names file and line.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    Warns
    -----
    skgenome.exceptions.SkgenomeWarning
        If the VCF file has alleles that are no sequence, which are left out.

    See Also
    --------
    skgenome.sequences.read_vcf : Reads the file.
    in_silico_mutagenesis : Every substitution of a sequence.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skgenome.inspection import variant_effects
    >>> from skgenome.preprocessing import KmerCounter
    >>> classifier = make_pipeline(KmerCounter(k=2, canonical=True), LogisticRegression())
    >>> classifier = classifier.fit(["TATAAT", "ATATAT", "GCGGCC", "CCGCGC"], [1, 1, 0, 0])
    >>> genome = {"chr1": "GGCGCTATAATGCGC"}
    >>> result = variant_effects(classifier, [("chr1", 7, "T", "G")], genome, window_size=8)
    >>> result.labels, result.difference.shape
    ([0, 1], (1, 2))
    >>> bool(result.difference[0, 1] < 0)
    True
    """
    variants, genome = read_variants(variants), dict(iter_contigs(genome))
    for variant in variants:
        check_against_genome(variant, genome)
        # Cut and forgotten: the last one that does not fit must not be found after hours of predictions.
        windows = cut_windows(variant, genome[variant.contig], window_size)
    predictor = make_predictor(estimator, response_method, windows[0])
    columns = list(range(len(predictor.labels))) if target is None else [predictor.find_column(target)]
    n_strands = 1 if strand == "forward" else 2
    predictions = np.empty((len(variants), 2 * n_strands, len(columns)))
    edits = _list_alleles(variants, genome, window_size, n_strands)
    for index, place, prediction in predict_edits(predictor, edits, batch_size):
        predictions[index, place] = prediction[columns]
    # Strands first: the odds are those of the averaged probability, not averaged odds.
    by_allele = predictions.reshape(len(variants), 2, n_strands, len(columns)).mean(axis=2)
    reference, alternative = by_allele[:, 0], by_allele[:, 1]
    are_probabilities = predictor.method == "predict_proba"
    return Bunch(
        reference=reference,
        alternative=alternative,
        difference=alternative - reference,
        log_odds_ratio=_log_odds(alternative) - _log_odds(reference) if are_probabilities else None,
        labels=[predictor.labels[column] for column in columns],
        variants=variants,
        response_method=predictor.method,
    )
