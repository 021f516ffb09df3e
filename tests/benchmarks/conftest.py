"""A finished record that the tests of tables, pages and files share."""

import pytest

from benchmarks.records import Record, Score, Timing, published_row


@pytest.fixture
def record():
    """A small record with something in every field."""
    scores = [
        Score("k-mers", "20", 20, "accuracy", [0.6, 0.7, 0.8]),
        Score("k-mers", "50", 50, "accuracy", [0.75]),
        Score("language model", "20", 20, "accuracy", [0.85, 0.85, 0.85]),
        Score("k-mers", "20", 20, "roc_auc", [0.5, 0.7]),
    ]
    timings = [
        Timing("tokenizer", "NumPy", "Mbp/s", [300.0, 500.0, 400.0], [800.0, 900.0], target_value=350.0),
        Timing("training", "torch", "tokens/s", [70.0], [100.0], target_ratio=0.8, note="why"),
        Timing("tokenizer", "missing", "Mbp/s", [], []),
        Timing("search", "fits alone", "s", [1.2], [1.0], target_ratio=1.3, lower_is_better=True),
        Timing("search", "fits alone", "MB", [100.0], [80.0], target_value=90.0, lower_is_better=True),
    ]
    return Record(
        name="toy",
        title="A toy",
        protocol="How it was done.",
        random_state=3,
        scores=[score.as_row() for score in scores],
        timings=[timing.as_row() for timing in timings],
        chance={"accuracy": 0.5},
        published=[published_row("others", "accuracy", {"50": 0.9}, "A paper")],
        models={"k-mers": "KmerCounter()"},
        pretraining=[
            {
                "corpus": "everything",
                "n_contigs": 3,
                "n_bases": 2_000_000,
                "n_weights": 1_500_000,
                "n_steps": 40,
                "n_tokens": 179_200,
                "seconds": 90.0,
                "train_bits_per_base": 1.92,
                "valid_bits_per_base": None,
            }
        ],
        data=[{"file": "a.fa", "bytes": 3, "sha256": "00"}],
        seconds={"pretraining": 90.0, "learning": 30.0},
        environment={
            "versions": {"python": "3.12.0", "tokenizers": None},
            "commit": "0123456789abcdef",
            "dirty": True,
            "device": "cpu",
            "device_name": "A processor",
            "n_threads": 2,
            "n_cores": 4,
            "date": "2026-01-01T00:00:00+00:00",
        },
        notes=["A note."],
    )
