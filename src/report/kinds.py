"""Floor 2. Slices as the page shows them: by dataset and kind, a mean and an interval a strategy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

MOST = 8  # slices of a kind on the page; the largest, in the order of the last strategy's mean


@dataclass(frozen=True)
class Slice:
    """Queries of one kind."""

    name: str
    span: str  # least and largest number, '' of a text
    queries: int
    marks: tuple[tuple[str, float, float, float], ...]  # strategy, mean, low, high (NaN where unknown)


@dataclass(frozen=True)
class Kind:
    """A way to cut the queries."""

    name: str
    slices: tuple[Slice, ...]
    hidden: int


def view(table: pd.DataFrame, strategies: Sequence[str]) -> dict[str, list[Kind]]:
    """Rows of `slices.table`, of one protocol a dataset -> dataset -> its kinds, of these strategies."""
    chosen = table[table["strategy"].isin(strategies)]
    return {
        str(dataset): [_kind(str(by), rows, strategies) for by, rows in found.groupby("by", sort=False)]
        for dataset, found in chosen.groupby("dataset", sort=False)
    }


def _kind(by: str, rows: pd.DataFrame, strategies: Sequence[str]) -> Kind:
    every = [_slice(str(name), part, strategies) for name, part in rows.groupby("slice", sort=False)]
    largest = sorted(every, key=lambda one: -one.queries)[:MOST]
    if rows["from"].isna().all():
        shown = sorted(largest, key=lambda one: one.marks[-1][1])
    else:
        shown = [one for one in every if one in largest]  # low, middle, high
    return Kind(by.removeprefix("own_").replace("_", " "), tuple(shown), len(every) - len(shown))


def _slice(name: str, rows: pd.DataFrame, strategies: Sequence[str]) -> Slice:
    by_strategy = rows.set_index("strategy")
    marks = tuple((each, *by_strategy.loc[each, ["mean", "low", "high"]].astype(float)) for each in strategies)
    first = rows.iloc[0]
    span = _span(first["from"], first["to"])
    if first["from"] == first["to"]:  # all are alike: their number is the better name
        name, span = span, ""
    return Slice(name, span, int(first["queries"]), marks)


def _span(low: float, high: float) -> str:
    """Both ends of numbers, with two digits of the larger one: '0.19–0.40', '31–1,262'; '' of a text."""
    if pd.isna(low):
        return ""
    largest = max(abs(low), abs(high))
    decimals = max(0, 1 - math.floor(math.log10(largest))) if largest else 0
    return "–".join(dict.fromkeys(f"{value:,.{decimals}f}" for value in (low, high)))
