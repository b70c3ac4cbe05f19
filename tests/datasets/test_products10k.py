"""A tiny tree in the official layout of Products-10K."""

from pathlib import Path

import pandas as pd
import pytest
from layouts import Files, lay_out, pack, rows

from src import datasets
from src.datasets.raw import Raw
from src.entries import OfficialDataset, Protocol
from src.errors import UserError

FILES: Files = {
    "train.csv": "name,class,group\n1.jpg,0,7\n2.jpg,0,7\n3.jpg,12,0\n",
    "test_kaggletest.csv": "name,class,Usage\n1007880.jpg,12,Public\n9.jpg,0,Private\n",
    "train/1.jpg": b"",
    "train/2.jpg": b"",
    "train/3.jpg": b"",
    "test/9.jpg": b"",
    "test/1007880.jpg": b"",
}


def table(folder: Path, strict: bool = False) -> pd.DataFrame:
    protocols = {"train": Protocol(query="test", gallery="train")}
    entry = OfficialDataset(reader="products10k", protocols=protocols, strict=strict)
    return datasets.read(Raw(folder), entry, "catalogue.products10k")


def test_a_class_is_a_label_and_the_csvs_group_a_category_that_holds_for_test_photos_too(tmp_path: Path) -> None:
    records = table(lay_out(tmp_path, FILES))
    assert rows(records, "file", "label", "category", "split") == [
        ("test/1007880.jpg", "12", "0", "test"),
        ("test/9.jpg", "0", "7", "test"),
        ("train/1.jpg", "0", "7", "train"),
        ("train/2.jpg", "0", "7", "train"),
        ("train/3.jpg", "12", "0", "train"),
    ]
    assert set(records["group"]) == {""}  # no photo of a group must follow the others into a split


def test_a_class_that_train_lacks_has_no_category(tmp_path: Path) -> None:
    records = table(lay_out(tmp_path, FILES | {"test_kaggletest.csv": "name,class,Usage\n9.jpg,99,Public\n"}))
    assert ("test/9.jpg", "99", "") in rows(records, "file", "label", "category")


def test_a_copy_may_call_the_list_of_the_test_test_csv_and_give_it_groups(tmp_path: Path) -> None:
    files = FILES | {"test.csv": "name,class,group\n9.jpg,99,5\n"}
    del files["test_kaggletest.csv"]
    assert ("test/9.jpg", "99", "5") in rows(table(lay_out(tmp_path, files)), "file", "label", "category")


def test_kaggles_list_of_the_test_without_classes_is_refused(tmp_path: Path) -> None:
    lay_out(tmp_path, FILES | {"test.csv": "name\n9.jpg\n"})
    assert len(table(tmp_path)) == 5
    (tmp_path / "test_kaggletest.csv").unlink()
    with pytest.raises(
        UserError, match=r"test.csv has no column 'class', its columns: name; docs/datasets/products10k"
    ):
        table(tmp_path)


@pytest.mark.parametrize("archive", ["products10k.zip", "products10k.tar"])
def test_an_archive_of_it_reads_the_same(tmp_path: Path, archive: str) -> None:
    unpacked = table(lay_out(tmp_path / "a", FILES))
    pd.testing.assert_frame_equal(table(pack(tmp_path / "b" / archive, FILES)), unpacked)


def test_photos_and_lists_may_lie_in_folders_of_their_own(tmp_path: Path) -> None:
    files = {f"photos/{name}" if name.endswith(".jpg") else f"lists/{name}": data for name, data in FILES.items()}
    assert "photos/train/1.jpg" in table(lay_out(tmp_path, files))["file"].tolist()


def listing(images: int, classes: int, third: str) -> str:
    lines = (f"{i}.jpg,{i % classes},{i % classes % 360}\n" for i in range(images))
    return f"name,class,{third}\n" + "".join(lines)


def test_the_official_counts_pass(tmp_path: Path) -> None:
    lists = {"train.csv": listing(141_931, 9_691, "group"), "test_kaggletest.csv": listing(55_376, 9_691, "Usage")}
    records = table(lay_out(tmp_path, FILES | lists), strict=True)
    assert (len(records), records["label"].nunique(), records["category"].nunique()) == (197_307, 9_691, 360)


def test_other_counts_are_told(tmp_path: Path) -> None:
    message = (
        r"train has 3 images of 2 labels, the official dataset 141,931 of 9,691; test has 2 images, the .* 55,376\."
    )
    with pytest.raises(UserError, match=message + r".*catalogue.products10k.strict: false"):
        table(lay_out(tmp_path, FILES), strict=True)


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("train.csv", "holds no train.csv"),
        ("test_kaggletest.csv", "holds no test_kaggletest.csv"),
        ("test/", "holds no folder test/ with photos"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, gone: str, message: str) -> None:
    files = {name: data for name, data in FILES.items() if not name.startswith(gone)}
    with pytest.raises(UserError, match=rf"{message}; docs/datasets/products10k.md"):
        table(lay_out(tmp_path, files))


@pytest.mark.parametrize("line", ["4.jpg,1", "4.jpg,,3", ",1,3", "4.jpg"])
def test_a_line_that_is_not_of_the_layout_is_shown(tmp_path: Path, line: str) -> None:
    with pytest.raises(UserError, match=r"train.csv has the line '.*'; expected: name,class,group"):
        table(lay_out(tmp_path, FILES | {"train.csv": f"name,class,group\n1.jpg,0,7\n{line}\n"}))


def test_the_reader_agrees_with_a_loop_over_lines(tmp_path: Path) -> None:
    lists = {"train.csv": listing(300, 40, "group"), "test_kaggletest.csv": listing(200, 40, "Usage")}
    lay_out(tmp_path, FILES | lists)
    expected = []
    kinds: dict[str, str] = {}
    for split, name in (("train", "train.csv"), ("test", "test_kaggletest.csv")):
        for line in (tmp_path / name).read_text().splitlines()[1:]:
            photo, label, third = line.split(",")
            kind = kinds.setdefault(label, third) if split == "train" else kinds[label]
            expected.append((f"{split}/{photo}", label, kind, split))
    assert rows(table(tmp_path), "file", "label", "category", "split") == sorted(expected)
