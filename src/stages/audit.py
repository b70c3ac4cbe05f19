"""Find copies of photos, within and across splits and datasets, and whom they affect.  python -m src.stages.audit

Copies are byte-equal, or the same picture resized, re-encoded or made brighter. Writes data/audit/: pairs.parquet
(a row a pair of copies), affected.parquet (a row a query and a reason to doubt its answer), and the counts of both in
audit.json, which are metrics/audit.json too.
"""

from time import perf_counter

import numpy as np
import pandas as pd

from src import audit, command, duplicates, images, manifest, paths, progress, runtime, store
from src.params import Params, load

COLUMNS = ["image_id", "label", "split", "tuning", "group", "sha256"]
SHOWN = ["dataset", "row", "image_id", "label", "split", "tuning"]  # of each side of a pair


def main() -> None:
    """All datasets of params.yaml together."""
    params, start = load(), perf_counter()
    for folder in (paths.MANIFESTS, paths.SHARDS):
        store.tidy(folder, params.datasets)
    photos = pd.concat([read(dataset) for dataset in params.datasets], ignore_index=True)
    pairs = find(photos, params)
    photos["set"] = audit.sets(len(photos), pairs[["first", "second"]].to_numpy())
    protocols = {dataset: params.catalogue[dataset].protocols for dataset in params.datasets}
    affected = audit.affected(photos, protocols)
    counted = audit.counts(photos, protocols, affected)
    with store.whole_folder(paths.AUDIT) as folder:
        store.write_table(folder / "pairs.parquet", shown(pairs, photos))
        store.write_table(folder / "affected.parquet", affected)
        store.write_json(folder / "audit.json", counted)
    store.write_json(paths.METRICS / "audit.json", counted)
    told = f"audit: {len(pairs):,} pairs of copies among {len(photos):,} images, {perf_counter() - start:.1f} s"
    print(told, *audit.lines(counted), sep="\n")


def read(dataset: str) -> pd.DataFrame:
    """What the audit needs to know of a dataset's images, a row each."""
    table, _ = manifest.read(paths.manifest(dataset))
    measured = store.read_table(paths.manifest(dataset) / "pictures.parquet")[["phash", "contrast"]]
    return table[COLUMNS].assign(dataset=dataset, row=np.arange(len(table))).join(measured)


def find(photos: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Pairs of copies by position in `photos`: columns first, second, kind, distance, correlation, worst."""
    equal = duplicates.equal(photos["sha256"])
    rows = np.flatnonzero(~photos["sha256"].duplicated() & (photos["contrast"] >= duplicates.PLAIN))
    hashes = photos["phash"].to_numpy()
    near = rows[duplicates.candidates(hashes[rows])]
    looked_at, places = np.unique(near, return_inverse=True)
    correlation, worst = duplicates.compare(look(photos.iloc[looked_at], params), places.reshape(near.shape))
    same = duplicates.same(correlation, worst)
    distance = np.bitwise_count(hashes[near[:, 0]] ^ hashes[near[:, 1]])
    facts = {"kind": "near", "distance": distance, "correlation": correlation, "worst": worst}
    pairs = pd.DataFrame({"first": near[:, 0], "second": near[:, 1], **facts})[same]
    exact = pd.DataFrame({"first": equal[:, 0], "second": equal[:, 1], "kind": "exact"})
    return pd.concat([exact.assign(distance=0, correlation=1.0, worst=0.0).astype(pairs.dtypes), pairs])


def look(photos: pd.DataFrame, params: Params) -> images.Pixels:
    """A glimpse of each of these photos."""
    shards = {dataset: images.Shards(paths.shards(dataset)) for dataset in params.datasets}
    where, workers = zip(photos["dataset"], photos["row"], strict=True), runtime.workers(params.runtime)
    found = np.empty((len(photos), *duplicates.SHAPE), np.uint8)
    with progress.bar(len(photos), "audit") as bar:
        glimpses = images.in_order(lambda at: duplicates.glimpse(shards[at[0]][at[1]]), where, workers, waiting=64)
        for i, pixels in enumerate(glimpses):
            found[i] = pixels
            bar.update()
    return found


def shown(pairs: pd.DataFrame, photos: pd.DataFrame) -> pd.DataFrame:
    """Pairs with what both photos are, for people and the report."""
    sides = [
        photos[SHOWN].iloc[pairs[side]].add_suffix(f"_{side}").reset_index(drop=True) for side in ("first", "second")
    ]
    return pd.concat([pairs.drop(columns=["first", "second"]).reset_index(drop=True), *sides], axis=1)


if __name__ == "__main__":
    command.run(main)
