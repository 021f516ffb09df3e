"""TSNE and EmbeddingDisplay: conformance, neighbours kept, new points near their like."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.utils.estimator_checks import parametrize_with_checks

from skgenome.manifold import TSNE, EmbeddingDisplay

QUICK = {"early_n_iter": 50, "n_iter": 100, "random_state": 0}
NEW_POINTS = "transform places the rows as new samples beside those of fit, openTSNE's definition of it"
EXPECTED = {
    "check_transformer_data_not_an_array": NEW_POINTS,
    "check_transformer_general": NEW_POINTS,
    "check_fit2d_1sample": "the check sets a parameter perplexity on every TSNE; ours is tsne_perplexity",
}


@parametrize_with_checks(
    [TSNE(early_n_iter=20, n_iter=30, random_state=0)], expected_failed_checks=lambda _: EXPECTED
)
def test_tsne_meets_the_checks_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def clusters():
    rng = np.random.default_rng(0)
    centres = 8 * rng.normal(size=(3, 15))
    labels = np.repeat([0, 1, 2], 60)
    return centres[labels] + rng.normal(size=(180, 15)), labels


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_embedding_keeps_neighbours(clusters, dtype):
    X, labels = clusters
    embedding = TSNE(**QUICK).fit_transform(X.astype(dtype))
    assert trustworthiness(X, embedding, n_neighbors=10) > 0.9
    means = np.array([embedding[labels == label].mean(axis=0) for label in range(3)])
    nearest = np.linalg.norm(embedding[:, None] - means, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest, labels)


def test_new_points_land_among_their_like(clusters):
    X, labels = clusters
    rows = np.arange(180) % 4 == 0
    tsne = TSNE(**QUICK).fit(X[~rows])
    placed = tsne.transform(X[rows])
    old = np.asarray(tsne.tsne_)
    nearest = np.linalg.norm(placed[:, None] - old, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(labels[~rows][nearest], labels[rows])


def test_seed_fixes_the_embedding(clusters):
    one, two = (TSNE(**QUICK).fit(clusters[0]) for _ in range(2))
    np.testing.assert_array_equal(one.embedding_, two.embedding_)
    assert one.kl_divergence_ == two.kl_divergence_ > 0


def test_global_generator_is_left_alone(clusters):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    TSNE(**{**QUICK, "random_state": 1}).fit(clusters[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(("n_samples", "expected"), [(20, 19 / 3), (180, 30.0)])
def test_auto_perplexity_is_what_the_samples_allow(clusters, n_samples, expected):
    tsne = TSNE(early_n_iter=1, n_iter=1, random_state=0).fit(clusters[0][:n_samples])
    assert tsne.tsne_perplexity_ == pytest.approx(expected)


def test_perplexity_beyond_the_samples_is_an_error(clusters):
    with pytest.raises(ValueError, match=r"tsne_perplexity=30 is too large for 40 samples.*Use 13 or less"):
        TSNE(tsne_perplexity=30).fit(clusters[0][:40])


def test_output_can_be_a_frame(clusters):
    pytest.importorskip("pandas")
    frame = (
        TSNE(early_n_iter=5, n_iter=5, random_state=0)
        .set_output(transform="pandas")
        .fit_transform(clusters[0])
    )
    assert list(frame.columns) == ["tsne0", "tsne1"]


@pytest.fixture
def pyplot():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    yield pyplot
    pyplot.close("all")


def test_display_names_classes_and_counts(pyplot, clusters):
    names = np.array(["bacterium", "phage", "virus"])[clusters[1]]
    display = EmbeddingDisplay.from_estimator(TSNE(early_n_iter=5, n_iter=5), clusters[0], names)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["bacterium (60)", "phage (60)", "virus (60)"]
    assert len(display.ax_.get_xticks()) == 0
    assert len(display.ax_.collections[0].get_offsets()) == 180


def test_display_without_labels_has_no_legend(pyplot):
    _, ax = pyplot.subplots()
    display = EmbeddingDisplay(np.eye(2)).plot(ax)
    assert display.ax_ is ax
    assert ax.get_legend() is None


@pytest.mark.parametrize(
    ("embedding", "labels", "message"),
    [
        (np.ones((4, 3)), None, r"\(n_samples, 2\).*\(4, 3\)"),
        (np.ones((4, 2)), [1], "4 points, but 1 labels"),
    ],
)
def test_display_says_what_is_wrong(pyplot, embedding, labels, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingDisplay(embedding, labels).plot()


def test_tsne_transform_leaves_the_embedding_where_it_is(seed):
    """Non-regression: openTSNE centred the embedding in place when it first placed new samples."""
    X = np.random.default_rng(seed).normal(size=(60, 5))
    tsne = TSNE(early_n_iter=20, n_iter=30, random_state=0).fit(X)
    before = tsne.embedding_.copy()
    tsne.transform(X[:5] + 0.01)
    np.testing.assert_array_equal(tsne.embedding_, before)
