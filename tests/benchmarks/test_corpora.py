"""What a corpus must not hold."""

import numpy as np
import pytest

from benchmarks.corpora import (
    ENTEROBACTERIA,
    FLANK,
    Corpus,
    fetch_all_bacteria,
    fetch_all_genomes,
    fetch_distant_enterobacteria,
    fetch_domains,
    fetch_enterobacteria,
    fetch_human,
    shorten,
)
from skgenome.datasets import (
    fetch_bacteria_phages_viruses,
    fetch_bacterial_genomes,
    fetch_ecoli_promoters,
    find_matches,
)


def test_corpus_checksum_sees_bounds_and_letters():
    corpora = [["AC", "GT"], ["ACGT"], ["ACG", "T"], ["ACGA"]]
    assert len({Corpus("c", contigs, "").sha256() for contigs in corpora}) == 4
    assert Corpus("a", ["AC"], "x").sha256() == Corpus("b", ("AC",), "y").sha256()


@pytest.mark.parametrize(("n_bases", "kept"), [(2, ["AC"]), (4, ["ACGT"]), (5, ["ACGT", "T"])])
def test_shorten_keeps_the_first_bases(n_bases, kept):
    corpus = shorten(Corpus("c", ["ACGT", "TT"], "whole"), n_bases)
    assert corpus.contigs == kept
    assert corpus.description == f"the first {n_bases} bases of: whole"


@pytest.mark.parametrize("n_bases", [6, 99])
def test_shorten_leaves_what_is_not_longer(n_bases):
    corpus = Corpus("c", ["ACGT", "TT"], "whole")
    assert shorten(corpus, n_bases) is corpus


@pytest.mark.real_data
def test_enterobacteria_are_all_of_the_order(real_data_home):
    """No genus of the order is forgotten: those of the collection were looked up one by one."""
    genomes = fetch_bacterial_genomes(groups=["Gammaproteobacteria"], data_home=real_data_home)
    others = {
        *("Acinetobacter", "Aggregatibacter", "Aliivibrio", "Glaesserella", "Pasteurella", "Pseudomonas"),
        *("Stenotrophomonas", "Vibrio", "Xylella"),
    }
    assert set(genomes.genus) - others == set(ENTEROBACTERIA)


@pytest.mark.real_data
def test_everything_holds_the_test_set(real_data_home):
    test = fetch_ecoli_promoters(subset="test", data_home=real_data_home).data
    corpus = fetch_enterobacteria(real_data_home)
    assert {match.query for match in find_matches(corpus.contigs, test)} == set(range(750))


@pytest.mark.real_data
def test_distant_enterobacteria_hold_neither_relatives_nor_the_test_set(real_data_home):
    test = fetch_ecoli_promoters(subset="test", data_home=real_data_home).data
    corpus = fetch_distant_enterobacteria(test, real_data_home)
    assert find_matches(corpus.contigs, test) == []
    near = fetch_bacterial_genomes(genera=["Escherichia", "Shigella"], data_home=real_data_home)
    assert {*near.filenames}.isdisjoint(corpus.filenames)
    assert {*near.data}.isdisjoint(corpus.contigs)
    # Nothing but the places of the test set and their flanks was taken away.
    genera = [genus for genus in ENTEROBACTERIA if genus not in ("Escherichia", "Shigella")]
    whole = fetch_bacterial_genomes(genera=genera, data_home=real_data_home).data
    n_matches = len(find_matches(whole, test))
    n_cut = sum(map(len, whole)) - sum(map(len, corpus.contigs))
    n_short = sum(len(contig) for contig in whole if len(contig) < 500)
    assert 0 < n_cut - n_short <= n_matches * (150 + 2 * FLANK + 500)


@pytest.mark.real_data
def test_human_corpus_is_named_as_the_tasks_know_it(real_data_home):
    corpus = fetch_human(real_data_home)
    assert corpus.name == "human"
    assert len(corpus.contigs) == 8
    assert corpus.description.endswith("4.7 Mbp")


@pytest.mark.real_data
def test_domains_have_no_kind_in_excess(real_data_home):
    corpus = fetch_domains(real_data_home)
    assert corpus.name == "bacteria, phages and viruses"
    found = fetch_bacteria_phages_viruses(n_windows_per_genome=64, data_home=real_data_home)
    assert corpus.contigs == list(found.data)
    assert corpus.filenames == found.filenames
    bases = [sum(map(len, found.data[found.target == target])) for target in range(3)]
    # In the files, bacteria have nearly all bases.
    assert max(bases) < 0.7 * sum(bases)
    genomes, counts = np.unique(found.genome_ids, return_counts=True)
    assert counts.max() == 64
    assert corpus.description.startswith(f"{len(found.data)} stretches of {len(genomes)} genomes, 64 of each")


@pytest.mark.real_data
def test_all_genomes_are_whole_bacteria_and_stretches_of_the_others(real_data_home):
    corpus, bacteria = fetch_all_genomes(real_data_home), fetch_all_bacteria(real_data_home)
    n_bacterial = len(bacteria.contigs)
    assert corpus.contigs[:n_bacterial] == list(bacteria.contigs)
    found = fetch_bacteria_phages_viruses(n_windows_per_genome=64, data_home=real_data_home)
    others = [found.target_names[kind] != "bacteria" for kind in found.target]
    assert corpus.contigs[n_bacterial:] == found.data[others].tolist()
    assert set(corpus.filenames) == {*bacteria.filenames, *found.filenames}
    assert len(set(corpus.filenames)) == len(corpus.filenames)
