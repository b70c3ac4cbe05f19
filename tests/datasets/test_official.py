"""What readers of public datasets share."""

from pathlib import Path

import pandas as pd
import pytest
from layouts import lay_out, pack, rows

from src.datasets import official
from src.datasets.official import Official
from src.datasets.raw import Raw
from src.errors import UserError

READER = "sop"
DOCUMENTED = r"docs/datasets/sop.md shows what belongs there"


def raw(root: Path, *names: str) -> Raw:
    return Raw(lay_out(root, dict.fromkeys(names or ("other.jpg",), b"")))


def test_a_file_is_found_in_the_folder_that_an_archive_adds_and_the_least_deep_one_wins(tmp_path: Path) -> None:
    found = raw(tmp_path, "b/train.txt", "a/copy/train.txt", "z/my_train.txt")
    assert official.find(found, "train.txt", READER) == "b/train.txt"
    assert official.root(found, "train.txt", READER) == "b/"
    assert official.find(found, "copy/train.txt", READER) == "a/copy/train.txt"
    assert official.root(raw(tmp_path / "flat", "train.txt"), "train.txt", READER) == ""


def test_a_folder_of_photos_is_the_one_that_itself_holds_files(tmp_path: Path) -> None:
    found = raw(tmp_path, "cars_train/cars_train/1.jpg", "my_cars_train/1.jpg", "x/cars_train.mat")
    assert official.folder(found, "cars_train", READER) == "cars_train/cars_train/"


def test_what_is_missing_is_named_with_the_page_that_helps(tmp_path: Path) -> None:
    found = raw(tmp_path)
    for look_up in (official.find, official.root):
        with pytest.raises(UserError, match=rf"{tmp_path} holds no train.txt; {DOCUMENTED}"):
            look_up(found, "train.txt", READER)
    with pytest.raises(UserError, match=rf"holds no folder images/ with photos; {DOCUMENTED}"):
        official.folder(found, "images", READER)
    with pytest.raises(UserError, match=rf"holds no meta/train.txt; {DOCUMENTED}"):
        official.lines(found, "meta/train.txt", READER)


def test_lines_end_where_a_line_feed_stands_and_nowhere_else(tmp_path: Path) -> None:
    lay_out(tmp_path, {"list.txt": "\ufeffa b\r\n\n  \nc\u2028d\x85e\n"})
    assert official.lines(Raw(tmp_path), "list.txt", READER) == ["a b", "c\u2028d\x85e"]


def test_a_table_keeps_its_cells_as_they_are_written(tmp_path: Path) -> None:
    lay_out(tmp_path, {"list.csv": "name,class,more\r\n007.jpg,NA,\r\n1.jpg,1.0,x\r\n"})
    table = official.table(Raw(tmp_path), "list.csv", ("class", "name"), READER)
    assert rows(table, "name", "class", "more") == [("007.jpg", "NA", ""), ("1.jpg", "1.0", "x")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "list.csv is not the official one"),
        (b"name,class\n1.jpg,1\n2.jpg,2,3\n", "list.csv is not the official one.*Expected 2 fields in line 3, saw 3"),
        (b"name,class\n1.jpg,1,3\n2.jpg,2,3\n", "list.csv has the line '1.jpg,1,3'; expected: name,class"),
        (b"name,class\n1.jpg,1\n2.jpg\n", r"list.csv has the line '2.jpg,'; expected: name,class"),
        (b"name,class\n,1\n", r"list.csv has the line ',1'; expected: name,class"),
        (b"name,label\n1.jpg,1\n", r"no column 'class', its columns: name, label; docs/datasets/sop.md"),
        (b"name,class\n\xe9.jpg,1\n", "list.csv is not UTF-8 as the official one is"),
    ],
)
def test_a_line_that_is_not_of_the_layout_is_shown(tmp_path: Path, text: bytes, message: str) -> None:
    lay_out(tmp_path, {"list.csv": text})
    with pytest.raises(UserError, match=message) as error:
        official.table(Raw(tmp_path), "list.csv", ("name", "class"), READER)
    assert "\n" not in str(error.value)


def test_a_list_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.zip", {"list.txt": "all is well " * 9}) / "a.zip"
    archive.write_bytes(archive.read_bytes().replace(b"well", b"hell", 1))
    with pytest.raises(UserError, match=r"list.txt is broken \(.*CRC.*\); fetch the dataset again"):
        official.lines(Raw(tmp_path), "list.txt", READER)


def test_counts_say_all_that_differs(tmp_path: Path) -> None:
    records = pd.DataFrame({"split": ["train"] * 3 + ["test"], "label": ["x", "y", "x", "x"]})
    found = raw(tmp_path)
    official.check(records, {"train": Official(3, 2), "test": Official(1)}, found, "catalogue.mine")
    with pytest.raises(UserError) as error:
        official.check(records, {"train": Official(3, 3), "test": Official(1200), "val": Official(0)}, found, "c.mine")
    assert str(error.value) == (
        f"{tmp_path}: train has 3 images of 2 labels, the official dataset 3 of 3; test has 1 images, the official "
        "dataset 1,200. Fetch it again, or accept a subset by c.mine.strict: false"
    )
