"""VCF, read as a stream. Positions become 0-based here and nowhere else."""

import warnings
from collections import Counter
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from skgenome.exceptions import DataIntegrityError, SkgenomeWarning
from skgenome.sequences._files import open_file, read_items

# CHROM POS ID REF ALT; what follows (quality, filters, genotypes) is not read.
_N_COLUMNS = 5
_LETTERS = set("ACGTN")


class Variant(NamedTuple):
    """One alternative to the bases at a place of a genome.

    Attributes
    ----------
    contig : str
        Name of the sequence that it lies on.
    position : int
        The first base of `ref`, from 0.
    ref : str
        The bases of the genome.
    alt : str
        What stands in their place.
    name : str
        Identifier, ``rs`` number for example; empty where there is none.
    """

    contig: str
    position: int
    ref: str
    alt: str
    name: str = ""


def _why_no_sequence(allele: str) -> str | None:
    """Say what an allele is that is not made of bases."""
    if allele in (".", ""):
        return "missing ('.')"
    if allele == "*":
        return "deleted by another variant ('*')"
    if allele.startswith("<") and allele.endswith(">"):
        return f"symbolic ({allele[:30]!r})"
    if set("[].") & set(allele):
        return "a breakend"
    return None


def _parse_line(line: str) -> tuple[Variant, list[str]]:
    """Give the variant of a line, without its alternative, and the alternative alleles."""
    columns = line.rstrip("\r\n").split("\t")
    if len(columns) < _N_COLUMNS:
        raise ValueError(
            f"expected at least {_N_COLUMNS} columns between tabs, got {len(columns)}. Is this VCF?"
        )
    contig, position, name, ref, alts = columns[:_N_COLUMNS]
    if not (position.isdecimal() and int(position) >= 1):
        raise ValueError(f"expected a position from 1 on, got {position[:30]!r}.")
    alleles = [ref.upper(), *alts.upper().split(",")]
    for what, allele in zip(("REF", *["ALT"] * len(alleles)), alleles, strict=False):
        readable = what == "ALT" and _why_no_sequence(allele)
        if not readable and not (allele and set(allele) <= _LETTERS):
            raise ValueError(f"expected {what} in the letters A, C, G, T and N, got {allele[:30]!r}.")
    return Variant(contig, int(position) - 1, alleles[0], "", "" if name == "." else name), alleles[1:]


def iter_vcf(path: str | PathLike) -> Iterator[Variant]:
    r"""Read the variants of a VCF file, one at a time.

    A line with several alternative alleles gives one variant for each. Only contig, position, name and
    alleles are kept; filters and genotypes are not looked at.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed (gz, as of bgzip, bz2, xz, zst).

    Yields
    ------
    Variant
        The variants in the order of the file, with 0-based positions and alleles in upper case.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    DataIntegrityError
        If the file is truncated or corrupt, or a line is no VCF. The message names file and line.

    Warns
    -----
    SkgenomeWarning
        At the end of a file with alternative alleles that are no sequence (symbolic, ``*``, missing,
        breakends). They are left out; the warning counts them by kind.

    See Also
    --------
    read_vcf : The same as a list.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skgenome.sequences import iter_vcf
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.vcf"
    ...     _ = path.write_text("##fileformat=VCFv4.3\nchr1\t10\trs7\tA\tC,AT\t.\t.\t.\n")
    ...     [(variant.position, variant.ref, variant.alt) for variant in iter_vcf(path)]
    [(9, 'A', 'C'), (9, 'A', 'AT')]
    """
    path = Path(path).expanduser()
    skipped: Counter[str] = Counter()
    with open_file(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(read_items(file, path, "line"), start=1):
            if line.startswith("#") or not line.strip():
                continue
            try:
                variant, alts = _parse_line(line)
            except ValueError as err:
                raise DataIntegrityError(f"{path}, line {number}: {err}") from err
            for alt in alts:
                reason = _why_no_sequence(alt)
                if reason is None:
                    contig, position, ref, _, name = variant
                    yield Variant(contig, position, ref, alt, name)
                else:
                    skipped[reason] += 1
    if skipped:
        kinds = ", ".join(f"{n} {reason}" for reason, n in skipped.most_common(5))
        warnings.warn(
            f"{skipped.total()} alternative alleles of {path} are no sequence and were left out: {kinds}.",
            SkgenomeWarning,
            stacklevel=2,
        )


def read_vcf(path: str | PathLike) -> list[Variant]:
    r"""Read the variants of a VCF file into memory.

    Parameters
    ----------
    path : str or path
        The file, plain or compressed (gz, as of bgzip, bz2, xz, zst).

    Returns
    -------
    list of Variant
        One for each alternative allele, in the order of the file, with 0-based positions.

    Raises
    ------
    FileNotFoundError, DataIntegrityError
        As `iter_vcf`; `DataIntegrityError` too if the file has no variant whose alleles are sequences.

    Warns
    -----
    SkgenomeWarning
        As `iter_vcf`.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skgenome.sequences import read_vcf
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.vcf"
    ...     _ = path.write_text("chr1\t1\t.\tG\tT\n")
    ...     read_vcf(path)
    [Variant(contig='chr1', position=0, ref='G', alt='T', name='')]
    """
    variants = list(iter_vcf(path))
    if not variants:
        raise DataIntegrityError(
            f"{path} has no variant with an alternative sequence. A VCF file was expected."
        )
    return variants
