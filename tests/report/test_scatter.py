"""Quality against cost: where marks, fronts and names stand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from src.report import scatter
from src.report.scatter import GAP, logarithms


def points(*places: tuple[float, float], **columns: Any) -> pd.DataFrame:
    found = pd.DataFrame(places, columns=["x", "y"])
    rest: dict[str, Any] = {"strategy": list("abcdef")[: len(found)], "name": "", "low": np.nan, "high": np.nan}
    return found.assign(**rest | columns)


def drawn(found: pd.DataFrame, **options: Any) -> scatter.Scatter:
    chart = scatter.scatter("minutes", "min", found, **options)
    assert chart
    return chart


def test_dearer_stands_further_right_and_better_higher_and_nothing_at_the_left_of_all() -> None:
    free, cheap, dear = drawn(points((0, 0.5), (1, 0.6), (100, 0.7))).marks
    assert free.x < cheap.x < dear.x and free.y > cheap.y > dear.y


def test_ten_times_the_cost_is_as_far_everywhere_and_zero_has_a_gap() -> None:
    assert logarithms(np.array([0, 1, 10, 100])) == pytest.approx([-2 * GAP, 0, 1, 2])
    assert logarithms(np.array([0.0, 4])) == pytest.approx([np.log10(2), np.log10(4)])


def test_a_chart_needs_two_costs() -> None:
    assert scatter.scatter("bytes", "bytes", points((1024, 0.5), (1024, 0.7))) is None
    assert scatter.scatter("bytes", "bytes", points((1024, 0.5), (np.nan, 0.7))) is None


def test_the_front_goes_up_by_steps_past_what_is_beaten() -> None:
    chart = drawn(points((1, 0.5), (10, 0.4), (100, 0.7)))
    assert [mark.leads for mark in chart.marks] == [True, False, True]
    first, _, last = chart.marks
    assert chart.fronts == (("", f"M{first.x},{first.y}L{last.x},{first.y}L{last.x},{last.y}"),)


def test_of_each_strategy_its_own_front_and_none_is_drawn_through_a_single_mark() -> None:
    chart = drawn(points((1, 0.5), (2, 0.6), (1, 0.8), (2, 0.7), strategy=["a", "a", "b", "b"]), each=True)
    assert [mark.leads for mark in chart.marks] == [True, True, True, False]
    assert [(name, bool(path)) for name, path in chart.fronts] == [("a", True), ("b", False)]


def test_names_stand_beside_the_front_alone() -> None:
    chart = drawn(points((1, 0.5), (10, 0.4), (100, 0.7), name=["pq_16", "pca_64", "float32"]))
    assert [bool(mark.label) for mark in chart.marks] == [True, False, True]
    assert chart.marks[1].told == "b pca_64: 40.0 % at 10 min"


def test_intervals_are_on_the_plane() -> None:
    chart = drawn(points((1, 0.5), (10, 0.6), low=[0.1, 0.5], high=[0.9, 0.7]))
    for mark in chart.marks:
        assert mark.low is not None and mark.high is not None
        assert chart.plane.bottom > mark.low > mark.y > mark.high > chart.plane.top


@pytest.mark.parametrize(
    ("costs", "labels"),
    [
        ([0, 0.0643, 0.374], ["0", "0.1", "0.2"]),
        ([0, 2.56, 23.5], ["0", "5", "10", "20"]),
        ([0, 3.21, 3.2], ["0", "3.21"]),
        ([0, 0.5, 0.6], ["0", "0.5", "0.6"]),
        ([16, 300, 2048], ["20", "50", "100", "200", "500", "1000", "2000"]),
        ([1024, 2048, 1024], ["1000", "2000"]),
    ],
)
def test_ticks_across_are_round_and_0_is_one_where_something_costs_nothing(
    costs: list[float], labels: list[str]
) -> None:
    chart = drawn(points(*zip(costs, [0.5, 0.6, 0.7], strict=True)))
    assert [label for _, label in chart.plane.x_ticks] == labels
    assert all(chart.plane.left <= chart.plane.across(at) <= chart.plane.right for at, _ in chart.plane.x_ticks)
