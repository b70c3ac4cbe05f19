"""Published numbers stand beside ours only where model, dataset, protocol and metric are the same."""

from typing import Any

import pandas as pd
import pytest

from src import published, summary
from src.entries import Published
from src.errors import UserError
from src.published import Comparison

METRICS: dict[str, dict[str, Any]] = {
    "pretrained": {"cars": {"test": {"R@1": 0.905, "MRR": None}, "images": {"quarantined": 1, "images": 9}}},
    "top_tuned": {"cars": {"test": {"R@1": 0.99}}},
}
SCORES = summary.scores(METRICS, {"cars": ["test"]})


def row(model: str = "siglip", dataset: str = "cars", protocol: str = "test", metric: str = "R@1") -> Published:
    return Published(model=model, dataset=dataset, protocol=protocol, metric=metric, value=0.907, source="them")


def test_what_is_the_same_is_compared_with_pretrained() -> None:
    (found,) = published.compare([row()], "siglip", SCORES)
    assert found == Comparison("cars", "test", "R@1", 0.905, 0.907, "them")
    assert found.difference == pytest.approx(-0.002)
    assert published.line("siglip", found) == "siglip cars test R@1: 0.905 here, 0.907 published, -0.002 (them)"


@pytest.mark.parametrize("other", [row(model="clip"), row(dataset="sop"), row(protocol="iconic"), row(metric="MRR")])
def test_what_is_not_the_same_or_was_not_measured_is_left_out(other: Published) -> None:
    assert published.compare([other], "siglip", SCORES) == []


def test_tuned_strategies_are_never_compared() -> None:
    tuned = summary.scores({"top_tuned": METRICS["top_tuned"]}, {"cars": ["test"]})
    assert published.compare([row()], "siglip", tuned) == []


def test_several_numbers_of_one_place_keep_their_order() -> None:
    rows = [row(), row(model="clip"), row().model_copy(update={"value": 0.9, "source": "others"})]
    assert [found.source for found in published.compare(rows, "siglip", SCORES)] == ["them", "others"]


def test_a_misspelt_metric_is_told_with_ours() -> None:
    with pytest.raises(
        UserError, match=r"published: unknown metric 'R@11' in cars.test; known: MRR, R@1. Did you mean"
    ):
        published.compare([row(metric="R@11")], "siglip", SCORES)


def test_nothing_published_is_nothing_compared() -> None:
    assert published.compare([], "siglip", pd.DataFrame(columns=summary.COLUMNS)) == []
