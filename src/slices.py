"""Floor 2. Where an embedding fails: the mean over queries of one kind, for every kind that is known of them.

Kinds are the category, the class size (images of the query's label in the dataset), the image size (shorter side in
pixels), what `pictures` measures (light, sharpness, clutter), and any column of the user's own (view, lighting, ...).
Numbers are cut into thirds of the queries, texts into their values.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from src import statistics
from src.manifest import COLUMNS

MEASURES = ("brightness", "contrast", "sharpness", "clutter")
THIRDS = ("low", "middle", "high")
MOST = 30  # values of a text; more are names, not kinds
TABLE = ["dataset", "protocol", "strategy", "by", "slice", "from", "to", "queries", "mean", "low", "high"]


def table(queries: pd.DataFrame, manifest: pd.DataFrame, pictures: pd.DataFrame, metric: str = "mMP@5") -> pd.DataFrame:
    """A row a protocol, strategy and slice of one dataset: columns TABLE.

    `queries` is the per-query tables of any strategies; a cross-tuned one is named as in reports, and the score of its
    queries is their mean over sources. Queries without anything to find are left out. `from` and `to` are the least and
    the largest number in a slice, NaN for a text; `low` and `high` the 95 % interval of the mean, NaN where all queries
    of the slice are one cluster.
    """
    facts, parts = describe(manifest, pictures), []
    asked = queries[queries["n_relevant"] > 0]
    named = asked.assign(strategy=asked["strategy"].str.cat(asked["method"], sep=".").str.removesuffix("."))
    for (dataset, protocol), played in named.groupby(["dataset", "protocol"], sort=False):
        scores = played.pivot_table(index="row", columns="strategy", values=metric, sort=False)
        clusters = played.groupby("row")["cluster"].first().loc[scores.index].to_numpy()
        for by, column in facts.loc[scores.index].items():
            for name, rows in cut(column):
                span = column[rows].agg(["min", "max"]).tolist() if is_number(column) else [np.nan, np.nan]
                found = summarise(scores[rows], clusters[rows], str(dataset))
                found[["dataset", "protocol", "by", "slice", "from", "to"]] = dataset, protocol, by, name, *span
                parts.append(found)
    return pd.concat(parts, ignore_index=True)[TABLE] if parts else pd.DataFrame(columns=TABLE)


def describe(manifest: pd.DataFrame, pictures: pd.DataFrame) -> pd.DataFrame:
    """What is known of each image, a column a kind; row i belongs to manifest row i."""
    assert len(manifest) == len(pictures), (len(manifest), len(pictures))
    facts = {
        "category": manifest["category"],
        "class_size": manifest.groupby("label")["label"].transform("size"),
        "image_size": manifest[["width", "height"]].min(axis=1),
        **{name: pictures[name] for name in MEASURES},
    }
    own = manifest.drop(columns=list(COLUMNS)).rename(columns={name: f"own_{name}" for name in facts})
    return pd.DataFrame(facts).join(own)


def is_number(column: pd.Series) -> bool:
    """Whether a column is measured rather than named."""
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def cut(column: pd.Series) -> Iterator[tuple[str, pd.Series]]:
    """The slices of a column, each with who is in it (a mask); none where all are alike or a text has too many values.

    A number's slices are thirds, ties in the lower one, so that a value that most have leaves fewer than three.
    """
    if is_number(column):
        third = np.searchsorted(np.nanquantile(column, [1 / 3, 2 / 3]), column)
        masks = {name: column.notna() & (third == i) for i, name in enumerate(THIRDS)}
    else:
        values = column.astype("str").where(column.notna() & (column != ""), "unknown")
        masks = {name: values == name for name in sorted(values.unique())}
    filled = {name: mask for name, mask in masks.items() if mask.any()}
    if 2 <= len(filled) <= MOST:
        yield from filled.items()


def summarise(scores: pd.DataFrame, clusters: statistics.Codes, dataset: str) -> pd.DataFrame:
    """The mean of each column of scores [Q, strategies] and its interval: strategy, queries, mean, low, high."""
    drawn = statistics.resample(scores.to_numpy(np.float64), clusters, dataset)
    low, high = drawn.interval()
    means = {"queries": scores.notna().sum(), "mean": scores.mean()}
    return pd.DataFrame({**means, "low": low, "high": high}).rename_axis("strategy").reset_index()
