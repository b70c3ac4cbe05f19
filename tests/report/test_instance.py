"""Instance search on the page: histograms that hold every query, thresholds in their place, larger galleries."""

import re

import pandas as pd
import pytest

from src.report import instance


def matches(strategy: str, right: list[float | None], wrong: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"strategy": strategy, "right": pd.Series(right, dtype=float), "wrong": wrong})


def columns(path: str, plane: instance.Plane) -> list[float]:
    """Heights of a histogram's columns, read back from its path."""
    tops = [float(top) for top in re.findall(r"V([\d.]+)H", path)]
    return [round((plane.bottom - top) / (plane.bottom - plane.top) * plane.y[1], 2) for top in tops]


def test_a_histogram_s_columns_are_shares_of_the_queries_that_have_a_match() -> None:
    (found,) = instance.histograms(matches("pretrained", [0.0, 1.0, 1.0, None], [0.5] * 4), {"pretrained": 0.5})
    right, wrong = columns(found.right, found.plane), columns(found.wrong, found.plane)
    assert (right[0], right[-1], sum(right)) == pytest.approx((0.33, 0.67, 1), abs=0.02)
    assert max(wrong) == sum(wrong) == pytest.approx(1, abs=0.02)
    assert found.threshold == found.plane.across(0.5)


def test_strategies_share_a_scale_and_a_threshold_that_is_unknown_has_no_line() -> None:
    both = pd.concat([matches("pretrained", [0.2], [0.4]), matches("top_tuned", [0.9], [0.1])])
    first, second = instance.histograms(both, {"pretrained": None, "top_tuned": 2.0})
    assert first.plane == second.plane and first.plane.x == (0.1, 0.9)
    assert (first.threshold, second.threshold) == (None, None)


def test_a_gallery_that_grows_is_a_line_within_a_band_and_one_that_does_not_is_left_out() -> None:
    sizes = [(100, 0.8, 0.7, 0.9), (200, 0.7, 0.6, 0.8), (1600, 0.5, 0.4, 0.6)]
    curve = pd.DataFrame(sizes, columns=["gallery", "R@1", "low", "high"]).assign(strategy="pretrained")
    found = instance.larger(curve)
    assert found is not None
    ((strategy, line, band),) = found.lines
    assert strategy == "pretrained" and line.count("L") == 2 and band.count("L") == 5 and band.endswith("Z")
    assert found.told == "R@1: pretrained 80.0 % among 100, 50.0 % among 1,600"
    at = [float(x) for x in re.findall(r"[ML]([\d.]+),", line)]
    assert (at[1] - at[0]) / (at[2] - at[0]) == pytest.approx(1 / 4, abs=0.01)  # one doubling of four
    assert instance.larger(curve.head(1)) is None
