"""Floor 2. Vectors in fewer bytes as the page shows it: what each way to store them takes, and what it loses."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from src.differences import MEAN
from src.report.pareto import front
from src.report.scatter import Scatter, scatter
from src.summary import HEADLINE

WHOLE = "float32"  # as vectors come; what all others are compared with
HEIGHT = 300  # units of the chart, which has three times as many marks as others
ALWAYS = (WHOLE, "float16", "int8")  # codecs with a row of their own, on a front or not


@dataclass(frozen=True)
class Cell:
    """A codec of one strategy, mean over datasets."""

    bytes: int
    value: float
    change: float  # against whole vectors; low, high: its 95 % interval, NaN where unknown
    low: float
    high: float
    leads: bool  # on the strategy's front

    @property
    def verdict(self) -> str:
        """Whether the interval leaves out 0, as `standings` calls it."""
        return "worse" if self.high < 0 else "better" if self.low > 0 else ""


@dataclass(frozen=True)
class Shrinking:
    """What the page shows."""

    chart: Scatter | None
    strategies: Sequence[str]
    rows: Mapping[str, Mapping[str, Cell]]  # codec -> strategy -> cell
    hidden: int  # codecs that stand in the table beside the page alone


def view(compressed: pd.DataFrame) -> Shrinking | None:
    """From rows of the `compress` stage with their strategy, of which those with dataset MEAN are shown."""
    means = compressed[compressed["dataset"] == MEAN].reset_index(drop=True)
    if means.empty:
        return None
    leading = {row for _, part in means.groupby("strategy") for row in leaders(part)}
    rows = means.to_dict("index").items()
    cells = {(row["codec"], row["strategy"]): cell(row, at in leading) for at, row in rows}
    strategies = list(dict.fromkeys(means["strategy"]))
    every = list(dict.fromkeys(means.sort_values(["bytes"], ascending=False, kind="stable")["codec"]))
    shown = [name for name in every if name in ALWAYS or any(cells[at].leads for at in cells if at[0] == name)]
    table = {codec: {name: cells[codec, name] for name in strategies if (codec, name) in cells} for codec in shown}
    return Shrinking(chart(means), strategies, table, len(every) - len(shown))


def leaders(means: pd.DataFrame) -> list[int]:
    """Rows of one strategy that are on its front."""
    return [int(means.index[at]) for at in front(means["bytes"].tolist(), means[HEADLINE].tolist())]


def cell(row: Mapping[Hashable, Any], leads: bool) -> Cell:
    """One codec of one strategy; a loss is a change for the worse."""
    return Cell(row["bytes"], row[HEADLINE], -row["lost"], -row["high"], -row["low"], leads)


def chart(means: pd.DataFrame) -> Scatter | None:
    """Every codec of every strategy, with a front a strategy."""
    points = means.rename(columns={"codec": "name", "bytes": "x", HEADLINE: "y"})
    unknown = float("nan")  # known is the interval of what is lost, not that of what is left
    return scatter("bytes a vector", "bytes", points.assign(low=unknown, high=unknown), each=True, height=HEIGHT)
