"""The example that the package was designed around: a grid search over label fractions, run as printed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# A program and a module of its own, so that worker processes find the counting class.
MODULE = """
from pathlib import Path
from skgenome.representation import LanguageModel

class CountingLanguageModel(LanguageModel):
    def _embed(self, token_ids):
        with Path("embedded.txt").open("a") as file:
            file.write(f"{token_ids.n_rows}\\n")
        return super()._embed(token_ids)
"""

PROGRAM = """
import json, sys, warnings
from pathlib import Path
from counting import CountingLanguageModel
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from skgenome.datasets import fetch_bacterial_genomes, fetch_ecoli_promoters
from skgenome.linear_model import LassoLogisticRegressionCV
from skgenome.model_selection import LabelFractionClassifier
from skgenome.preprocessing import KmerTokenizer

if __name__ == "__main__":
    n_jobs = int(sys.argv[1])
    genomes = fetch_bacterial_genomes(genera=["Chlamydia"]).data
    small = dict(embedding_size=8, hidden_size=16, n_layers=2, max_steps=40, device="cpu")
    tokens = KmerTokenizer(k=3, padding=False).transform(genomes)
    lm = CountingLanguageModel(random_state=0, **small).fit(tokens)

    pipe = Pipeline([("tokens", KmerTokenizer(k=3)), ("lm", FrozenEstimator(lm)),
                     ("lasso", LabelFractionClassifier(LassoLogisticRegressionCV()))], memory="cache")
    X, y = fetch_ecoli_promoters(return_X_y=True)
    X, y = X[::2], y[::2]  # for time
    warnings.simplefilter("ignore")  # where a class has fewer labels than folds, the lasso says so
    grid = {"lasso__fraction": [0.003, 0.01, 0.1, 1.0]}
    search = GridSearchCV(pipe, grid, scoring="roc_auc", n_jobs=n_jobs).fit(X, y)
    embedded = sum(map(int, Path("embedded.txt").read_text().split()))
    auc = list(search.cv_results_["mean_test_score"])
    print(json.dumps({"embedded": embedded, "distinct": len(set(X)), "auc": auc}))
"""


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_grid_search_over_label_fractions_embeds_each_fold_once(n_jobs, real_data_home, tmp_path):
    """In one process each sequence is embedded once; each further process does so at most once more."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "counting.py").write_text(MODULE)
    environment = {**os.environ, "SKGENOME_DATA": str(real_data_home), "PYTHONPATH": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "program.py", str(n_jobs)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout.splitlines()[-1])
    n_distinct = result["distinct"]
    # The parent of two workers refits, and is the third process that embeds.
    n_processes = 1 if n_jobs == 1 else n_jobs + 1
    assert n_distinct <= result["embedded"] <= n_distinct * n_processes
    assert len(result["auc"]) == 4
    assert result["auc"][-1] > result["auc"][0]
    assert Path(tmp_path / "cache").is_dir()
