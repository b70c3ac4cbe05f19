"""Which epoch is kept."""

from pathlib import Path

import pytest

from src.tuning import curves


def curve(*scores: tuple[float | None, float | None]) -> curves.Curve:
    return [
        {"epoch": i, "loss": 1.0, "lr": 0.1, "validation mMP@5": score, "validation accuracy": accuracy}
        for i, (score, accuracy) in enumerate(scores, 1)
    ]


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([], 0),
        ([(0.5, 0.1), (0.7, 0.2), (0.6, 0.9)], 2),  # mMP@5 first
        ([(0.7, 0.1), (0.7, 0.3), (0.6, 0.9)], 2),  # then accuracy
        ([(0.7, 0.3), (0.7, 0.3)], 1),  # then the earlier one
        ([(0.5, None), (0.4, None)], 1),  # validation labels that training never saw have no accuracy
        ([(None, 0.4), (None, 0.6), (None, 0.5)], 2),  # every validation label has one image
        ([(None, None), (None, None)], 2),  # no validation: the last
        ([(0.0, 0.0), (0.0, 0.0)], 1),  # a score of zero is a score
    ],
)
def test_the_epoch_that_is_kept(scores: list[tuple[float | None, float | None]], best: int) -> None:
    assert curves.best_epoch(curve(*scores)) == best


def test_the_kept_epoch_is_told_in_words() -> None:
    assert curves.describe(curve((0.5, 0.1), (0.7132, 0.2))) == "epoch 2 (validation mMP@5 0.713)"
    assert curves.describe(curve((None, 0.25))) == "epoch 1 (validation accuracy 0.250)"
    assert "epoch 2 (the last; no validation" in curves.describe(curve((None, None), (None, None)))


def test_the_curve_is_a_plain_table_with_empty_cells_where_nothing_was_measured(tmp_path: Path) -> None:
    curves.write(tmp_path / "curve.csv", curve((0.5, None)))
    expected = "epoch,loss,validation mMP@5,validation accuracy,lr\n1,1.0,0.5,,0.1\n"
    assert (tmp_path / "curve.csv").read_text() == expected
