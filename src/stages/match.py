"""Search for products, not pictures, and know when there is none.  python -m src.stages.match <strategy>

Writes data/matches/<strategy>/: matches.parquet (a row a query) and metrics.json (by dataset and protocol: product
metrics, similarity of right and wrong matches, hubs, thresholds), which is metrics/matches/<strategy>.json too; of the
many encoders of `cross_tuned` that has product metrics alone. For `dvc plots`, of each dataset's first protocol:
metrics/matches/<strategy>/histograms.csv and thresholds.csv.
"""

from time import perf_counter
from typing import Any

import pandas as pd

from src import command, evaluation, manifest, matching, neighbors, paths, protocols, store, thresholds
from src.evaluation import Place
from src.params import Params, load
from src.registry import lookup
from src.words import STRATEGIES


def main(strategy: str) -> None:
    """Every dataset, or every ordered pair of them for `cross_tuned`."""
    params, start = load(), perf_counter()
    lookup(dict.fromkeys(STRATEGIES), strategy, "strategy", "the command")
    store.tidy(paths.MANIFESTS, params.datasets)
    about = {"model": params.model, "strategy": strategy}
    summary: dict[str, Any] = dict(about)
    brief: dict[str, Any] = dict(about)
    matches, curves = [], []
    for place in neighbors.places(strategy, params.datasets, params.cross_tune.methods):
        for number, protocol in enumerate(params.catalogue[place[-1]].protocols):
            table, drawn, figures = of_protocol(params, strategy, place, protocol)
            evaluation.inside(summary, place)[protocol] = figures
            evaluation.inside(brief, place)[protocol] = {"products": figures["products"]}
            matches.append(table)
            curves += [drawn] if number == 0 else []
    with store.whole_folder(paths.MATCHES / strategy) as folder:
        store.write_table(folder / "matches.parquet", pd.concat(matches, ignore_index=True))
        store.write_json(folder / "metrics.json", summary)
    store.write_json(paths.METRICS / "matches" / f"{strategy}.json", brief if strategy == "cross_tuned" else summary)
    for name in curves[0]:
        together = pd.concat([each[name] for each in curves], ignore_index=True)
        with store.whole(paths.METRICS / "matches" / strategy / f"{name}.csv") as part:
            together.round(evaluation.DECIMALS).to_csv(part, index=False, lineterminator="\n")
    print(f"match {strategy}: {params.model}, {len(matches)} galleries, {perf_counter() - start:.1f} s")
    for line in matching.lines(summary, params.datasets):
        print(line)


def of_protocol(
    params: Params, strategy: str, place: Place, name: str
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame], dict[str, Any]]:
    """A protocol's rows of matches.parquet, its curves, and what the metrics file says of it."""
    table, manifest_sha256 = manifest.read(paths.manifest(place[-1]))
    embeddings, _ = store.read_embeddings(paths.embeddings(strategy, *place), manifest_sha256)
    file = paths.neighbors(strategy, *place) / f"{name}.safetensors"
    near, _ = neighbors.read(file, model=params.model, strategy=strategy, manifest_sha256=manifest_sha256)
    protocol = params.catalogue[place[-1]].protocols[name]
    query, gallery = protocols.sides(table, embeddings, protocol, f"{place[-1]}.{name}")
    found = matching.match(near, query, gallery, matching.products(table))
    where, scores = evaluation.where(strategy, place, name), matching.score(found)
    cluster, _ = evaluation.clusters(table.iloc[query.rows], found.n_relevant > 0)
    chosen = thresholds.choose(found, cluster, place[-1])
    curves = {"histograms": thresholds.histograms(found), "thresholds": chosen.dropna()}
    figures = matching.summary(scores) | {"hubness": matching.hubness(near, gallery.rows)}
    figures["false_accepts"] = thresholds.summary(chosen)
    matches = pd.DataFrame({**where, "row": query.rows, **scores})
    return matches, {kind: pd.DataFrame({**where, **curve}) for kind, curve in curves.items()}, figures


if __name__ == "__main__":
    command.run(main)
