"""Human promoters and enhancers, and transcripts: sets that are read as they are."""

from collections import Counter

import numpy as np
import pytest

from skgenome.datasets import fetch_human_enhancers, fetch_human_promoters, fetch_mrna_lncrna
from skgenome.datasets._links import equal_links, overlap_links
from skgenome.datasets._transcripts import _parse_locus
from skgenome.exceptions import DataIntegrityError
from skgenome.model_selection import similarity_groups
from skgenome.sequences import linked_groups

TATA = ["train", "dev", "test"]


@pytest.mark.parametrize(
    ("kind", "subset", "parts"),
    [
        ("nontata", "all", ["test"]),
        ("nontata", "test", ["test"]),
        ("tata", "all", TATA),
        ("tata", "dev", ["dev"]),
    ],
)
def test_fetch_human_promoters_parts(toy_data_home, kind, subset, parts):
    bunch = fetch_human_promoters(kind=kind, subset=subset, data_home=toy_data_home)
    assert bunch.subsets.tolist() == np.repeat(parts, 4).tolist()
    assert bunch.target.tolist() == [0, 0, 1, 1] * len(parts)
    assert bunch.names.tolist() == [f"{part}_{row}" for part in parts for row in range(4)]
    assert len(bunch.filenames) == len(parts)
    assert f"{4 * len(parts)} sequences" in bunch.DESCR
    assert {len(sequence) for sequence in bunch.data} == {60}


@pytest.mark.parametrize("subset", ["train", "dev"])
def test_fetch_human_promoters_refuses_a_part_that_is_not_there(toy_data_home, subset):
    with pytest.raises(ValueError, match=f"test or all for kind='nontata'. Got '{subset}'.*split by groups"):
        fetch_human_promoters(subset=subset, data_home=toy_data_home)


@pytest.mark.parametrize("fetch", [fetch_human_promoters, fetch_human_enhancers])
def test_fetch_human_groups_hold_what_is_alike(toy_data_home, fetch):
    bunch = fetch(data_home=toy_data_home)
    assert bunch.groups.tolist() == [0, 1, 2, 0]
    np.testing.assert_array_equal(bunch.groups, similarity_groups(bunch.data))


@pytest.mark.parametrize(
    ("fetch", "names"),
    [
        (fetch_human_promoters, ["non-promoter", "promoter"]),
        (fetch_human_enhancers, ["non-enhancer", "enhancer"]),
        (fetch_mrna_lncrna, ["lncRNA", "mRNA"]),
    ],
)
def test_fetch_labelled_return_x_y_equals_the_bunch(toy_data_home, fetch, names):
    X, y = fetch(return_X_y=True, data_home=toy_data_home)
    bunch = fetch(data_home=toy_data_home)
    np.testing.assert_array_equal(X, bunch.data)
    np.testing.assert_array_equal(y, bunch.target)
    assert X.dtype == object
    assert y.dtype == np.int64
    assert bunch.target_names == names


@pytest.mark.parametrize("fetch", [fetch_human_promoters, fetch_human_enhancers, fetch_mrna_lncrna])
def test_fetch_labelled_raise_for_a_missing_file(toy_data_home, tmp_path, fetch):
    with pytest.raises(OSError, match="download_if_missing is False"):
        fetch(data_home=tmp_path, download_if_missing=False)


@pytest.mark.parametrize(
    ("fetch", "settings"),
    [
        (fetch_human_promoters, {"kind": "TATA"}),
        (fetch_human_promoters, {"subset": "valid"}),
        (fetch_mrna_lncrna, {"subset": "rat"}),
    ],
)
def test_fetch_labelled_refuse_an_unknown_choice(fetch, settings):
    with pytest.raises(ValueError, match=f"'{next(iter(settings))}' parameter"):
        fetch(**settings)


@pytest.mark.parametrize(
    ("subset", "target"),
    [("human", [0, 0, 0, 1, 1, 1]), ("mouse", [0, 0, 0, 1, 1, 1]), ("mouse-lncrna", [0, 0, 0])],
)
def test_fetch_mrna_lncrna_subsets(toy_data_home, subset, target):
    bunch = fetch_mrna_lncrna(subset=subset, data_home=toy_data_home)
    assert bunch.target.tolist() == target
    assert [len(sequence) for sequence in bunch.data[:3]] == [40, 41, 42]
    for name, label in zip(bunch.names, bunch.target, strict=True):
        assert name.startswith(f"{subset}_{bunch.target_names[label]}_")


def test_fetch_mrna_lncrna_places_are_half_open_from_0(toy_data_home):
    human = fetch_mrna_lncrna(data_home=toy_data_home)
    assert human.contig_names.tolist() == ["lncRNA"] * 3 + ["mRNA"] * 3
    assert human.starts.tolist()[:3] == [1000, 1999, 9000]
    assert human.ends.tolist()[:3] == [2000, 3000, 9010]
    assert human.strands.tolist()[:3] == ["+", "-", "+"]
    mouse = fetch_mrna_lncrna(subset="mouse", data_home=toy_data_home)
    assert (mouse.starts[0], mouse.ends[0], mouse.strands[1]) == (0, 9, "-")


@pytest.mark.parametrize("subset", ["human", "mouse"])
def test_fetch_mrna_lncrna_groups_are_loci(toy_data_home, subset):
    """In the human file the first two overlap by a base; in that of mouse they are of one gene, far apart."""
    assert fetch_mrna_lncrna(subset=subset, data_home=toy_data_home).groups.tolist() == [0, 0, 1, 2, 2, 3]


