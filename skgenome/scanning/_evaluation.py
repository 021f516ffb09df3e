"""How well the peaks of a track find known sites, against the same number of sites put anywhere."""

from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score
from sklearn.utils import Bunch, check_random_state

from skgenome._sklearn import Interval, validate_params
from skgenome.scanning._peaks import Peak, find_peaks
from skgenome.scanning._sites import Places, label_places, number_places, pair, read_rows, read_sites
from skgenome.scanning._track import Track

#: By the number of a contig, the starts and ends of what was scanned.
Covered = list[tuple[np.ndarray, np.ndarray]]


def _covered(track: Track) -> Covered:
    """Give the stretches that windows with a value cover on any strand."""
    stretches = []
    for piece in track.pieces.values():
        starts = piece.starts[~np.isnan(piece.values).all(axis=0)]
        # Windows that touch leave nothing between them.
        apart = np.diff(starts) > track.window_size
        first = starts[np.concatenate([[True], apart])] if len(starts) else starts
        last = starts[np.concatenate([apart, [True]])] if len(starts) else starts
        stretches.append((first, last + track.window_size))
    return stretches


def _is_covered(sites: Places, covered: Covered) -> np.ndarray:
    inside = np.zeros(len(sites.positions), dtype=bool)
    for number in np.unique(sites.contigs):
        here = sites.contigs == number
        starts, ends = covered[number]
        before = np.searchsorted(starts, sites.positions[here], side="right")
        # In the last stretch that starts at the site or before it, or in none.
        inside[here] = (before > 0) & (sites.positions[here] < np.append(ends, -1)[before - 1])
    return inside


def _shuffle(sites: Places, covered: Covered, random_state: np.random.RandomState) -> Places:
    """Put every site anywhere in what was scanned of its contig; it keeps its strand."""
    positions = np.empty_like(sites.positions)
    for number in np.unique(sites.contigs):
        here = sites.contigs == number
        starts, ends = covered[number]
        before = np.cumsum(ends - starts)
        # A base of all that was scanned, end to end, and then the stretch that it is in.
        drawn = random_state.randint(before[-1], size=here.sum())
        stretch = np.searchsorted(before, drawn, side="right")
        positions[here] = ends[stretch] - (before[stretch] - drawn)
    return Places(sites.contigs, positions, sites.signs)


