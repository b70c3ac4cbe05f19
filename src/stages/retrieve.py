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

from src import command, manifest, neighbors, paths, progress, protocols, retrieval, runtime, store
from src.errors import UserError
from src.params import Params, load
from src.registry import lookup
from src.words import STRATEGIES

Embeddings = NDArray[np.float32]

TRAINING = ("hybrid", "trained_parameters")  # what a sidecar may say of it, for the metrics file


def main(strategy: str) -> None:
    """Every dataset, or for `cross_tuned` every ordered pair of them and what merged sources give."""
    params, start = load(), perf_counter()
    lookup(dict.fromkeys(STRATEGIES), strategy, "strategy", "the command")
    places = neighbors.places(strategy, params.datasets, params.cross_tune.methods, params.cross_tune.merged)
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
    played = [[name, protocol.model_dump()] for name, protocol in params.catalogue[place[-1]].protocols.items()]
    hashes = [store.sha256(file) for file in files]
    return store.fingerprint(strategy, place, played, params.retrieve.depth, hashes, store.code_fingerprint())


def search(out: Path, params: Params, strategy: str, place: tuple[str, ...]) -> None:
    """Write one folder: `<protocol>.safetensors`, and `predictions.parquet` where there is something to predict."""
    table, manifest_sha256 = manifest.read(paths.manifest(place[-1]))
    folder, depth = paths.embeddings(strategy, *place), params.retrieve.depth
    embeddings, sidecar = store.read_embeddings(folder, manifest_sha256)
    check_lengths(embeddings, folder)
    about = {key: sidecar[key] for key in ("model", "weights_sha256", "manifest_sha256")}
    about |= {key: sidecar[key] for key in TRAINING if key in sidecar} | {"strategy": strategy, "depth": depth}
    played = params.catalogue[place[-1]].protocols
    with store.whole_folder(out) as part:
        for name, protocol in played.items():
            query, gallery = protocols.sides(table, embeddings, protocol, f"{place[-1]}.{name}")
            with progress.bar(len(query), f"retrieve {strategy} {' '.join(place)} {name}", "queries") as bar:
                found = retrieval.neighbors(query, gallery, depth, bar.update)
            neighbors.write(part / f"{name}.safetensors", found, about)
        asked = protocols.known_queries(table, next(iter(played.values())), place[-1])
        if len(asked) and strategy != "cross_tuned":
            tuned = strategy != "pretrained"
            predicted = said(folder, sidecar)[asked] if tuned else protocols.probe(table, embeddings, asked)
            store.write_table(part / "predictions.parquet", pd.DataFrame({"row": asked, "predicted": predicted}))


def check_lengths(embeddings: Embeddings, folder: Path) -> None:
    """Refuse vectors that are not of length 1 (a network that diverged gives NaN): cosine ranking rests on that."""
    right = np.abs(np.einsum("nd,nd->n", embeddings, embeddings) - 1) < 1e-3
    if not right.all():
        raise UserError(
            f"{folder}: {(~right).sum()} vectors are not of length 1, first row {right.argmin()}; embed again"
        )


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
