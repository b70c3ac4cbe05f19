"""Floor 2. Learning curves: a row an epoch, and which epoch is kept."""

from pathlib import Path
from typing import Any

import pandas as pd

from src import store

COLUMNS = ["epoch", "loss", "validation mMP@5", "validation accuracy", "lr"]
Curve = list[dict[str, Any]]


def best_epoch(curve: Curve) -> int:
    """Number of the epoch to keep: the best on validation, else the last; 0 for an empty curve."""
    keys = ("validation mMP@5", "validation accuracy")
    scores = [[row[key] for key in keys if row[key] is not None] for row in curve]
    return scores.index(max(scores)) + 1 if any(scores) else len(curve)


def chosen(curve: Curve) -> dict[str, float | None]:
    """Number and validation scores of the epoch that was kept."""
    row = curve[best_epoch(curve) - 1]
    return {"epoch": row["epoch"], "mMP@5": row["validation mMP@5"], "accuracy": row["validation accuracy"]}


def describe(curve: Curve) -> str:
    """The epoch that was kept in words: 'epoch 12 (validation mMP@5 0.713)'."""
    choice = chosen(curve)
    named = [f"validation {name} {choice[name]:.3f}" for name in ("mMP@5", "accuracy") if choice[name] is not None]
    return f"epoch {choice['epoch']} ({named[0] if named else 'the last; no validation images to choose by'})"


def write(path: Path, curve: Curve) -> None:
    """The learning curve as csv; a cell is empty where validation has nothing to measure."""
    with store.whole(path) as part:
        pd.DataFrame(curve, columns=COLUMNS).to_csv(part, index=False, lineterminator="\n")
