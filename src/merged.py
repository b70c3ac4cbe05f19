"""Floor 2. One encoder for all: what merged sources give on every dataset, beside its pretrained, in one table."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import pandas as pd

from src import summary, unions
from src.summary import HEADLINE, Metrics
from src.words import METHODS

COLUMNS = ["method", "source", "dataset", "judges", "pretrained", "value"]


def table(metrics: Mapping[str, Metrics], scores: pd.DataFrame, protocols: summary.Protocols) -> pd.DataFrame:
    """A row a method, merged source and dataset: COLUMNS, the value being mMP@5 of the dataset's first protocol.

    `judges`: whether that dataset is part of the source's own mean (`unions.judges`). Empty without merged sources.
    """
    crossed, datasets = metrics.get("cross_tuned", {}), list(protocols)
    base = summary.table(scores, HEADLINE).get("pretrained", pd.Series(dtype=float)).to_dict()
    rows = [
        (method, source, name, name in unions.judges(source, datasets), base.get(name), value)
        for method, source in product(METHODS, unions.members(datasets))
        if source not in datasets
        for name, value in values(crossed.get(method, {}).get(source, {}), protocols).items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"judges": bool, "pretrained": float, "value": float})


def values(found: Mapping[str, Any], protocols: summary.Protocols) -> dict[str, float]:
    """Dataset -> mMP@5 of its first protocol, of one source."""
    return {name: found[name][first][HEADLINE] for name, (first, *_) in protocols.items() if name in found}


def figures(merged: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """For metrics/summary.json: method -> source -> mean over the datasets that judge it, and the gain there."""
    tree: dict[str, dict[str, dict[str, float]]] = {}
    for (method, source), rows in merged[merged["judges"]].groupby(["method", "source"], sort=False):
        means = {HEADLINE: rows["value"].mean(), "gain": (rows["value"] - rows["pretrained"]).mean()}
        known = {name: round(mean, 6) for name, mean in means.items() if mean == mean}
        tree.setdefault(str(method), {})[str(source)] = known
    return tree


def lines(merged: pd.DataFrame) -> list[list[str]]:
    """For people: a head, and for each source a line a dataset, first the one it has not seen, with gains in points.

    A source that has seen all ends with its mean. Empty where there is nothing to show.
    """
    methods = list(dict.fromkeys(merged["method"]))
    head = ["tuned on", "used on", "pretrained", *(text for method in methods for text in (method, "points"))]
    told = [line for source, rows in merged.groupby("source", sort=False) for line in _of(str(source), rows, methods)]
    return [head, *told] if told else []


def _of(source: str, rows: pd.DataFrame, methods: list[str]) -> Iterator[list[str]]:
    """Lines of one source."""
    values = rows.pivot(index="dataset", columns="method", values="value")[methods]
    base = rows.drop_duplicates("dataset").set_index("dataset")["pretrained"]
    judges = list(dict.fromkeys(rows.loc[rows["judges"], "dataset"]))
    seen = [name for name in base.index if name not in judges]
    for number, name in enumerate([*judges, *seen]):
        told = f"{name}, unseen" if seen and name in judges else name
        yield [source if number == 0 else "", told, *_numbers(base[name], values.loc[name])]
    if not seen:
        yield ["", "mean", *_numbers(base.mean(), values.mean())]


def _numbers(base: float, values: pd.Series) -> list[str]:
    """Pretrained, and of each method the value and its gain."""
    pairs = ((summary.percent(value), summary.points(value - base)) for value in values)
    return [summary.percent(base), *(text for pair in pairs for text in pair)]
