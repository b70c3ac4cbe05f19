"""Search the gallery for every query of a strategy, exactly.  python -m src.stages.retrieve <strategy>

Writes data/neighbors/<strategy>/: the nearest gallery images and the hits of every query, a file a protocol, and what
the tuned classifier (a linear probe for `pretrained`) says of the queries whose label it was taught. A dataset whose
embeddings, manifest and protocols have not changed is not searched again.
"""

import shutil
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from src import classification, command, manifest, neighbors, paths, progress, retrieval, runtime, store
from src.errors import UserError
from src.params import STRATEGIES, Params, Protocol, load
from src.registry import lookup

Embeddings = NDArray[np.float32]


def main(strategy: str) -> None:
    """Every dataset, or every ordered pair of them for `cross_tuned`."""
    params, start = load(), perf_counter()
    lookup(dict.fromkeys(STRATEGIES), strategy, "strategy", "the command")
    places = neighbors.places(strategy, params.datasets, params.cross_tune.methods)
    tidy(params, strategy, places)
    check_backbone(params, strategy, places)
    kept, used = store.scratch(f"retrieve/{strategy}"), set()
    with store.whole_folder(paths.neighbors(strategy)) as folder, threadpool_limits(runtime.threads(params.runtime)):
        for place in places:
            key = content_key(params, strategy, place)
            if not (kept / key).exists():
                search(kept / key, params, strategy, place)
            shutil.copytree(kept / key, folder.joinpath(*place))
            used.add(key)
    store.keep_recent(kept, used)
    print(f"retrieve {strategy}: {len(places)} galleries, {perf_counter() - start:.1f} s")


def tidy(params: Params, strategy: str, places: list[tuple[str, ...]]) -> None:
    """Remove what an earlier choice of datasets or methods left in the folders this stage reads as a whole."""
    store.tidy(paths.MANIFESTS, params.datasets)
    levels: dict[Path, list[str]] = {}
    for place in places:
        for depth, name in enumerate(place):
            levels.setdefault(paths.embeddings(strategy, *place[:depth]), []).append(name)
    for folder, names in levels.items():
        store.tidy(folder, names)


def check_backbone(params: Params, strategy: str, places: list[tuple[str, ...]]) -> None:
    """Refuse embeddings of another model than params.yaml's, or of several weights."""
    made: dict[str, Path] = {}
    for place in places:
        folder = paths.embeddings(strategy, *place)
        sidecar = store.read_json(folder / "sidecar.json")
        if sidecar.get("model") != params.model:
            other = sidecar.get("model")
            raise UserError(f"{folder}: model is {other!r}, params.yaml says {params.model!r}; run `dvc repro`")
        made.setdefault(sidecar["weights_sha256"], folder)
    if len(made) > 1:
        raise UserError(f"{' and '.join(map(str, made.values()))} come from different weights; run `dvc repro`")


def content_key(params: Params, strategy: str, place: tuple[str, ...]) -> str:
    """Equal when nothing that the search reads has changed."""
    files = [paths.manifest(place[-1]) / "manifest.parquet", *sorted(paths.embeddings(strategy, *place).iterdir())]
    protocols = [[name, protocol.model_dump()] for name, protocol in params.catalogue[place[-1]].protocols.items()]
    hashes = [store.sha256(file) for file in files]
    return store.fingerprint(strategy, place, protocols, params.retrieve.depth, hashes, store.code_fingerprint())


def search(out: Path, params: Params, strategy: str, place: tuple[str, ...]) -> None:
    """Write one folder: `<protocol>.safetensors`, and `predictions.parquet` where there is something to predict."""
    table, manifest_sha256 = manifest.read(paths.manifest(place[-1]))
    folder, depth = paths.embeddings(strategy, *place), params.retrieve.depth
    embeddings, sidecar = store.read_embeddings(folder, manifest_sha256)
    check_lengths(embeddings, folder)
    about = {key: sidecar[key] for key in ("model", "weights_sha256", "manifest_sha256")}
    about |= {"strategy": strategy, "depth": depth}
    protocols = params.catalogue[place[-1]].protocols
    with store.whole_folder(out) as part:
        for name, protocol in protocols.items():
            query, gallery = sides(table, embeddings, protocol, f"{place[-1]}.{name}")
            with progress.bar(len(query), f"retrieve {strategy} {' '.join(place)} {name}", "queries") as bar:
                found = retrieval.neighbors(query, gallery, depth, bar.update)
            neighbors.write(part / f"{name}.safetensors", found, about)
        asked = known_queries(table, next(iter(protocols.values())), place[-1])
        if len(asked) and strategy != "cross_tuned":
            predicted = probe(table, embeddings, asked) if strategy == "pretrained" else said(folder, sidecar)[asked]
            store.write_table(part / "predictions.parquet", pd.DataFrame({"row": asked, "predicted": predicted}))


def check_lengths(embeddings: Embeddings, folder: Path) -> None:
    """Refuse vectors that are not of length 1 (a network that diverged gives NaN): cosine ranking rests on that."""
    right = np.abs(np.einsum("nd,nd->n", embeddings, embeddings) - 1) < 1e-3
    if not right.all():
        raise UserError(
            f"{folder}: {(~right).sum()} vectors are not of length 1, first row {right.argmin()}; embed again"
        )


def sides(
    table: pd.DataFrame, embeddings: Embeddings, protocol: Protocol, place: str
) -> tuple[retrieval.Side, retrieval.Side]:
    """Who asks and who is searched; a UserError where a protocol has nothing to find."""
    asking, searched = manifest.sides(table, protocol, place)
    labels, groups = manifest.codes(table, "label"), np.arange(len(table))
    if protocol.exclude_same:
        grouped = (table[protocol.exclude_same] != "").to_numpy()  # an image without a group is its own
        groups[grouped] = len(table) + manifest.codes(table, protocol.exclude_same)[grouped]
    gallery = retrieval.Side(embeddings[searched], labels[searched], searched, groups[searched])
    same = np.array_equal(asking, searched)
    query = gallery if same else retrieval.Side(embeddings[asking], labels[asking], asking, groups[asking])
    if not retrieval.count_relevant(query, gallery).any():
        raise UserError(f"{place}: no query has another image of its label in the gallery; check its splits and labels")
    return query, gallery


def known_queries(table: pd.DataFrame, protocol: Protocol, place: str) -> NDArray[np.int64]:
    """Rows of the queries whose label occurs among the images that tuning fits."""
    asking, _ = manifest.sides(table, protocol, place)
    known = table["label"][table["tuning"] == "train"].unique()
    return asking[table["label"].iloc[asking].isin(known).to_numpy()]


def probe(table: pd.DataFrame, embeddings: Embeddings, asked: NDArray[np.int64]) -> NDArray[Any]:
    """What a linear probe, fitted on the images that tuning fits, says of the rows `asked`."""
    train, labels = manifest.rows(table, "tuning", "train"), table["label"].to_numpy(dtype=str)
    with threadpool_limits(1):  # its many small products wait for each other: beside a busy neighbour 30 times longer
        return classification.linear_probe(embeddings[train], labels[train], embeddings[asked])


def said(folder: Path, sidecar: dict[str, Any]) -> NDArray[Any]:
    """What the tuned classifier says of every row of the manifest: [N] labels."""
    predictions = store.read_array(folder / "predictions.npy")
    if predictions.shape != (sidecar["rows"],):
        raise UserError(
            f"{folder / 'predictions.npy'}: {predictions.shape} for {sidecar['rows']} rows; run `dvc repro`"
        )
    return np.array(sidecar["classes"], dtype=str)[predictions]


if __name__ == "__main__":
    command.run(main)
