"""Where marks, ticks and labels stand."""

from itertools import combinations

import pandas as pd
import pytest

from src.board import charts
from src.board.charts import Axis
from src.report import labels


def rows(*places: tuple[float, float], names: str = "abcdefgh") -> pd.DataFrame:
    found = pd.DataFrame(places, columns=["x", "y"])
    return found.assign(name=list(names[: len(places)]), family="cnn", low=float("nan"), high=float("nan"))


def test_the_ends_of_an_axis_are_its_pixels() -> None:
    assert [Axis(0, 10, 40, 140).place(value) for value in (0, 5, 10)] == [40, 90, 140]
    assert [Axis(0, 10, 140, 40).place(value) for value in (0, 10)] == [140, 40]
    assert [Axis(1, 100, 0, 200, log=True).place(value) for value in (1, 10, 100)] == [0, 100, 200]


@pytest.mark.parametrize(
    ("low", "high", "log", "ticks"),
    [
        (0.47, 0.74, False, [0.5, 0.55, 0.6, 0.65, 0.7]),
        (-1.3, 1.2, False, [-1, -0.5, 0, 0.5, 1]),
        (240, 2200, True, [500, 1000, 2000]),
        (0.02, 300, True, [0.1, 1, 10, 100]),
        (600, 900, True, [600, 650, 700, 750, 800, 850, 900]),
    ],
)
def test_ticks_are_round_and_few(low: float, high: float, log: bool, ticks: list[float]) -> None:
    assert Axis(low, high, 0, 1, log).ticks() == pytest.approx(ticks)
    assert len(ticks) <= charts.MOST


def test_higher_scores_stand_higher_and_larger_models_further_right() -> None:
    found = charts.panel("", "size", rows((100, 0.5), (1000, 0.7)), log=True)
    assert found
    small, large = found.marks
    assert small.x < large.x and small.y > large.y
    assert all(
        charts.LEFT <= mark.x <= charts.WIDTH and 0 <= mark.y <= charts.HEIGHT - charts.BOTTOM for mark in found.marks
    )


def test_a_panel_needs_two_models_whose_numbers_are_known() -> None:
    assert charts.panel("", "size", rows((100, 0.5))) is None
    assert charts.panel("", "size", rows((100, 0.5), (float("nan"), 0.6))) is None


def test_equal_sizes_still_make_an_axis() -> None:
    found = charts.panel("", "size", rows((256, 0.5), (256, 0.5)), log=True)
    assert found and len({mark.x for mark in found.marks}) == 1
    assert len(found.across) > 1 and len(found.upward) > 1


def test_labels_hide_no_mark_and_no_other_label_and_one_without_room_is_left_out() -> None:
    crowd = [(100 + x, 0.5 + y / 50) for x in range(3) for y in range(8)]
    found = charts.panel("", "size", rows(*crowd, names="abcdefghijklmnopqrstuvwx").assign(name="model_name"))
    assert found
    boxes = []
    for mark in found.marks:
        if mark.label:
            x, y, anchor = mark.label
            left = x if anchor == "start" else x - labels.CHARACTER * len(mark.name)
            boxes.append(
                (left, y - 4 - labels.LINE / 2, left + labels.CHARACTER * len(mark.name), y - 4 + labels.LINE / 2)
            )
    assert 0 < len(boxes) <= len(crowd)
    assert not [pair for pair in combinations(boxes, 2) if labels.overlap(*pair)]
    assert not [(box, m) for box in boxes for m in found.marks if box[0] < m.x < box[2] and box[1] < m.y < box[3]]


def test_the_interval_is_part_of_the_axis() -> None:
    found = charts.panel("", "size", rows((1, 0.5), (2, 0.6)).assign(low=0.1, high=0.9))
    assert found
    for mark in found.marks:
        assert mark.low is not None and mark.high is not None
        assert charts.HEIGHT - charts.BOTTOM >= mark.low > mark.y > mark.high >= charts.TOP


def test_a_zscore_has_its_sign() -> None:
    assert [charts.deviations(value) for value in (1.24, -0.5, 0, -0.01)] == ["+1.2", "−0.5", "0", "0"]
