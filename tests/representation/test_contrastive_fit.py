"""Contrastive Predictive Coding: it learns where there is something to learn, and what fit promises."""

import inspect
import math

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from torch import nn

from skgenome.exceptions import ModelMismatchError, SkgenomeWarning
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import ContrastivePredictiveCoding, PatchScores
from skgenome.representation import _contrastive as module_under_test
from skgenome.sequences import check_token_ids
from skgenome.training import SegmentStream, cut_into_stretches

# Whole patches that do not overlap: what is recognised is what windows have in common, or nothing.
LEARNER = {
    "encoder": "resnet18",
    "width": 2,
    "patch_stride": 20,
    "steps": (1, 2),
    "context_size": 8,
    "projection_size": 8,
    "batch_size": 8,
    "learning_rate": 0.01,
    "strand": "forward",
    "validation_size": 0.2,
}
WINDOW = 160


def weights_of(cpc):
    return cpc.module_.state_dict()


def same_bits(first, second):
    return all(torch.equal(weights_of(first)[name], value) for name, value in weights_of(second).items())


@pytest.fixture
def repeats(rng, tokenise):
    """Contigs of one window, each a repeat of five bases: patches of a window are alike, windows differ."""
    units = ["".join(rng.choice(list("ACGT"), 5)) for _ in range(60)]
    return tokenise([unit * (WINDOW // 5) for unit in units], k=1)


@pytest.fixture
def noise(make_dna, tokenise):
    """Contigs of one window, in which nothing says what comes next."""
    return tokenise(make_dna([WINDOW] * 300), k=1)


def test_fit_learns_to_recognise_patches_and_history_shows_it(make_cpc, repeats):
    params = LEARNER | {"negatives": "batch", "max_steps": 60, "steps_per_round": 15}
    cpc = make_cpc(**params).fit(repeats)
    assert [row["step"] for row in cpc.history_] == [15, 30, 45, 60]
    first, last = cpc.history_[0], cpc.history_[-1]
    assert last["valid_chance"] < 0.05
    assert last["valid_accuracy"] > 8 * last["valid_chance"]
    assert last["train_accuracy"] > 1.5 * first["train_accuracy"]
    assert last["valid_loss"] < first["valid_loss"] < math.log(1 / first["valid_chance"]) + 2
    scores = cpc.patch_scores(repeats)
    start = make_cpc(**params).initialize(repeats).patch_scores(repeats)
    assert scores.accuracy > 3 * start.accuracy
    assert scores.loss < start.loss - 1


def test_initialize_recognises_patches_of_random_bases_by_chance_alone(make_cpc, noise):
    cpc = make_cpc(**LEARNER).initialize(noise)
    scores = cpc.patch_scores(noise)
    n_predictions = 300 * (7 + 6)
    assert scores.chance == pytest.approx(1 / 64, rel=0.05)
    assert abs(scores.accuracy - scores.chance) < 5 * math.sqrt(scores.chance / n_predictions)


def test_fit_finds_nothing_in_random_bases(make_cpc, noise):
    """Neither where a patch lies nor how long it is may tell it from others."""
    cpc = make_cpc(**LEARNER, max_steps=60).fit(noise)
    n_predictions = 60 * (7 + 6)
    chance = cpc.history_[-1]["valid_chance"]
    bound = chance + 5 * math.sqrt(chance / n_predictions)
    assert cpc.history_[-1]["valid_accuracy"] < bound


@pytest.mark.parametrize("strand", ["forward", "concat"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_fit_same_seed_gives_the_same_bits(strand, precision, make_cpc, bases):
    params = {"strand": strand, "precision": precision}
    first, again = (make_cpc(**params).fit(bases) for _ in range(2))
    assert same_bits(first, again)
    assert not same_bits(first, make_cpc(**params, random_state=1).fit(bases))
    assert (first.transform(bases) == again.transform(bases)).all()
    assert first.patch_scores(bases) == again.patch_scores(bases)


@pytest.mark.parametrize("encoder", ["resnet18", "resnet34", "resnet50", "cnn-lstm"])
@pytest.mark.parametrize("context", ["gru", "lstm", "causal-conv"])
def test_fit_every_encoder_and_context(encoder, context, make_cpc, bases):
    cpc = make_cpc(encoder=encoder, context=context, max_steps=2).fit(bases)
    assert np.isfinite(cpc.transform(bases)).all()
    assert cpc.module_.encoder.layer_sizes[1] == 3
    assert math.isfinite(cpc.score(bases))


@pytest.mark.parametrize("negatives", ["both", "batch", "sequence"])
@pytest.mark.parametrize("reverse_complement", [False, True])
def test_fit_every_kind_of_target(negatives, reverse_complement, make_cpc, bases):
    cpc = make_cpc(negatives=negatives, reverse_complement=reverse_complement).fit(bases)
    assert (cpc.module_.info_nce.negatives, cpc.module_.info_nce.reverse_complement) == (
        negatives,
        reverse_complement,
    )
    assert all(math.isfinite(figure) for figure in cpc.patch_scores(bases))


def test_fit_history_has_a_row_for_each_round(make_cpc, bases):
    cpc = make_cpc(max_epochs=3).fit(bases)
    assert [row["epoch"] for row in cpc.history_] == [1, 2, 3]
    figures = {f"{part}_{name}" for part in ("train", "valid") for name in ("loss", "accuracy", "chance")}
    assert all(row.keys() == figures | {"epoch", "step", "tokens", "seconds"} for row in cpc.history_)
    assert all(math.isfinite(value) for row in cpc.history_ for value in row.values())
    without = make_cpc(validation_size=0).fit(bases)
    assert math.isnan(without.history_[0]["valid_accuracy"])
    # Bases that would begin a patch and not fill it are left out.
    assert 0.8 * sum(map(len, bases)) < without.history_[0]["tokens"] <= sum(map(len, bases))


def test_fit_learns_from_whole_patches_alone(make_cpc, bases, monkeypatch):
    """A window whose last patch is shorter than the others would be known by it."""
    seen = []
    make_net = module_under_test.contrastive_net

    def noting(module, train, *args, **options):
        seen.append(train.ends - train.starts)
        return make_net(module, train, *args, **options)

    monkeypatch.setattr(module_under_test, "contrastive_net", noting)
    make_cpc().fit(bases)
    assert (seen[0] >= 40).all()
    assert ((seen[0] - 20) % 10 == 0).all()


def test_fit_takes_so_many_steps(make_cpc, bases):
    cpc = make_cpc(max_steps=7, steps_per_round=3).fit(bases)
    assert [row["step"] for row in cpc.history_] == [3, 6, 7]
    assert [row["step"] for row in cpc.partial_fit(bases).history_] == [3, 6, 7, 10, 13, 14]


def test_fit_forgets_and_partial_fit_goes_on(make_cpc, bases):
    cpc = make_cpc().fit(bases[:1])
    assert same_bits(cpc.fit(bases), make_cpc().fit(bases))
    assert len(cpc.history_) == 1
    before = {name: value.clone() for name, value in weights_of(cpc).items()}
    module = cpc.module_
    cpc.partial_fit(bases)
    assert [row["epoch"] for row in cpc.history_] == [1, 2]
    name = next(name for name in before if "context" in name)
    assert not torch.equal(before[name], weights_of(cpc)[name])
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_partial_fit_without_a_fit_is_one(make_cpc, bases):
    assert same_bits(make_cpc().partial_fit(bases), make_cpc().fit(bases))


def test_partial_fit_that_fails_leaves_the_model_as_it_was(make_cpc, bases):
    cpc = make_cpc().fit(bases)
    before = {name: value.clone() for name, value in weights_of(cpc).items()}
    cpc.set_params(optimizer="sgd", learning_rate=1e30, gradient_clip=1e30, precision="float32", max_steps=5)
    with pytest.raises(FloatingPointError, match="The loss became nan at training step"):
        cpc.partial_fit(bases)
    assert all(torch.equal(before[name], value) for name, value in weights_of(cpc).items())
    assert len(cpc.history_) == 1


def test_fit_that_fails_leaves_no_model(make_cpc, bases):
    cpc = make_cpc().fit(bases)
    cpc.set_params(optimizer="sgd", learning_rate=1e30, gradient_clip=1e30, precision="float32", max_steps=5)
    with pytest.raises(FloatingPointError):
        cpc.fit(bases)
    with pytest.raises(NotFittedError):
        cpc.transform(bases)


def test_fit_passes_an_interruption_on(make_cpc, bases, monkeypatch):
    read_pass = SegmentStream.read_pass

    def interrupted(self, i_pass):
        for i, segment in enumerate(read_pass(self, i_pass)):
            if i == 1:
                raise KeyboardInterrupt
            yield segment

    monkeypatch.setattr(SegmentStream, "read_pass", interrupted)
    cpc = make_cpc()
    with (
        pytest.warns(SkgenomeWarning, match="after 1 step.s., in round 1 of 1"),
        pytest.raises(KeyboardInterrupt),
    ):
        cpc.fit(bases)
    assert np.isfinite(cpc.transform(bases)).all()


def test_initialize_gives_the_weights_that_fit_starts_from(make_cpc, bases, monkeypatch):
    starts, make_net = [], module_under_test.contrastive_net

    def noting(module, *args, **params):
        starts.append({name: value.clone() for name, value in module.state_dict().items()})
        return make_net(module, *args, **params)

    monkeypatch.setattr(module_under_test, "contrastive_net", noting)
    fitted, initial = make_cpc().fit(bases), make_cpc().initialize(bases)
    torch.testing.assert_close(dict(weights_of(initial)), starts[0], rtol=0, atol=0)
    assert not same_bits(initial, fitted)
    assert initial.history_ == []


def test_contrastive_leaves_generators_ids_and_parameters_alone(make_cpc, bases):
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    ids, cpc = [row.copy() for row in bases], make_cpc(strand="average")
    params = cpc.get_params()
    cpc.fit(bases).partial_fit(bases)
    cpc.transform(bases)
    cpc.score(bases)
    cpc.initialize(bases)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002
    assert all((row == old).all() for row, old in zip(bases, ids, strict=True))
    assert cpc.get_params() == params


@pytest.mark.parametrize("batch_size", [2, 4])
def test_patch_scores_equal_the_network_on_the_windows_by_hand(batch_size, cpc, bases):
    """Windows are cut as in training: whole ones, then what is left of a contig, and they share a base."""
    stretches, _ = cut_into_stretches(check_token_ids(bases), 20 + 7 * 10 - 1, even=False)
    lengths = stretches.ends - stretches.starts
    assert lengths.min() < lengths.max() == 90
    # Patches of 20 bases every 10, whole ones alone; one that is recognised two ahead takes 40.
    lengths -= (lengths - 20) % 10
    stretches.ends = stretches.starts + lengths
    order = np.argsort(-lengths, kind="stable")
    order = order[lengths[order] >= 40]
    totals, n_predictions = np.zeros(3), 0
    for start in range(0, len(order), batch_size):
        windows = stretches.read(order[start : start + batch_size])
        rows = [torch.from_numpy(window.astype(np.int64)) for window in windows]
        with torch.no_grad():
            output = cpc.module_(nn.utils.rnn.pad_sequence(rows, batch_first=True))
        totals += output.n_predictions * np.array([float(figure) for figure in output[:3]])
        n_predictions += output.n_predictions
    found = cpc.set_params(batch_size=batch_size).patch_scores(bases)
    assert isinstance(found, PatchScores)
    assert found == pytest.approx(tuple(totals / n_predictions), rel=1e-4)
    assert cpc.score(bases) == -found.loss


def test_patch_scores_padding_changes_nothing(cpc, bases):
    padded = KmerTokenizer(k=1).transform(["ACGT" * 40, "GGTCA" * 20])
    ragged = [row[row > 0] for row in padded]
    wider = np.pad(padded, ((0, 0), (0, 33)))
    assert cpc.patch_scores(wider) == cpc.patch_scores(padded) == cpc.patch_scores(ragged)


def test_fit_matrix_and_list_give_the_same_bits(make_cpc, make_dna):
    sequences = make_dna([200, 80])
    fits = [make_cpc().fit(KmerTokenizer(k=1, padding=p).transform(sequences)) for p in (True, False)]
    assert same_bits(*fits)


def test_fit_leaves_out_what_is_too_short(make_cpc, bases):
    """Thirty bases are two patches, and there is none two steps ahead."""
    with_short = [bases[0][:30], *bases, bases[1][:5], bases[0][:0]]
    assert same_bits(make_cpc().fit(with_short), make_cpc().fit(bases))
    assert make_cpc(validation_size=0).fit([bases[0][:40]]).history_[0]["train_chance"] == pytest.approx(
        1 / 3
    )


@pytest.mark.parametrize("method", ["fit", "partial_fit", "score", "patch_scores"])
def test_contrastive_refuses_sequences_that_are_all_too_short(method, cpc, bases):
    message = "X holds 4 sequence.* of at most 30 bases; to recognise a patch 2 ahead takes 40"
    with pytest.raises(ValueError, match=message):
        getattr(cpc, method)([row[:30] for row in bases])


@pytest.mark.parametrize("method", ["fit", "initialize", "partial_fit", "transform", "score"])
def test_contrastive_refuses_tokens_of_more_than_a_base(method, cpc, make_dna, tokenise):
    X = tokenise([*make_dna([200]), "TTTTT"], k=3)
    with pytest.raises(ModelMismatchError, match=r"single bases.*|token id 65, .*Use KmerTokenizer\(k=1\)"):
        getattr(cpc, method)(X)


def test_contrastive_error_for_tokens_says_what_was_given(make_cpc, make_dna, tokenise):
    X = tokenise([*make_dna([200]), "TTTTT"], k=3)
    with pytest.raises(ModelMismatchError, match=r"KmerTokenizer\(k=1\)\. X holds token id 65, which only k"):
        make_cpc().fit(X)


@pytest.mark.parametrize("steps", [(), (0, 1), (2, 2), (8,), (2, 8), (1.5,), ("a",)])
def test_fit_refuses_steps_that_are_none(steps, make_cpc, bases):
    with pytest.raises(ValueError, match="steps must be different whole numbers from 1, below n_patches=8"):
        make_cpc(steps=steps).fit(bases)


@pytest.mark.parametrize(
    "params",
    [{"encoder": "resnet19"}, {"width": 0}, {"context": "rnn"}, {"patch_length": 0}, {"n_patches": 1},
     {"steps": 3}, {"temperature": 0}, {"negatives": "all"}, {"reverse_complement": "yes"}, {"pooling": 0}],
    ids=str,
)  # fmt: skip
def test_fit_refuses_parameters_out_of_range(params, make_cpc, bases):
    name = next(iter(params))
    with pytest.raises(ValueError, match=f"The '{name}' parameter of ContrastivePredictiveCoding must be"):
        make_cpc(**params).fit(bases)


@pytest.mark.parametrize("method", ["fit", "initialize"])
def test_fit_warns_of_patches_that_overlap_at_the_line_of_the_caller(method, make_cpc, bases):
    cpc = make_cpc(steps=[1, 3])
    message = r"steps=\(1, 3\) a patch of 20 bases is recognised from one that begins 10 bases before it"
    with pytest.warns(SkgenomeWarning, match=message) as caught:
        getattr(cpc, method)(bases)
    source, first = inspect.getsourcelines(inspect.currentframe())
    line = next(i for i, text in enumerate(source, start=first) if "getattr(cpc, method)(" in text)
    assert (caught[0].filename, caught[0].lineno) == (__file__, line)


def test_fit_does_not_warn_of_patches_that_touch(make_cpc, bases):
    make_cpc(steps=(2,)).fit(bases)


@pytest.mark.parametrize("negatives", ["both", "sequence"])
def test_fit_batches_of_one_window_have_negatives_in_it(negatives, make_cpc, bases):
    cpc = make_cpc(negatives=negatives, batch_size=1).fit(bases)
    assert math.isfinite(cpc.history_[0]["train_loss"])
    assert 1 / 8 <= cpc.patch_scores(bases).chance <= 1 / 3


def test_fit_leaves_a_single_window_out_where_negatives_are_other_windows(make_cpc, bases):
    """Five windows of the first contig are a batch of four and one that is alone."""
    cpc = make_cpc(negatives="batch", validation_size=0).fit(bases[:1])
    assert cpc.history_[0]["step"] == 1


def test_fit_reads_unknown_bases(make_cpc, bases):
    holed = [row.copy() for row in bases]
    for row in holed:
        row[::7] = 1
    cpc = make_cpc().fit(holed)
    assert math.isfinite(cpc.history_[0]["train_loss"])
    assert not same_bits(cpc, make_cpc().fit(bases))
    unknown = [np.ones(100, dtype=np.uint8)] * 3
    assert math.isfinite(make_cpc().fit(unknown).score(unknown))


def test_fit_shows_its_progress_when_verbose(make_cpc, bases, capsys):
    make_cpc(verbose=1).fit(bases)
    shown = capsys.readouterr().err
    assert all(f"{name}=" in shown for name in ("loss", "accuracy", "chance", "valid"))


def test_fit_keeps_the_architecture_whatever_is_set_later(cpc, bases):
    expected = cpc.transform(bases)
    cpc.set_params(encoder="resnet50", width=9, context_size=9, patch_length=7, steps=(1,), temperature=9.0)
    assert (cpc.transform(bases) == expected).all()
    cpc.partial_fit(bases)
    assert cpc.architecture_["encoder"] == "cnn-lstm"
    assert cpc.module_.encoder.patch_length == 20


def test_contrastive_before_fit_is_not_fitted(bases):
    cpc = ContrastivePredictiveCoding()
    for method in (cpc.transform, cpc.score, cpc.patch_scores):
        with pytest.raises(NotFittedError):
            method(bases)


@pytest.mark.parametrize("params", [{"max_steps": 3}, {}], ids=["steps", "epochs"])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_fit_refuses_negatives_of_a_batch_that_has_one_window(batch_size, params, make_cpc, bases):
    X = bases if batch_size == 1 else [bases[2][:80]]
    with pytest.raises(ValueError, match="negatives='batch'"):
        make_cpc(negatives="batch", batch_size=batch_size, **params).fit(X)


def test_patch_scores_refuse_negatives_of_a_batch_that_has_one_window(make_cpc, bases):
    cpc = make_cpc(negatives="batch").fit(bases)
    with pytest.raises(ValueError, match="negatives='batch'"):
        cpc.patch_scores([bases[2][:80]])


@pytest.mark.parametrize("n_bases", [160, 161, 200, 321, 379])
def test_contigs_a_little_longer_than_a_window_are_used(n_bases, rng, tokenise, monkeypatch):
    """In equal parts, a contig of 161 bases would be two of 81, too short for steps of 8 patches."""
    learner = {**LEARNER, "patch_length": 20, "patch_stride": 10, "n_patches": 15, "steps": (8, 9)}
    learner |= {"max_steps": 1, "validation_size": 0, "negatives": "both"}
    cpc = ContrastivePredictiveCoding(**learner)
    X = tokenise(["".join(rng.choice(list("ACGT"), n_bases))], k=1)
    cpc.fit(X)
    stretches, _ = cpc._check_stretches(*cpc._cut(check_token_ids(X)), check_token_ids(X))
    lengths = (stretches.ends - stretches.starts).tolist()
    # A shorter last window stays where a patch can be recognised eight ahead: 20 + 8 * 10 bases.
    left = n_bases % 159
    assert lengths[: n_bases // 160] == [160] * (n_bases // 160)
    assert all(length >= 100 for length in lengths)
    assert len(lengths) == n_bases // 160 + (100 <= left < 159)
