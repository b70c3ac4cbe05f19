"""Floor 1. The Grocery Store Dataset (Klasson et al., WACV 2019) in its official layout.

github.com/marcusklasson/GroceryStoreDataset: dataset/{train,val,test}.txt with lines `path, fine id, coarse id`,
dataset/classes.csv, and one iconic (catalogue) picture a class.
"""

import csv

import pandas as pd

from src.datasets import official
from src.datasets.official import Official
from src.datasets.raw import Raw
from src.entries import OfficialDataset
from src.errors import UserError

CLASSES = "classes.csv"
OFFICIAL = {
    "train": Official(2640, 81),
    "val": Official(296, 60),
    "test": Official(2485, 81),
    "iconic": Official(81, 81),
}


def read(raw: Raw, entry: OfficialDataset, place: str) -> pd.DataFrame:
    """A row an image: file, label (class), category (coarse class), split (train, val, test, iconic) and caption.

    The caption is the shop's description, of iconic pictures alone. A UserError where counts are not the official ones
    and `entry.strict` is set.
    """
    root = official.root(raw, CLASSES, entry.reader)
    listed = csv.DictReader(official.lines(raw, root + CLASSES, entry.reader))
    classes = {row["Class ID (int)"]: row for row in listed}
    records = [_iconic(raw, root, row) for row in classes.values()]
    for split in ("train", "val", "test"):
        lines = official.lines(raw, f"{root}{split}.txt", entry.reader)
        records += [_photo(root, split, line, classes, raw.place) for line in lines]
    table = pd.DataFrame(records)
    if entry.strict:
        official.check(table, OFFICIAL, raw, place)
    return table


def _photo(root: str, split: str, line: str, classes: dict[str, dict[str, str]], folder: str) -> dict[str, str]:
    try:
        file, fine, _ = (part.strip() for part in line.rsplit(",", 2))
        row = classes[fine]
    except (ValueError, KeyError):
        raise UserError(
            f"{folder}: {root}{split}.txt has the line {line!r}; expected: path, class, coarse class"
        ) from None
    return _record(root + file, split, row, "")


def _iconic(raw: Raw, root: str, row: dict[str, str]) -> dict[str, str]:
    """The catalogue picture of a class; paths in classes.csv begin with '/'."""
    text = root + row["Product Description Path (str)"].strip("/ ")
    caption = raw.read(text).decode("utf-8", "replace").strip() if text in raw else ""
    return _record(root + row["Iconic Image Path (str)"].strip("/ "), "iconic", row, caption)


def _record(file: str, split: str, row: dict[str, str], caption: str) -> dict[str, str]:
    label, category = row["Class Name (str)"].strip(), row["Coarse Class Name (str)"].strip()
    return {"file": file, "label": label, "category": category, "split": split, "caption": caption}
