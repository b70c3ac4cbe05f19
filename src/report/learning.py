"""Floor 2. Learning curves as charts: validation and loss of every tuning of a dataset, over its epochs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from src.report.charts import Plane, ticks

SCORE, LOSS = "validation mMP@5", "loss"
Curves = Mapping[str, pd.DataFrame]  # strategy -> a row an epoch: epoch, loss and, where there is one, the score


@dataclass(frozen=True)
class Line:
    """One strategy's path, and where its best epoch lies."""

    strategy: str
    path: str
    best: tuple[float, float] | None  # units; None of a loss
    told: str  # in words


@dataclass(frozen=True)
class Chart:
    """One number over the epochs of every tuning."""

    title: str
    plane: Plane
    lines: tuple[Line, ...]


def charts(curves: Curves) -> list[Chart]:
    """The charts of one dataset: score and loss, each where any tuning has it."""
    return [chart for column in (SCORE, LOSS) if (chart := _chart(column, curves))]


def _chart(column: str, curves: Curves) -> Chart | None:
    known = {name: curve.dropna(subset=column) for name, curve in curves.items() if column in curve}
    known = {name: curve for name, curve in known.items() if len(curve)}
    if not known:
        return None
    epochs = max(2, *(int(curve["epoch"].max()) for curve in known.values()))
    top = 1.0 if column == SCORE else max(float(curve[column].max()) for curve in known.values()) * 1.02 or 1.0
    y_ticks = [(share / 100, label) for share, label in ticks(0, 100)] if column == SCORE else ticks(0, top, 4)
    plane = Plane((1, epochs), (0, top), x_ticks=ticks(1, epochs), y_ticks=y_ticks)
    return Chart(column, plane, tuple(_line(name, curve, column, plane) for name, curve in known.items()))


def _line(strategy: str, curve: pd.DataFrame, column: str, plane: Plane) -> Line:
    path = plane.line(curve["epoch"], curve[column])
    if column != SCORE:
        return Line(strategy, path, None, f"{strategy}: {curve[column].iloc[-1]:.3g} at last")
    best = curve.iloc[int(curve[column].to_numpy().argmax())]
    at = plane.across(best["epoch"]), plane.down(best[column])
    return Line(strategy, path, at, f"{strategy}: best {100 * best[column]:.1f} % in epoch {best['epoch']:.0f}")


def strategies(drawn: Mapping[str, Sequence[Chart]]) -> list[str]:
    """The strategies that have a learning curve."""
    lines = [line.strategy for charts in drawn.values() for chart in charts for line in chart.lines]
    return list(dict.fromkeys(lines))
