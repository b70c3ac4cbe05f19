"""Floor 2. Quality against cost as a chart: marks with intervals, the Pareto front, names where there is room."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from src.report.charts import Plane, Tick, decades, short, ticks
from src.report.labels import Box, Label, room
from src.report.pareto import front
from src.summary import percent

HEIGHT, RADIUS = 210, 4  # units; of a mark
MARGIN = 0.06  # of a scale, beyond the numbers on it
GAP = 0.18  # of the scale across, from where nothing is spent to the least that is
NEAR = 0.02  # powers of ten that a tick may stand beyond the costs
MOST = 7  # ticks across


@dataclass(frozen=True)
class Mark:
    """A place on the plane."""

    strategy: str
    x: float
    y: float
    low: float | None  # ends of its interval
    high: float | None
    leads: bool  # on a front
    told: str
    name: str
    label: Label | None  # None without a name, or without room for it


@dataclass(frozen=True)
class Scatter:
    """Marks, and an SVG path and strategy of each front ('' of a front of all)."""

    title: str
    plane: Plane
    marks: tuple[Mark, ...]
    fronts: tuple[tuple[str, str], ...]


def scatter(title: str, unit: str, points: pd.DataFrame, each: bool = False, height: int = HEIGHT) -> Scatter | None:
    """Columns strategy, name, x (cost), y (a share), low, high -> the chart; None where all costs are the same.

    The scale across is logarithmic, with a place for 0. One front, or of `each` strategy its own; only what stands on
    one has its name beside it.
    """
    kept = points.dropna(subset=["x", "y"]).reset_index(drop=True)
    if kept["x"].nunique() < 2:
        return None
    sides = [(str(name), part.index) for name, part in kept.groupby("strategy", sort=False)] if each else []
    fronts = [
        (name, rows[front(kept["x"][rows].tolist(), kept["y"][rows].tolist())])
        for name, rows in sides or [("", kept.index)]
    ]
    kept = kept.assign(at=logarithms(kept["x"].to_numpy(np.float64)))
    heights = spanned(pd.concat([kept["y"], kept["low"], kept["high"]]))
    plane = Plane(spanned(kept["at"]), heights, height, across(kept), upward(heights))
    leads = {row for _, rows in fronts for row in rows}
    paths = tuple((name, staircase(plane, kept.loc[rows])) for name, rows in fronts)
    return Scatter(title, plane, marks(kept, plane, leads, unit), paths)


def logarithms(costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Powers of ten of [n] costs; of 0 a place left of all others."""
    spent = np.log10(costs[costs > 0])
    nothing = spent.min() - max(GAP * np.ptp(spent), math.log10(2))
    return np.where(costs > 0, np.log10(np.maximum(costs, 10.0**nothing)), nothing)


def spanned(values: pd.Series) -> tuple[float, float]:
    """A scale with all values on it and some room beyond."""
    low, high = float(values.min()), float(values.max())
    room = MARGIN * (high - low) or 0.05
    return low - room, high + room


def across(points: pd.DataFrame) -> list[Tick]:
    """Costs on their scale; 0 if anything costs nothing, and the dearest alone where others would crowd it."""
    spent = points[points["x"] > 0]
    low, high = spent["at"].min() - NEAR, spent["at"].max() + NEAR
    most = int(MOST * (high - low) / (high - points["at"].min()))
    dearest = float(spent["x"].max())
    found = decades(10**low, 10**high, most) if most > 1 else [(dearest, short(dearest))]
    nothing = [(float(at), "0") for at in points.loc[points["x"] == 0, "at"][:1]]
    return nothing + [(math.log10(value), label) for value, label in found]


def upward(span: tuple[float, float]) -> list[Tick]:
    """Shares in percent."""
    return [(value / 100, label) for value, label in ticks(100 * span[0], 100 * span[1])]


def staircase(plane: Plane, rows: pd.DataFrame) -> str:
    """The front: what a cost buys, from its cheapest to its best; '' of a single place."""
    if len(rows) < 2:
        return ""
    steps = list(zip(rows["at"], rows["y"], strict=True))
    corners = [(after[0], before[1]) for before, after in pairwise(steps)]
    way = [steps[0], *(point for pair in zip(corners, steps[1:], strict=True) for point in pair)]
    return plane.line(*zip(*way, strict=True))


def marks(points: pd.DataFrame, plane: Plane, leads: set[int], unit: str) -> tuple[Mark, ...]:
    """In the order of points; names of leading ones where they hide no mark and no earlier name."""
    places = [(plane.across(x), plane.down(y)) for x, y in zip(points["at"], points["y"], strict=True)]
    taken: list[Box] = [(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS) for x, y in places]
    field = plane.left, 0, plane.width, plane.bottom
    found = []
    for (x, y), (at, row) in zip(places, points.to_dict("index").items(), strict=True):
        label, box = room(x, y, row["name"], taken, field, RADIUS) if at in leads and row["name"] else (None, None)
        taken += [box] if box else []
        low, high = (None if pd.isna(row[end]) else plane.down(row[end]) for end in ("low", "high"))
        whose = " ".join(filter(None, (row["strategy"], row["name"])))
        told = f"{whose}: {percent(row['y'])} % at {short(row['x'])} {unit}"
        found.append(Mark(row["strategy"], x, y, low, high, at in leads, told, row["name"], label))
    return tuple(found)


def strategies(charts: Sequence[Scatter]) -> list[str]:
    """Those that are drawn, for the key."""
    return list(dict.fromkeys(mark.strategy for chart in charts for mark in chart.marks))
