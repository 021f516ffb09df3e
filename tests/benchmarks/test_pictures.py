"""Pictures of windows: which are drawn, and what is written at them."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from benchmarks.pictures import choose_evenly, draw_embeddings
from benchmarks.windows import Windows
from skgenome.representation import ContrastivePredictiveCoding, LanguageModel

SHARES = [[0.4, 0.1, 0.1, 0.4], [0.1, 0.4, 0.4, 0.1], [0.4, 0.4, 0.1, 0.1]]


@pytest.fixture(scope="module")
def models():
    """Two representations as small as can be, with random weights."""
    rng = np.random.RandomState(0)
    tiny = {"batch_size": 4, "device": "cpu", "random_state": 0}
    lm = LanguageModel(embedding_size=4, hidden_size=6, n_layers=2, pooling="mean", **tiny)
    contrastive = ContrastivePredictiveCoding(
        width=4, context_size=6, patch_length=50, patch_stride=25, n_patches=6, steps=(2,), **tiny
    )
    return {
        "language model": lm.initialize([rng.randint(2, 66, 300)]),
        "contrastive": contrastive.initialize([rng.randint(2, 6, 300)]),
    }


@pytest.fixture(scope="module")
def labelled():
    """Windows of three classes, of which there are 30, 20 and 40, each with letters of its own."""
    rng = np.random.RandomState(0)
    target = np.repeat([0, 1, 2], [30, 20, 40])
    data = ["".join(rng.choice(list("ACGT"), 200, p=SHARES[label])) for label in target]
    return Windows(np.array(data, dtype=object), target, [], [], class_names=("virus", "phage", "bacteria"))


@pytest.mark.parametrize(("n_most", "n_each"), [(1000, 20), (60, 20), (59, 19), (9, 3), (3, 1)])
def test_choose_evenly_takes_as_many_of_each_class(labelled, n_most, n_each, seed):
    rows = choose_evenly(labelled.target, n_most, seed)
    assert np.bincount(labelled.target[rows]).tolist() == [n_each] * 3
    assert (np.diff(rows) > 0).all()


def test_choose_evenly_chooses_by_its_seed(labelled):
    one, again, other = (tuple(choose_evenly(labelled.target, 30, seed)) for seed in (0, 0, 1))
    assert one == again
    assert one != other


@pytest.fixture
def drawn(models, labelled, tmp_path, monkeypatch):
    """The figure, as it was when it was saved, and the file."""
    figures = []
    save = Figure.savefig

    def note(figure, *args, **kwargs):
        figures.append(figure)
        return save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", note)
    path = draw_embeddings(models, labelled, tmp_path / "picture.png", n_most=45)
    return figures[0], path


def test_draw_embeddings_has_a_panel_for_each_and_one_legend(drawn):
    figure, _ = drawn
    assert [ax.get_title() for ax in figure.axes] == ["language model", "contrastive"]
    legends = [ax.get_legend() for ax in figure.axes]
    assert legends[0] is None
    assert [text.get_text() for text in legends[1].get_texts()] == [
        "bacteria (15)",
        "phage (15)",
        "virus (15)",
    ]
    assert [len(ax.collections[0].get_offsets()) for ax in figure.axes] == [45, 45]


def test_draw_embeddings_writes_a_picture(drawn):
    _, path = drawn
    pixels = imread(path)
    height, width = pixels.shape[:2]
    assert width > 2 * height
    assert [entry.name for entry in path.parent.iterdir()] == ["picture.png"]
    # Something is on it, and the whole of it is not.
    assert 0.005 < np.mean(pixels[..., :3].min(axis=-1) < 0.9) < 0.5


def test_draw_embeddings_without_names_writes_the_classes(models, labelled, tmp_path):
    one = {"language model": models["language model"]}
    path = tmp_path / "a.png"
    assert draw_embeddings(one, labelled._replace(class_names=()), path, n_most=45) == path
    assert path.stat().st_size > 0


@pytest.mark.parametrize(
    ("change", "which", "message"),
    [
        ({"target": np.ones((90, 2))}, slice(None), r"an indicator matrix of shape \(90, 2\)"),
        ({}, slice(0), "models is empty"),
    ],
    ids=["own labels", "no model"],
)
def test_draw_embeddings_says_what_it_cannot_draw(models, labelled, tmp_path, change, which, message):
    some = dict(list(models.items())[which])
    with pytest.raises(ValueError, match=message):
        draw_embeddings(some, labelled._replace(**change), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_draw_embeddings_misses_the_folder_before_the_features(models, labelled, tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.pictures.frozen", None)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        draw_embeddings(models, labelled, tmp_path / "none" / "a.png")
