"""Floor 2. Where things lie in a chart: scales, ticks and paths. The templates draw them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

WIDTH = 320  # units of every chart; as wide as its place on the page
LEFT, RIGHT, TOP, BOTTOM = 30, 8, 8, 20  # around the plane; tick labels stand there

Tick = tuple[float, str]  # value, label


@dataclass(frozen=True)
class Plane:
    """A chart of WIDTH x height units, and what its edges stand for."""

    x: tuple[float, float]
    y: tuple[float, float]
    height: int = 130
    x_ticks: Sequence[Tick] = field(default=())
    y_ticks: Sequence[Tick] = field(default=())

    width, left, right, top = WIDTH, LEFT, WIDTH - RIGHT, TOP

    @property
    def bottom(self) -> int:
        """Units from the top to the lower edge."""
        return self.height - BOTTOM

    def across(self, value: float) -> float:
        """Units from the left."""
        low, high = self.x
        return round(self.left + (value - low) / (high - low) * (self.right - self.left), 1)

    def down(self, value: float) -> float:
        """Units from the top."""
        low, high = self.y
        return round(self.top + (high - value) / (high - low) * (self.bottom - self.top), 1)

    def line(self, xs: Iterable[float], ys: Iterable[float]) -> str:
        """An SVG path through the points."""
        points = (f"{self.across(x)},{self.down(y)}" for x, y in zip(xs, ys, strict=True))
        return "M" + "L".join(points)

    def steps(self, edges: Sequence[float], heights: Sequence[float]) -> str:
        """An SVG path around the columns of a histogram: n + 1 edges, n heights."""
        columns = zip(heights, edges[1:], strict=True)
        tops = "".join(f"V{self.down(height)}H{self.across(right)}" for height, right in columns)
        return f"M{self.across(edges[0])},{self.down(0)}{tops}V{self.down(0)}Z"


def ticks(low: float, high: float, most: int = 5) -> list[Tick]:
    """At most so many round numbers, 1, 2 or 5 times a power of ten apart.

    >>> ticks(0, 47)
    [(0.0, '0'), (10.0, '10'), (20.0, '20'), (30.0, '30'), (40.0, '40')]
    """
    assert low < high
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(step for step in (power, 2 * power, 5 * power, 10 * power) if _count(low, high, step) <= most)
    first = math.ceil(low / step - 1e-9)
    values = [round((first + i) * step, 10) for i in range(_count(low, high, step))]
    return [(value, f"{value:g}") for value in values]


def decades(low: float, high: float, most: int = 5) -> list[Tick]:
    """At most so many round numbers of a logarithmic scale: 1, 2, 5, 10, ... or powers of ten, or as `ticks`.

    >>> decades(240, 2200)
    [(500.0, '500'), (1000.0, '1000'), (2000.0, '2000')]
    """
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 2, 5), (1,)):
        found = [value for power in powers for step in steps if low <= (value := float(f"{step}e{power}")) <= high]
        if 1 < len(found) <= most:
            return [(value, short(value)) for value in found]
    return ticks(low, high, most)


def short(value: float) -> str:
    """Three digits that count, without zeros: 0.0339, 17.6, 2048, 1.25M."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            size = 1e3 if unit == "k" else size
            return f"{value / size:.3g}{unit}"
    return f"{value:.4g}" if value >= 1000 else f"{value:.3g}"


def megabytes(value: float) -> str:
    """Of an index: '1.02 MB', '20.5 GB'."""
    return f"{short(value / 1000)} GB" if value >= 1000 else f"{short(value)} MB"


def _count(low: float, high: float, step: float) -> int:
    """Multiples of a step between two numbers."""
    return math.floor(high / step + 1e-9) - math.ceil(low / step - 1e-9) + 1
