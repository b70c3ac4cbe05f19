"""Floor 1. Food-101 (Bossard et al., ECCV 2014) in its official layout.

food-101/: meta/classes.txt, meta/train.txt and meta/test.txt with lines `class/id`, photos in images/<class>/<id>.jpg.
"""

import pandas as pd

from src.datasets import official
from src.datasets.official import Official
from src.datasets.raw import Raw
from src.errors import UserError
from src.params import OfficialDataset

OFFICIAL = {"train": Official(75_750, 101), "test": Official(25_250, 101)}


def read(raw: Raw, entry: OfficialDataset, place: str) -> pd.DataFrame:
    """A row an image: file, label (apple_pie, ...) and split.

    A UserError where counts are not the official ones and `entry.strict` is set.
    """
    root = official.root(raw, "meta/train.txt", entry.reader)
    classes = {line.strip() for line in official.lines(raw, f"{root}meta/classes.txt", entry.reader)}
    records = pd.DataFrame(
        [
            (f"{root}images/{line.strip()}.jpg", _label(line.strip(), classes, f"{raw.place}: {name}"), split)
            for split in OFFICIAL
            for line in official.lines(raw, name := f"{root}meta/{split}.txt", entry.reader)
        ],
        columns=["file", "label", "split"],
    )
    if entry.strict:
        official.check(records, OFFICIAL, raw, place)
    return records


def _label(line: str, classes: set[str], where: str) -> str:
    """The class of a line of a list."""
    label, _, photo = line.partition("/")
    if label not in classes or not photo:
        raise UserError(f"{where} has the line {line!r}; expected: a class of meta/classes.txt, '/', a photo's number")
    return label
