"""Edits that go on from the states of what they share with their origin, against whole sequences."""

import re
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skgenome._response import make_predictor
from skgenome.classification import SequenceClassifier, ULMFiTClassifier
from skgenome.inspection import in_silico_mutagenesis, perturbation_importance, variant_effects
from skgenome.inspection._edits import Edit, predict_edits
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import ContrastivePredictiveCoding, LanguageModel
from skgenome.sequences import check_token_ids
from skgenome.training import pool_edits

# What sums in another order differ by in float32, of features and scores around 1.
CLOSE = {"rtol": 1e-5, "atol": 2e-6}
SIZES = {"embedding_size": 6, "hidden_size": 10, "n_layers": 3, "batch_size": 16, "random_state": 0}
CPU = torch.device("cpu")
TWO_ROWS = KmerTokenizer(k=3).transform(["GATTA", "GATTC"])


def random_dna(rng, length):
    return "".join(rng.choice(list("ACGT"), size=length))


def make_model(k=3, stride=1, **params):
    """Give a language model with weights so large that no mistake is lost in rounding."""
    every_kmer = KmerTokenizer(k=k, stride=stride).transform([random_dna(np.random.default_rng(0), 3000)])
    model = LanguageModel(k=k, stride=stride, device="cpu", **{**SIZES, **params}).initialize(every_kmer)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.module_.parameters():
            weight.normal_(0, 0.4, generator=generator)
    return model


def draw_edits(rng):
    """Make sequences of several lengths, and edits of all kinds at their ends and inside."""
    sequences, origins = [], []
    for length in (61, 40, 40, 17):
        sequence = random_dna(rng, length)
        sequence = f"{sequence[:11]}N{sequence[12:]}" if length == 61 else sequence
        places = [0, *rng.integers(1, length - 1, size=20).tolist(), length - 1]
        edits = [f"{sequence[:p]}{base}{sequence[p + 1 :]}" for p in places for base in "ACN"]
        cut = int(rng.integers(6, length - 6))
        edits += [f"{sequence[:cut]}TTAGA{sequence[cut:]}", sequence[:cut] + sequence[cut + 3 :]]
        # Longer and shorter by what one end gets or loses, and no edit at all.
        edits += [f"{sequence}G", f"G{sequence}", sequence[:-1], sequence[1:], sequence]
        origins += [len(sequences)] * (1 + len(edits))
        sequences += [sequence, *edits]
    order = rng.permutation(len(sequences))
    place = np.argsort(order)
    return [sequences[i] for i in order], place[np.array(origins)[order]]


def pool(model, token_ids, origins):
    token_ids = check_token_ids(token_ids)
    return pool_edits(
        model.pooled_encoder(), token_ids, origins, k=model.k_, batch_size=model.batch_size, device=CPU,
        dtype=torch.float32,
    )  # fmt: skip


@pytest.fixture
def tokens_read():
    """Give a function that counts the tokens, and the largest batch, that a model's first LSTM reads."""

    def count(model, function):
        counts = Counter()

        def note(_, arguments):
            n_rows, n_tokens = arguments[0].shape[:2]
            counts["tokens"] += n_rows * n_tokens
            counts["largest"] = max(counts["largest"], n_rows)

        handle = model.module_.encoder.layers[0].register_forward_pre_hook(note)
        result = function()
        handle.remove()
        return result, counts

    return count


@pytest.mark.parametrize("pooling", ["concat", "mean", "max", "last", 1, 4])
@pytest.mark.parametrize("strand", ["forward", "average", "concat", "augment"])
def test_pool_edits_equals_pooling_whole_rows(pooling, strand, seed):
    sequences, origins = draw_edits(np.random.default_rng(seed))
    token_ids = KmerTokenizer(k=3, padding=False).transform(sequences)
    model = make_model(strand=strand, pooling=pooling)
    np.testing.assert_allclose(pool(model, token_ids, origins), model.transform(token_ids), **CLOSE)


@pytest.mark.parametrize("layer", [0, 1, -1, "all"])
@pytest.mark.parametrize("pooling", ["concat", 3])
@pytest.mark.parametrize("architecture", ["awd-lstm", "cnn-lstm"])
def test_pool_edits_reads_every_layer(layer, pooling, architecture, seed):
    sequences, origins = draw_edits(np.random.default_rng(seed))
    token_ids = KmerTokenizer(k=3, padding=False).transform(sequences)
    own = {"embedding_size": 128, "n_filters": 5, "kernel_size": 7} if architecture == "cnn-lstm" else {}
    model = make_model(architecture=architecture, layer=layer, pooling=pooling, **own)
    np.testing.assert_allclose(pool(model, token_ids, origins), model.transform(token_ids), **CLOSE)


