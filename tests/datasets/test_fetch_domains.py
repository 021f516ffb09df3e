"""Bacteria, phages and viruses of eukaryotes, and the parts that make few genomes out of many alike."""

from collections import Counter, defaultdict
from contextlib import nullcontext
from itertools import pairwise

import numpy as np
import pytest

from skgenome.datasets import fetch_bacteria_phages_viruses, fetch_bacterial_genomes
from skgenome.datasets._relatives import pick_few, related_pairs, sketch
from skgenome.exceptions import SkgenomeWarning
from skgenome.sequences import decode, iter_sequences, reverse_complement, similar_pairs

PER_WINDOW = ("groups", "clusters", "genome_ids", "contig_names", "sources", "starts", "strands")


@pytest.fixture
def fetch_toy(toy_data_home):
    """Fetch with windows of 500 bases."""

    def fetch(**settings):
        settings = {"window_size": 500, "data_home": toy_data_home, **settings}
        return fetch_bacteria_phages_viruses(**settings)

    return fetch


def random_dna(rng, length):
    return decode(rng.integers(0, 4, length, dtype=np.uint8))


def change(rng, sequence, share):
    """Change each base with a chance."""
    bases = np.array(list(sequence))
    places = rng.random(len(bases)) < share
    bases[places] = rng.choice(list("ACGT"), places.sum())
    return "".join(bases)


def test_sketch_keeps_the_same_kmers_of_both_strands(seed):
    sequence = random_dna(np.random.default_rng(seed), 5000)
    assert sketch(sequence, 8) == sketch(reverse_complement(sequence).lower(), 8)


@pytest.mark.parametrize("one_in", [1, 8, 64])
def test_sketch_is_a_sample_of_the_kmers(seed, one_in):
    """Against slicing; a sample of 1 in 1 holds every k-mer, on one strand or the other."""
    sequence = random_dna(np.random.default_rng(seed), 20_000)
    kmers = {sequence[i : i + 15] for i in range(len(sequence) - 14)}
    kept = sketch(sequence, one_in).split("N")
    assert len(set(kept)) == len(kept) == pytest.approx(20_000 / one_in, rel=0.2)
    assert all(kmer in kmers or reverse_complement(kmer) in kmers for kmer in kept)


def test_sketch_leaves_out_ambiguous_kmers():
    assert sketch("GATTACAGATTACANGATTACAGATTACA", 1) == ""
    assert sketch("", 1) == ""
    assert sketch("N" + "A" * 15, 1) == "A" * 15


@pytest.mark.parametrize("share", [0.0, 0.03, 0.06])
def test_related_pairs_estimate_the_containment_of_all_kmers(seed, share):
    """A pair with a containment well above or below the threshold is found or not, as by all k-mers."""
    rng = np.random.default_rng(seed)
    genome = random_dna(rng, 20_000)
    sequences = [genome, reverse_complement(change(rng, genome, share)), random_dna(rng, 20_000)]
    containment = (1 - share * 0.75) ** 15
    sketches = [sketch(sequence, 32) for sequence in sequences]
    for threshold, expected in [(containment - 0.12, [[0, 1]]), (min(containment + 0.12, 1), [])]:
        if share or threshold < 1:
            assert related_pairs(sketches, threshold).tolist() == expected
            assert similar_pairs(sequences, k=15, threshold=threshold).tolist() == expected


@pytest.mark.parametrize(("n_per_cluster", "expected"), [(1, [2, 3]), (2, [0, 2, 3]), (9, [0, 1, 2, 3])])
def test_pick_few_takes_the_cleanest_and_no_copies(n_per_cluster, expected):
    sequences = ["ACGTN", "ACGNN", "ACGTA", "GGGGG", "GGGGG"]
    assert pick_few(np.array([0, 0, 0, 1, 1]), sequences, n_per_cluster) == expected


