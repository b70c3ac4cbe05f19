"""Score a strategy from what `retrieve` found.  python -m src.stages.evaluate <strategy>

Writes metrics/<strategy>.json (means by dataset, protocol and metric), and data/queries/<strategy>/: queries.parquet
(every metric of every query) and the same means again.
"""

from typing import Any

import numpy as np
import pandas as pd

from src import classification, command, manifest, metrics, neighbors, paths, store
from src.errors import UserError
from src.neighbors import Neighbors
from src.params import STRATEGIES, Params, load
from src.registry import lookup

PROTOCOL_VERSION = 1  # of what the numbers mean: another definition, another version
HEADLINE = "mMP@5"
DECIMALS = 6

Place = tuple[str, ...]
Means = dict[str, dict[str, Any]]  # protocol, or "classification" -> metric -> value


def main(strategy: str) -> None:
    """Every dataset, or every ordered pair of them for `cross_tuned`."""
    params = load()
    lookup(dict.fromkeys(STRATEGIES), strategy, "strategy", "the command")
    store.tidy(paths.MANIFESTS, params.datasets)
    results: dict[Place, Means] = {}
    tables, weights = [], set()
    for place in neighbors.places(strategy, params.datasets, params.cross_tune.methods):
        results[place], of_queries, sha256 = score_place(params, strategy, place)
        tables.extend(of_queries)
        weights |= sha256
    if len(weights) > 1:
        raise UserError(f"{paths.neighbors(strategy)} mixes neighbours of {len(weights)} backbones; run `dvc repro`")
    about = {"model": params.model, "weights_sha256": weights.pop(), "strategy": strategy}
    summary = about | {"protocol_version": PROTOCOL_VERSION} | nested(results)
    with store.whole_folder(paths.queries(strategy)) as folder:
        store.write_table(folder / "queries.parquet", pd.concat(tables, ignore_index=True))
        store.write_json(folder / "metrics.json", summary)
    store.write_json(paths.metrics(strategy), summary)
    print(f"evaluate {strategy}: {params.model}, {HEADLINE}", *lines(results), sep="\n")


def score_place(params: Params, strategy: str, place: Place) -> tuple[Means, list[pd.DataFrame], set[str]]:
    """Means by protocol, a table a protocol with a row a query, and the weights that all of it descends from."""
    table, manifest_sha256 = manifest.read(paths.manifest(place[-1]))
    folder = paths.neighbors(strategy, *place)
    expected = {"model": params.model, "strategy": strategy, "manifest_sha256": manifest_sha256}
    means: Means = {}
    tables, weights = [], set()
    for name, protocol in params.catalogue[place[-1]].protocols.items():
        found, about = neighbors.read(folder / f"{name}.safetensors", **expected)
        scores = score(found)
        means[name] = {metric: rounded(metrics.mean(values)) for metric, values in scores.items()}
        means[name] |= counts(found, len(manifest.sides(table, protocol, place[-1])[1]))
        tables.append(query_table(strategy, place, name, table, found, scores))
        weights.add(about["weights_sha256"])
    if (folder / "predictions.parquet").exists():
        means["classification"] = classified(table, store.read_table(folder / "predictions.parquet"))
    return means, tables, weights


def score(found: Neighbors) -> dict[str, metrics.Values]:
    """Every metric of every query, NaN where nothing is relevant, a block at a time."""
    blocks = [metrics.score(hits, found.n_relevant[at], found.first_hit[at]) for at, hits in found.unpacked()]
    return {name: np.concatenate([block[name] for block in blocks]) for name in metrics.METRICS}


def counts(found: Neighbors, gallery: int) -> dict[str, int]:
    """How many asked, how many of them in vain, and among how many."""
    lost = int((found.n_relevant == 0).sum())
    return {"queries": len(found.query), "queries_without_relevant": lost, "gallery": gallery}


def classified(table: pd.DataFrame, predictions: pd.DataFrame) -> dict[str, Any]:
    """Scores of the predicted labels."""
    truth = table["label"].to_numpy(dtype=str)[predictions["row"]]
    predicted = predictions["predicted"].to_numpy(dtype=str)
    scores = {name: rounded(function(truth, predicted)) for name, function in classification.SCORES.items()}
    return {**scores, "images": len(truth)}


def query_table(
    strategy: str, place: Place, protocol: str, table: pd.DataFrame, found: Neighbors, scores: dict[str, metrics.Values]
) -> pd.DataFrame:
    """A row a query: whose, what it is, and every metric."""
    method, source = place[:2] if len(place) > 1 else ("", "")
    where = {"strategy": strategy, "dataset": place[-1], "protocol": protocol, "method": method, "source": source}
    images = table[["image_id", "label", "category"]].iloc[found.query].reset_index(drop=True)
    return pd.DataFrame({**where, "row": found.query, **images, "n_relevant": found.n_relevant, **scores})


def nested(results: dict[Place, Means]) -> dict[str, Any]:
    """Results by place, and before them the mean headline: of the strategy, or of each method of `cross_tuned`."""
    headlines: dict[Place, list[float]] = {}
    for place, means in results.items():
        headlines.setdefault(place[:-2], []).append(next(iter(means.values()))[HEADLINE])
    tree: dict[str, Any] = {}
    for method, values in headlines.items():
        inside(tree, method)["mean"] = {HEADLINE: rounded(float(np.mean(values)))}
    for place, means in results.items():
        inside(tree, place).update(means)
    return tree


def inside(tree: dict[str, Any], place: Place) -> dict[str, Any]:
    """The branch at `place`, grown where it is missing."""
    for name in place:
        tree = tree.setdefault(name, {})
    return tree


def lines(results: dict[Place, Means]) -> list[str]:
    """For people: a line a dataset with its protocols, or a line a tuned encoder with the datasets it was tried on."""
    cells: dict[str, list[str]] = {}
    for place, means in results.items():
        line = cells.setdefault(" ".join(place[:2]), [])
        if len(place) > 1:
            line.append(f"{place[-1]} {next(iter(means.values()))[HEADLINE]:.3f}")
            continue
        line += [f"{name} {values[HEADLINE]:.3f}" for name, values in means.items() if HEADLINE in values]
        line += [f"accuracy {means['classification']['accuracy']:.3f}"] if "classification" in means else []
    width = max(map(len, cells))
    return [f"  {name:<{width}}  {'  '.join(line)}" for name, line in cells.items()]


def rounded(value: float) -> float:
    """As many digits as anyone compares."""
    return round(value, DECIMALS)


if __name__ == "__main__":
    command.run(main)
