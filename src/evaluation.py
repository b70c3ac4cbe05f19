"""Floor 2. From neighbours to numbers: every metric of every query, their means by place, and lines for people."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from src import classification, metrics, unions
from src.neighbors import Neighbors

HEADLINE = "mMP@5"
DECIMALS = 6

Place = tuple[str, ...]  # (dataset,), or (method, source, target)
Scores = dict[str, metrics.Values]  # metric -> [Q]
Means = dict[str, dict[str, Any]]  # protocol, or "classification" or "images" -> metric -> value


def means(found: Neighbors, scores: Scores, gallery: int) -> dict[str, Any]:
    """Mean of every metric, how many asked, how many of them in vain, and among how many."""
    values: dict[str, Any] = {metric: rounded(metrics.mean(each)) for metric, each in scores.items()}
    lost = int((found.n_relevant == 0).sum())
    return values | {"queries": len(found.query), "queries_without_relevant": lost, "gallery": gallery}


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
    """A row a query: whose, what it is, and every metric."""
    method, source = place[:2] if len(place) > 1 else ("", "")
    where = {"strategy": strategy, "dataset": place[-1], "protocol": protocol, "method": method, "source": source}
    images = table[["image_id", "label", "category"]].iloc[found.query].reset_index(drop=True)
    return pd.DataFrame({**where, "row": found.query, **images, "n_relevant": found.n_relevant, **scores})


def nested(results: Mapping[Place, Means]) -> dict[str, Any]:
    """Results by place, and before them the mean headline: of the strategy, or of each method of `cross_tuned`.

    That of a method is over pairs of datasets; a merged source has one of its own, over the datasets that judge it.
    """
    datasets = list(dict.fromkeys(place[-1] for place in results))
    headlines: dict[Place, list[float]] = {}
    for place, found in results.items():
        if (branch := mean_of(place, datasets)) is not None:
            headlines.setdefault(branch, []).append(next(iter(found.values()))[HEADLINE])
    tree: dict[str, Any] = {}
    for branch, values in headlines.items():
        inside(tree, branch)["mean"] = {HEADLINE: rounded(float(np.mean(values)))}
    for place, found in results.items():
        inside(tree, place).update(found)
    return tree


def mean_of(place: Place, datasets: Sequence[str]) -> Place | None:
    """The branch whose mean headline a place is part of; None for one that does not judge its merged source."""
    if len(place) == 1 or place[-2] in datasets:
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


def rounded(value: float) -> float:
    """As many digits as anyone compares."""
    return round(value, DECIMALS)
