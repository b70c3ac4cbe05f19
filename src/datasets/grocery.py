"""Floor 1. The Grocery Store Dataset (Klasson et al., WACV 2019) in its official layout.

github.com/marcusklasson/GroceryStoreDataset: dataset/{train,val,test}.txt with lines `path, fine id, coarse id`,
dataset/classes.csv, and one iconic (catalogue) picture a class.
"""

import csv
from collections import Counter

import pandas as pd

from src.datasets.raw import Raw
from src.errors import UserError
from src.params import OfficialDataset

CLASSES = "classes.csv"
COUNTS = {"train": 2640, "val": 296, "test": 2485, "iconic": 81}


def read(raw: Raw, entry: OfficialDataset, place: str) -> pd.DataFrame:
    """A row an image: file, label (class), category (coarse class), split (train, val, test, iconic) and caption.

    The caption is the shop's description, of iconic pictures alone. A UserError where counts are not the official ones
    and `entry.strict` is set.
    """
    root = _root(raw, place)
    classes = {row["Class ID (int)"]: row for row in csv.DictReader(_lines(raw, root + CLASSES))}
    records = [_iconic(raw, root, row) for row in classes.values()]
    for split in ("train", "val", "test"):
        records += [_photo(root, split, line, classes, raw.place) for line in _lines(raw, f"{root}{split}.txt")]
    table = pd.DataFrame(records)
    if entry.strict:
        _check(Counter(table["split"]), raw.place, place)
    return table


def _root(raw: Raw, place: str) -> str:
    """Where the official `dataset` folder begins: '' if it is the raw folder itself, else 'dataset/' or the like."""
    found = [name.removesuffix(CLASSES) for name in raw.names if name == CLASSES or name.endswith(f"/{CLASSES}")]
    if not found:
        raise UserError(f"{raw.place} holds no {CLASSES}; {place} expects the official layout (dataset/{CLASSES}, ...)")
    return min(found, key=len)


def _lines(raw: Raw, name: str) -> list[str]:
    if name not in raw:
        raise UserError(f"{raw.place} holds no {name}; fetch the dataset again")
    return [line for line in raw.read(name).decode("utf-8-sig").splitlines() if line.strip()]


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


def _check(counts: Counter[str], folder: str, place: str) -> None:
    for split, official in COUNTS.items():
        if (count := counts[split]) != official:
            raise UserError(
                f"{folder}: {split} has {count:,} images, the official dataset {official:,}; "
                f"fetch it again, or accept a subset by {place}.strict: false"
            )
