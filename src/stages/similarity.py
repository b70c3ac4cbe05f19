"""How alike the datasets are to the chosen backbone, before anything is tuned.  python -m src.stages.similarity

Reads pretrained embeddings and manifests alone (seconds to a minute or two; `dvc repro similarity` makes them first
where they are missing) and writes data/similarity/similarity.csv, a row an ordered pair (source, target): cka, frechet,
transfer. Prints each target's sources, the most promising first. When cross-tuning has been run, the report says how
far these figures told its outcome.
"""

from time import perf_counter

import numpy as np
from threadpoolctl import threadpool_limits

from src import command, manifest, paths, runtime, similarity, store
from src.errors import UserError
from src.params import Params, load


def main() -> None:
    """Every ordered pair of params.yaml's datasets."""
    params, start = load(), perf_counter()
    for folder in (paths.MANIFESTS, paths.embeddings("pretrained")):
        store.tidy(folder, params.datasets)
    with threadpool_limits(runtime.threads(params.runtime)):
        table = similarity.compare({name: read_space(name, params) for name in params.datasets})
    with store.whole_folder(paths.SIMILARITY) as folder:
        table.to_csv(folder / "similarity.csv", index=False, lineterminator="\n")
    told = f"similarity: {params.model}, {len(table)} ordered pairs, {perf_counter() - start:.1f} s"
    print(told, *similarity.lines(table), sep="\n")


def read_space(dataset: str, params: Params) -> similarity.Space | None:
    """A dataset's images that tuning may see, as the backbone sees them."""
    table, manifest_sha256 = manifest.read(paths.manifest(dataset))
    folder = paths.embeddings("pretrained", dataset)
    embeddings, sidecar = store.read_embeddings(folder, manifest_sha256)
    if sidecar["model"] != params.model:
        raise UserError(f"{folder}: model is {sidecar['model']!r}, params.yaml says {params.model!r}; run `dvc repro`")
    if not np.isfinite(embeddings).all():
        raise UserError(f"{folder}: some vectors are no numbers; check the weights in {paths.BACKBONE} and embed again")
    taught = (table["tuning"] != "").to_numpy()
    return similarity.describe(embeddings[taught], table["label"].to_numpy(dtype=str)[taught])


if __name__ == "__main__":
    command.run(main)
