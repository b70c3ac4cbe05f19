"""Codecs beside each other, by hand."""

import pandas as pd

from src.report import shrinking

ROWS = [  # codec, bytes, mMP@5, lost, low, high
    ("float32", 1024, 0.60, 0.00, 0.00, 0.00),
    ("float16", 512, 0.60, 0.00, 0.00, 0.00),
    ("int8", 256, 0.58, 0.02, 0.01, 0.03),
    ("truncated_64", 256, 0.30, 0.30, 0.20, 0.40),
    ("pq_16", 16, 0.59, 0.01, -0.01, 0.03),
]


def compressed(strategy: str = "pretrained", dataset: str = "mean", first: int = len(ROWS)) -> pd.DataFrame:
    table = pd.DataFrame(ROWS[:first], columns=["codec", "bytes", "mMP@5", "lost", "low", "high"])
    return table.assign(strategy=strategy, dataset=dataset)


def test_shown_are_the_front_and_half_precision_and_int8_from_many_bytes_to_few() -> None:
    found = shrinking.view(compressed())
    assert found and list(found.rows) == ["float32", "float16", "int8", "pq_16"] and found.hidden == 1
    assert [codec for codec, row in found.rows.items() if row["pretrained"].leads] == ["float16", "pq_16"]


def test_a_loss_is_a_change_for_the_worse_where_its_interval_leaves_out_0() -> None:
    found = shrinking.view(compressed())
    assert found
    int8, pq = (found.rows[codec]["pretrained"] for codec in ("int8", "pq_16"))
    assert (int8.change, int8.low, int8.high, int8.verdict) == (-0.02, -0.03, -0.01, "worse")
    assert (pq.change, pq.low, pq.high, pq.verdict) == (-0.01, -0.03, 0.01, "")


def test_means_over_datasets_are_shown_and_a_strategy_may_lack_a_codec() -> None:
    tables = [compressed(), compressed("top_tuned", first=3), compressed(dataset="cars")]
    found = shrinking.view(pd.concat(tables, ignore_index=True))
    assert found and list(found.strategies) == ["pretrained", "top_tuned"]
    assert list(found.rows["pq_16"]) == ["pretrained"] and list(found.rows["int8"]) == ["pretrained", "top_tuned"]
    assert found.chart and len(found.chart.marks) == 5 + 3


def test_nothing_stored_is_nothing_shown() -> None:
    assert shrinking.view(pd.DataFrame(columns=["strategy", "dataset"])) is None
