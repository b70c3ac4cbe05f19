"""Score a strategy from what `retrieve` found.  python -m src.stages.evaluate <strategy>

Writes metrics/<strategy>.json (means by dataset, protocol and metric, the headline's with a 95 % interval), and
data/queries/<strategy>/: queries.parquet (every metric of every query) and the same means again.
"""

from typing import Any

import pandas as pd

from src import command, evaluation, manifest, neighbors, paths, store
from src.errors import UserError
from src.evaluation import Means, Place
from src.params import Params, load
from src.registry import lookup
from src.words import STRATEGIES

PROTOCOL_VERSION = 1  # of what the numbers mean: another definition, another version
SHARED = {"weights_sha256": "backbones", "hybrid": "hybrids"}  # what a strategy has one of, and how people call several


def main(strategy: str) -> None:
    """Every dataset, or for `cross_tuned` every ordered pair of them and what merged sources give."""
    params = load()
    lookup(dict.fromkeys(STRATEGIES), strategy, "strategy", "the command")
    store.tidy(paths.MANIFESTS, params.datasets)
    results: dict[Place, Means] = {}
    tables, origins = [], []
    for place in neighbors.places(strategy, params.datasets, params.cross_tune.methods, params.cross_tune.merged):
        results[place], of_queries, made = score_place(params, strategy, place)
        tables.extend(of_queries)
        origins.extend(made)
    about = {key: shared(origins, key, strategy) for key in SHARED if key in origins[0]}
    about = {"model": params.model, **about, "strategy": strategy}
    queries = pd.concat(tables, ignore_index=True)
    summary = about | {"protocol_version": PROTOCOL_VERSION} | evaluation.nested(results, queries)
    with store.whole_folder(paths.queries(strategy)) as folder:
        store.write_table(folder / "queries.parquet", queries)
        store.write_json(folder / "metrics.json", summary)
    store.write_json(paths.metrics(strategy), summary)
    print(f"evaluate {strategy}: {params.model}, {evaluation.HEADLINE}", *evaluation.lines(results), sep="\n")


def score_place(params: Params, strategy: str, place: Place) -> tuple[Means, list[pd.DataFrame], list[dict[str, Any]]]:
    """Means by protocol, a table a protocol with a row a query, and what the neighbours of each were made from."""
    table, manifest_sha256 = manifest.read(paths.manifest(place[-1]))
    folder = paths.neighbors(strategy, *place)
    expected: dict[str, Any] = {"model": params.model, "strategy": strategy, "manifest_sha256": manifest_sha256}
    means: Means = {}
    tables, origins = [], []
    for name, protocol in params.catalogue[place[-1]].protocols.items():
        found, about = neighbors.read(folder / f"{name}.safetensors", **expected)
        queries = evaluation.query_table(strategy, place, name, table, found, evaluation.score(found))
        means[name] = evaluation.means(queries, len(manifest.sides(table, protocol, place[-1])[1]))
        tables.append(queries)
        origins.append(about)
    if (folder / "predictions.parquet").exists():
        means["classification"] = evaluation.classified(table, store.read_table(folder / "predictions.parquet"))
    if "trained_parameters" in origins[0]:
        means["training"] = {"trained_parameters": origins[0]["trained_parameters"]}
    if len(place) == 1:
        means["images"] = evaluation.intake(store.read_json(paths.manifest(place[0]) / "summary.json"))
    return means, tables, origins


def shared(origins: list[dict[str, Any]], key: str, strategy: str) -> Any:
    """What all neighbours were made from; a UserError where they differ."""
    found = {origin.get(key) for origin in origins}
    if len(found) > 1:
        raise UserError(f"{paths.neighbors(strategy)} mixes neighbours of {len(found)} {SHARED[key]}; run `dvc repro`")
    return found.pop()


if __name__ == "__main__":
    command.run(main)
