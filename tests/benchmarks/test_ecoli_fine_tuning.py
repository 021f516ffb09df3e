"""The protocol of the fine-tuned promoters, on invented ones and, where there are any, on real ones."""

import pytest

from benchmarks.corpora import Corpus
from benchmarks.pretraining import TINY_SIZE, finetune, pretrain
from benchmarks.records import Settings
from benchmarks.tables import show
from benchmarks.tasks import run_task
from benchmarks.tasks.ecoli_fine_tuning import Plan, make_methods, measure
from benchmarks.tasks.ecoli_promoters import NETWORK
from skgenome.datasets import make_genomes, make_promoters
from skgenome.representation import LanguageModel


@pytest.fixture(scope="module")
def promoters():
    return make_promoters(n_samples=60, random_state=0), make_promoters(n_samples=30, random_state=1)


@pytest.fixture(scope="module")
def methods(promoters, tmp_path_factory):
    work = tmp_path_factory.mktemp("work")
    genomes = make_genomes(n_genomes=1, genome_length=20_000, random_state=0).data
    lm = LanguageModel(**{**NETWORK, **TINY_SIZE}, max_steps=2, device="cpu", random_state=0)
    untrained = LanguageModel(**lm.get_params())
    start = pretrain(lm, Corpus("toy", genomes, "invented"), work)
    tuned = finetune(start, promoters[0].data, 1, 1e-3, work)
    return make_methods([(start, tuned)], untrained, promoters[0].data, "cpu")


def test_make_methods_have_the_baselines_and_the_phases(methods):
    classifiers, semi_supervised = methods
    phases = ["frozen, pooled over the whole", "frozen", "LM fine-tuned, frozen", "LM fine-tuned, fine-tuned"]
    assert list(classifiers) == [
        "majority",
        "k-mers up to 4 + L2 logistic regression",
        "3-mers at their positions + L2 logistic regression",
        "small CNN from scratch",
        "network from scratch",
        *(f"toy, {phase}" for phase in phases),
    ]
    assert semi_supervised == {f"toy, {phase}" for phase in phases}


def test_measure_gives_draws_for_few_labels_and_seeds_for_all(methods, promoters):
    classifiers, semi_supervised = methods
    names = ["majority", "3-mers at their positions + L2 logistic regression", "toy, LM fine-tuned, frozen"]
    chosen = {name: classifiers[name] for name in names}
    scores = measure(
        chosen, semi_supervised & set(names), *promoters, Plan((20,), 2, 3), random_state=0, device="cpu"
    )
    values = {(s.method, s.condition): s.values for s in scores if s.metric == "accuracy"}
    assert {condition for _, condition in values} == {"20", "60"}
    assert all(len(found) == 2 for (_, condition), found in values.items() if condition == "20")
    assert len(values["toy, LM fine-tuned, frozen", "60"]) == 3
    assert values["majority", "20"] == [0.5, 0.5]


@pytest.mark.slow
@pytest.mark.real_data
def test_quick_run_on_real_promoters(real_data_home, tmp_path):
    settings = Settings(str(real_data_home), "cpu", 0, tmp_path, quick=True)
    record = run_task("ecoli-promoters-fine-tuning", settings)
    assert {row["condition"] for row in record.scores} == {"20", "50", "340"}
    accuracy = {
        (row["method"], row["condition"]): row["values"]
        for row in record.scores
        if row["metric"] == "accuracy"
    }
    # The start codon stands at one place: what sees places solves most of it with 340 labels.
    assert min(accuracy["3-mers at their positions + L2 logistic regression", "340"]) > 0.93
    assert len(record.pretraining) == 4
    assert "published: Genomic-ULMFiT" in show(record)
