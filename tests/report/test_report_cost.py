"""What strategies take, from records by hand."""

from typing import Any

import pandas as pd
import pytest

from src.report import cost
from src.report.cost import Search

SEARCH = {"measured": {"1000": {"p50_ms": 1.0, "p99_ms": 2.0, "index_mb": 1.0}}}
BEYOND = {"extrapolated": {"100000": {"p50_ms": 100.0, "p99_ms": 200.0, "index_mb": 100.0}}}


def encoder(size: int, trained: int) -> dict[str, Any]:
    return {"bytes_per_vector": size, "parameters": 1000 + trained, "trained_parameters": trained, "gmacs": 1.5}


def records(**tuning: Any) -> dict[str, Any]:
    """Pretrained, top_tuned on two datasets, and what cross-tuning embedded."""
    return {
        "pretrained": {
            "embedding": {"images_per_second": 100.0, "peak_memory_mb": 300.0},
            "encoder": encoder(1024, 0),
            "search": SEARCH | BEYOND,
            "datasets": {},
        },
        "top_tuned": {
            "tuning": {"seconds": 240.0, **tuning},
            "encoder": encoder(2048, 10),
            "search": SEARCH,
            "datasets": {"cars": {}, "food": {}},
        },
        "cross_tuned": {"embedding": {"top_tuned": {"seconds": 1.0}}},
    }


def stands(*names: str) -> pd.DataFrame:
    return pd.DataFrame({"strategy": names, "value": 0.5, "low": 0.4, "high": 0.6})


def test_a_row_a_strategy_with_an_encoder_of_its_own() -> None:
    found = cost.view(records(), stands("pretrained", "top_tuned", "cross_tuned.top_tuned"))
    assert found and list(found.rows) == ["pretrained", "top_tuned"]
    pretrained, tuned = found.rows.values()
    assert (pretrained.minutes, pretrained.memory_mb, pretrained.trained, pretrained.bytes) == (0, 300, 0, 1024)
    assert (tuned.minutes, tuned.memory_mb, tuned.trained, tuned.bytes) == (2, None, 10, 2048)
    assert {row.images_per_second for row in found.rows.values()} == {100}


def test_a_price_is_of_one_dataset_and_has_no_column_where_nobody_named_one() -> None:
    without, priced = (cost.view(records(**tuning), stands("pretrained")) for tuning in ({}, {"price": 3.0}))
    assert without and "price" not in without.columns
    assert priced and "price" in priced.columns and priced.rows["top_tuned"].price == 1.5


def test_searches_by_size_say_whether_they_were_measured() -> None:
    found = cost.view(records(), stands("pretrained"))
    assert found and found.sizes == [1000, 100_000]
    assert found.searches["pretrained"] == {1000: Search(1, 2, 1, True), 100_000: Search(100, 200, 100, False)}
    assert list(found.searches["top_tuned"]) == [1000]


def test_cross_tuned_encoders_are_marks_where_their_tuning_is_on_record() -> None:
    names = ["pretrained", "top_tuned", "cross_tuned.top_tuned", "cross_tuned.fine_tuned"]
    found = cost.view(records(), stands(*names))
    assert found and [[mark.strategy for mark in chart.marks] for chart in found.charts] == [names[:3], names[:3]]


def test_a_chart_of_equal_costs_is_left_out() -> None:
    same = records()
    same["top_tuned"]["encoder"] = encoder(1024, 10)
    found = cost.view(same, stands("pretrained", "top_tuned"))
    assert found and [chart.title for chart in found.charts] == ["minutes of tuning, mean over datasets"]


@pytest.mark.parametrize("costs", [{}, {"cross_tuned": {"embedding": {}}}])
def test_without_records_there_is_nothing_to_show(costs: dict[str, Any]) -> None:
    assert cost.view(costs, stands("pretrained")) is None
