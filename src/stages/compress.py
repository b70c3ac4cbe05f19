"""Store a strategy's vectors in fewer bytes, and see what mMP@5 that costs.  python -m src.stages.compress <strategy>

Writes data/compression/<strategy>/: datasets.csv (a row a dataset and a way to store its vectors: bytes a vector, mMP@5
of the first protocol, what is lost with a 95 % interval) and means.csv (the mean over datasets). Both are empty for
`cross_tuned`: its encoders are those of the tuned strategies.
"""

from time import perf_counter

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from src import command, compression, manifest, paths, protocols, retrieval, runtime, statistics, store
from src.errors import UserError
from src.params import Params, load
from src.registry import lookup
from src.words import STRATEGIES


def main(strategy: str) -> None:
    """The first protocol of every dataset."""
    params, start = load(), perf_counter()
    lookup(dict.fromkeys(STRATEGIES), strategy, "strategy", "the command")
    store.tidy(paths.MANIFESTS, params.datasets)
    datasets = [] if strategy == "cross_tuned" else params.datasets
    if datasets:
        store.tidy(paths.embeddings(strategy), datasets)
    with threadpool_limits(runtime.threads(params.runtime)):
        played = {name: play(strategy, name, params) for name in datasets}
    everything, means = tables(played)
    with store.whole_folder(paths.compression(strategy)) as folder:
        everything.to_csv(folder / "datasets.csv", index=False, lineterminator="\n")
        means.to_csv(folder / "means.csv", index=False, lineterminator="\n")
    told = f"compress {strategy}: {len(datasets)} datasets, {perf_counter() - start:.1f} s"
    print(told, *compression.lines(means), sep="\n")


def tables(played: dict[str, compression.Outcome]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row a dataset and codec, and a row a codec; both empty where nothing was played."""
    columns = ["dataset", *compression.COLUMNS]
    if not played:
        return pd.DataFrame(columns=columns), pd.DataFrame(columns=compression.COLUMNS)
    each = [compression.table(found).assign(dataset=name)[columns] for name, found in played.items()]
    return pd.concat(each), compression.table(compression.over_datasets(list(played.values())))


def play(strategy: str, dataset: str, params: Params) -> compression.Outcome:
    """Every codec, fitted on what tuning may see, on the dataset's first protocol."""
    table, manifest_sha256 = manifest.read(paths.manifest(dataset))
    folder, protocol = paths.embeddings(strategy, dataset), next(iter(params.catalogue[dataset].protocols.values()))
    embeddings, sidecar = store.read_embeddings(folder, manifest_sha256)
    if sidecar["model"] != params.model:
        raise UserError(f"{folder}: model is {sidecar['model']!r}, params.yaml says {params.model!r}; run `dvc repro`")
    if not np.isfinite(embeddings).all():
        raise UserError(f"{folder}: some vectors are no numbers; embed again")
    query, gallery = protocols.sides(table, embeddings, protocol, dataset)
    query = query[retrieval.count_relevant(query, gallery) > 0]
    query = query[compression.spread(len(query), params.compress.queries)]
    labels, groups = (manifest.codes(table, column)[query.rows] for column in ("label", "group"))
    clusters, _ = statistics.clusters(labels, groups, np.ones(len(query), bool))
    fitted = embeddings[(table["tuning"] != "").to_numpy()]
    found = compression.codecs(fitted, params.compress.dimensions, params.compress.parts)
    return compression.play(query, gallery, found, clusters, dataset)


if __name__ == "__main__":
    command.run(main)
