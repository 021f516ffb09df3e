"""Commands that lay a classifier along a genome: ``scan`` everywhere, ``variants`` where they are."""

import math
from pathlib import Path

import click

from skgenome._cli.inputs import find_class, load_classifier
from skgenome._cli.options import (
    device_option,
    fasta_argument,
    force_option,
    model_option,
    output_option,
    quiet_option,
)
from skgenome._cli.outputs import check_outputs, check_suffix, require_package, write_table
from skgenome._cli.predicting import set_device

_TRACKS = {
    ".bw": "write_bigwig",
    ".bigwig": "write_bigwig",
    ".bedgraph": "write_bedgraph",
    ".bg": "write_bedgraph",
}
_PEAKS = {".bed": "write_bed", ".narrowpeak": "write_narrow_peak"}
_window_option = click.option(
    "--window-size",
    type=click.IntRange(min=1),
    required=True,
    help="Bases in a window: best those of the sequences that were learnt from.",
)
_target_option = click.option("--target", help="Class to look at.")


def _iter_genome(fasta, quiet):
    """Give contigs one at a time; a bar counts the bases that have been read."""
    from tqdm.auto import tqdm

    from skgenome.sequences import iter_contigs

    with tqdm(unit=" bases", unit_scale=True, disable=quiet) as bar:
        for name, sequence in iter_contigs(fasta):
            bar.set_postfix_str(name)
            yield name, sequence
            bar.update(len(sequence))


def _number(ctx, param, value):
    """Refuse NaN, which no value is above."""
    if math.isnan(value):
        raise click.BadParameter("expected a number.", ctx, param)
    return value


def _read_regions(path):
    from skgenome.sequences import read_bed

    return None if path is None else [(part.contig, part.start, part.end) for part in read_bed(path)]


@click.command(
    epilog="""\b
Example:
  skgenome scan genome.fa --model classifier --window-size 81 --target promoter \\
      -o promoters.bw -o promoters.bed"""
)
@fasta_argument
@model_option
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="What to write; several are written from one scan.",
)
@_window_option
@click.option("--step", type=click.IntRange(min=1), help="Bases between windows.  [default: a tenth of one]")
@click.option(
    "--strand",
    type=click.Choice(["both", "forward", "reverse"]),
    default="both",
    show_default=True,
    help="Strands to read.",
)
@click.option(
    "--combine",
    type=click.Choice(["max", "mean"]),
    default="max",
    show_default=True,
    help="How a track puts both strands into one value. Peaks keep their strands.",
)
@_target_option
@click.option("--regions", type=click.Path(path_type=Path), help="BED file of what to scan alone.")
@click.option(
    "--threshold",
    type=float,
    callback=_number,
    default=0.5,
    show_default=True,
    help="Lowest value of a peak.",
)
@click.option(
    "--min-distance", type=click.IntRange(min=1), help="Bases between two peaks.  [default: a window]"
)
@device_option
@quiet_option
@force_option
def scan(
    fasta, model, outputs, window_size, step, strand, combine, target, regions, threshold, min_distance,
    device, quiet, force,
):  # fmt: skip
    """Predict every window of a genome.

    The suffix of the output chooses: .bw or .bigwig, .bedgraph or .bg hold the probability along the genome,
    .bed or .narrowPeak the places where it is highest.
    """
    import skgenome.scanning

    suffixes = [check_suffix(path, [*_TRACKS, *_PEAKS]) for path in outputs]
    check_outputs(outputs, force=force)
    if any(_TRACKS.get(suffix) == "write_bigwig" for suffix in suffixes):
        require_package("pybigtools", "bigWig", "tracks")
    classifier = set_device(load_classifier(model), device)
    track = skgenome.scanning.scan(
        classifier,
        _iter_genome(fasta, quiet),
        window_size=window_size,
        step=step or max(window_size // 10, 1),
        strand=strand,
        target=find_class(classifier, target),
        regions=_read_regions(regions),
    )
    for path, suffix in zip(outputs, suffixes, strict=True):
        if suffix in _TRACKS:
            one = track.aggregate(combine) if len(track.strands) == 2 else track
            getattr(skgenome.scanning, _TRACKS[suffix])(path, one)
        else:
            peaks = skgenome.scanning.find_peaks(
                track, threshold=threshold, min_distance=min_distance or window_size
            )
            getattr(skgenome.scanning, _PEAKS[suffix])(path, peaks)
        click.echo(f"Wrote {path}")


def _variant_rows(effects):
    """Give a row for each variant; positions count from 1, as in the VCF that they came from."""
    figures = [effects.reference, effects.alternative, effects.difference]
    if effects.log_odds_ratio is not None:
        figures.append(effects.log_odds_ratio)
    for i, variant in enumerate(effects.variants):
        place = [variant.contig, variant.position + 1, variant.name or ".", variant.ref, variant.alt]
        yield [*place, *(float(column[i, j]) for j in range(len(effects.labels)) for column in figures)]


def _variant_header(effects):
    names = ["reference", "alternative", "difference"]
    if effects.log_odds_ratio is not None:
        names.append("log_odds_ratio")
    return ["chrom", "pos", "id", "ref", "alt", *(f"{n}_{label}" for label in effects.labels for n in names)]


@click.command(
    epilog="""\b
Example:
  skgenome variants calls.vcf.gz genome.fa --model classifier --window-size 81 -o effects.tsv"""
)
@click.argument("vcf", type=click.Path(path_type=Path))
@fasta_argument
@model_option
@output_option
@_window_option
@_target_option
@click.option(
    "--strand",
    type=click.Choice(["both", "forward"]),
    default="both",
    show_default=True,
    help="Whether to average over both strands.",
)
@device_option
@quiet_option
@force_option
def variants(vcf, fasta, model, output, window_size, target, strand, device, quiet, force):
    """Predict what the variants of a VCF file change.

    The table (.tsv or .csv) has a row for each alternative allele: its place, counted from 1 as in the VCF
    file; and for each class the probability with the reference and with the alternative, their difference,
    and the change of the log odds.
    """
    from skgenome.inspection import variant_effects

    check_suffix(output, [".tsv", ".csv"])
    check_outputs([output], force=force)
    classifier = set_device(load_classifier(model), device)
    effects = variant_effects(
        classifier,
        vcf,
        _iter_genome(fasta, quiet),
        window_size=window_size,
        target=find_class(classifier, target),
        strand=strand,
    )
    write_table(output, _variant_header(effects), _variant_rows(effects))
    click.echo(f"{len(effects.variants)} variants in {output}")
