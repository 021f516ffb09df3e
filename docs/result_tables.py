"""Tables of the guide, written from the results of the benchmarks: no figure is copied by hand."""

import json
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"

#: Name of a table: record, metric, the conditions, and the methods as the record and as the page calls them.
SCORES = {
    "ecoli_promoters": (
        "ecoli-promoters-fine-tuning",
        "accuracy",
        ["20", "50", "100", "200", "500", "1000"],
        {
            "k-mers up to 4 + L2 logistic regression": "counts of k-mers",
            "3-mers at their positions + L2 logistic regression": "3-mers at their positions",
            "small CNN from scratch": "small CNN",
            "everything: pretrained, frozen": "LM, frozen",
            "everything: LM fine-tuned, frozen": "LM, fine-tuned as LM, frozen",
            "without relatives: LM fine-tuned, frozen": "the same, without relatives in the corpus",
            "everything: LM fine-tuned, fine-tuned": "LM, all phases of ULMFiT",
        },
    ),
    "ablation": (
        "ecoli-promoters-ablation",
        "accuracy",
        ["100", "1000"],
        {
            "ULMFiT": "ULMFiT",
            "no pretraining": "no pretraining",
            "no language model fine-tuning": "no fine-tuning as LM",
            "no fine-tuning of the network (frozen)": "network frozen",
            "all layers at once": "all layers at once",
            "one learning rate for all layers": "one learning rate for all layers",
            "constant learning rate, no cycle": "constant learning rate",
            "no dropout": "no dropout",
            "no early stopping": "no early stopping",
            "head with a hidden layer": "head with a hidden layer",
            "last, maximum and mean of all states": "pooled over the whole",
            "last state alone": "last state alone",
            "both strands": "both strands",
        },
    ),
    "ecoli_relatives": (
        "ecoli-promoters-few-labels",
        "accuracy",
        ["20", "50", "100", "1000", "6791"],
        {
            "k-mers up to 4 + lasso": "counts of k-mers",
            "language model, untrained + lasso": "LM, untrained",
            "language model, everything + lasso": "LM that has read relatives",
            "language model, without relatives + lasso": "LM that has not",
        },
    ),
    "gram_staining": (
        "gram-staining-published-size",
        "roc_auc",
        ["3 genomes per class", "8 genomes per class", "all genomes", "20 windows", "100 windows"],
        {
            "6-mer z-scores + L2 logistic regression": "z-scores of 6-mers, L2",
            "6-mers + L2 logistic regression": "counts of 6-mers, L2",
            "6-mers + lasso": "counts of 6-mers, lasso",
            "language model + lasso": "LM, lasso",
            "contrastive + lasso": "contrastive, lasso",
            "contrastive network, untrained + lasso": "the same network, untrained, lasso",
            "6-mers, language model and contrastive + lasso": "counts, LM and contrastive, lasso",
        },
    ),
    "domains": (
        "bacteria-phages-viruses-published-size",
        "balanced_accuracy",
        ["100 windows", "all genomes"],
        {
            "6-mers + L2 logistic regression": "counts of 6-mers, L2",
            "language model + linear head": "LM, linear head",
            "contrastive + linear head": "contrastive, linear head",
            "contrastive network, untrained + lasso": "the same network, untrained, lasso",
            "contrastive's network from scratch": "the same network from scratch",
        },
    ),
    "leakage": (
        "leakage",
        "share of the test sequences",
        ["equal", "containment of 0.9", "containment of 0.3"],
        {
            "human-promoters non-TATA": "human promoters, split by similarity",
            "human-promoters non-TATA, at random": "human promoters, at random",
            "transcripts standard": "human transcripts, split by gene",
            "transcripts standard, at random": "human transcripts, at random",
            "human-chromatin": "human chromatin, whole pieces held out",
            "human-chromatin, at random": "human chromatin, at random",
            "gram-staining": "bacterial windows, split by genus",
            "gram-staining, at random": "bacterial windows, at random",
            "bacterial-promoters E. coli": "mapped promoters of *E. coli*, random folds as published",
            "bacterial-promoters B. subtilis": "mapped promoters of *B. subtilis*, likewise",
        },
    ),
    "human_promoters": (
        "human-promoters",
        "accuracy",
        ["non-TATA 100", "non-TATA 1000", "non-TATA all", "TATA 100", "TATA 1000", "TATA all"],
        {
            "k-mers up to 5 + L2 logistic regression": "counts of k-mers",
            "3-mers at their positions + L2 logistic regression": "3-mers at their positions",
            "small CNN from scratch": "small CNN",
            "human: LM fine-tuned, frozen": "LM, fine-tuned as LM, frozen",
        },
    ),
}
#: Record of each pretraining that the guide tells of.
PRETRAININGS = {
    "ecoli-promoters-few-labels": "bacteria",
    "gram-staining": "bacteria",
    "human-promoters": "man",
}

