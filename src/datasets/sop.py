"""Floor 1. Stanford Online Products (Song et al., CVPR 2016) in its official layout.

Stanford_Online_Products/: Ebay_train.txt and Ebay_test.txt with lines `image_id class_id super_class_id path`, and the
photos in bicycle_final/, cabinet_final/, ...
"""

import pandas as pd

from src.datasets import official
from src.datasets.official import Official
from src.datasets.raw import Raw
from src.entries import OfficialDataset

LISTS = {"train": "Ebay_train.txt", "test": "Ebay_test.txt"}
COLUMNS = ("image_id", "class_id", "super_class_id", "path")
OFFICIAL = {"train": Official(59_551, 11_318), "test": Official(60_502, 11_316)}


def read(raw: Raw, entry: OfficialDataset, place: str) -> pd.DataFrame:
    """A row an image: file, label (number of the product), category (bicycle, cabinet, ...) and split.

    A UserError where counts are not the official ones and `entry.strict` is set.
    """
    root = official.root(raw, LISTS["train"], entry.reader)
    lists = {split: official.table(raw, root + name, COLUMNS, entry.reader, " ") for split, name in LISTS.items()}
    rows = pd.concat([rows.assign(split=split) for split, rows in lists.items()], ignore_index=True)
    records = pd.DataFrame({"file": root + rows["path"], "label": rows["class_id"], "split": rows["split"]})
    records["category"] = rows["path"].str.partition("/")[0].str.removesuffix("_final")
    if entry.strict:
        official.check(records, OFFICIAL, raw, place)
    return records