def _precision_recall(
    scores: np.ndarray, is_found: np.ndarray, n_sites: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Give precision and recall at each score, from the highest, and the average precision."""
    if not len(scores):
        return np.empty(0), np.empty(0), np.empty(0), 0.0
    order = np.argsort(-scores, kind="stable")
    n_found = np.cumsum(is_found[order])
    # Peaks of one score are all in or all out.
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    precision, recall = n_found[last] / (last + 1), n_found[last] / n_sites
    average = float(np.sum(np.diff(recall, prepend=0) * precision))
    return precision, recall, scores[order][last], average


def _recalls(scores: np.ndarray, is_found: np.ndarray, n_sites: int, thresholds: np.ndarray) -> np.ndarray:
    return np.array([np.sum(is_found & (scores >= threshold)) / n_sites for threshold in thresholds])


def _p_value(shuffled: np.ndarray, observed: float) -> float:
    # The real sites count as one more shuffle, so that no finite number of shuffles gives 0.
    return float((1 + np.sum(shuffled >= observed)) / (1 + len(shuffled)))


def _rows_at(
    thresholds: np.ndarray, scores: np.ndarray, recalls: np.ndarray, shuffled: np.ndarray, n_sites: int
) -> list[dict[str, float]]:
    rows = []
    for i, threshold in enumerate(thresholds):
        n_peaks, n_found = int(np.sum(scores >= threshold)), round(recalls[i] * n_sites)
        mean = float(shuffled[:, i].mean())
        rows.append(
            {
                "threshold": float(threshold),
                "n_peaks": n_peaks,
                "n_found": n_found,
                "precision": n_found / n_peaks if n_peaks else float("nan"),
                "recall": float(recalls[i]),
                "shuffled_recall_mean": mean,
                "shuffled_recall_std": float(shuffled[:, i].std(ddof=1))
                if len(shuffled) > 1
                else float("nan"),
                "enrichment": float(recalls[i]) / mean if mean else float("nan"),
                "p_value": _p_value(shuffled[:, i], recalls[i]),
            }
        )
    return rows


def _window_scores(track: Track, sites: Places, site_offset: int | None) -> tuple[float, float]:
    """Give the average precision of single windows, and the share of windows with a site."""
    by_contig = label_places(track, sites, site_offset)
    labels = np.concatenate([labels.ravel() for labels in by_contig.values()])
    values = np.concatenate([piece.values.ravel() for piece in track.pieces.values()])
    labels, values = labels[~np.isnan(values)], values[~np.isnan(values)]
    if not labels.any():
        return float("nan"), 0.0
    return float(average_precision_score(labels, values)), float(labels.mean())


@validate_params(
    {
        "track": [Track],
        "tolerance": [Interval(Integral, 0, None, closed="left")],
        "thresholds": ["array-like", None],
        "site_offset": [Integral, None],
        "n_shuffles": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def evaluate_track(
    track: Track,
    sites: Any,
    tolerance: int,
    *,
    peaks: Iterable[Peak] | None = None,
    thresholds: Iterable[float] | None = None,
    site_offset: int | None = None,
    n_shuffles: int = 100,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Compare a track with known sites.

    Peaks are paired with sites as in `match_peaks`: a site is found if a peak on its strand is near enough,
    and two peaks do not find one site twice. The same is done for sites put anywhere in what was scanned of
    their contigs, as many on each contig and strand: what a track with so many peaks finds by chance.

    Parameters
    ----------
    track : Track
        What `scan` gives.
    sites : frame, structured array, or iterable of (contig, position, strand)
        Known sites. Positions count from 0; a strand '.' is any. Sites outside of all windows with a value
        are left out, and counted in `n_outside`.
    tolerance : int
        Most bases from the position of a peak to its site.
    peaks : iterable of Peak, optional
        By default all local maxima that are at least `tolerance` apart.
    thresholds : array-like of float, optional
        Scores at which `rows` says what was found. By default one, that of as many peaks as there are sites.
    site_offset : int, optional
        Which base of a window the site is, counted from 0 as the strand reads. By default the middle.
    n_shuffles : int, default=100
        How often sites are put anywhere.
    random_state : int, RandomState instance or None, default=None
        Where they are put. An int makes that the same in every call.

    Returns
    -------
    evaluation : Bunch
        Has these fields.

        - precision, recall, scores : ndarray of shape (n_scores,)
          Of the peaks with at least this score, from the highest score down. Recall ends below 1 where some
          sites are near no peak.
        - average_precision : float
          Sum of the precisions, weighted by the gains in recall.
        - shuffled_average_precision : ndarray of shape (n_shuffles,)
          The same for shuffled sites: its chance level.
        - p_value : float
          Share of shuffles with at least that average precision, the real sites counted as one.
        - rows : list of dict
          For each threshold: `threshold`, `n_peaks`, `n_found`, `precision`, `recall`, of shuffled sites
          `shuffled_recall_mean` and `shuffled_recall_std`, `enrichment` (recall by the mean of shuffled
          recall) and `p_value`. What ``pandas.DataFrame`` takes.
        - peaks : list of Peak
          The peaks.
        - peak_sites : ndarray of shape (n_peaks,), int64
          Index in `sites` of what a peak found, -1 for nothing.
        - n_sites, n_outside : int
          Sites that count, and sites left out.
        - window_average_precision : float
          Of single windows as `label_windows` labels them; NaN where none has a site.
        - window_prevalence : float
          Share of windows with a site: its chance level.

    Raises
    ------
    TypeError
        If `sites` is no such table.
    ValueError
        If a site is not on the track's contigs, none is in what was scanned, or `site_offset` is outside the
        window.

    References
    ----------
    Phipson and Smyth, "Permutation P-values Should Never Be Zero" (2010), for the p-values.

    Examples
    --------
    >>> import numpy as np
    >>> from skgenome.scanning import Track, TrackPiece, evaluate_track
    >>> values = np.array([[0.1, 0.9, 0.2, 0.3, 0.1, 0.8, 0.1]])
    >>> piece = TrackPiece("chr1", 65, 10 * np.arange(7), values, 0)
    >>> track = Track({"chr1": piece}, window_size=5, step=10, strands=("+",))
    >>> found = evaluate_track(track, [("chr1", 13, "+"), ("chr1", 51, "+")], tolerance=3, random_state=0)
    >>> found.average_precision, found.rows[0]["recall"], len(found.peaks)
    (1.0, 1.0, 3)
    """
    places = read_sites(sites, track.lengths)
    covered = _covered(track)
    inside = np.flatnonzero(_is_covered(places, covered))
    if not len(inside):
        raise ValueError(
            f"sites must lie in what was scanned. None of the {len(places.positions)} is in a window with a "
            "value."
        )
    known = places.take(inside)
    if peaks is None:
        peaks = find_peaks(track, threshold=-np.inf, min_distance=max(tolerance, 1), site_offset=site_offset)
    peaks = list(peaks)
    scores = np.array([peak.score for peak in peaks], dtype=np.float64)
    at_peak = number_places(read_rows(peaks, "peaks"), track.pieces, "peaks")
    thresholds = _check_thresholds(thresholds, scores, len(inside))
    rng = check_random_state(random_state)

    # Real and shuffled sites go the same way.
    def found(sites: Places) -> tuple[np.ndarray, float, np.ndarray]:
        chosen = pair(at_peak, scores, sites, tolerance)
        average = _precision_recall(scores, chosen >= 0, len(inside))[-1]
        return chosen, average, _recalls(scores, chosen >= 0, len(inside), thresholds)

    chosen, average, recalls = found(known)
    chance = [found(_shuffle(known, covered, rng))[1:] for _ in range(n_shuffles)]
    shuffled_average = np.array([average for average, _ in chance])
    shuffled_recalls = np.stack([recalls for _, recalls in chance])
    precision, recall, levels, _ = _precision_recall(scores, chosen >= 0, len(inside))
    window_average, prevalence = _window_scores(track, known, site_offset)
    return Bunch(
        precision=precision,
        recall=recall,
        scores=levels,
        average_precision=average,
        shuffled_average_precision=shuffled_average,
        p_value=_p_value(shuffled_average, average),
        rows=_rows_at(thresholds, scores, recalls, shuffled_recalls, len(inside)),
        peaks=peaks,
        peak_sites=np.where(chosen >= 0, inside[chosen], -1),
        n_sites=len(inside),
        n_outside=len(places.positions) - len(inside),
        window_average_precision=window_average,
        window_prevalence=prevalence,
    )


def _check_thresholds(thresholds: Iterable[float] | None, scores: np.ndarray, n_sites: int) -> np.ndarray:
    if thresholds is None:
        return np.sort(scores)[-n_sites:][:1]
    thresholds = np.asarray(thresholds, dtype=np.float64)
    if thresholds.ndim != 1 or np.isnan(thresholds).any():
        raise ValueError(f"thresholds must be a list of numbers. Got {thresholds.tolist()}.")
    return thresholds