def test_fetch_domains_bunch(fetch_toy):
    windows = fetch_toy()
    assert windows.target_names == ["bacteria", "phage", "virus"]
    assert Counter(windows.target) == {0: 4 * 16, 1: 6 + 6 + 1, 2: 6 * 6 + 2 + 3}
    assert windows.data.dtype == object
    assert (windows.target.dtype, windows.starts.dtype) == (np.int64, np.int64)
    assert all(len(windows[key]) == len(windows.data) for key in PER_WINDOW)
    assert {len(window) for window in windows.data} == {500}
    assert len(windows.filenames) == 4 + 3
    assert "4 genomes of bacteria" in windows.DESCR
    assert "prophages" in windows.DESCR


def test_fetch_domains_windows_stand_where_it_says(fetch_toy, toy_data_home):
    windows = fetch_toy(n_windows_per_genome=3)
    genomes = fetch_bacterial_genomes(data_home=toy_data_home)
    places = zip(genomes.genome_ids, genomes.contig_names, strict=True)
    contigs = dict(zip(places, genomes.data, strict=True))
    for path in ("phages/toy_phages.fa.gz", "viruses/flavi_toy.fa", "viruses/mixed.fa"):
        with pytest.warns(SkgenomeWarning) if "phages" in path else nullcontext():
            records = list(iter_sequences(toy_data_home / path))
        contigs |= {(name, name): sequence.replace("-", "") for name, sequence, _ in records}
    for place, window in enumerate(windows.data):
        contig = contigs[windows.genome_ids[place], windows.contig_names[place]]
        start = windows.starts[place]
        forward = window if windows.strands[place] == "+" else reverse_complement(window)
        assert contig[start : start + 500] == forward


def test_fetch_domains_windows_do_not_overlap(fetch_toy, seed):
    windows = fetch_toy(random_state=seed)
    places = sorted(zip(windows.genome_ids, windows.contig_names, windows.starts, strict=True))
    assert all(a[:2] != b[:2] or b[2] - a[2] >= 500 for a, b in pairwise(places))


def genomes_of(windows, target):
    return set(windows.genome_ids[windows.target == target])


def test_fetch_domains_keeps_few_of_a_species(fetch_toy):
    one = fetch_toy()
    assert genomes_of(one, 1) == {"strain", "relative", "short"}
    assert len(genomes_of(one, 2)) == 3 + 5
    assert (one.n_short_genomes, one.n_similar_genomes) == (1, 2)
    two = fetch_toy(n_genomes_per_species=2)
    assert genomes_of(two, 1) == {"strain", "strain2", "relative", "short"}
    # The copy stays out, however many are taken.
    assert genomes_of(fetch_toy(n_genomes_per_species=9), 1) == genomes_of(two, 1)


def test_fetch_domains_groups_hold_families_and_relatives(fetch_toy):
    windows = fetch_toy()
    groups, clusters = (
        dict(zip(windows.genome_ids, windows[key], strict=True)) for key in ("groups", "clusters")
    )
    flavi = ("flavi", "flavi_far", "aligned", "unknown")
    assert {groups[name] for name in flavi} == {"Flaviviridae"}
    assert [clusters[name] for name in flavi] == ["flavi", "flavi_far", "aligned", "flavi"]
    assert groups["named"] == "Toyviridae"
    assert groups["measles"] == "Paramyxoviridae"
    for names in (groups, clusters):
        assert [names[name] for name in ("strain", "relative", "short", "alone")] == [
            "strain",
            "strain",
            "short",
            "alone",
        ]
        assert names["GCF_0"] == "Vibrio"


def test_fetch_domains_no_group_has_two_classes(fetch_toy):
    windows = fetch_toy()
    classes = defaultdict(set)
    for group, label in zip(windows.groups, windows.target, strict=True):
        classes[group].add(label)
    assert {len(labels) for labels in classes.values()} == {1}


