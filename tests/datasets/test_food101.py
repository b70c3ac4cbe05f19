"""A tiny tree in the official layout of Food-101."""

from pathlib import Path

import pandas as pd
import pytest
from layouts import Files, lay_out, pack, rows

from src import datasets
from src.datasets.raw import Raw
from src.entries import OfficialDataset, Protocol
from src.errors import UserError

FILES: Files = {
    "README.txt": "Food-101\n",
    "license_agreement.txt": "",
    "meta/classes.txt": "apple_pie\nwaffles\n",
    "meta/labels.txt": "Apple pie\nWaffles\n",
    "meta/train.txt": "apple_pie/1005649\nwaffles/1005755\n",
    "meta/test.txt": "apple_pie/1011328\n",
    "meta/train.json": "{}",
    "images/apple_pie/1005649.jpg": b"",
    "images/waffles/1005755.jpg": b"",
    "images/apple_pie/1011328.jpg": b"",
}
PREFIX = "food-101/"
ENTRY = OfficialDataset(reader="food101", protocols={"test": Protocol(query="test", gallery="test")})


def table(folder: Path, strict: bool = False) -> pd.DataFrame:
    return datasets.read(Raw(folder), ENTRY.model_copy(update={"strict": strict}), "catalogue.food101")


@pytest.mark.parametrize("prefix", ["", PREFIX, PREFIX + PREFIX])
def test_a_class_is_a_label(tmp_path: Path, prefix: str) -> None:
    records = table(lay_out(tmp_path, {prefix + name: data for name, data in FILES.items()}))
    assert rows(records, "file", "label", "split") == [
        (f"{prefix}images/apple_pie/1005649.jpg", "apple_pie", "train"),
        (f"{prefix}images/apple_pie/1011328.jpg", "apple_pie", "test"),
        (f"{prefix}images/waffles/1005755.jpg", "waffles", "train"),
    ]
    raw = Raw(tmp_path)
    assert all(file in raw for file in records["file"])


@pytest.mark.parametrize("archive", ["food-101.tar", "food-101.zip"])
def test_an_archive_of_it_reads_the_same(tmp_path: Path, archive: str) -> None:
    files = {PREFIX + name: data for name, data in FILES.items()}
    unpacked = table(lay_out(tmp_path / "a", files))
    pd.testing.assert_frame_equal(table(pack(tmp_path / "b" / archive, files)), unpacked)


def listing(images: int) -> str:
    return "".join(f"class_{i % 101}/{i}\n" for i in range(images))


def test_the_official_counts_pass(tmp_path: Path) -> None:
    lists = {"meta/train.txt": listing(75_750), "meta/test.txt": listing(25_250)}
    classes = {"meta/classes.txt": "".join(f"class_{i}\n" for i in range(101))}
    records = table(lay_out(tmp_path, FILES | classes | lists), strict=True)
    assert records["split"].value_counts().to_dict() == {"train": 75_750, "test": 25_250}


def test_other_counts_are_told(tmp_path: Path) -> None:
    message = r"train has 2 images of 2 labels, the official dataset 75,750 of 101; .*food101.strict: false"
    with pytest.raises(UserError, match=message):
        table(lay_out(tmp_path, FILES), strict=True)


@pytest.mark.parametrize("name", ["meta/classes.txt", "meta/train.txt", "meta/test.txt"])
def test_a_missing_list_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=rf"holds no {name}; docs/datasets/food101.md"):
        table(lay_out(tmp_path, {other: data for other, data in FILES.items() if other != name}))


@pytest.mark.parametrize("line", ["apple_pie", "pizza/1", "1011328", "apple_pie 1011328"])
def test_a_line_that_is_not_of_the_layout_is_shown(tmp_path: Path, line: str) -> None:
    with pytest.raises(UserError, match=rf"meta/test.txt has the line '{line}'; expected: <class of meta/classes.txt>"):
        table(lay_out(tmp_path, FILES | {"meta/test.txt": f"apple_pie/1011328\n{line}\n"}))
