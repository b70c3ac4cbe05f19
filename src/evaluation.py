"""Floor 2. From neighbours to numbers: every metric of every query, means with intervals by place, lines for people."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from src import classification, metrics, statistics, unions
from src.neighbors import Neighbors

HEADLINE = "mMP@5"
DECIMALS = 6

Place = tuple[str, ...]  # (dataset,), or (method, source, target)
Scores = dict[str, metrics.Values]  # metric -> [Q]
Means = dict[str, dict[str, Any]]  # protocol, or "classification" or "images" -> metric -> value


def means(queries: pd.DataFrame, gallery: int) -> dict[str, Any]:
    """Of one protocol's queries: mean of every metric, how many asked and in vain, among how many, how sure it is."""
    values: dict[str, Any] = {metric: rounded(metrics.mean(queries[metric].to_numpy())) for metric in metrics.METRICS}
    lost = int((queries["n_relevant"] == 0).sum())
    values |= {"queries": len(queries), "queries_without_relevant": lost, "gallery": gallery}
    return values | {"interval": interval([queries])}


def score(found: Neighbors) -> Scores:
    """Every metric of every query, NaN where nothing is relevant, a block at a time."""
    blocks = [metrics.score(hits, found.n_relevant[at], found.first_hit[at]) for at, hits in found.unpacked()]
    return {name: np.concatenate([block[name] for block in blocks]) for name in metrics.METRICS}


def classified(table: pd.DataFrame, predictions: pd.DataFrame) -> dict[str, Any]:
    """Scores of the predicted labels."""
    truth = table["label"].to_numpy(dtype=str)[predictions["row"]]
    predicted = predictions["predicted"].to_numpy(dtype=str)
    scores = {name: rounded(function(truth, predicted)) for name, function in classification.SCORES.items()}
    return {**scores, "images": len(truth)}


def intake(summary: Mapping[str, Any]) -> dict[str, Any]:
    """How many images the dataset holds, of how many labels, and how many could not be used."""
    return {key: summary[key] for key in ("images", "labels", "quarantined")}


def query_table(
    strategy: str, place: Place, protocol: str, table: pd.DataFrame, found: Neighbors, scores: Scores
) -> pd.DataFrame:
    """A row a query: whose, what it is, whom it belongs together with, its first wrong neighbour, and every metric."""
    asking = table.iloc[found.query].reset_index(drop=True)
    cluster, clustered_by = clusters(asking, found.n_relevant > 0)
    about = {"n_relevant": found.n_relevant, "cluster": cluster.astype(np.int32), "clustered_by": clustered_by}
    images = asking[["image_id", "label", "category"]]
    whose = where(strategy, place, protocol)
    return pd.DataFrame({**whose, "row": found.query, **images, **about, "first_wrong": first_wrong(found), **scores})


def clusters(asking: pd.DataFrame, asked: NDArray[np.bool_]) -> tuple[NDArray[Any], str]:
    """Which queries are drawn together, and what that is called: manifest rows of the queries [Q], [Q] -> [Q], name."""
    labels, groups = (pd.factorize(asking[column])[0] for column in ("label", "group"))
    return statistics.clusters(labels, groups, asked)


def where(strategy: str, place: Place, protocol: str) -> dict[str, str]:
    """The columns of a table with a row a query that say what it was asked under."""
    method, source = place[:2] if len(place) > 1 else ("", "")
    return {"strategy": strategy, "dataset": place[-1], "protocol": protocol, "method": method, "source": source}


def first_wrong(found: Neighbors) -> NDArray[np.int32]:
    """Per query the manifest row of its first neighbour that is no hit, -1 where all `depth` are right: [Q]."""
    right = np.unpackbits(found.hits, axis=1, count=found.rows.shape[1]).astype(bool)
    wrong = ~right & (found.rows >= 0)
    rows = np.take_along_axis(found.rows, wrong.argmax(1)[:, None], 1)[:, 0]
    return np.where(wrong.any(1), rows, -1).astype(np.int32)


