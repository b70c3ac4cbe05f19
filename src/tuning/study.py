"""Floor 2. Bayesian search by optuna's TPE: points are proposed one after the other, bad trials are cut short.

A study is its list of finished trials, rows that JSON can hold. Kept in a file they let an interrupted study go on, and
`restore` makes optuna's own study of them, to be looked at with its tools.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, Trial, TrialState

from src import store
from src.errors import UserError

RANDOM = 10  # trials drawn at random before TPE has something to go by; optuna's own default
COMPARED = 5  # complete trials before one is cut short; likewise

COLUMNS = ["trial", "state", "score", "best", "steps"]

Point = dict[str, Any]  # a value for each name of the space
Row = dict[str, Any]  # of a finished trial: state, score, point, [step, score] along the way, reason of a failure
Tell = Callable[[int, float], None]  # takes a step and the score there; raises where it is not worth going on
Score = Callable[[Point, Tell], float]  # what a point is worth, more is better


@dataclass(frozen=True)
class Space:
    """Where to search, the point to begin with, and the step from which a trial may be cut short."""

    names: dict[str, BaseDistribution]
    start: Point
    warmup: int


def optimise(score: Score, space: Space, trials: int, seed_of: Callable[[int], int], path: Path) -> list[Row]:
    """Try `trials` points and give a row each; those that `path` already holds are not tried again.

    Trial n is drawn with seed_of(n) from the rows before it and nothing else, so a study that was interrupted ends as
    an unbroken one. Cut short is a trial whose best score lies below the median of the others' at the same step. One
    that cannot be trained has failed; a UserError where all have.
    """
    rows: list[Row] = store.read_json(path) if path.exists() else []
    while len(rows) < trials:
        study = restore(rows, space, seed_of(len(rows)))
        rows.append(attempt(study.ask(space.names), score))
        store.write_json(path, rows)
    if all(row["score"] is None for row in rows):
        raise UserError(f"none of {trials} trials could be trained; the first: {rows[0]['reason']}")
    return rows


def attempt(trial: Trial, score: Score) -> Row:
    """Measure one trial."""
    along: list[list[float]] = []

    def tell(step: int, value: float) -> None:
        along.append([step, value])
        trial.report(value, step)
        if trial.should_prune():
            raise optuna.TrialPruned

    row: Row = {"state": "complete", "score": None, "point": trial.params, "along": along, "reason": ""}
    try:
        row["score"] = score(trial.params, tell)
    except optuna.TrialPruned:
        row["state"] = "pruned"
    except UserError as error:  # a loss that is not a number, say: one point of many
        row |= {"state": "fail", "reason": str(error)}
    return row


def restore(rows: list[Row], space: Space, seed: int) -> optuna.Study:
    """Optuna's study of these trials, ready to be asked for another one."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed % 2**32, n_startup_trials=RANDOM, multivariate=True),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=COMPARED, n_warmup_steps=space.warmup),
    )
    study.add_trials([recall(row, space) for row in rows])
    if not rows:
        study.enqueue_trial(space.start)
    return study


def recall(row: Row, space: Space) -> FrozenTrial:
    """A row as optuna's own record."""
    return optuna.trial.create_trial(
        state=TrialState[row["state"].upper()],
        value=row["score"],
        params=row["point"],
        distributions=space.names,
        intermediate_values={int(step): value for step, value in row["along"]},
    )


def best(rows: list[Row]) -> Row:
    """The first among the best complete trials."""
    return max((row for row in rows if row["score"] is not None), key=lambda row: row["score"])


def table(rows: list[Row]) -> pd.DataFrame:
    """A line a trial: number, state, score (empty unless complete), the best so far, steps done, and its point."""
    lines = [
        {
            "trial": number,
            "state": row["state"],
            "score": row["score"],
            "best": max((other["score"] for other in rows[:number] if other["score"] is not None), default=None),
            "steps": len(row["along"]),
            **row["point"],
        }
        for number, row in enumerate(rows, 1)
    ]
    return pd.DataFrame(lines, columns=[*COLUMNS, *(rows[0]["point"] if rows else {})])


def write(path: Path, rows: list[Row]) -> None:
    """The table as csv, byte-equal for equal trials; its head alone where nothing was searched."""
    with store.whole(path) as part:
        table(rows).to_csv(part, index=False, lineterminator="\n")
