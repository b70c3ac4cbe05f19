"""Floor 2. Charts of the leaderboard: models placed on a panel, in pixels, which the page draws as SVG."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from src.report.charts import decades, short, ticks
from src.report.labels import Box, room
from src.summary import percent

WIDTH, HEIGHT = 380, 280  # of a panel
LEFT, RIGHT, TOP, BOTTOM = 42, 12, 12, 40  # around its field
RADIUS = 5  # of a mark
MARGIN = 0.06  # of an axis, beyond the numbers on it
MOST = 7  # ticks of an axis
FIELD = (LEFT, 0, WIDTH - RIGHT, HEIGHT - BOTTOM)  # where labels may stand


@dataclass(frozen=True)
class Axis:
    """Numbers from low to high, laid from one pixel to another."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def place(self, value: float) -> float:
        """A number's pixel."""
        scale: Callable[[float], float] = math.log if self.log else float
        share = (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        """Round numbers on it, MOST at most: 1, 2, 5, 10, ... on a logarithmic one that spans enough of them."""
        found = decades(self.low, self.high, MOST) if self.log else ticks(self.low, self.high, MOST)
        return [value for value, _ in found]


@dataclass(frozen=True)
class Mark:
    """A model in a panel."""

    name: str
    family: str
    told: str  # its numbers, in words
    x: float
    y: float
    low: float | None  # ends of its interval, in pixels
    high: float | None
    label: tuple[float, float, str] | None  # x, baseline and text-anchor; None where there is no room


@dataclass(frozen=True)
class Panel:
    """A chart of its own: marks, and what stands on its axes."""

    title: str
    label: str  # of the axis across
    marks: Sequence[Mark]
    across: Sequence[tuple[float, str]]  # pixel and text of a tick
    upward: Sequence[tuple[float, str]]


def panel(title: str, label: str, rows: pd.DataFrame, log: bool = False, score: bool = True) -> Panel | None:
    """One panel of columns name, family, x, y, low, high; None unless two rows have both an x and a y.

    `score`: y is a share, told in %; else a number of standard deviations.
    """
    kept = rows.dropna(subset=["x", "y"]).astype({"x": "float64", "y": "float64"})
    if len(kept) < 2:
        return None
    across = spanned(kept["x"], LEFT, WIDTH - RIGHT, log)
    upward = spanned(pd.concat([kept["y"], kept["low"], kept["high"]]), HEIGHT - BOTTOM, TOP)
    say = percent if score else deviations
    ticks = [(across.place(tick), short(tick)) for tick in across.ticks()]
    levels = [(upward.place(tick), say(tick).removesuffix(".0")) for tick in upward.ticks()]
    return Panel(title, label, list(placed(kept, across, upward, say)), ticks, levels)


def spanned(values: pd.Series, start: float, end: float, log: bool = False) -> Axis:
    """An axis with all values on it and some room beyond; around a single value, if all are equal."""
    low, high = float(values.min()), float(values.max())
    if log:
        room = (high / low) ** MARGIN if high > low else 2
        return Axis(low / room, high * room, start, end, log=True)
    room = MARGIN * (high - low) or 0.1 * abs(high) or 1
    return Axis(low - room, high + room, start, end)


def placed(rows: pd.DataFrame, across: Axis, upward: Axis, say: Callable[[float], str]) -> Iterator[Mark]:
    """Marks in the order of rows; labels where they hide no mark and no label of an earlier row."""
    points = [(across.place(x), upward.place(y)) for x, y in zip(rows["x"], rows["y"], strict=True)]
    taken: list[Box] = [(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS) for x, y in points]
    for (x, y), row in zip(points, rows.to_dict("records"), strict=True):
        label, box = room(x, y, str(row["name"]), taken, FIELD, RADIUS)
        taken += [box] if box else []
        low, high = (None if pd.isna(row[end]) else upward.place(row[end]) for end in ("low", "high"))
        told = f"{row['name']} ({row['family']}): {say(row['y'])} at {short(row['x'])}"
        yield Mark(str(row["name"]), str(row["family"]), told, x, y, low, high, label)


def deviations(value: float) -> str:
    """A z-score with its sign: '+1.2', '−0.5', '0'."""
    return f"{value:+.1f}".replace("-", "−") if round(value, 1) else "0"
