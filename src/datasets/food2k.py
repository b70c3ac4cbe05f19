"""Floor 1. Food2K (Min et al., IEEE TPAMI 2023, arXiv 2103.16107) in its official layout.

Food2k_label/{train,val,test}_finetune.txt with lines `path class`, photos in Food2k_complete/<class>/.
"""

import re

import pandas as pd

from src.datasets import official
from src.datasets.official import Official
from src.datasets.raw import Raw
from src.entries import OfficialDataset
from src.errors import UserError

LISTS = ("{}_finetune.txt", "{}.txt")  # the authors' name, and what a copy may call it
LINE = re.compile(r"\s*(?:\./)?/*(\S.*/[^/]+?)\s+(\d+)\s*")
NAMES = "food2k_label2name_en.txt"  # lines `0012--Class name`; not every copy has it
OFFICIAL = {"train": Official(620_192, 2_000), "val": Official(104_513, 2_000), "test": Official(311_859, 2_000)}


def read(raw: Raw, entry: OfficialDataset, place: str) -> pd.DataFrame:
    """A row an image: file, label (number of the class), split (train, val, test), and the class's name as caption.

    A UserError where counts are not the official ones and `entry.strict` is set.
    """
    lists = {split: _list(raw, split, entry.reader) for split in OFFICIAL}
    records = pd.DataFrame(
        [
            (*_parsed(line, f"{raw.place}: {name}"), split)
            for split, name in lists.items()
            for line in official.lines(raw, name, entry.reader)
        ],
        columns=["file", "label", "split"],
    )
    if records.empty:
        raise UserError(f"{raw.place}: {', '.join(lists.values())} name no photo; fetch the dataset again")
    if entry.strict:
        official.check(records, OFFICIAL, raw, place)
    records["file"] = _root(raw, records["file"].iloc[0], entry.reader) + records["file"]
    names = _names(raw, entry.reader)
    records["caption"] = [names.get(label, "") for label in records["label"]]
    return records


def _list(raw: Raw, split: str, reader: str) -> str:
    """The list of a split, by the first of its LISTS names that there is."""
    name, *others = (name.format(split) for name in LISTS)
    return official.find(raw, name, reader, *others)


def _parsed(line: str, where: str) -> tuple[str, str]:
    """Path and class of a line of a list."""
    found = LINE.fullmatch(line)
    if not found:
        raise UserError(f"{where} has the line {line!r}; expected: <folder>/<photo> <number of the class>")
    return found[1], str(int(found[2]))


def _root(raw: Raw, path: str, reader: str) -> str:
    """Where the paths of the lists begin ('Food2k_complete/' or the like), given one of them."""
    folder = path.rpartition("/")[0]
    return official.folder(raw, folder, reader).removesuffix(f"{folder}/")


def _names(raw: Raw, reader: str) -> dict[str, str]:
    """English name of each class that has one."""
    file = next((name for name in raw.names if f"/{name}".endswith(f"/{NAMES}")), None)
    text = official.contents(raw, file, reader).decode("utf-8-sig", "replace") if file else ""
    return {str(int(number)): name for number, name in re.findall(r"^\s*(\d+)--(.*\S)", text, re.MULTILINE)}
