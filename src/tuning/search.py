"""Floor 2. What top-tuning searches: the shape of the head and how it is trained, judged on validation alone."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from src.errors import UserError
from src.tuning import frozen as training
from src.tuning import loop, study
from src.tuning.curves import Row
from src.tuning.frozen import Frozen
from src.tuning.lessons import Lesson
from src.tuning.recipes import Recipe
from src.tuning.study import Point, Space, Tell

# What arXiv 2504.07567 names, and three that helped; ranges are ours. A width or dim of n stands for 2^n units.
NAMES = {
    "optimiser": CategoricalDistribution(("adamw", "sgd")),
    "lr": FloatDistribution(1e-4, 1e-2, log=True),  # AdamW's, see SGD
    "momentum": FloatDistribution(0.8, 0.98),
    "weight_decay": FloatDistribution(1e-3, 1.0, log=True),
    "label_smoothing": FloatDistribution(0.0, 0.5),
    "sharpness": FloatDistribution(0.5, 4.0, log=True),  # of the classifier
    "ema": CategoricalDistribution((0.0, 0.98)),
    "dropout": FloatDistribution(0.0, 0.8),
    "layers": IntDistribution(1, 3),
    "width": IntDistribution(8, 10),
    "dim": IntDistribution(7, 10),  # of the embedding
}
START = {"optimiser": "adamw", "lr": 1e-3, "momentum": 0.9, "weight_decay": 0.05, "label_smoothing": 0.1}
START |= {"sharpness": 1.0, "ema": 0.0, "dropout": 0.3, "layers": 2, "width": 10, "dim": 9}
SGD = 100  # its learning rate is so much larger and its weight decay smaller: a step decays weights as AdamW's does


@dataclass(frozen=True)
class Plan:
    """How many points are tried, and how many epochs and seeds each is trained with."""

    trials: int
    epochs: int
    repeats: int


def explore(frozen: Frozen, lesson: Lesson, recipe: Recipe, plan: Plan, seed: int, path: Path) -> list[study.Row]:
    """Search NAMES around a recipe: the rows of the study, kept in `path` as they come.

    The score of a trial is the mean over its repeats of the best epoch's `recipe.select`. A UserError where
    validation has nothing to measure it on.
    """
    _can_choose(lesson, recipe.select)

    def score(point: Point, tell: Tell) -> float:
        config, taught = settle(frozen, lesson, replace(recipe, epochs=plan.epochs, patience=plan.epochs), point)
        scores = []
        for repeat in range(plan.repeats):
            values: list[float] = []

            def log(row: Row, values: list[float] = values, first: int = repeat * plan.epochs) -> None:
                values.append(row[f"validation {recipe.select}"])
                tell(first + row["epoch"], max(values))

            training.train(frozen, lesson, config, taught, loop.draw(seed, repeat), "trial", log)
            scores.append(max(values))
        return round(float(np.mean(scores)), 6)

    space = Space(NAMES, START, warmup=plan.epochs // 3)
    return study.optimise(score, space, plan.trials, lambda number: loop.draw(seed, "trial", number), path)


def settle(frozen: Frozen, lesson: Lesson, recipe: Recipe, point: Point) -> tuple[dict[str, Any], Recipe]:
    """A point of NAMES as the config of a head and as a recipe."""
    scale = SGD if point["optimiser"] == "sgd" else 1
    layers = [2 ** point["width"]] * (point["layers"] - 1) + [2 ** point["dim"]]
    recipe = replace(
        recipe,
        optimiser=point["optimiser"],
        lr=point["lr"] * scale,
        momentum=point["momentum"],
        weight_decay=point["weight_decay"] / scale,
        label_smoothing=point["label_smoothing"],
        ema=point["ema"],
    )
    return training.config(frozen, lesson, layers, point["dropout"], point["sharpness"]), recipe


def _can_choose(lesson: Lesson, select: str) -> None:
    codes = lesson.validation_codes
    known, repeated = codes < len(lesson.classes), np.bincount(codes, minlength=1) > 1
    if not (known.any() if select == "accuracy" else repeated.any()):
        lacks = "of a label that training saw" if select == "accuracy" else "that share a label"
        raise UserError(
            f"top_tune.search: there are no validation images {lacks}, so {select} cannot choose; "
            "raise prepare.validation, select by the other score (top_tune.select), or set top_tune.search to off"
        )