def test_fetch_domains_strands(fetch_toy, seed):
    """Both ways draw the same places; at random, about half are reversed."""
    drawn, forward = (fetch_toy(strands=strands, random_state=seed) for strands in ("random", "forward"))
    np.testing.assert_array_equal(drawn.starts, forward.starts)
    assert set(forward.strands) == {"+"}
    assert 0.3 < np.mean(drawn.strands == "-") < 0.7
    for turned, strand, window in zip(drawn.data, drawn.strands, forward.data, strict=True):
        assert turned == (window if strand == "+" else reverse_complement(window))


@pytest.mark.parametrize(
    ("min_length", "lengths"), [(None, {1500}), (1500, {1500}), (900, {1000, 1500}), (800, {800, 1000, 1500})]
)
def test_fetch_domains_short_genomes_are_windows_as_a_whole(fetch_toy, min_length, lengths):
    windows = fetch_toy(window_size=1500, min_length=min_length)
    assert {len(window) for window in windows.data} == lengths
    for window, name, start in zip(windows.data, windows.genome_ids, windows.starts, strict=True):
        if len(window) < 1500:
            assert start == 0
            assert (name, len(window)) in {("short", 800), ("aligned", 1000)} or name.startswith("GCF")


@pytest.mark.parametrize("max_ambiguous", [0.0, 1.0])
def test_fetch_domains_passes_over_ambiguous_windows(fetch_toy, max_ambiguous):
    windows = fetch_toy(max_ambiguous=max_ambiguous, n_windows_per_genome=100)
    worst = max(window.count("N") for window in windows.data)
    assert worst == 500 * max_ambiguous
    assert (windows.n_skipped_windows == 0) == (max_ambiguous == 1)


def test_fetch_domains_draws_are_nested(fetch_toy, seed):
    few, many = (fetch_toy(n_windows_per_genome=n, random_state=seed) for n in (2, 5))
    assert set(few.data) < set(many.data)


def test_fetch_domains_same_seed_same_windows(fetch_toy, seed):
    (X, y), (X_again, y_again) = (fetch_toy(random_state=seed, return_X_y=True) for _ in range(2))
    np.testing.assert_array_equal(X, X_again)
    np.testing.assert_array_equal(y, y_again)
    assert set(fetch_toy(random_state=seed + 1).data) != set(X)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("window_size", 0),
        ("n_windows_per_genome", 0),
        ("n_genomes_per_species", 0),
        ("min_length", 0),
        ("max_ambiguous", -1),
        ("strands", "both"),
    ],
)
def test_fetch_domains_refuses_bad_parameters(name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        fetch_bacteria_phages_viruses(**{name: value})


def test_fetch_domains_raises_for_a_missing_file(toy_data_home, tmp_path):
    with pytest.raises(OSError, match="download_if_missing is False"):
        fetch_bacteria_phages_viruses(data_home=tmp_path, download_if_missing=False)


@pytest.mark.real_data
def test_fetch_domains_real_facts_of_the_docstring(real_data_home):
    windows = fetch_bacteria_phages_viruses(data_home=real_data_home, download_if_missing=False)
    assert np.bincount(windows.target).tolist() == [928, 743, 724]
    assert [len(genomes_of(windows, target)) for target in range(3)] == [58, 93, 412]
    of_class = [windows.target == target for target in range(3)]
    assert [len(set(windows.groups[rows])) for rows in of_class] == [57, 80, 15]
    assert [len(set(windows.sources[rows])) for rows in of_class] == [58, 5, 20]
    assert len(set(windows.groups)) == 57 + 80 + 15
    assert {len(window) for window in windows.data} == {6700}
    assert (windows.n_short_genomes, windows.n_similar_genomes) == (599, 991 - 93 - 414)
    families = Counter(windows.groups[of_class[2]])
    assert sum(families[name] for name in ("Iridoviridae", "Flaviviridae", "Papillomaviridae")) == 572
    assert all(name.endswith("viridae") for name in families)
