"""Enlarge every gallery by the other datasets' images and search again.  python -m src.stages.distract

Reads pretrained embeddings; writes data/distractors/pretrained/curve.csv: R@1 and R@5 of each dataset's first protocol
against the size of its gallery. An image that the dataset has itself, byte for byte, is no distractor.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from time import perf_counter

import pandas as pd
from threadpoolctl import threadpool_limits

from src import command, distractors, evaluation, manifest, paths, protocols, retrieval, runtime, store
from src.entries import Protocol
from src.errors import UserError
from src.params import load

Vectors = distractors.Vectors


def main() -> None:
    """Every dataset of params.yaml among all others."""
    params, start = load(), perf_counter()
    for folder in (paths.MANIFESTS, paths.embeddings("pretrained")):
        store.tidy(folder, params.datasets)
    folders = {name: paths.embeddings("pretrained", name) for name in params.datasets}
    with threadpool_limits(runtime.threads(params.runtime)):
        curves = [enlarge(name, params.catalogue[name].protocols, folders, params.model) for name in folders]
    write("pretrained", curves)
    print(f"distract: {params.model}, {len(curves)} galleries, {perf_counter() - start:.1f} s")


def enlarge(dataset: str, played: Mapping[str, Protocol], folders: Mapping[str, Path], model: str) -> pd.DataFrame:
    """The curve of one dataset; `folders` hold what one encoder makes of it and of all others."""
    table, embeddings, encoder = read(dataset, folders[dataset], model)
    own, name = set(table["sha256"]), next(iter(played))

    def others() -> Iterator[Vectors]:
        for other in (each for each in folders if each != dataset):
            images, vectors, made_by = read(other, folders[other], model)
            if made_by != encoder:
                raise UserError(
                    f"{folders[dataset]} and {folders[other]} come from different encoders; run `dvc repro`"
                )
            yield vectors[~images["sha256"].isin(own).to_numpy()]

    query, gallery = protocols.sides(table, embeddings, played[name], f"{dataset}.{name}")
    cluster, _ = evaluation.clusters(table.iloc[query.rows], retrieval.count_relevant(query, gallery) > 0)
    curve = distractors.curve(query, gallery, others(), cluster, dataset)
    first, last = curve.iloc[0], curve.iloc[-1]
    print(
        f"  {dataset} {name}: R@1 {first['R@1']:.3f} among {first['gallery']:,.0f} images,"
        f" {last['R@1']:.3f} among {last['gallery']:,.0f}"
    )
    return curve.assign(dataset=dataset, protocol=name)


def read(dataset: str, folder: Path, model: str) -> tuple[pd.DataFrame, Vectors, str]:
    """A dataset's manifest, its embeddings, and which encoder made them."""
    table, manifest_sha256 = manifest.read(paths.manifest(dataset))
    embeddings, sidecar = store.read_embeddings(folder, manifest_sha256)
    if sidecar["model"] != model:
        raise UserError(f"{folder}: model is {sidecar['model']!r}, params.yaml says {model!r}; run `dvc repro`")
    return table, embeddings, sidecar["encoder_sha256"]


def write(strategy: str, curves: list[pd.DataFrame]) -> None:
    """One table, for `dvc plots` too."""
    table = pd.concat(curves, ignore_index=True).assign(strategy=strategy).round(6)
    head = ["strategy", "dataset", "protocol"]
    with store.whole_folder(paths.DISTRACTORS / strategy) as folder:
        table[head + [name for name in table if name not in head]].to_csv(
            folder / "curve.csv", index=False, lineterminator="\n"
        )


if __name__ == "__main__":
    command.run(main)
