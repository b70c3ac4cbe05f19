"""Two sides on the same queries: what can be counted by hand, and what must not matter."""

import numpy as np
import pandas as pd
import pytest

from src import differences
from src.differences import Difference


def side(**datasets: list[float]) -> pd.DataFrame:
    """R@1 of images 0, 1, ... of each dataset, each drawn for itself."""
    parts = [
        pd.DataFrame({
            "dataset": name,
            "image_id": [str(at) for at in range(len(values))],
            "n_relevant": 3,
            "cluster": range(len(values)),
            "clustered_by": "query",
            "R@1": values,
        })
        for name, values in datasets.items()
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def test_a_side_that_is_right_where_the_other_is_wrong_is_better() -> None:
    (found,) = differences.differences(side(cars=[0.0] * 50), side(cars=[1.0] * 50), "R@1")
    assert found == Difference("cars", 0, 1, 1, 1, p=0.0001, holm=0.0001, queries=50, by="query")
    assert found.shown == "B"


def test_as_many_gained_as_lost_is_no_difference_shown() -> None:
    (found,) = differences.differences(side(cars=[0.0, 1.0] * 20), side(cars=[1.0, 0.0] * 20), "R@1")
    assert (found.a, found.b, found.p, found.shown) == (0.5, 0.5, 1, "")
    assert found.low < 0 < found.high


def test_exchanging_the_sides_changes_the_sign_alone() -> None:
    random = np.random.default_rng(0)
    a, b = (side(cars=list(random.random(60)), food=list(random.random(60))) for _ in range(2))
    for one, other in zip(differences.differences(a, b, "R@1"), differences.differences(b, a, "R@1"), strict=True):
        assert (one.a, one.b, one.p) == (other.b, other.a, pytest.approx(other.p))
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def test_queries_meet_by_name_and_not_by_place() -> None:
    a, b = side(cars=[0.0, 1.0] * 30), side(cars=[0.0, 1.0] * 30)
    (found,) = differences.differences(a, b.iloc[::-1], "R@1")
    assert (found.low, found.high, found.p) == (0, 0, 1)


def test_the_mean_is_over_datasets_and_stands_first() -> None:
    a, b = side(cars=[0.0] * 10, food=[0.0] * 90), side(cars=[1.0] * 10, food=[0.0] * 90)
    mean, cars, food = differences.differences(a, b, "R@1")
    assert (mean.dataset, mean.b, mean.low, mean.high, mean.queries) == ("mean", 0.5, 0.5, 0.5, 100)
    assert mean.p == cars.p == pytest.approx(2 / 2**10, abs=0.001)  # all ten one way or the other
    assert mean.holm == mean.p and food.p == 1


def test_holm_corrects_for_the_datasets_compared() -> None:
    right, wrong = [1.0] * 6 + [0.0] * 34, [0.0] * 40  # six gained, none lost: p is 2 / 2^6
    _, cars, food, shoes = differences.differences(
        side(cars=wrong, food=wrong, shoes=wrong), side(cars=right, food=wrong, shoes=wrong), "R@1"
    )
    assert cars.p == pytest.approx(0.031, abs=0.006) and cars.p < differences.NOTABLE
    assert cars.holm == pytest.approx(3 * cars.p) and cars.shown == ""
    assert food.holm == shoes.holm == 1


def test_what_one_side_lacks_is_left_out_and_told() -> None:
    a, b = side(cars=[0.5] * 8, food=[0.5] * 8), side(cars=[0.5] * 6, shoes=[0.5] * 8)
    (found,) = differences.differences(a, b, "R@1")
    assert (found.dataset, found.queries) == ("cars", 6)
    assert differences.doubts(a, b) == [
        "cars: 2 queries of one side only are left out, 6 compared",
        "food: 8 queries of one side only are left out, 0 compared",
        "shoes: 8 queries of one side only are left out, 0 compared",
    ]


def test_another_gallery_is_told() -> None:
    b = side(cars=[0.5] * 8)
    b.loc[:2, "n_relevant"] = 4
    assert differences.doubts(side(cars=[0.5] * 8), b) == [
        "cars: 3 queries have more to find on one side; the galleries differ"
    ]
    assert differences.doubts(b, b) == []


def test_nothing_in_common_is_no_difference_at_all() -> None:
    assert differences.differences(side(cars=[0.5]), side(food=[0.5]), "R@1") == []