#: The task whose contrastive pretraining the guide tells of, and how many of its rounds make a row.
CONTRASTIVE = "gram-staining-published-size"
HISTORY_EVERY = 3


def read_result(name):
    """Read the record of a benchmark."""
    return json.loads((RESULTS / f"{name}.json").read_text())


def list_table(header, rows):
    """Lay rows out as a table of reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", "   :class: figures", ""]
    for row in [header, *rows]:
        lines += [f"   {'* -' if i == 0 else '  -'} {cell}" for i, cell in enumerate(row)]
    return "\n".join([*lines, ""])


def score_table(name, metric, conditions, methods):
    """Give the means of methods under conditions; what has not been measured is a dash."""
    means = {
        (row["method"], row["condition"]): f"{row['mean']:.2f}"
        for row in read_result(name)["scores"]
        if row["metric"] == metric
    }
    rows = [
        [shown, *(means.get((method, condition), "-") for condition in conditions)]
        for method, shown in methods.items()
    ]
    return list_table([metric.replace("_", " "), *conditions], rows)


def pretraining_table():
    """Give sizes, time and outcome of the pretrainings on corpora alone."""
    rows = [
        [
            f"{genomes}: {row['corpus']}",
            f"{row['n_bases'] / 1e6:.1f}",
            f"{row['n_weights'] / 1e6:.2f}",
            f"{row['n_steps']:,}",
            f"{row['seconds'] / 60:.0f}",
            f"{row['valid_bits_per_base']:.3f}",
        ]
        for name, genomes in PRETRAININGS.items()
        for row in read_result(name)["pretraining"]
        if "then the task's" not in row["corpus"]
    ]
    header = ["corpus", "Mbp", "M weights", "steps", "minutes", "bits per base, held out"]
    return list_table(header, rows)


def history_table(name):
    """Give the course of the contrastive pretraining of a task: what is recognised, and what by chance."""
    (row,) = (one for one in read_result(name)["pretraining"] if one["valid_accuracy"] is not None)
    rows = [
        [
            f"{round_['step']:,}",
            f"{round_['valid_loss']:.2f}",
            f"{round_['valid_accuracy']:.4f}",
            f"{round_['valid_chance']:.4f}",
            f"{round_['valid_accuracy'] / round_['valid_chance']:.0f}",
        ]
        for round_ in row["history"][::HISTORY_EVERY] + row["history"][-1:]
    ]
    return list_table(["step", "loss (nats)", "recognised", "by chance", "times chance"], rows)


def write_tables(folder):
    """Write every table as a file to include; one that has not changed keeps its date."""
    folder.mkdir(exist_ok=True)
    tables = {name: score_table(*what) for name, what in SCORES.items()}
    tables["pretraining"] = pretraining_table()
    tables["contrastive_history"] = history_table(CONTRASTIVE)
    for name, text in tables.items():
        path = folder / f"{name}.inc"
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)
