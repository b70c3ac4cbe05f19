"""Floor 2. What the audit found, as the page shows it: which pairs of copies are worth looking at, and what they do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

SHOWN = 6  # pairs
REASONS = ("two labels", "one of them tuned on", "two datasets", "two splits", "one split")  # worst first


@dataclass(frozen=True)
class Photo:
    """One side of a pair."""

    dataset: str
    row: int
    label: str
    role: str  # its split, and whether tuning sees it


@dataclass(frozen=True)
class Pair:
    """Two copies of one photo."""

    reason: str
    kind: str  # exact or near
    photos: tuple[Photo, Photo]


@dataclass(frozen=True)
class Audit:
    """What the page says of copies."""

    counts: Mapping[str, Any]  # dataset -> as in audit.json
    changes: pd.DataFrame  # as `changes`
    pairs: Sequence[Pair]


def choose(pairs: pd.DataFrame, count: int = SHOWN) -> list[Pair]:
    """So many rows of the audit's pairs.parquet, those that do most harm first, no photo twice."""
    ranked = pairs.assign(rank=[_rank(pair) for pair in pairs.to_dict("records")])
    chosen: list[Pair] = []
    seen: set[tuple[str, int]] = set()
    for pair in ranked.sort_values("rank", kind="stable").to_dict("records"):
        photos = _photo(pair, "first"), _photo(pair, "second")
        places = {(photo.dataset, photo.row) for photo in photos}
        if len(chosen) < count and not places & seen:
            chosen.append(Pair(REASONS[pair["rank"]], pair["kind"], photos))
            seen |= places
    return chosen


def _rank(pair: Mapping[Any, Any]) -> int:
    """Place in REASONS."""
    differs = {name: pair[f"{name}_first"] != pair[f"{name}_second"] for name in ("dataset", "label", "split")}
    tuned = [pair[f"tuning_{side}"] != "" for side in ("first", "second")]
    found = (not differs["dataset"] and differs["label"], tuned[0] != tuned[1], differs["dataset"], differs["split"])
    return [*found, True].index(True)


def _photo(pair: Mapping[Any, Any], side: str) -> Photo:
    tuning = pair[f"tuning_{side}"]
    role = f"{pair[f'split_{side}']}, tuned on" if tuning else str(pair[f"split_{side}"])
    return Photo(str(pair[f"dataset_{side}"]), int(pair[f"row_{side}"]), str(pair[f"label_{side}"])[:100], role)


def changes(headlines: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Means with and without affected queries, only where there are any, as by `audit.headlines`.

    Columns dataset, protocol, strategy, queries, affected, value, without. A cross-tuned strategy is one row a
    protocol: the mean over its sources, and the most queries affected in any of them.
    """
    named = headlines.assign(strategy=headlines["strategy"].str.cat(headlines["method"], sep=".").str.removesuffix("."))
    grouped = named.groupby(["dataset", "protocol", "strategy"], sort=False)
    table = grouped.agg(
        queries=("queries", "max"),
        affected=("affected", "max"),
        value=(metric, "mean"),
        without=("without", "mean"),
    )
    return table[table["affected"] > 0].reset_index()