@pytest.mark.parametrize(("k", "stride"), [(1, 1), (3, 1), (5, 2), (3, 3)])
@pytest.mark.parametrize("pooling", ["concat", 4])
def test_pool_edits_in_every_geometry(k, stride, pooling, seed):
    """Tokens are compared, not bases: the first that an edit changes may begin before it."""
    sequences, origins = draw_edits(np.random.default_rng(seed))
    token_ids = KmerTokenizer(k=k, stride=stride, padding=False).transform(sequences)
    model = make_model(k, stride, pooling=pooling)
    np.testing.assert_allclose(pool(model, token_ids, origins), model.transform(token_ids), **CLOSE)


def test_pool_edits_of_rows_longer_than_a_piece(seed):
    """The trunk and the branches pass on states of their own, over pieces of 256 tokens."""
    rng = np.random.default_rng(seed)
    sequence = random_dna(rng, 900)
    edits = [f"{sequence[:p]}N{sequence[p + 1 :]}" for p in (0, 255, 258, 400, 700, 899)]
    token_ids = KmerTokenizer(k=3, padding=False).transform([sequence, *edits])
    model = make_model(pooling="concat")
    found = pool(model, token_ids, np.zeros(7, dtype=int))
    np.testing.assert_allclose(found, model.transform(token_ids), **CLOSE)


def test_pool_edits_of_a_row_without_tokens_is_zero():
    row, empty = KmerTokenizer(k=3).transform(["GATTA"])[0], np.array([], dtype=np.uint8)
    model = make_model()
    found = pool(model, [row, empty, row, empty], [1, 0, 0, 3])
    np.testing.assert_allclose(found, model.transform([row, empty, row, empty]), **CLOSE)
    assert not found[[1, 3]].any()
    assert not pool(model, [empty, empty], [0, 0]).any()


def test_pool_edits_in_bfloat16(seed):
    """Half precision rounds to three digits, and more where sums are made in another order."""
    sequences, origins = draw_edits(np.random.default_rng(seed))
    token_ids = KmerTokenizer(k=3, padding=False).transform(sequences)
    model = make_model(pooling="mean", precision="bfloat16")
    options = {"k": 3, "batch_size": 16, "device": CPU, "dtype": torch.bfloat16}
    found = pool_edits(model.pooled_encoder(), check_token_ids(token_ids), origins, **options)
    np.testing.assert_allclose(found, model.transform(token_ids), atol=0.02)


@pytest.mark.parametrize("strand", ["forward", "concat"])
def test_pool_edits_reads_half_of_the_tokens(strand, tokens_read, seed):
    sequence = random_dna(np.random.default_rng(seed), 150)
    edits = [f"{sequence[:p]}N{sequence[p + 1 :]}" for p in range(150)]
    token_ids = KmerTokenizer(k=3).transform([sequence, *edits])
    model = make_model(strand=strand, cache_size=0)
    _, shared = tokens_read(model, lambda: pool(model, token_ids, np.zeros(151, dtype=int)))
    _, whole = tokens_read(model, lambda: model.transform(token_ids))
    assert 0.5 < shared["tokens"] / whole["tokens"] < 0.65
    assert shared["largest"] <= whole["largest"]


def test_pool_edits_reads_no_more_than_a_batch_side_by_side(tokens_read, seed):
    """However many origins there are: neither they nor their edits are all in memory."""
    rng = np.random.default_rng(seed)
    sequences = [random_dna(rng, 30) for _ in range(100)]
    edited = [f"{sequence[:20]}N{sequence[21:]}" for sequence in sequences]
    token_ids = KmerTokenizer(k=3).transform(sequences + edited)
    model = make_model(strand="forward")
    origins = np.tile(np.arange(100), 2)
    found, counts = tokens_read(model, lambda: pool(model, token_ids, origins))
    assert counts["largest"] == model.batch_size
    np.testing.assert_allclose(found, model.transform(token_ids), **CLOSE)


def test_pool_edits_of_wrong_origins_costs_time_alone(seed):
    sequences, origins = draw_edits(np.random.default_rng(seed))
    token_ids = KmerTokenizer(k=3, padding=False).transform(sequences)
    model = make_model()
    wrong = np.random.default_rng(seed).permutation(origins)
    np.testing.assert_allclose(pool(model, token_ids, wrong), model.transform(token_ids), **CLOSE)


def test_pool_edits_leaves_the_network_as_it_was():
    model = make_model()
    model.module_.train()
    pool(model, TWO_ROWS, [0, 0])
    assert model.module_.training
    assert all(weight.requires_grad for weight in model.module_.parameters())


