"""Floor 1. Readers: how each layout of raw photos becomes one table with a row an image."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from src.datasets import cars196, fashion, folder, food2k, food101, grocery, inshop, products10k, rp2k, sop, table
from src.datasets.raw import Raw
from src.datasets.words import COLUMNS, canonical
from src.entries import Entry
from src.errors import UserError
from src.registry import lookup, unknown

# reader(raw, entry, place) -> a row an image with file, label and, where the layout has them, others of COLUMNS
READERS: dict[str, Callable[[Raw, Any, str], pd.DataFrame]] = {
    "folder": folder.read,
    "table": table.read,
    "cars196": cars196.read,
    "fashion": fashion.read,
    "food101": food101.read,
    "food2k": food2k.read,
    "grocery": grocery.read,
    "inshop": inshop.read,
    "products10k": products10k.read,
    "rp2k": rp2k.read,
    "sop": sop.read,
}


def read(raw: Raw, entry: Entry, place: str) -> pd.DataFrame:
    """Every image that the dataset names, by file (then image_id): words.COLUMNS and the owner's further columns.

    What is not known is ''; `split` is missing where the dataset has none. image_id is the file unless it is given.
    `place` is where the entry stands (catalogue.<dataset>), for messages.
    """
    records = lookup(READERS, entry.reader, "reader", place)(raw, entry, place)
    if records.empty or (records["label"] == "").all():
        raise UserError(f"{raw.place}: no image has a label; see what the {entry.reader} reader expects ({place})")
    if "split" in records:
        records["split"] = _splits(records["split"], entry.splits, place)
    for column in COLUMNS:
        if column not in records and column != "split":
            records[column] = records["file"] if column == "image_id" else ""
    return records.sort_values(["file", "image_id"], kind="stable", ignore_index=True)


def _splits(words: "pd.Series[str]", renamed: dict[str, str], place: str) -> "pd.Series[str]":
    """Our names of the dataset's splits: as the entry says, else as people usually mean the word, else the word."""
    found = sorted(words.unique())
    for theirs in renamed:
        if theirs not in found:
            raise UserError(f"{place}.splits: {unknown(theirs, found, 'split', 'the dataset')}")
    return words.map({word: renamed.get(word) or canonical(word) or word for word in found})
