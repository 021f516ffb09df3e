"""Variants: reading them, checking them against their genome, and cutting windows around them."""

from collections.abc import Mapping
from difflib import get_close_matches
from numbers import Integral
from os import PathLike

from skgenome.sequences import Variant, encode, read_vcf

_COLUMNS = ("contig", "position", "ref", "alt")
# No error shows more of a sequence.
_SHOWN = 30


def read_variants(variants) -> list[Variant]:
    """Give variants from a VCF file or a table.

    Parameters
    ----------
    variants : str, path, frame or iterable of tuples
        A VCF file; or rows of contig, 0-based position, ref and alt.

    Returns
    -------
    list of Variant
        In the order given.

    Raises
    ------
    TypeError
        If a row is no variant.
    ValueError
        If there is none, an allele has no bases, or a frame lacks a column.
    """
    if isinstance(variants, str | PathLike):
        return read_vcf(variants)
    if hasattr(variants, "columns") and hasattr(variants, "to_numpy"):
        missing = [name for name in _COLUMNS if name not in variants.columns]
        if missing:
            raise ValueError(
                f"variants must have the columns {', '.join(_COLUMNS)}. {missing[0]!r} is missing."
            )
        variants = zip(*(variants[name].to_list() for name in _COLUMNS), strict=True)
    read = [_check_row(row, number) for number, row in enumerate(variants)]
    if not read:
        raise ValueError("variants must hold at least one variant. Got none.")
    return read


def _check_row(row, number):
    """Give one row of a table as a variant."""
    if not isinstance(row, tuple | list) or not 4 <= len(row) <= 5:
        raise TypeError(
            f"variants[{number}] must be a tuple of contig, position, ref and alt, and a name if it has one. "
            f"Got {row!r:.80} instead."
        )
    variant = Variant(*row)
    if not isinstance(variant.position, Integral):
        raise TypeError(
            f"variants[{number}] must have an integer as position, from 0. Got {variant.position!r} instead."
        )
    if variant.position < 0:
        raise ValueError(f"variants[{number}] has the position {variant.position}. Positions start at 0.")
    for name in ("ref", "alt"):
        allele = getattr(variant, name)
        try:
            n_bases = len(encode(allele))
        except (TypeError, ValueError) as err:
            raise type(err)(
                f"variants[{number}] must have bases as {name}. Got {allele!r:.80} instead."
            ) from err
        if not n_bases:
            raise ValueError(
                f"variants[{number}] has no base as {name}. As in VCF, write the base before an insertion or "
                "a deletion into both ref and alt."
            )
    contig, position, ref, alt, name = variant
    return Variant(contig, int(position), ref.upper(), alt.upper(), name)


def describe(variant: Variant) -> str:
    """Name a variant, with its position in both ways of counting.

    Parameters
    ----------
    variant : Variant
        Which.

    Returns
    -------
    str
        For messages.
    """
    name = f" {variant.name!r}" if variant.name else ""
    alleles = f"{_shorten(variant.ref)} > {_shorten(variant.alt)}"
    return (
        f"Variant{name} ({alleles} on contig {variant.contig!r}, position {variant.position + 1} counted "
        f"from 1 as in VCF, {variant.position} from 0)"
    )


def as_dna(bases: str) -> str:
    """Give bases as they are compared: in upper case, with T for U."""
    return bases.upper().replace("U", "T")


def _shorten(bases):
    return bases if len(bases) <= _SHOWN else f"{bases[: _SHOWN - 3]}..."


def check_against_genome(variant: Variant, genome: Mapping[str, str]) -> None:
    """Check that a variant is one of this genome.

    Parameters
    ----------
    variant : Variant
        Which.
    genome : mapping of str to str
        The contigs.

    Raises
    ------
    ValueError
        If the genome has not its contig, the position lies behind the end, or other bases stand there.
    """
    contig = genome.get(variant.contig)
    if contig is None:
        names = list(genome)
        near = get_close_matches(str(variant.contig), names, n=3, cutoff=0.4) or names[:3]
        raise ValueError(
            f"{describe(variant)}: the genome has no such contig. Among its {len(names)}: {', '.join(near)}."
        )
    end = variant.position + len(variant.ref)
    if end > len(contig):
        raise ValueError(f"{describe(variant)}: reaches behind the end of the contig of {len(contig)} bases.")
    ref, found = as_dna(variant.ref), as_dna(contig[variant.position : end])
    if found != ref:
        # The commonest cause, told from another assembly by looking.
        before = as_dna(contig[max(variant.position - 1, 0) : end - 1]) == ref
        advice = "The base before fits: was the position counted from 1?" if before else "Another assembly?"
        raise ValueError(
            f"{describe(variant)}: ref is {_shorten(variant.ref)}, but the genome has {_shorten(found)} "
            f"there. {advice}"
        )


def cut_windows(variant: Variant, contig: str, window_size: int) -> tuple[str, str]:
    """Cut the window around a variant as it is and as it would be, both of the same size.

    Parameters
    ----------
    variant : Variant
        Checked against the contig.
    contig : str
        The sequence that it lies on.
    window_size : int
        In bases.

    Returns
    -------
    reference : str
        The window of the genome, with the first base of the variant at ``window_size // 2``.
    alternative : str
        From the same start, with the alternative in place; what an insertion pushes out on the right is cut
        off, what a deletion leaves open there is filled from the genome. At the ends of a contig, both
        windows start where both fit.

    Raises
    ------
    ValueError
        If the contig is too short.
    """
    # The alternative reaches this much farther into the genome than the reference.
    n_deleted = max(len(variant.ref) - len(variant.alt), 0)
    latest = len(contig) - n_deleted - window_size
    if latest < 0:
        raise ValueError(
            f"{describe(variant)}: a window of {window_size} bases does not fit into the contig of "
            f"{len(contig)} bases" + (f", {n_deleted} of which are deleted." if n_deleted else ".")
        )
    start = min(max(variant.position - window_size // 2, 0), latest)
    end = variant.position + len(variant.ref)
    left = contig[start : variant.position]
    alternative = f"{left}{variant.alt}{contig[end : end + window_size]}"
    return contig[start : start + window_size], alternative[:window_size]
