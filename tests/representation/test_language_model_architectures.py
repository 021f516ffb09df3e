"""What is chosen by ``architecture``, and the CNN-LSTM under everything that holds a language model.

What every architecture promises is tested on each in the other files of the language model.
"""

import math
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from skgenome.classification import SequenceClassifier, ULMFiTClassifier
from skgenome.exceptions import SkgenomeWarning
from skgenome.nn import CNNLSTM, AWDLSTMLanguageModel, CNNLSTMLanguageModel
from skgenome.persistence import load, save
from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel
from skgenome.utils.estimator_checks import parametrize_with_sequence_checks

SIZES = {"n_filters": 5, "kernel_size": 4, "hidden_size": 6, "n_layers": 2}
CNN = {"architecture": "cnn-lstm", **SIZES, "max_epochs": 1, "batch_size": 8, "bptt": 10, "device": "cpu"}
AWD = {"embedding_size": 4, "hidden_size": 6, "n_layers": 2, "max_epochs": 1, "batch_size": 4, "bptt": 10}
AWD |= {"device": "cpu", "random_state": 0}
QUICK = {"max_epochs": 1, "batch_size": 64, "early_stopping": False, "device": "cpu"}


def weights_of(lm):
    return lm.module_.state_dict()


def assert_same_weights(first, second):
    torch.testing.assert_close(weights_of(first), weights_of(second), rtol=0, atol=0)


@pytest.fixture(scope="module")
def cnn():
    """A fitted model, never changed: take a copy."""
    rng = np.random.default_rng(0)
    contigs = ["".join(rng.choice(list("ACGT"), n)) for n in (400, 150)] + ["TTTTT"]
    X = KmerTokenizer(k=3, padding=False).transform(contigs)
    return LanguageModel(**CNN, strand="forward", learning_rate=0.1, cache_size=0, random_state=0).fit(X)


@pytest.fixture
def task(make_dna):
    """Twenty rows, of which every second one holds a motif."""
    sequences = ["TTTT" + dna for dna in make_dna([40] * 20)]
    sequences[1::2] = [dna[:10] + "GACTTC" + dna[10:] for dna in sequences[1::2]]
    return KmerTokenizer(k=3).transform(sequences), np.arange(20) % 2


def test_language_model_is_an_awd_lstm_unless_told_otherwise(corpus, token_ids):
    default = LanguageModel(**AWD, dropout_scale=0.5).fit(corpus)
    named = LanguageModel(**AWD, dropout_scale=0.5, architecture="awd-lstm").fit(corpus)
    assert isinstance(default.module_, AWDLSTMLanguageModel)
    assert_same_weights(default, named)
    assert (default.transform(token_ids) == named.transform(token_ids)).all()


def test_language_model_opens_what_was_saved_when_there_was_no_choice(corpus, token_ids):
    lm = LanguageModel(**AWD).fit(corpus)
    state = lm.__getstate__()
    state["architecture_"] = {name: x for name, x in lm.architecture_.items() if name != "architecture"}
    old = LanguageModel(**AWD)
    old.__setstate__(state)
    assert (old.transform(token_ids) == lm.transform(token_ids)).all()
    assert_same_weights(old.partial_fit(corpus), lm.partial_fit(corpus))


def test_cnn_lstm_has_the_sizes_and_dropouts_that_are_given(corpus):
    dropouts = {"output_p": 0.5, "input_p": 0.4, "hidden_p": 0.3, "embedding_p": 0.2, "weight_p": 0.1}
    lm = LanguageModel(**CNN, **dropouts, dropout_scale=1.0).initialize(corpus)
    assert str(lm.module_) == str(CNNLSTMLanguageModel(66, **SIZES, **dropouts))
    half = lm.set_params(dropout_scale=0.5).partial_fit(corpus)
    halved = {name: p / 2 for name, p in dropouts.items()}
    assert str(half.module_) == str(CNNLSTMLanguageModel(66, **SIZES, **halved))


def test_cnn_lstm_reads_single_bases_as_published(make_dna, tokenise):
    """320 filters of 26 bases, and one LSTM of 320 units."""
    published = {"n_filters": 320, "kernel_size": 26, "hidden_size": 320, "n_layers": 1}
    lm = LanguageModel(architecture="cnn-lstm", **published, device="cpu").initialize(
        tokenise(make_dna([50]), k=1)
    )
    assert lm.module_.encoder.motifs.filters.weight.shape == (320, 26 * 4)
    assert lm.module_.encoder.layer_sizes == [320]


def test_fit_refuses_an_architecture_that_is_none(corpus):
    with pytest.raises(
        ValueError, match=r"The 'architecture' parameter of LanguageModel must be a str among"
    ):
        LanguageModel(architecture="transformer").fit(corpus)


