"""Learning curves: which epoch is marked, and what is left out."""

import pandas as pd

from src.report import learning
from src.report.learning import LOSS, SCORE


def curve(losses: list[float], scores: list[float | None]) -> pd.DataFrame:
    return pd.DataFrame({"epoch": range(1, len(losses) + 1), LOSS: losses, SCORE: scores}).astype({SCORE: float})


def test_the_first_of_the_best_epochs_is_marked_and_told() -> None:
    score, loss = learning.charts({"top_tuned": curve([3, 2, 1], [0.5, 0.75, 0.75])})
    assert (score.title, loss.title) == (SCORE, LOSS)
    (line,) = score.lines
    assert line.best == (score.plane.across(2), score.plane.down(0.75))
    assert line.told == "top_tuned: best 75.0 % in epoch 2"
    assert loss.lines[0].best is None


def test_all_tunings_of_a_dataset_share_the_scales() -> None:
    score, loss = learning.charts({"top_tuned": curve([4.0] * 50, [0.1] * 50), "fine_tuned": curve([1.0], [0.9])})
    assert score.plane.x == (1, 50) and loss.plane.y[1] >= 4
    assert [line.strategy for line in score.lines] == ["top_tuned", "fine_tuned"]


def test_without_validation_there_is_only_a_loss_and_one_epoch_is_a_chart() -> None:
    (chart,) = learning.charts({"top_tuned": curve([2.0], [None])})
    assert chart.title == LOSS and "nan" not in chart.lines[0].path
    assert learning.charts({}) == []
