"""Draw windows of genomes at random, without overlap: what the fetchers of labelled windows share."""

from typing import Any, NamedTuple

import numpy as np

from skgenome.sequences import AMBIGUOUS, SequenceRecord, encode


class WindowRule(NamedTuple):
    """How windows are drawn.

    A contig shorter than `window_size` but not than `min_length` is a window as a whole; one shorter than
    both gives none. So none is shorter where `min_length` is `window_size`.
    """

    window_size: int
    n_windows: int
    max_ambiguous: float
    min_length: int


class _Place(NamedTuple):
    """A place for a window: which contig, from which base."""

    contig: int
    start: int


def _window_grid(lengths: list[int], rule: WindowRule, rng: np.random.Generator) -> list[_Place]:
    """Lay windows side by side along every contig, from a random offset."""
    grid = []
    for contig, length in enumerate(lengths):
        n_windows = length // rule.window_size
        # Drawn for short contigs too, so that their number does not shift the draws of the others.
        offset = int(rng.integers(length - n_windows * rule.window_size + 1))
        if n_windows == 0 and length >= rule.min_length:
            grid.append(_Place(contig, 0))
        grid += [_Place(contig, offset + i * rule.window_size) for i in range(n_windows)]
    return grid


def draw_windows(contigs: list[str], rule: WindowRule, rng: np.random.Generator) -> tuple[list[_Place], int]:
    """Draw windows of one genome.

    Parameters
    ----------
    contigs : list of str
        The genome.
    rule : WindowRule
        How many, how long, how clean.
    rng : numpy.random.Generator
        A smaller ``rule.n_windows`` draws the first ones of a larger one.

    Returns
    -------
    drawn : list of (contig, start)
        Which contig, and the first base on it, 0-based; no two overlap.
    n_ambiguous : int
        How many were passed over because too many of their letters are ambiguous.
    """
    grid = _window_grid([len(contig) for contig in contigs], rule, rng)
    drawn: list[_Place] = []
    n_ambiguous = 0
    # One order for all, cut off where enough are found: so smaller draws are subsets of larger ones.
    for i in rng.permutation(len(grid)):
        if len(drawn) == rule.n_windows:
            break
        contig, start = grid[i]
        codes = encode(contigs[contig][start : start + rule.window_size])
        if np.mean(codes == AMBIGUOUS) > rule.max_ambiguous:
            n_ambiguous += 1
        else:
            drawn.append(grid[i])
    return drawn, n_ambiguous


class WindowCollector:
    """Collect the windows of one genome after the other.

    Parameters
    ----------
    rule : WindowRule
        The same for all genomes.

    Attributes
    ----------
    data : list of str
        The windows.
    owners : list
        What `add` was given as the owner of each.
    contig_names : list of str
        The contig of each.
    starts : list of int
        First base on the contig, 0-based.
    n_skipped_contigs, n_skipped_windows : int
        Contigs that are too short, and windows that are too ambiguous.
    """

    def __init__(self, rule: WindowRule) -> None:
        self._rule = rule
        self.data: list[str] = []
        self.owners: list[Any] = []
        self.contig_names: list[str] = []
        self.starts: list[int] = []
        self.n_skipped_contigs = 0
        self.n_skipped_windows = 0

    def add(self, owner: object, records: list[SequenceRecord], rng: np.random.Generator) -> int:
        """Draw windows of a genome.

        Parameters
        ----------
        owner : object
            Kept with every window. It should not hold the sequence, as that would stay in memory.
        records : list of SequenceRecord
            The contigs.
        rng : numpy.random.Generator
            As in `draw_windows`.

        Returns
        -------
        int
            How many were drawn.
        """
        places, n_ambiguous = draw_windows([r.sequence for r in records], self._rule, rng)
        for contig, start in places:
            self.data.append(records[contig].sequence[start : start + self._rule.window_size])
            self.owners.append(owner)
            self.contig_names.append(records[contig].name)
            self.starts.append(start)
        shortest = min(self._rule.window_size, self._rule.min_length)
        self.n_skipped_contigs += sum(len(record.sequence) < shortest for record in records)
        self.n_skipped_windows += n_ambiguous
        return len(places)
