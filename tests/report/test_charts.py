"""Scales, ticks and paths, by hand."""

import pytest

from src.report.charts import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Plane, decades, short, ticks


def test_the_corners_of_a_plane_are_the_ends_of_its_scales() -> None:
    plane = Plane((10, 20), (0, 1), height=130)
    assert (plane.across(10), plane.across(20)) == (LEFT, WIDTH - RIGHT)
    assert (plane.down(0), plane.down(1)) == (130 - BOTTOM, TOP) == (plane.bottom, plane.top)
    assert plane.across(15) == (LEFT + WIDTH - RIGHT) / 2


def test_a_line_goes_through_its_points_and_steps_around_their_columns() -> None:
    plane = Plane((0, WIDTH - LEFT - RIGHT), (0, 100), height=TOP + BOTTOM + 100)
    assert plane.line([0, 10], [100, 0]) == f"M{LEFT}.0,{TOP}.0L{LEFT + 10}.0,{TOP + 100}.0"
    assert plane.steps([0, 10, 20], [50, 0]) == (
        f"M{LEFT}.0,{TOP + 100}.0V{TOP + 50}.0H{LEFT + 10}.0V{TOP + 100}.0H{LEFT + 20}.0V{TOP + 100}.0Z"
    )


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 100, ["0", "50", "100"]),
        (1, 24, ["5", "10", "15", "20"]),
        (0.31, 0.97, ["0.4", "0.6", "0.8"]),
        (-0.2, 0.2, ["-0.2", "-0.1", "0", "0.1", "0.2"]),
        (0, 3.7, ["0", "1", "2", "3"]),
        (1, 2, ["1", "1.5", "2"]),
    ],
)
def test_ticks_are_few_and_round(low: float, high: float, labels: list[str]) -> None:
    assert [label for _, label in ticks(low, high)] == labels
    assert all(low <= value <= high for value, _ in ticks(low, high))


def test_there_are_never_more_ticks_than_asked_for_and_always_two() -> None:
    for exponent in range(-6, 7):
        for factor in (1.0, 1.7, 3.3, 9.9):
            for most in (3, 4, 5, 8):
                assert 1 < len(ticks(0, factor * 10.0**exponent, most)) <= most


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (240, 2200, ["500", "1000", "2000"]),
        (0.02, 300, ["0.1", "1", "10", "100"]),  # 1, 2 and 5 would be too many
        (12, 2500, ["100", "1000"]),
        (600, 900, ["600", "700", "800", "900"]),  # no two of 1, 2, 5 times a power of ten: as evenly as ticks
    ],
)
def test_ticks_of_a_logarithmic_scale_are_few_and_round(low: float, high: float, labels: list[str]) -> None:
    assert [label for _, label in decades(low, high)] == labels


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0339, "0.0339"),
        (17.6, "17.6"),
        (2048, "2048"),
        (1_248_072, "1.25M"),
        (85.8e6, "85.8M"),
        (1.2e9, "1.2G"),
        (2e4, "20k"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    assert short(value) == text
