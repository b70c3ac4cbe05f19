"""Floor 1. Fashion Product Images (Aggarwal, Kaggle 2019; the full or the small one) in its official layout.

styles.csv with a line a product, and its photo images/<id>.jpg. There is no official split.
"""

import pandas as pd

from src.datasets import official
from src.datasets.official import Official
from src.datasets.raw import Raw
from src.entries import FashionDataset
from src.errors import UserError

TABLE = "styles.csv"
COLUMNS = [
    *("id", "gender", "masterCategory", "subCategory", "articleType"),
    *("baseColour", "season", "year", "usage", "productDisplayName"),
]
COARSER = {"masterCategory": "masterCategory", "subCategory": "masterCategory", "articleType": "subCategory"}
# lines of styles.csv, five of which have no photo; many count 44,424, having dropped the lines with a further comma
OFFICIAL = {TABLE: Official(44_446)}


def read(raw: Raw, entry: FashionDataset, place: str) -> pd.DataFrame:
    """A row a product: file, label (column `entry.label`), category (the coarser column), caption, and other columns.

    A photo that is missing is listed. A UserError where counts are not the official ones and `entry.strict` is set.
    """
    name = official.find(raw, TABLE, entry.reader)
    header, *lines = official.lines(raw, name, entry.reader) or [""]
    if header.split(",")[: len(COLUMNS)] != COLUMNS:
        raise UserError(f"{raw.place}: {name} begins with {header[:99]!r}; expected: {','.join(COLUMNS)}")
    rows = pd.DataFrame([_cells(line, f"{raw.place}: {name}") for line in lines], columns=COLUMNS, dtype=str)
    records = pd.DataFrame({"file": official.folder(raw, "images", entry.reader) + rows["id"] + ".jpg"})
    records["label"], records["category"] = rows[entry.label], rows[COARSER[entry.label]]
    records["caption"] = rows["productDisplayName"]
    if entry.strict:
        official.check(records.assign(split=TABLE), OFFICIAL, raw, place)
    return records.join(rows[COLUMNS[1:-1]])


def _cells(line: str, place: str) -> list[str]:
    """The cells of a line. Commas in the name of a product, the last cell, are its own: nobody quoted them.

    >>> _cells("1,Men,Personal Care,Fragrance,Perfume,Blue,Fall,2011,Casual,Boss Perfume, After Shave", "")[-1]
    'Boss Perfume, After Shave'
    """
    cells = [cell.strip() for cell in line.split(",", len(COLUMNS) - 1)]
    if len(cells) < len(COLUMNS) or not all(cells[:1] + cells[2:5]):
        raise UserError(f"{place} has the line {line!r}; expected: {','.join(COLUMNS)}")
    name = cells[-1].rstrip(",")  # some copies have two empty columns more
    cells[-1] = name[1:-1].replace('""', '"') if name[:1] == name[-1:] == '"' and len(name) > 1 else name
    return cells
