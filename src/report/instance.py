"""Floor 2. Instance search as the page shows it: how similar right and wrong matches are, and when to answer at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from src.report.charts import Plane, ticks
from src.summary import percent

BINS = 40
RATE = "1%"  # of false accepts, whose threshold is drawn
PERCENT = tuple((share / 100, label) for share, label in ticks(0, 100))

Figures = Mapping[str, Any]  # one data/matches/<strategy>/metrics.json


@dataclass(frozen=True)
class Histogram:
    """Best right and best wrong matches of one strategy and dataset, by similarity."""

    strategy: str
    plane: Plane
    right: str  # SVG paths
    wrong: str
    threshold: float | None  # units from the left


@dataclass(frozen=True)
class Larger:
    """R@1 as other datasets' images come into the gallery: a line and the band of its interval a strategy."""

    plane: Plane
    lines: tuple[tuple[str, str, str], ...]  # strategy, line, band
    told: str


@dataclass(frozen=True)
class Row:
    """A line of the table: one strategy on one dataset."""

    strategy: str
    products: Mapping[str, float]
    margin: float
    never_found: float
    answered: Mapping[str, Mapping[str, float | None]]  # rate -> threshold, right, wrong, held_out


@dataclass(frozen=True)
class Search:
    """What the page shows of one dataset."""

    rows: tuple[Row, ...]
    histograms: tuple[Histogram, ...]
    larger: Larger | None


def view(
    places: Mapping[str, str],
    figures: Mapping[str, Figures],
    matches: pd.DataFrame,
    galleries: pd.DataFrame,
) -> dict[str, Search]:
    """Dataset -> what is shown of it, of the strategies of `figures`.

    `places`: dataset -> protocol; `matches` as matches.parquet, of these strategies and first protocols; `galleries`
    as the curves of `distract`.
    """
    found = {}
    for dataset, protocol in places.items():
        by_strategy = {name: each[dataset][protocol] for name, each in figures.items()}
        rows = tuple(row(name, each) for name, each in by_strategy.items())
        drawn = histograms(
            matches[matches["dataset"] == dataset],
            {name: each["false_accepts"][RATE]["threshold"] for name, each in by_strategy.items()},
        )
        found[dataset] = Search(rows, drawn, larger(galleries[galleries["dataset"] == dataset]))
    return found


def row(strategy: str, figures: Figures) -> Row:
    """A line of the table."""
    never = figures["hubness"]["never_found"]
    return Row(strategy, figures["products"], figures["similarity"]["margin"], never, figures["false_accepts"])


def histograms(matches: pd.DataFrame, thresholds: Mapping[str, float | None]) -> tuple[Histogram, ...]:
    """One a strategy, in one scale."""
    every = matches[["right", "wrong"]].to_numpy()
    edges = np.histogram_bin_edges(every[~np.isnan(every)], BINS)
    shares = {
        (strategy, side): np.histogram(values.dropna(), edges)[0] / max(values.notna().sum(), 1)
        for strategy, rows in matches.groupby("strategy", sort=False)
        for side, values in rows[["right", "wrong"]].items()
    }
    top = max(share.max() for share in shares.values()) * 1.05
    low, high = float(edges[0]), float(edges[-1])
    plane = Plane((low, high), (0, top), 110, x_ticks=ticks(low, high))
    paths = {key: plane.steps(edges.tolist(), share.tolist()) for key, share in shares.items()}
    lines = {name: plane.across(at) for name, at in thresholds.items() if at is not None and low <= at <= high}
    return tuple(
        Histogram(name, plane, paths[name, "right"], paths[name, "wrong"], lines.get(name)) for name in thresholds
    )


def larger(curves: pd.DataFrame) -> Larger | None:
    """The curves of one dataset; None where its gallery was not enlarged."""
    if curves["gallery"].nunique() < 2:
        return None
    sizes = np.log2(curves["gallery"])
    ends = float(sizes.min()), float(sizes.max())
    first, last = int(curves["gallery"].min()), int(curves["gallery"].max())
    labelled = [(ends[0], f"{first:,}"), (ends[1], f"{last:,}")]
    plane = Plane(ends, (0, 1), 110, x_ticks=labelled, y_ticks=PERCENT)
    lines, told = [], []
    for strategy, rows in curves.groupby("strategy", sort=False):
        x, recall = np.log2(rows["gallery"]), rows["R@1"]
        band = plane.line([*x, *x[::-1]], [*rows["low"], *rows["high"][::-1]]) + "Z"
        lines.append((str(strategy), plane.line(x, recall), band))
        told.append(
            f"{strategy} {percent(recall.iloc[0])} % among {first:,}, {percent(recall.iloc[-1])} % among {last:,}"
        )
    return Larger(plane, tuple(lines), "R@1: " + "; ".join(told))


def rates(search: Mapping[str, Search]) -> list[str]:
    """The false-accept rates of the table of instance search, without those that are nowhere as much as a query."""
    rows = [row for found in search.values() for row in found.rows]
    known = (rate for row in rows for rate, at in row.answered.items() if at["right"] is not None)
    return sorted(dict.fromkeys(known), key=lambda rate: -float(rate.removesuffix("%")))
