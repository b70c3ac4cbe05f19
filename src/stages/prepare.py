"""Floor 3. Raw photos become a manifest, a row an image, and a few large shards.  python -m src.stages.prepare DATASET

Rows are sorted by file. Every image is read to its end once; what cannot be used is quarantined with its reason, the
rest is hashed and measured (pictures.parquet). Interrupted, it decodes none of them again. Photos without splits are
divided into train and test; a validation part is cut from train where the dataset has none.
"""

import shutil
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pandas as pd

from src import command, datasets, manifest, paths, runtime, splits, store
from src.datasets import intake
from src.datasets.raw import Raw
from src.entries import Dataset, FolderDataset, UnsplitDataset
from src.errors import UserError
from src.params import PrepareParams, load
from src.registry import lookup


def main(dataset: str) -> None:
    """Write data/manifests/<dataset> and data/shards/<dataset>, each whole or not at all."""
    params, start, place = load(), time.perf_counter(), f"catalogue.{dataset}"
    entry = lookup(params.catalogue, dataset, "dataset")
    raw = Raw(paths.raw(dataset))
    records = datasets.read(raw, entry, place)
    workers = runtime.workers(params.runtime)
    scratch = store.scratch("prepare", store.fingerprint(dataset, version("pillow"), store.code_fingerprint()))
    with store.whole_folder(paths.manifest(dataset)) as folder, store.whole_folder(paths.shards(dataset)) as shards:
        images, pictures, quarantine = intake.pack(raw, records, shards, workers, f"prepare {dataset}", scratch)
        intake.refuse_broken(quarantine, len(records), params.prepare.max_quarantined, raw.place)
        images = assign(images, entry, params.prepare, place)
        manifest.write(folder, images)
        store.write_table(folder / "pictures.parquet", pictures)
        store.write_table(folder / "quarantine.parquet", quarantine)
        store.write_json(folder / "summary.json", summary := summarise(images, quarantine))
    shutil.rmtree(scratch)
    passed_over = sorted(set(raw.names) - set(records["file"])) if isinstance(entry, FolderDataset) else []
    for doubt in doubts(images, entry, passed_over, place):
        print(f"warning: {dataset}: {doubt}", file=sys.stderr)
    print(line(dataset, summary, "split" in records, len(records), time.perf_counter() - start))


def assign(images: pd.DataFrame, entry: Dataset, how: PrepareParams, place: str) -> pd.DataFrame:
    """With group, split and tuning; a UserError where labels or a protocol's splits are missing."""
    if images["label"].nunique() < 2:
        raise UserError(f"{place}: all {len(images)} images have one label; retrieval needs two labels or more")
    images["group"] = splits.merge(images["group"], images["image_id"], images["sha256"])
    if "split" not in images:
        assert isinstance(entry, UnsplitDataset), entry
        images["split"] = splits.divide(images["label"], images["group"], entry.test_fraction, how.seed)
    for name, protocol in entry.protocols.items():
        manifest.sides(images, protocol, f"{place}.protocols.{name}")
    query = next(iter(entry.protocols.values())).query
    images["tuning"] = splits.tuning(images["split"], images["label"], images["group"], query, how.validation, how.seed)
    return images


def summarise(images: pd.DataFrame, quarantine: pd.DataFrame) -> dict[str, Any]:
    """Counts a person wants to see before trusting a number."""
    return {
        "images": len(images),
        "labels": images["label"].nunique(),
        "splits": count(images["split"]),
        "tuning": count(images["tuning"][images["tuning"] != ""]),
        "labels_with_one_image": int((images["label"].value_counts() == 1).sum()),
        "byte_equal": int(images["sha256"].duplicated().sum()),
        "byte_equal_of_other_label": int((images.groupby("sha256")["label"].nunique() > 1).sum()),
        "groups_in_several_splits": int((images.groupby("group")["split"].nunique() > 1).sum()),
        "quarantined": len(quarantine),
        "quarantined_because": count(quarantine["reason"]),
    }


def count(words: "pd.Series[str]") -> dict[str, int]:
    """How often each word occurs, by word."""
    return {str(word): int(n) for word, n in words.value_counts().sort_index().items()}


def doubts(images: pd.DataFrame, entry: Dataset, passed_over: list[str], place: str) -> Iterator[str]:
    """What is allowed and yet deserves a look; `passed_over` are files of a folder that are not named like photos."""
    counts = images["label"].value_counts()
    if len(single := sorted(counts.index[counts == 1])):
        yield f"labels with one image only: {len(single)}, first {single[0]!r}"
    used = {"train", "val", *(side for each in entry.protocols.values() for side in (each.query, each.gallery))}
    for split, n in count(images["split"]).items():
        if split not in used:
            which = f"of split {split!r}" if split else "without a split"
            yield f"images {which}, used by no protocol nor by tuning: {n:,}; say what they are in {place}.splits"
    if "val" not in set(images["tuning"]) and "train" in set(images["split"]):
        yield "train is too small for a validation part; tuning cannot choose"
    if below := [name for name in passed_over if "/" in name]:  # what lies loose is a licence or the like
        yield f"files passed over, as they are not named like photos: {len(below):,}, first {below[0]!r}"


def line(dataset: str, summary: dict[str, Any], own_splits: bool, read: int, seconds: float) -> str:
    """The one line a stage leaves."""
    parts = ", ".join(f"{split or 'no split'} {n:,}" for split, n in summary["splits"].items())
    divided = "" if own_splits else "; no splits given, divided by label"
    validation = summary["tuning"].get("val", 0)
    cut = " cut from train" if validation and "val" not in summary["splits"] else ""
    return (
        f"prepare {dataset}: {summary['images']:,} images of {summary['labels']:,} labels ({parts}{divided}), "
        f"validation {validation:,}{cut}, {summary['quarantined']:,} quarantined, "
        f"{read / seconds:,.0f} images/s, {seconds:.1f} s"
    )


if __name__ == "__main__":
    command.run(main)