@pytest.mark.parametrize(
    ("origins", "message"),
    [
        ([0], r"a row number for each of 2 rows\. Got shape \(1,\)"),
        ([0.0, 1.0], "Got shape .* of float64"),
        ([0, 2], r"from 0 to 1\. Got 2 for row 1"),
        ([-1, 0], "Got -1 for row 0"),
    ],
    ids=["too-few", "no-integers", "too-large", "negative"],
)
def test_pool_edits_refuses_origins(origins, message):
    with pytest.raises(ValueError, match=message):
        pool(make_model(), TWO_ROWS, origins)


def as_plain(estimator):
    """Give a classifier that has the same methods, and none by which it is told of edits."""
    names = ("predict_proba", "decision_function", "predict", "classes_")
    return SimpleNamespace(**{name: getattr(estimator, name) for name in names})


ENCODERS = {
    "forward": lambda: make_model(strand="forward"),
    "both-strands": lambda: make_model(5, 2, strand="concat", layer="all"),
    "segments": lambda: make_model(1, strand="average", pooling=4),
}


@pytest.fixture(scope="module", params=ENCODERS)
def network(request):
    """A pipeline of a network with three classes, which reads all that it can; not to be changed."""
    lm = ENCODERS[request.param]()
    rng = np.random.default_rng(2)
    sequences = [random_dna(rng, 40) for _ in range(30)]
    classifier = SequenceClassifier(FrozenEstimator(lm), training="frozen", random_state=0, device="cpu")
    pipeline = make_pipeline(KmerTokenizer(k=lm.k_, stride=lm.stride_), classifier)
    pipeline.fit(sequences, np.arange(30) % 3)
    # There was nothing to learn from noise.
    with torch.no_grad():
        classifier.head_.linear.weight.normal_(generator=torch.Generator().manual_seed(1))
    return pipeline


def inspect_all(estimator, sequences):
    """Give what all three functions find, as arrays."""
    options = {"response_method": "decision_function", "target": 2}
    ism = in_silico_mutagenesis(estimator, sequences, batch_size=100, **options)
    perturbed = perturbation_importance(
        estimator, sequences, widths=[1, 4], n_repeats=2, n_null=1, batch_size=64, random_state=0, **options
    )
    genome = {"c": "".join(sequences)}
    alleles = [("A", "G"), ("A", "TTC"), ("ACG", "A")]
    variants = [("c", p, genome["c"][p : p + len(ref)], alt) for p in (0, 20, 55) for ref, alt in alleles]
    effects = variant_effects(estimator, variants, genome, window_size=35, **options)
    return {
        "attributions": ism.attributions,
        "importances": perturbed.importances_mean,
        "null": perturbed.null_std,
        "variants": effects.difference,
    }


def test_inspection_of_a_network_equals_that_with_whole_sequences(network, draw_dna):
    """On sequences of different lengths, one with an N, from the first base to the last."""
    first, *rest = draw_dna(0, 44, 30, 30)
    sequences = [f"{first[:9]}N{first[10:]}", *rest]
    found, expected = (inspect_all(each, sequences) for each in (network, as_plain(network)))
    for name, values in expected.items():
        spread = np.nanstd(values)
        assert spread > 0.01
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-4 * spread, err_msg=name)
    for row, other in zip(found["attributions"], expected["attributions"], strict=True):
        assert np.nanargmax(row) == np.nanargmax(other)


def test_inspection_of_a_network_shares_what_is_before_an_edit(network, tokens_read, draw_dna):
    sequences = draw_dna(0, 60)
    model = network[-1].encoder_
    _, shared = tokens_read(model, lambda: in_silico_mutagenesis(network, sequences))
    _, whole = tokens_read(model, lambda: in_silico_mutagenesis(as_plain(network), sequences))
    assert shared["tokens"] < 0.75 * whole["tokens"]


@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
def test_classifier_of_edits_predicts_as_of_whole_rows(method, network, seed):
    sequences, origins = draw_edits(np.random.default_rng(seed))
    token_ids = network[0].transform(sequences)
    found = getattr(network[-1], f"{method}_edits")(token_ids, origins)
    expected = getattr(network[-1], method)(token_ids)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * expected.std())
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)


def test_ulmfit_classifier_shares_too(tokens_read, draw_dna):
    sequences = draw_dna(3, *[30] * 12)
    lm = LanguageModel(**{**SIZES, "n_layers": 1}, max_steps=1, device="cpu")
    classifier = ULMFiTClassifier(lm, lm_max_epochs=1, training="frozen", random_state=0, device="cpu")
    pipeline = make_pipeline(KmerTokenizer(k=3), classifier).fit(sequences, [0, 1] * 6)
    model = classifier.encoder_
    found, shared = tokens_read(model, lambda: in_silico_mutagenesis(pipeline, sequences[:1]))
    expected, whole = tokens_read(model, lambda: in_silico_mutagenesis(as_plain(pipeline), sequences[:1]))
    np.testing.assert_allclose(found.attributions, expected.attributions, rtol=1e-4, atol=1e-6)
    assert shared["tokens"] < 0.75 * whole["tokens"]


