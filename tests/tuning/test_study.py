"""A study of a hill whose top is known."""

import json
from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

from src.errors import UserError
from src.tuning import study
from src.tuning.study import Point, Row, Space, Tell

START: Point = {"x": 0.0, "kind": "flat"}
SPACE = Space({"x": FloatDistribution(-4, 4), "kind": CategoricalDistribution(("flat", "high"))}, START, warmup=2)


def hill(point: Point, tell: Tell) -> float:
    """4 at x = 2 and kind high; as if it took three steps to climb it."""
    height = (point["kind"] == "high") * 4 - (point["x"] - 2) ** 2
    for step in (1, 2, 3):
        tell(step, height - 3 + step)
    return height


def optimise(path: Path, trials: int = 25, seed: int = 0, score: study.Score = hill) -> list[Row]:
    return study.optimise(score, SPACE, trials, lambda number: 1000 * seed + number, path)


def test_the_same_seed_tries_the_same_points_and_another_one_others(tmp_path: Path) -> None:
    first, again = optimise(tmp_path / "a"), optimise(tmp_path / "b")
    assert first == again and (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert optimise(tmp_path / "c", seed=1) != first


def test_the_first_trial_is_the_start(tmp_path: Path) -> None:
    assert optimise(tmp_path / "a", trials=1)[0]["point"] == START


def test_proposals_come_to_lie_nearer_to_the_top_than_chance_does(tmp_path: Path) -> None:
    rows = optimise(tmp_path / "a", trials=40)
    assert study.best(rows)["score"] > 3.8
    early, late = rows[: study.RANDOM], rows[-study.RANDOM :]
    assert sum(row["point"]["kind"] == "high" for row in late) > sum(row["point"]["kind"] == "high" for row in early)


def test_an_interrupted_study_ends_as_an_unbroken_one(tmp_path: Path) -> None:
    tried = []

    def breaking(point: Point, tell: Tell) -> float:
        tried.append(point)
        if len(tried) == 18:
            raise KeyboardInterrupt
        return hill(point, tell)

    whole = optimise(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        optimise(tmp_path / "broken", score=breaking)
    assert len(json.loads((tmp_path / "broken").read_text())) == 17
    assert optimise(tmp_path / "broken", score=breaking) == whole
    assert len(tried) == len(whole) + 1, "finished trials were repeated"


def test_a_finished_study_tries_nothing(tmp_path: Path) -> None:
    def never(point: Point, tell: Tell) -> float:
        raise AssertionError

    rows = optimise(tmp_path / "a", trials=3)
    assert optimise(tmp_path / "a", trials=3, score=never) == rows


def test_a_trial_below_the_median_at_the_same_step_is_cut_short(tmp_path: Path) -> None:
    scores = iter([1.0, 2.0, 3.0, 4.0, 5.0, 2.9, 3.1])

    def given(point: Point, tell: Tell) -> float:
        value = next(scores)
        for step in (1, 2, 3):
            tell(step, value)
        return value

    rows = optimise(tmp_path / "a", trials=7, score=given)
    assert [row["state"] for row in rows] == ["complete"] * 5 + ["pruned", "complete"]
    assert rows[5]["score"] is None and rows[5]["along"] == [
        [1, 2.9],
        [2, 2.9],
    ]  # not at step 1, before the warm-up's end


def test_a_point_that_cannot_be_trained_fails_alone(tmp_path: Path) -> None:
    def fragile(point: Point, tell: Tell) -> float:
        if point["kind"] == "high":
            raise UserError("the loss is not a number")
        return hill(point, tell)

    rows = optimise(tmp_path / "a", score=fragile)
    failed = [row for row in rows if row["point"]["kind"] == "high"]
    assert failed and all((row["state"], row["score"]) == ("fail", None) for row in failed)
    assert failed[0]["reason"] == "the loss is not a number" and study.best(rows)["point"]["kind"] == "flat"


def test_a_study_in_which_all_fail_stops_with_the_reason(tmp_path: Path) -> None:
    def broken(point: Point, tell: Tell) -> float:
        raise UserError("the loss is not a number")

    with pytest.raises(UserError, match="none of 3 trials could be trained; the first: the loss is not a number"):
        optimise(tmp_path / "a", trials=3, score=broken)


def test_optuna_gets_its_own_study_back(tmp_path: Path) -> None:
    rows = optimise(tmp_path / "a")
    found = study.restore(rows, SPACE, seed=0)
    assert found.best_params == study.best(rows)["point"] and len(found.trials) == 25
    assert [trial.state.name.lower() for trial in found.trials] == [row["state"] for row in rows]


def row(state: str, score: float | None, steps: int) -> Row:
    return {"state": state, "score": score, "point": {"x": 0.5}, "along": [[1, 0.1]] * steps, "reason": ""}


def test_the_table_has_a_line_a_trial_with_the_best_so_far(tmp_path: Path) -> None:
    study.write(tmp_path / "a.csv", [row("fail", None, 0), row("complete", 0.25, 3), row("pruned", None, 2)])
    expected = "trial,state,score,best,steps,x\n1,fail,,,0,0.5\n2,complete,0.25,0.25,3,0.5\n3,pruned,,0.25,2,0.5\n"
    assert (tmp_path / "a.csv").read_text() == expected


def test_without_a_search_the_table_is_its_head(tmp_path: Path) -> None:
    study.write(tmp_path / "a.csv", [])
    assert (tmp_path / "a.csv").read_text() == "trial,state,score,best,steps\n"


def test_the_first_of_equal_trials_is_the_best() -> None:
    rows = [row("pruned", None, 1), row("complete", 0.5, 3), row("complete", 0.5, 4)]
    assert study.best(rows) is rows[1]
