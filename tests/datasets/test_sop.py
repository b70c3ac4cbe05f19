"""A tiny tree in the official layout of Stanford Online Products."""

from pathlib import Path

import pandas as pd
import pytest
from layouts import Files, lay_out, pack, rows

from src import datasets
from src.datasets.raw import Raw
from src.entries import OfficialDataset, Protocol
from src.errors import UserError

HEADER = "image_id class_id super_class_id path\n"
FILES: Files = {
    "Ebay_train.txt": HEADER
    + "1 1 1 bicycle_final/111085122871_0.JPG\n"
    + "2 1 1 bicycle_final/111085122871_1.JPG\n"
    + "3 2 4 coffee_maker_final/110000000000_0.JPG\n",
    "Ebay_test.txt": HEADER + "59552 11319 2 cabinet_final/251952414262_2.JPG\n",
    "Ebay_info.txt": HEADER,
    "bicycle_final.txt": "",
    "bicycle_final/111085122871_0.JPG": b"",
    "cabinet_final/251952414262_2.JPG": b"",
}
PREFIX = "Stanford_Online_Products/"


def table(folder: Path, strict: bool = False) -> pd.DataFrame:
    protocols = {"test": Protocol(query="test", gallery="test")}
    entry = OfficialDataset(reader="sop", protocols=protocols, strict=strict)
    return datasets.read(Raw(folder), entry, "catalogue.sop")


@pytest.mark.parametrize("prefix", ["", PREFIX])
def test_a_product_is_a_label_and_its_kind_the_category(tmp_path: Path, prefix: str) -> None:
    records = table(lay_out(tmp_path, {prefix + name: data for name, data in FILES.items()}))
    assert rows(records, "file", "label", "category", "split") == [
        (f"{prefix}bicycle_final/111085122871_0.JPG", "1", "bicycle", "train"),
        (f"{prefix}bicycle_final/111085122871_1.JPG", "1", "bicycle", "train"),
        (f"{prefix}cabinet_final/251952414262_2.JPG", "11319", "cabinet", "test"),
        (f"{prefix}coffee_maker_final/110000000000_0.JPG", "2", "coffee_maker", "train"),
    ]


@pytest.mark.parametrize("archive", ["Stanford_Online_Products.zip", "sop.tar"])
def test_an_archive_of_it_reads_the_same(tmp_path: Path, archive: str) -> None:
    files = {PREFIX + name: data for name, data in FILES.items()}
    unpacked = table(lay_out(tmp_path / "a", files))
    pd.testing.assert_frame_equal(table(pack(tmp_path / "b" / archive, files)), unpacked)


def listing(images: int, labels: int, first: int) -> str:
    lines = (f"{i} {first + i % labels} 1 chair_final/{first}_{i}.JPG\n" for i in range(images))
    return HEADER + "".join(lines)


def test_the_official_counts_pass(tmp_path: Path) -> None:
    lists = {"Ebay_train.txt": listing(59_551, 11_318, 1), "Ebay_test.txt": listing(60_502, 11_316, 11_319)}
    records = table(lay_out(tmp_path, FILES | lists), strict=True)
    assert (len(records), records["label"].nunique()) == (120_053, 22_634)


def test_other_counts_are_told(tmp_path: Path) -> None:
    message = r"train has 3 images of 2 labels, the official dataset 59,551 of 11,318; test has 1 .*sop.strict: false"
    with pytest.raises(UserError, match=message):
        table(lay_out(tmp_path, FILES), strict=True)


@pytest.mark.parametrize("name", ["Ebay_train.txt", "Ebay_test.txt"])
def test_a_missing_list_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=rf"holds no {name}; docs/datasets/sop.md"):
        table(lay_out(tmp_path, {other: data for other, data in FILES.items() if other != name}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "1 11319 2\n", "Ebay_test.txt has the line '1 11319 2 '; expected: image_id class_id super_class_id"),
        (HEADER + "1 11319 2 a_final/a b.JPG\n", "Ebay_test.txt has the line '1 11319 2 a_final/a b.JPG'; expected"),
        (HEADER + "1 1 1 a.JPG\n2 1 1 a b.JPG\n", "Ebay_test.txt is not the official one.*Expected 4 fields"),
        ("1 11319 2 cabinet_final/a.JPG\n", "Ebay_test.txt has no column 'image_id', its columns: 1, 11319"),
        ("", "Ebay_test.txt is not the official one"),
    ],
)  # fmt: skip
def test_a_line_that_is_not_of_the_layout_is_shown(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        table(lay_out(tmp_path, FILES | {"Ebay_test.txt": text}))


def test_the_reader_agrees_with_a_loop_over_lines(tmp_path: Path) -> None:
    lay_out(tmp_path, FILES | {"Ebay_train.txt": listing(500, 90, 1), "Ebay_test.txt": listing(400, 70, 91)})
    expected = []
    for split in ("train", "test"):
        for line in (tmp_path / f"Ebay_{split}.txt").read_text().splitlines()[1:]:
            _, label, _, path = line.split()
            expected.append((path, label, path.split("_final")[0], split))
    assert rows(table(tmp_path), "file", "label", "category", "split") == sorted(expected)
