"""Floor 1. Products-10K (Bai et al., 2020; the ICPR 2020 challenge) in its official layout.

train.csv (name,class,group) with photos in train/, test_kaggletest.csv (name,class,Usage) with photos in test/.
"""

import pandas as pd

from src.datasets import official
from src.datasets.official import Official
from src.datasets.raw import Raw
from src.entries import OfficialDataset

TEST_LISTS = ("test_kaggletest.csv", "test.csv")  # the authors' name, and what a copy may call it
OFFICIAL = {"train": Official(141_931, 9_691), "test": Official(55_376)}


def read(raw: Raw, entry: OfficialDataset, place: str) -> pd.DataFrame:
    """A row an image: file, label (class: one SKU), category (the csv's group: a kind of product) and split.

    A UserError where counts are not the official ones and `entry.strict` is set.
    """
    train = official.find(raw, "train.csv", entry.reader)
    test = official.find(raw, TEST_LISTS[0], entry.reader, *TEST_LISTS[1:])
    rows = pd.concat(
        [
            official.table(raw, train, ("name", "class", "group"), entry.reader).assign(split="train"),
            official.table(raw, test, ("name", "class"), entry.reader).assign(split="test"),
        ],
        ignore_index=True,
    )
    folders = {split: official.folder(raw, split, entry.reader) for split in OFFICIAL}
    records = pd.DataFrame({"file": rows["split"].map(folders) + rows["name"], "label": rows["class"]})
    groups = rows.drop_duplicates("class").set_index("class")["group"]
    records["category"] = rows["class"].map(groups).fillna("")  # the authors' list of the test has none
    records["split"] = rows["split"]
    if entry.strict:
        official.check(records, OFFICIAL, raw, place)
    return records
