"""The frozen language model in scikit-learn's searches: it works, and embeds each sequence once."""

from collections import Counter

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline

from skgenome.preprocessing import KmerTokenizer
from skgenome.representation import LanguageModel

# joblib says so when writing its cache takes long, as on a busy machine.
pytestmark = pytest.mark.filterwarnings("ignore:Persisting input arguments took")


@pytest.fixture(scope="module")
def architecture():
    """One is enough: searches see no network."""
    return "awd-lstm"


@pytest.fixture
def task(rng):
    """Sequences rich and poor in G and C, each of them twice."""
    sequences, y = [], []
    for label, weights in enumerate(([0.35, 0.15, 0.15, 0.35], [0.15, 0.35, 0.35, 0.15])):
        for length in rng.integers(20, 60, 10):
            sequences += ["".join(rng.choice(list("ACGT"), length, p=weights))] * 2
            y += [label] * 2
    return sequences, np.array(y)


@pytest.fixture
def make_search(lm, tmp_path):
    def make(n_jobs=None, memory=True):
        pipe = Pipeline(
            [
                ("tokens", KmerTokenizer(k=3)),
                ("lm", FrozenEstimator(lm.set_params(cache_size=10**6))),
                ("classifier", LogisticRegression()),
            ],
            memory=str(tmp_path) if memory else None,
        )
        return GridSearchCV(pipe, {"classifier__C": [0.01, 1.0, 100.0]}, cv=3, n_jobs=n_jobs)

    return make


@pytest.mark.parametrize("memory", [True, False])
def test_grid_search_embeds_each_distinct_sequence_once(memory, make_search, task, monkeypatch):
    counts = Counter()
    embed = LanguageModel._embed

    def spy(self, token_ids):
        counts.update(tuple(token_ids.row(i).tolist()) for i in range(token_ids.n_rows))
        return embed(self, token_ids)

    monkeypatch.setattr(LanguageModel, "_embed", spy)
    make_search(memory=memory).fit(*task)
    assert set(counts.values()) == {1}
    assert len(counts) == len(set(task[0]))


@pytest.mark.slow
def test_grid_search_in_processes_gives_the_same(make_search, task):
    results = [make_search(n_jobs).fit(*task) for n_jobs in (1, 2)]
    scores = [search.cv_results_["mean_test_score"] for search in results]
    assert (scores[0] == scores[1]).all()
    assert (results[0].predict(task[0]) == results[1].predict(task[0])).all()


def test_cross_validation_leaves_the_frozen_model_as_it_is(make_search, task, lm):
    pipe = make_search(memory=False).estimator
    before = {name: value.clone() for name, value in lm.module_.state_dict().items()}
    cross_val_score(pipe, *task, cv=3)
    assert all((before[name] == value).all() for name, value in lm.module_.state_dict().items())


def test_language_model_that_is_not_frozen_is_fitted_in_the_pipeline(make_lm, task):
    """Then it is pretrained on the training sequences of the fold alone."""
    pipe = Pipeline(
        [("tokens", KmerTokenizer(k=2)), ("lm", make_lm()), ("classifier", LogisticRegression())]
    ).fit(*task)
    assert pipe.named_steps["lm"].k_ == 2
    assert pipe.predict(task[0]).shape == task[1].shape
