"""Floor 1. DeepFashion In-shop Clothes Retrieval (Liu et al., CVPR 2016) in its official layout.

Eval/list_eval_partition.txt (a count, a header, then `image_name item_id evaluation_status`), photos in Img/img/.
"""

import re

import pandas as pd

from src.datasets import official
from src.datasets.official import Official
from src.datasets.raw import Raw
from src.entries import OfficialDataset
from src.errors import UserError

LIST = "list_eval_partition.txt"
HEADER = "image_name item_id evaluation_status"
ROW = re.compile(r"\s*img/((\S+)/[^/\s]+/[^/\s]+)\s+(\S+)\s+(train|query|gallery)\s*")
FOLDERS = ("img", "img_highres")  # photos of 256 pixels, as published numbers use them, and the larger ones
OFFICIAL = {"train": Official(25_882, 3_997), "query": Official(14_218, 3_985), "gallery": Official(12_612, 3_985)}


def read(raw: Raw, entry: OfficialDataset, place: str) -> pd.DataFrame:
    """A row an image: file, category (WOMEN/Dresses, ...), label (item) and split (train, query, gallery).

    A UserError where counts are not the official ones and `entry.strict` is set.
    """
    records = pd.DataFrame(_rows(raw, entry.reader), columns=["file", "category", "label", "split"])
    if entry.strict:
        official.check(records, OFFICIAL, raw, place)
    records["file"] = _folder(raw, records["file"].iloc[0], entry.reader) + records["file"]
    return records


def _rows(raw: Raw, reader: str) -> list[tuple[str, ...]]:
    """Path below img/, category, item and split of every line of the list."""
    name = official.find(raw, LIST, reader)
    lines = official.lines(raw, name, reader)
    if len(lines) < 3 or lines[1].split() != HEADER.split():
        raise UserError(
            f"{raw.place}: {name} is not that of In-shop Clothes Retrieval, whose second line is '{HEADER}'; "
            f"docs/datasets/{reader}.md says where the right one is"
        )
    rows = [ROW.fullmatch(line) for line in lines[2:]]
    if None in rows:
        line = lines[2 + rows.index(None)]
        raise UserError(
            f"{raw.place}: {name} has the line {line!r}; expected: img/<category>/<item>/<photo> item split"
        )
    return [row.groups() for row in rows if row]


def _folder(raw: Raw, path: str, reader: str) -> str:
    """The folder that the list calls img/, given the path of a photo below it."""
    item = path.rpartition("/")[0]
    known = [name for name in FOLDERS if any(f"/{name}/{item}/" in f"/{full}" for full in raw.names)]
    return official.folder(raw, f"{(known or FOLDERS)[0]}/{item}", reader).removesuffix(f"{item}/")