@pytest.mark.parametrize("method", ["fit", "initialize"])
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({**AWD, "kernel_size": 5}, r"kernel_size=5 was given, but architecture='awd-lstm' has no such size"),
        ({**AWD, "n_filters": 5, "kernel_size": 5}, r"kernel_size=5, n_filters=5 was given"),
        ({**CNN, "embedding_size": 400}, r"embedding_size=400 was given, but architecture='cnn-lstm'"),
    ],
)
def test_fit_warns_of_sizes_that_the_architecture_does_not_have(method, params, message, corpus):
    with pytest.warns(SkgenomeWarning, match=message) as caught:
        getattr(LanguageModel(**params), method)(corpus)
    assert [Path(warning.filename).name for warning in caught] == [Path(__file__).name]


@pytest.mark.parametrize("params", [AWD, CNN])
def test_fit_says_nothing_of_sizes_at_their_defaults(params, corpus):
    given = {name: x for name, x in params.items() if name not in ("hidden_size", "n_layers")}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LanguageModel(**given, max_steps=1).fit(corpus)


def test_partial_fit_keeps_the_architecture_of_the_first_fit(cnn, corpus):
    lm = clone(cnn).fit(corpus).set_params(architecture="awd-lstm")
    assert isinstance(lm.partial_fit(corpus).module_, CNNLSTMLanguageModel)
    assert isinstance(lm.set_params(n_filters=128, kernel_size=26).fit(corpus).module_, AWDLSTMLanguageModel)


@pytest.mark.parametrize(("k", "stride"), [(1, 1), (3, 1), (3, 3)])
def test_cnn_lstm_learns_a_periodic_sequence_to_the_last_token(k, stride, tokenise):
    """Of a period of 12 bases, every k-mer is followed by one alone."""
    X = tokenise(["ACCTGATTGCGA" * 400], k, stride)
    lm = LanguageModel(
        architecture="cnn-lstm", n_filters=16, kernel_size=12, hidden_size=24, n_layers=1, batch_size=8,
        bptt=24, max_steps=120, learning_rate=0.02, strand="forward", k=k, stride=stride, device="cpu",
        random_state=0,
    ).fit(X)  # fmt: skip
    ids = torch.from_numpy(X[0].astype(np.int64))[None]
    with torch.inference_mode():
        predicted = lm.module_(ids[:, :-1])[0].argmax(-1)
    # What comes first can't be known; from one period on everything can.
    assert (predicted == ids[:, 1:])[:, 12:].float().mean() > 0.999
    assert lm.bits_per_base(X) < 0.05


def test_cnn_lstm_that_knows_nothing_takes_all_tokens_to_be_alike(make_dna, tokenise):
    X = tokenise(make_dna([500]), k=1)
    lm = LanguageModel(architecture="cnn-lstm", device="cpu", random_state=0).initialize(X)
    # Four bases, unknown and padding: log2(6), of which training takes the last two away.
    assert lm.bits_per_base(X) == pytest.approx(math.log2(6), abs=0.1)


def test_fit_hands_state_and_left_context_on_along_a_contig_and_never_beyond(corpus, monkeypatch):
    calls = []
    forward = CNNLSTM.forward

    def spy(self, token_ids, state=None, n_layers=None):
        output = forward(self, token_ids, state, n_layers)
        calls.append((self.training, token_ids, state, output.state))
        return output

    monkeypatch.setattr(CNNLSTM, "forward", spy)
    LanguageModel(**CNN, max_steps=30, validation_size=0, random_state=0).fit(corpus)
    starts = [state is None for _, _, state, _ in calls]
    assert 1 < sum(starts) < len(starts)
    for (*_, left), (_, _, state, _) in pairwise(calls):
        if state is not None:
            torch.testing.assert_close(state, [tuple(x.detach() for x in part) for part in left])
            assert not any(x.requires_grad for part in state for x in part)
    for _, token_ids, state, left in calls:
        before = torch.zeros(len(token_ids), 3, dtype=torch.long) if state is None else state[0][0]
        assert torch.equal(left[0][0], torch.cat([before, token_ids], dim=1)[:, -3:])


def test_score_samples_equals_one_prediction_for_each_window(cnn, token_ids):
    """The published objective, window after window, each of which begins with the sequence."""
    row = token_ids[0]
    nats = 0.0
    for end in range(1, len(row)):
        window = torch.from_numpy(row[:end].astype(np.int64))[None]
        with torch.inference_mode():
            nats -= float(cnn.module_(window)[0][0, -1].log_softmax(0)[int(row[end])])
    assert cnn.score_samples([row])[0] == pytest.approx(-nats, rel=1e-5)


@pytest.mark.parametrize("strand", ["forward", "average", "concat"])
@pytest.mark.parametrize("pooling", ["concat", 5])
def test_cnn_lstm_saved_and_loaded_gives_the_same_bits(strand, pooling, cnn, corpus, token_ids, tmp_path):
    lm = clone(cnn).set_params(strand=strand, pooling=pooling, dropout_scale=0.3).fit(corpus)
    loaded = load(save(make_pipeline(KmerTokenizer(k=3), lm), tmp_path / "lm")).named_steps["languagemodel"]
    assert loaded.get_params() == lm.get_params()
    assert (loaded.transform(token_ids) == lm.transform(token_ids)).all()
    assert loaded.score(token_ids) == lm.score(token_ids)
    assert_same_weights(loaded.partial_fit(corpus), lm.partial_fit(corpus))


