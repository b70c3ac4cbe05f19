"""A tiny tree in the official layout of the Grocery Store Dataset."""

from pathlib import Path

import pandas as pd
import pytest

from src import datasets
from src.datasets.raw import Raw
from src.entries import OfficialDataset, Protocol
from src.errors import UserError

HEADER = (
    "Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int),"
    "Iconic Image Path (str),Product Description Path (str)\n"
)
ICONIC = "/iconic-images-and-descriptions/Fruit"
FILES = {
    "classes.csv": HEADER
    + f"Gala,0,Apple,0,{ICONIC}/Apple/Gala_Iconic.jpg,{ICONIC}/Apple/Gala_Description.txt\n"
    + f"Lime,1,Lime,1,{ICONIC}/Lime_Iconic.jpg,{ICONIC}/Lime_Description.txt\n",
    "train.txt": "train/Fruit/Apple/Gala/Gala_001.jpg, 0, 0\ntrain/Fruit/Lime/Lime_001.jpg, 1, 1\n",
    "val.txt": "val/Fruit/Lime/Lime_001.jpg, 1, 1\n",
    "test.txt": "test/Fruit/Lime/Lime, green_001.jpg, 1, 1\n",
    "iconic-images-and-descriptions/Fruit/Apple/Gala_Description.txt": "Gala is red.\n",
    "iconic-images-and-descriptions/Fruit/Apple/Gala_Iconic.jpg": "",
}

NAMES = {"train": "train.txt", "val": "val.txt", "test": "test.txt", "classes": "classes.csv"}


def table(root: Path, strict: bool = False, **changes: str) -> pd.DataFrame:
    for name, text in (FILES | {NAMES[name]: text for name, text in changes.items()}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    protocol = Protocol(query="test", gallery="iconic")
    entry = OfficialDataset(reader="grocery", protocols={"iconic": protocol}, strict=strict)
    return datasets.read(Raw(root.parent if root.name == "dataset" else root), entry, "catalogue.grocery")


@pytest.mark.parametrize("prefix", ["", "dataset/"])
def test_the_official_layout_is_read_from_the_repository_or_its_dataset_folder(tmp_path: Path, prefix: str) -> None:
    records = table(tmp_path / prefix.strip("/"))
    found = list(records[["file", "label", "category", "split", "caption"]].itertuples(index=False, name=None))
    assert found == [
        (f"{prefix}{ICONIC[1:]}/Apple/Gala_Iconic.jpg", "Gala", "Apple", "iconic", "Gala is red."),
        (f"{prefix}{ICONIC[1:]}/Lime_Iconic.jpg", "Lime", "Lime", "iconic", ""),
        (f"{prefix}test/Fruit/Lime/Lime, green_001.jpg", "Lime", "Lime", "test", ""),
        (f"{prefix}train/Fruit/Apple/Gala/Gala_001.jpg", "Gala", "Apple", "train", ""),
        (f"{prefix}train/Fruit/Lime/Lime_001.jpg", "Lime", "Lime", "train", ""),
        (f"{prefix}val/Fruit/Lime/Lime_001.jpg", "Lime", "Lime", "val", ""),
    ]


def test_counts_are_the_official_ones_unless_a_subset_is_accepted(tmp_path: Path) -> None:
    with pytest.raises(
        UserError,
        match=r"train has 2 images of 2 labels, the official dataset 2,640 of 81; .*"
        r"iconic has 2 images of 2 labels, .*catalogue.grocery.strict: false",
    ):
        table(tmp_path, strict=True)


def test_the_official_counts_pass(tmp_path: Path) -> None:
    def lines(count: int, labels: int = 81) -> str:
        return "".join(f"{i}.jpg, {i % labels}, 0\n" for i in range(count))

    classes = HEADER + "".join(f"Fruit {i},{i},Fruit,0,/{i}_iconic.jpg,/{i}.txt\n" for i in range(81))
    (tmp_path / "dataset").mkdir()
    lists = {"train": lines(2640), "val": lines(296, 60), "test": lines(2485)}
    assert len(table(tmp_path / "dataset", strict=True, classes=classes, **lists)) == 2640 + 296 + 2485 + 81


@pytest.mark.parametrize("line", ["test/a.jpg, 9, 0", "test/a.jpg", "test/a.jpg; 0; 0"])
def test_a_line_that_is_not_of_the_layout_is_shown(tmp_path: Path, line: str) -> None:
    with pytest.raises(UserError, match=r"test.txt has the line .*expected: path, class, coarse class"):
        table(tmp_path, test=line)


def test_missing_lists_are_named(tmp_path: Path) -> None:
    table(tmp_path)
    (tmp_path / "val.txt").unlink()
    entry = OfficialDataset(reader="grocery", protocols={"iconic": Protocol(query="test", gallery="iconic")})
    with pytest.raises(UserError, match=r"holds no val.txt"):
        datasets.read(Raw(tmp_path), entry, "catalogue.grocery")
    (tmp_path / "classes.csv").unlink()
    with pytest.raises(UserError, match=r"holds no classes.csv"):
        datasets.read(Raw(tmp_path), entry, "catalogue.grocery")