def test_parse_locus_says_which_transcript_has_no_place():
    with pytest.raises(DataIntegrityError, match=r"transcript 'NM_1' must have its place.*Got 'no place'"):
        _parse_locus("NM_1", "no place")


def test_overlap_links_connect_what_overlaps(seed):
    """Against the comparison of all pairs."""
    rng = np.random.default_rng(seed)
    contigs = rng.choice(["a", "b", "c"], 80)
    starts = rng.integers(0, 2000, 80)
    ends = starts + rng.integers(1, 60, 80)
    all_pairs = [
        (i, j)
        for i in range(80)
        for j in range(i)
        if contigs[i] == contigs[j] and starts[i] < ends[j] and starts[j] < ends[i]
    ]
    expected = linked_groups(80, np.array(all_pairs))
    np.testing.assert_array_equal(linked_groups(80, overlap_links(contigs, starts, ends)), expected)
    assert 10 < len(set(expected)) < 80


def test_overlap_links_see_past_a_short_stretch_inside_a_long_one():
    starts, ends = np.array([0, 10, 50]), np.array([100, 20, 60])
    assert linked_groups(3, overlap_links(np.array(["c"] * 3), starts, ends)).tolist() == [0, 0, 0]


def test_overlap_links_leave_neighbours_apart():
    links = overlap_links(np.array(["c", "c", "d"]), np.array([0, 10, 0]), np.array([10, 20, 10]))
    assert links.shape == (0, 2)


def test_equal_links_connect_equal_keys():
    assert equal_links(["a", "b", "a", "c", "a"]).tolist() == [[0, 2], [0, 4]]
    assert equal_links([]).shape == (0, 2)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("fetch", "settings", "counts", "lengths", "n_groups"),
    [
        (fetch_human_promoters, {}, {0: 4119, 1: 4915}, {251}, 5982),
        (fetch_human_promoters, {"kind": "tata"}, {0: 3065, 1: 3065}, {300}, 5789),
        (fetch_human_enhancers, {}, {0: 3474, 1: 3474}, {500}, 6791),
    ],
)
def test_fetch_human_real_facts_of_the_docstrings(real_data_home, fetch, settings, counts, lengths, n_groups):
    bunch = fetch(data_home=real_data_home, download_if_missing=False, **settings)
    assert Counter(bunch.target.tolist()) == counts
    assert {len(sequence) for sequence in bunch.data} == lengths
    sizes = np.bincount(bunch.groups)
    assert len(sizes) == n_groups
    n_alike = {5982: 3899, 5789: 605, 6791: 172}[n_groups]
    assert sizes[sizes > 1].sum() == n_alike


@pytest.mark.real_data
def test_fetch_human_promoters_real_overlaps_of_non_promoters(real_data_home):
    X, y = fetch_human_promoters(return_X_y=True, data_home=real_data_home, download_if_missing=False)
    sequences = X[y == 0].tolist()
    by_head = {sequence[:24]: number for number, sequence in enumerate(sequences)}
    n_pairs = sum(
        sequences[by_head[sequence[shift : shift + 24]]].startswith(sequence[shift:])
        for sequence in sequences
        for shift in range(1, 251 - 23)
        if sequence[shift : shift + 24] in by_head
    )
    assert n_pairs == pytest.approx(8717, abs=10)


@pytest.mark.real_data
def test_fetch_human_promoters_real_leaks_between_parts(real_data_home):
    bunch = fetch_human_promoters(kind="tata", data_home=real_data_home, download_if_missing=False)
    parts = {part: bunch.data[bunch.subsets == part] for part in TATA}
    assert [len(parts[part]) for part in TATA] == [4904, 613, 613]
    assert [int(bunch.target[bunch.subsets == part].sum()) for part in TATA] == [2444, 323, 298]
    assert len(set(parts["train"])) == 4904 - 56
    assert [len(set(parts["train"]) & set(parts[part])) for part in ("dev", "test")] == [14, 6]
    in_train = np.isin(bunch.groups, bunch.groups[bunch.subsets == "train"])
    assert in_train[bunch.subsets == "test"].sum() == 48
    labels = {}
    for sequence, label in zip(bunch.data, bunch.target, strict=True):
        labels.setdefault(sequence, set()).add(label)
    assert sum(len(both) == 2 for both in labels.values()) == 15


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("subset", "counts", "n_repeats", "longest", "n_groups"),
    [
        ("human", {0: 4000, 1: 4000}, 2, 27_748, 5740),
        ("mouse", {0: 6500, 1: 6500}, 7, 123_179, 5977),
        ("mouse-lncrna", {0: 6534}, 0, 93_147, 4351),
    ],
)
def test_fetch_mrna_lncrna_real_facts_of_the_docstring(
    real_data_home, subset, counts, n_repeats, longest, n_groups
):
    bunch = fetch_mrna_lncrna(subset=subset, data_home=real_data_home, download_if_missing=False)
    assert Counter(bunch.target.tolist()) == counts
    assert len(bunch.data) - len(set(bunch.data)) == n_repeats
    lengths = np.array([len(sequence) for sequence in bunch.data])
    assert (lengths.min(), lengths.max()) == (202, longest)
    assert (bunch.ends - bunch.starts >= 0.99 * lengths).mean() > 0.99
    assert len(set(bunch.groups)) == n_groups
    if subset == "human":
        assert [np.median(lengths[bunch.target == label]) for label in (0, 1)] == [579, 2484]
    for names in (bunch.contig_names, bunch.strands):
        assert names.shape == bunch.data.shape
    assert set(bunch.strands) == {"+", "-"}