def headline_queries(queries: pd.DataFrame, metric: str = HEADLINE) -> pd.DataFrame:
    """Queries of each dataset's first protocol that have something to find: one row a (strategy, dataset, image_id).

    Strategies are named as in reports ('cross_tuned.top_tuned'); the metric of a cross-tuned query is its mean over
    sources, so that the mean over queries is the mean over sources that reports show. A merged source is a strategy of
    its own ('cross_tuned.top_tuned.all'), asked on the datasets that judge it.
    """
    first = queries.groupby("dataset", sort=False)["protocol"].transform("first")
    kept = queries[(queries["protocol"] == first) & (queries["n_relevant"] > 0)]
    kept = kept.assign(strategy=strategies(kept)).query("strategy != ''")
    about = dict.fromkeys(["n_relevant", "cluster", "clustered_by"], "first")
    groups = kept.groupby(["strategy", "dataset", "image_id"], sort=False)
    return groups.agg({**about, metric: "mean"}).reset_index()


def strategies(queries: pd.DataFrame) -> list[str]:
    """Which mean every row is part of: 'top_tuned', 'cross_tuned.top_tuned', that of a merged source, or none: ''."""
    datasets = list(queries["dataset"].unique())
    names: dict[Place, str] = {}
    for key in queries[["strategy", "method", "source", "dataset"]].drop_duplicates().itertuples(index=False):
        strategy, *place = key
        branch = mean_of(tuple(place) if place[0] else (place[-1],), datasets)
        names[tuple(key)] = "" if branch is None else ".".join((strategy, *branch))
    rows = zip(*(queries[column] for column in ("strategy", "method", "source", "dataset")), strict=True)
    return [names[row] for row in rows]


def interval(datasets: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """95 % interval of the headline, mean over queries and then over datasets, and what was drawn.

    Of one cluster alone nothing can be said: null.
    """
    drawn = [
        statistics.resample(each[HEADLINE].to_numpy(), each["cluster"].to_numpy(), each["dataset"].iloc[0])
        for each in datasets
    ]
    low, high = statistics.over_datasets(drawn).interval()
    by = " or ".join(dict.fromkeys(each["clustered_by"].iloc[0] for each in datasets))
    return {"low": rounded(low), "high": rounded(high), "by": by}


def nested(results: Mapping[Place, Means], queries: pd.DataFrame) -> dict[str, Any]:
    """Results by place, and before them the mean headline: of the strategy, or of each method of `cross_tuned`.

    That of a method is over pairs of datasets; a merged source has one of its own, over the datasets that judge it.
    """
    datasets = list(dict.fromkeys(place[-1] for place in results))
    headlines: dict[Place, list[float]] = {}
    for place, found in results.items():
        if (branch := mean_of(place, datasets)) is not None:
            headlines.setdefault(branch, []).append(next(iter(found.values()))[HEADLINE])
    asked = {
        tuple(str(name).split(".")[1:]): [each for _, each in found.groupby("dataset", sort=False)]
        for name, found in headline_queries(queries).groupby("strategy", sort=False)
    }
    tree: dict[str, Any] = {}
    for branch, values in headlines.items():
        inside(tree, branch)["mean"] = {HEADLINE: rounded(float(np.mean(values))), "interval": interval(asked[branch])}
    for place, found in results.items():
        inside(tree, place).update(found)
    return tree


def mean_of(place: Place, datasets: Sequence[str]) -> Place | None:
    """The branch whose mean headline a place is part of; None for one that does not judge its merged source."""
    if len(place) == 1 or place[-2] in datasets or place[-2] not in unions.members(datasets):
        return place[:-2]
    return place[:-1] if place[-1] in unions.judges(place[-2], datasets) else None


def inside(tree: dict[str, Any], place: Place) -> dict[str, Any]:
    """The branch at `place`, grown where it is missing."""
    for name in place:
        tree = tree.setdefault(name, {})
    return tree


def lines(results: Mapping[Place, Means]) -> list[str]:
    """For people: a line a dataset with its protocols, or a line a tuned encoder with the datasets it was tried on."""
    cells: dict[str, list[str]] = {}
    for place, found in results.items():
        line = cells.setdefault(" ".join(place[:2]), [])
        if len(place) > 1:
            line.append(f"{place[-1]} {next(iter(found.values()))[HEADLINE]:.3f}")
            continue
        line += [f"{name} {values[HEADLINE]:.3f}" for name, values in found.items() if HEADLINE in values]
        line += [f"accuracy {found['classification']['accuracy']:.3f}"] if "classification" in found else []
    width = max(map(len, cells))
    return [f"  {name:<{width}}  {'  '.join(line)}" for name, line in cells.items()]


def rounded(value: float) -> float | None:
    """As many digits as anyone compares; None, which JSON can say, for NaN."""
    return None if np.isnan(value) else round(float(value), DECIMALS)
