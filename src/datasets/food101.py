"""Floor 1. Food-101 (Bossard et al., ECCV 2014) in its official layout.

food-101/: meta/classes.txt, meta/train.txt and meta/test.txt with lines `class/id`, photos in images/<class>/<id>.jpg.
"""

import pandas as pd

from src.datasets import official
from src.datasets.official import Official
from src.datasets.raw import Raw
from src.entries import OfficialDataset
from src.errors import UserError

OFFICIAL = {"train": Official(75_750, 101), "test": Official(25_250, 101)}


def read(raw: Raw, entry: OfficialDataset, place: str) -> pd.DataFrame:
    """A row an image: file, label (apple_pie, ...) and split.

    A UserError where counts are not the official ones and `entry.strict` is set.
    """
    root = official.root(raw, "meta/train.txt", entry.reader)
    classes = {line.strip() for line in official.lines(raw, f"{root}meta/classes.txt", entry.reader)}
    parts = [_photos(raw, root, split, classes, entry.reader) for split in OFFICIAL]
    records = pd.concat(parts, ignore_index=True)
    if entry.strict:
        official.check(records, OFFICIAL, raw, place)
    return records


def _photos(raw: Raw, root: str, split: str, classes: set[str], reader: str) -> pd.DataFrame:
    """File, label and split of a list."""
    name = f"{root}meta/{split}.txt"
    lines = [line.strip() for line in official.lines(raw, name, reader)]
    labels = [line.partition("/")[0] for line in lines]
    for line, label in zip(lines, labels, strict=True):
        if label not in classes or label == line:
            raise UserError(
                f"{raw.place}: {name} has the line {line!r}; expected: <class of meta/classes.txt>/<number>"
            )
    return pd.DataFrame({"file": [f"{root}images/{line}.jpg" for line in lines], "label": labels, "split": split})
