"""Floor 2. Learning curves: a row an epoch, which epoch is kept, and DVCLive, which writes them down."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

COLUMNS = ["loss", "lr", "validation mMP@5", "validation accuracy"]
SELECTS = ("mMP@5", "accuracy")  # validation scores that can choose an epoch, or a trial of a search
Row = dict[str, Any]  # epoch, and COLUMNS; None where validation has nothing to measure
Curve = list[Row]
Log = Callable[[Row], None]


def best_epoch(curve: Curve, select: str = SELECTS[0]) -> int:
    """Number of the epoch to keep: the best on validation, else the last; 0 for an empty curve.

    The best has the highest `select`, then the highest other score, then comes first.
    """
    scores = [[row[f"validation {name}"] for name in _order(select)] for row in curve]
    scores = [[score for score in row if score is not None] for row in scores]
    return scores.index(max(scores)) + 1 if any(scores) else len(curve)


def _order(select: str) -> list[str]:
    """What is selected by, then the others."""
    return [select, *(name for name in SELECTS if name != select)]


def chosen(curve: Curve, select: str = SELECTS[0]) -> dict[str, float | None]:
    """Number and validation scores of the epoch that was kept."""
    row = curve[best_epoch(curve, select) - 1]
    return {"epoch": row["epoch"], "mMP@5": row["validation mMP@5"], "accuracy": row["validation accuracy"]}


def describe(curve: Curve, select: str = SELECTS[0]) -> str:
    """The epoch that was kept in words: 'epoch 12 (validation mMP@5 0.713)'."""
    choice = chosen(curve, select)
    named = [f"validation {name} {choice[name]:.3f}" for name in _order(select) if choice[name] is not None]
    return f"epoch {choice['epoch']} ({named[0] if named else 'the last; no validation images to choose by'})"


@contextmanager
def live(folder: Path) -> Iterator[Log]:
    """A function that DVCLive writes a finished epoch down with, at once: `dvc plots show` draws a running training.

    A file a number, <folder>/plots/metrics/{loss, lr, validation/mMP@5, validation/accuracy}.tsv, a line an epoch, no
    timestamps: equal curves give equal bytes. Experiments, dvc.yaml and metrics are the pipeline's own, not DVCLive's.
    """
    from dvclive import Live  # here: it brings all of DVC, half a second, and the loop needs the above alone

    logger = Live(str(folder), save_dvc_exp=False, dvcyaml=None)

    def log(row: Row) -> None:
        logger.step = row["epoch"]
        for name in COLUMNS:
            if row[name] is not None:
                logger.log_metric(name.replace(" ", "/"), row[name])
        logger.next_step()

    try:
        yield log
    finally:
        with suppress(FileNotFoundError):  # two workers of the queue remove the same signal file as they end
            logger.end()
        Path(logger.metrics_file).unlink(missing_ok=True)  # the last line of every file once more


def unlogged(row: Row) -> None:
    """For trials and tests: nothing is written down."""