def moved(classifier, lm):
    """Say of each layer group, from the input up, whether a weight of it has changed."""
    before, after = (model.module_.encoder.layer_groups() for model in (lm, classifier.encoder_))
    return [
        any(bool((a != b).any()) for a, b in zip(old.parameters(), new.parameters(), strict=True))
        for old, new in zip(before, after, strict=True)
    ]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"training": "frozen"}, [False] * 3),
        ({"training": "gradual"}, [True] * 3),
        ({"training": "finetune"}, [True] * 3),
        ({"unfreeze_schedule": [(1, 1, 0.01)]}, [False] * 3),
        ({"unfreeze_schedule": [(2, 1, 0.01)]}, [False, False, True]),
        ({"unfreeze_schedule": [(3, 1, 0.01)]}, [False, True, True]),
        ({"layer": 0, "training": "finetune"}, [True, True, False]),
    ],
    ids=str,
)
def test_sequence_classifier_trains_the_layer_groups_of_a_cnn_lstm(params, expected, cnn, task):
    classifier = SequenceClassifier(FrozenEstimator(cnn), **QUICK, **params, random_state=0).fit(*task)
    assert moved(classifier, cnn) == expected
    assert classifier.predict_proba(task[0]).shape == (20, 2)
    # It is a language model still, with the dropouts it had.
    assert str(classifier.encoder_.module_) == str(cnn.module_)


def test_sequence_classifier_trains_lower_groups_of_a_cnn_lstm_at_lower_rates(cnn, task):
    """Adam's first step is the rate, whatever the gradient."""
    options = {"training": "finetune", "schedule": "constant", "weight_decay": 0.0, "dropout_scale": 0.0}
    classifier = SequenceClassifier(
        FrozenEstimator(cnn), **QUICK, **options, learning_rate=1e-3, learning_rate_ratio=4.0, random_state=0
    ).fit(*task)
    groups = [model.module_.encoder.layer_groups() for model in (cnn, classifier.encoder_)]
    with torch.no_grad():
        largest = [
            max(float((a - b).abs().max()) for a, b in zip(old.parameters(), new.parameters(), strict=True))
            for old, new in zip(*groups, strict=True)
        ]
    assert largest == pytest.approx([1e-3 / 64, 1e-3 / 16, 1e-3 / 4], rel=0.01)


def test_sequence_classifier_from_scratch_on_a_cnn_lstm(task):
    classifier = SequenceClassifier(LanguageModel(**CNN), training="finetune", **QUICK, random_state=0)
    classifier.fit(*task)
    assert isinstance(classifier.encoder_.module_, CNNLSTMLanguageModel)
    assert classifier.encoder_.history_ == []


def test_ulmfit_fine_tunes_a_cnn_lstm(cnn, task, tmp_path):
    X, y = task
    before = {name: value.clone() for name, value in weights_of(cnn).items()}
    classifier = ULMFiTClassifier(FrozenEstimator(cnn), lm_max_epochs=1, **QUICK, random_state=0)
    classifier.fit(X, np.where(np.arange(20) < 8, y, -1))
    assert len(classifier.language_model_.history_) == len(cnn.history_) + 1
    torch.testing.assert_close(weights_of(cnn), before, rtol=0, atol=0)
    loaded = load(save(classifier, tmp_path / "classifier"))
    assert (loaded.predict_proba(X) == classifier.predict_proba(X)).all()


# As small as a network can be. Without a cache: an answer from memory would prove no invariance.
LANGUAGE_MODEL = LanguageModel(**CNN, cache_size=0)
ENCODER = LanguageModel(**{**CNN, "n_layers": 1, "batch_size": 64}, cache_size=0)
ANY_WIDTH = "a row is a sequence, so a matrix may be wider or narrower than that of fit"
ZERO_ONE = "the check's ids are 0 and 1, padding and unknown, and there is no known token to score"
EXPECTED = {
    "check_n_features_in": ANY_WIDTH,
    "check_n_features_in_after_fitting": ANY_WIDTH,
    "check_transformer_general": ANY_WIDTH,
    "check_fit2d_1feature": "one token is followed by none; the error says so in terms of tokens",
    "check_fit_score_takes_y": ZERO_ONE,
    "check_pipeline_consistency": ZERO_ONE,
}


@parametrize_with_checks([LANGUAGE_MODEL], expected_failed_checks=lambda _: EXPECTED)
def test_cnn_lstm_scikit_learn_conformance(estimator, check):
    check(estimator)


@parametrize_with_sequence_checks(
    [
        LANGUAGE_MODEL,
        SequenceClassifier(ENCODER, training="frozen", **QUICK),
        SequenceClassifier(ENCODER, **QUICK),
        make_pipeline(KmerTokenizer(k=1), SequenceClassifier(ENCODER, training="finetune", **QUICK)),
    ]
)
def test_cnn_lstm_sequence_conformance(estimator, check):
    check(estimator)
