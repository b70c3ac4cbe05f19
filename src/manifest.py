"""Floor 1. The manifest: a table with one row an image; row i of every embeddings file is row i here."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from src import store
from src.entries import Protocol
from src.errors import UserError

COLUMNS = {
    "image_id": "str",  # unique within the dataset
    "file": "str",  # as the owner named it, relative to the raw folder or archive
    "label": "str",  # what counts as the same in retrieval: class or SKU
    "category": "str",  # the coarser product type, '' where unknown
    "split": "str",  # role given by the dataset: train, val, test, query, gallery, iconic, studio
    "tuning": "str",  # what tuning does with it: 'train' fits, 'val' chooses, '' never sees it
    "group": "str",  # images that must not straddle a split (same listing, same burst, byte-equal)
    "caption": "str",
    "width": "int32",
    "height": "int32",
    "sha256": "str",  # of the image's bytes
}


def write(folder: Path, manifest: pd.DataFrame) -> None:
    """Write `manifest.parquet`: the columns above first, then any extra column of the user's, rows in order."""
    extra = [column for column in manifest.columns if column not in COLUMNS]
    table = manifest[[*COLUMNS, *extra]].astype(COLUMNS).reset_index(drop=True)
    assert table["image_id"].is_unique
    store.write_table(folder / "manifest.parquet", table)


def read(folder: Path) -> tuple[pd.DataFrame, str]:
    """The manifest and the sha256 of its file."""
    path = folder / "manifest.parquet"
    return store.read_table(path), store.sha256(path)


def rows(manifest: pd.DataFrame, column: str, value: str) -> NDArray[np.int64]:
    """Row numbers whose `column` equals `value`, ascending: rows(manifest, "split", "test") -> [n]."""
    return np.flatnonzero((manifest[column] == value).to_numpy()).astype(np.int64)


def codes(manifest: pd.DataFrame, column: str) -> NDArray[np.int64]:
    """The column as integers, equal where the text is equal: [N]."""
    return np.unique(manifest[column].to_numpy(dtype=str), return_inverse=True)[1].astype(np.int64)


def sides(manifest: pd.DataFrame, protocol: Protocol, place: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Query rows and gallery rows of a protocol; a UserError names an empty side."""
    found = []
    for side in ("query", "gallery"):
        split = getattr(protocol, side)
        found.append(rows(manifest, "split", split))
        if not len(found[-1]):
            known = ", ".join(sorted(manifest["split"].unique()))
            raise UserError(f"{place}: its {side} split '{split}' has no image; splits of this dataset: {known}")
    return found[0], found[1]
