"""A folder a class, with and without folders of splits."""

import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from src import datasets
from src.datasets.raw import Raw
from src.entries import FolderDataset, Protocol
from src.errors import UserError

PROTOCOLS = {"test": Protocol(query="test", gallery="test")}


def table(root: Path, *names: str, **options: Any) -> pd.DataFrame:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    entry = FolderDataset(reader="folder", protocols=PROTOCOLS, **options)
    return datasets.read(Raw(root), entry, "catalogue.mine")


def rows(records: pd.DataFrame, *columns: str) -> list[tuple[str, ...]]:
    return list(records[list(columns)].itertuples(index=False, name=None))


def test_the_label_is_the_folder(tmp_path: Path) -> None:
    records = table(tmp_path, "shoe/1.jpg", "hat/1.jpg", "hat/2.PNG", "hat/2019/3.webp")
    assert rows(records, "image_id", "file", "label") == [
        ("hat/1.jpg", "hat/1.jpg", "hat"),
        ("hat/2.PNG", "hat/2.PNG", "hat"),
        ("hat/2019/3.webp", "hat/2019/3.webp", "hat"),
        ("shoe/1.jpg", "shoe/1.jpg", "shoe"),
    ]
    assert "split" not in records
    assert set(records["category"]) == set(records["group"]) == set(records["caption"]) == {""}


def test_split_folders_are_known_by_the_usual_words(tmp_path: Path) -> None:
    records = table(tmp_path, "Train/hat/1.jpg", "validation/hat/1.jpg", "test/hat/1.jpg", "gallery/hat/1.jpg")
    assert rows(records, "split", "label") == [("train", "hat"), ("gallery", "hat"), ("test", "hat"), ("val", "hat")]


def test_split_folders_of_other_names_are_named_in_the_entry(tmp_path: Path) -> None:
    files = ["lab/hat/1.jpg", "street/hat/1.jpg", "test/hat/1.jpg"]
    records = table(tmp_path, *files, splits={"lab": "train", "street": "query", "test": "gallery"})
    assert rows(records, "split") == [("train",), ("query",), ("gallery",)]


def test_a_split_that_is_renamed_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"catalogue.mine.splits: unknown split 'tset'.*Did you mean 'test'"):
        table(tmp_path, "train/hat/1.jpg", "test/hat/1.jpg", splits={"tset": "query"})


def test_folders_that_hold_everything_are_passed_over(tmp_path: Path) -> None:
    records = table(tmp_path, "README.md", "shop/photos/train/hat/1.jpg", "shop/photos/test/hat/1.jpg")
    assert rows(records, "file", "split", "label") == [
        ("shop/photos/test/hat/1.jpg", "test", "hat"),
        ("shop/photos/train/hat/1.jpg", "train", "hat"),
    ]


def test_one_class_is_still_a_class(tmp_path: Path) -> None:
    assert rows(table(tmp_path, "hat/1.jpg", "hat/2.jpg"), "label") == [("hat",), ("hat",)]
    assert rows(table(tmp_path / "b", "train/hat/1.jpg"), "split", "label") == [("train", "hat")]


def test_what_is_no_image_is_left_out_and_heic_is_not_overlooked(tmp_path: Path) -> None:
    records = table(tmp_path, "hat/1.jpg", "hat/notes.txt", "hat/.hidden.jpg", ".thumbs/a/1.jpg", "shoe/1.HEIC")
    assert rows(records, "file") == [("hat/1.jpg",), ("shoe/1.HEIC",)]


def test_an_image_outside_any_class_has_no_label(tmp_path: Path) -> None:
    assert rows(table(tmp_path / "a", "cover.jpg", "hat/1.jpg"), "file", "label") == [
        ("cover.jpg", ""),
        ("hat/1.jpg", "hat"),
    ]
    records = table(tmp_path / "b", "cover.jpg", "train/cover.jpg", "train/hat/1.jpg")
    assert rows(records, "split", "label") == [("", ""), ("train", ""), ("train", "hat")]


def test_splits_among_classes_are_refused_with_the_cure(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train look like splits and hat, shoe like classes; .*catalogue.mine.splits"):
        table(tmp_path, "train/hat/1.jpg", "hat/1.jpg", "shoe/1.jpg")


def test_a_folder_without_images_or_without_classes_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no image; the folder reader expects <class>/<image>.jpg"):
        table(tmp_path / "a", "hat/notes.txt")
    with pytest.raises(UserError, match="no image has a label"):
        table(tmp_path / "b", "1.jpg", "2.jpg")


def test_a_name_that_is_not_utf8_is_written_out_and_still_read(tmp_path: Path) -> None:
    (tmp_path / "hat").mkdir()
    (tmp_path / os.fsdecode(b"hat/caf\xe9.jpg")).write_bytes(b"A")
    (record,) = table(tmp_path).to_dict("records")
    assert (record["file"], record["label"]) == ("hat/caf\\udce9.jpg", "hat")
    assert Raw(tmp_path).read(record["file"]) == b"A"


def test_names_with_odd_characters_are_names(tmp_path: Path) -> None:
    records = table(tmp_path, "hat/new\nline.jpg", "hat/-rf.jpg", "größe \U0001f3a9/1.jpg")
    assert len(records) == 3
    assert records["label"].tolist() == ["größe \U0001f3a9", "hat", "hat"]
