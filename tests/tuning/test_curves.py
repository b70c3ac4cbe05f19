"""Which epoch is kept, and what DVCLive writes down."""

import os
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


def test_accuracy_chooses_the_epoch_where_it_is_selected() -> None:
    two = curve((0.7, 0.2), (0.6, 0.9))
    assert curves.best_epoch(two, "accuracy") == 2 and curves.best_epoch(two, "mMP@5") == 1
    assert curves.describe(two, "accuracy") == "epoch 2 (validation accuracy 0.900)"
    assert curves.best_epoch(curve((0.5, None), (0.6, None)), "accuracy") == 2  # nothing but mMP@5 is measured


def test_the_kept_epoch_is_told_in_words() -> None:
    assert curves.describe(curve((0.5, 0.1), (0.7132, 0.2))) == "epoch 2 (validation mMP@5 0.713)"
    assert curves.describe(curve((None, 0.25))) == "epoch 1 (validation accuracy 0.250)"
    assert "epoch 2 (the last; no validation" in curves.describe(curve((None, None), (None, None)))


def files(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def test_dvclive_writes_a_file_a_number_and_no_line_where_nothing_was_measured(tmp_path: Path) -> None:
    with curves.live(tmp_path) as log:
        for row in curve((0.5, None), (0.75, None)):
            log(row)
    assert files(tmp_path) == {
        "plots/metrics/loss.tsv": "step\tloss\n1\t1.0\n2\t1.0\n",
        "plots/metrics/lr.tsv": "step\tlr\n1\t0.1\n2\t0.1\n",
        "plots/metrics/validation/mMP@5.tsv": "step\tmMP@5\n1\t0.5\n2\t0.75\n",
    }


def test_an_epoch_can_be_looked_at_while_the_next_one_trains(tmp_path: Path) -> None:
    with curves.live(tmp_path) as log:
        log(curve((0.5, 0.25))[0])
        assert files(tmp_path)["plots/metrics/validation/accuracy.tsv"] == "step\taccuracy\n1\t0.25\n"


def test_a_curve_begins_anew_and_a_broken_off_one_keeps_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), curves.live(tmp_path) as log:
        log(curve((0.5, 0.1))[0])
        raise KeyboardInterrupt
    broken_off = files(tmp_path)
    with curves.live(tmp_path) as log:
        log(curve((0.5, 0.1))[0])
    assert files(tmp_path) == broken_off != {}


def test_a_worker_of_the_queue_that_ends_at_the_same_moment_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVCLive asks whether its signal file is there, then removes it; another worker may have done so in between."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    signal = tmp_path / ".dvc/tmp/exps/run/DVCLIVE_STEP_COMPLETED"
    exists = os.path.exists
    with curves.live(tmp_path / "curve") as log:
        log(curve((0.5, 0.1))[0])
        assert signal.exists()
        monkeypatch.setattr("os.path.exists", lambda path: exists(path) or str(path) == str(signal))
        signal.unlink()
    assert "plots/metrics/loss.tsv" in files(tmp_path / "curve")