@pytest.mark.parametrize("wrap", [lambda lm: lm, FrozenEstimator], ids=["bare", "frozen"])
def test_inspection_of_a_probe_on_features_shares_too(wrap, tokens_read, draw_dna):
    """The step that reads tokens is a representation of its own, and any estimator comes after it."""
    sequences = draw_dna(3, *[30] * 12)
    lm = make_model(strand="forward", cache_size=0)
    pipeline = make_pipeline(KmerTokenizer(k=3), FrozenEstimator(lm), LogisticRegression())
    pipeline.fit(sequences, [0, 1] * 6)
    pipeline.steps[1] = (pipeline.steps[1][0], wrap(lm))
    found, shared = tokens_read(lm, lambda: in_silico_mutagenesis(pipeline, sequences[:1]))
    expected, whole = tokens_read(lm, lambda: in_silico_mutagenesis(as_plain(pipeline), sequences[:1]))
    np.testing.assert_allclose(found.attributions, expected.attributions, rtol=1e-4, atol=1e-5)
    assert shared["tokens"] < 0.75 * whole["tokens"]


@pytest.mark.parametrize("X", ["GATTACA", [[7, 200]]], ids=["text", "unknown-id"])
def test_transform_edits_refuses_what_transform_refuses(X):
    lm = make_model()
    with pytest.raises(Exception, match=r".") as refused:
        lm.transform(X)
    with pytest.raises(type(refused.value), match=re.escape(str(refused.value))):
        lm.transform_edits(X, [0])


def test_inspection_of_a_network_of_patches_reads_whole_sequences(draw_dna):
    """It has no states to go on from: nothing is shared, and nothing is said."""
    cpc = ContrastivePredictiveCoding(
        width=2, context_size=3, patch_length=10, patch_stride=5, n_patches=4, steps=(2,), random_state=0,
        device="cpu",
    )  # fmt: skip
    classifier = SequenceClassifier(cpc, training="frozen", random_state=0, device="cpu")
    sequences = draw_dna(3, *[30] * 12)
    pipeline = make_pipeline(KmerTokenizer(k=1), classifier).fit(sequences, [0, 1] * 6)
    found, expected = (in_silico_mutagenesis(each, sequences[:1]) for each in (pipeline, as_plain(pipeline)))
    np.testing.assert_allclose(found.attributions, expected.attributions, rtol=1e-4, atol=1e-6)


class LengthScorer(BaseEstimator):
    """Scores are lengths; it notes what it is told of edits."""

    classes_ = np.array([0, 1])

    def __init__(self):
        self.told = []

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def transform(self, X):
        return X

    def transform_edits(self, X, origins):
        self.told.append((list(X), origins.tolist()))
        return X

    def decision_function(self, X):
        return np.array([float(len(x)) for x in X])

    def decision_function_edits(self, X, origins):
        self.told.append((list(X), origins.tolist()))
        return self.decision_function(X)


EDITS = [
    Edit(0, 0, "ACG", "ACT"),
    Edit(0, 1, "ACG", "ACG"),
    Edit(1, 0, "GG", "GGTT"),
    Edit(0, 2, "ACG", "ACT"),
]
# The two sequences as they were, and each edit once.
TOLD = (["ACG", "ACT", "GG", "GGTT"], [0, 0, 2, 2])


def ask(estimator, batch_size=10):
    predictor = make_predictor(estimator, "decision_function", "ACGT")
    return [(*where, scores[1]) for *where, scores in predict_edits(predictor, EDITS, batch_size)]


def test_predict_edits_tells_an_estimator_which_are_edits_of_which():
    scorer = LengthScorer()
    assert ask(scorer) == [(0, 0, 3.0), (0, 1, 3.0), (1, 0, 4.0), (0, 2, 3.0)]
    assert scorer.told == [TOLD]
    assert ask(scorer, batch_size=2) == ask(scorer)


def test_predict_edits_tells_every_step_of_a_pipeline_that_wants_to_know():
    """Steps that are none and nested pipelines are gone through as the pipeline does."""
    first, last = LengthScorer(), LengthScorer()
    inner = Pipeline([("same", FunctionTransformer()), ("first", first)])
    pipeline = Pipeline([("inner", inner), ("none", None), ("pass", "passthrough"), ("last", last)])
    assert ask(pipeline) == ask(LengthScorer())
    assert first.told == last.told == [TOLD]


def test_predict_edits_leaves_a_derived_pipeline_to_itself():
    class OtherPipeline(Pipeline):
        pass

    scorer = LengthScorer()
    assert ask(OtherPipeline([("none", None), ("last", scorer)])) == ask(LengthScorer())
    assert scorer.told == []
