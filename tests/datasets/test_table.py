"""A csv or parquet table, as shops export them."""

import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from src import datasets
from src.datasets.raw import Raw
from src.entries import Protocol, TableDataset
from src.errors import UserError

PROTOCOLS = {"test": Protocol(query="test", gallery="test")}
CSV = "file,sku,split,view,price\na.jpg,007,train,front,1.50\nb.jpg,008,test,,\n"


def table(root: Path, data: str | bytes, name: str = "products.csv", **options: Any) -> pd.DataFrame:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes(data.encode() if isinstance(data, str) else data)
    entry = TableDataset(reader="table", protocols=PROTOCOLS, **{"table": name, **options})
    return datasets.read(Raw(root), entry, "catalogue.mine")


def test_columns_are_mapped_and_further_ones_kept_as_written(tmp_path: Path) -> None:
    records = table(tmp_path, CSV, columns={"label": "sku"})
    assert records.to_dict("list") == {
        "file": ["a.jpg", "b.jpg"],
        "label": ["007", "008"],
        "split": ["train", "test"],
        "view": ["front", ""],
        "price": ["1.50", ""],
        "image_id": ["a.jpg", "b.jpg"],
        "category": ["", ""],
        "group": ["", ""],
        "caption": ["", ""],
    }


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_separators_and_byte_order_marks_are_recognised(tmp_path: Path, separator: str, encoding: str) -> None:
    text = "file,label,caption\r\na.jpg,hät,\"a 'b'\"\r\n".replace(",", separator)
    (record,) = table(tmp_path, text.encode(encoding)).to_dict("records")
    assert (record["file"], record["label"], record["caption"]) == ("a.jpg", "hät", "a 'b'")


def test_words_that_pandas_takes_for_nothing_are_labels(tmp_path: Path) -> None:
    assert table(tmp_path, "file,label\na.jpg,NA\nb.jpg,None\nc.jpg, nan \n")["label"].tolist() == ["NA", "None", "nan"]


def test_numbers_of_a_parquet_table_are_read_as_a_person_writes_them(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    frame = pd.DataFrame(
        {"file": ["a", "b", "c"], "label": [1.0, 2.0, None], "caption": [7, 8, 9], "price": [0.5, 1, 2]}
    )
    frame.to_parquet(buffer)
    records = table(tmp_path, buffer.getvalue(), "products.parquet")
    assert records["label"].tolist() == ["1", "2", ""]
    assert records["caption"].tolist() == ["7", "8", "9"]
    assert records["price"].tolist() == [0.5, 1.0, 2.0]  # a further column keeps its type


def test_a_further_column_never_takes_a_name_of_the_manifest(tmp_path: Path) -> None:
    records = table(tmp_path, "file,label,sku,width\na.jpg,red,007,30 cm\n", columns={"label": "sku"})
    (record,) = records.to_dict("records")
    assert (record["label"], record["label_given"], record["width_given"]) == ("007", "red", "30 cm")
    assert "width" not in records


def test_one_column_may_serve_twice(tmp_path: Path) -> None:
    records = table(tmp_path, CSV, columns={"label": "sku", "group": "sku"})
    assert records["group"].tolist() == records["label"].tolist() == ["007", "008"]


def test_paths_are_found_beside_the_table_or_from_the_folder(tmp_path: Path) -> None:
    for name in ("shop/meta/a.jpg", "shop/b.jpg", "c d/e.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    text = "file,label\na.jpg,x\n../b.jpg,x\n.\\c d\\e.jpg,x\ngone.jpg,x\n../../../etc/passwd,x\n"
    records = table(tmp_path, text, "shop/meta/products.csv")
    assert set(records["file"]) == {"shop/meta/a.jpg", "shop/b.jpg", "c d/e.jpg", "gone.jpg", "../../../etc/passwd"}


def test_the_table_is_found_by_its_name_in_the_folder_that_an_archive_adds(tmp_path: Path) -> None:
    assert len(table(tmp_path, CSV, "shop/products.csv", table="products.csv", columns={"label": "sku"})) == 2


def test_image_ids_may_be_the_owners(tmp_path: Path) -> None:
    records = table(tmp_path, "id,file,label\n2,a.jpg,x\n1,a.jpg,y\n", columns={"image_id": "id"})
    assert records["image_id"].tolist() == ["1", "2"]  # rows by file, then id


def test_split_words_are_translated_and_unknown_ones_kept(tmp_path: Path) -> None:
    text = "file,label,split\na,x,TRAIN\nb,x,Validation\nc,x,holdout\nd,x,\n"
    assert table(tmp_path, text)["split"].tolist() == ["train", "val", "holdout", ""]
    assert table(tmp_path, text, splits={"holdout": "test"})["split"].tolist() == ["train", "val", "test", ""]


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (CSV, {}, r"products.csv has no column 'label'; its columns: file, sku, split, view, price\. Say which in"),
        (CSV, {"columns": {"label": "sck"}}, r"mine.columns.label: unknown column 'sck' in products.csv; .*mean 'sku'"),
        (CSV, {"columns": {"lable": "sku"}}, r"mine.columns: unknown column 'lable' .*mean 'label'"),
        (CSV, {"table": "product.csv"}, r"mine.table: unknown file 'product.csv' in .*mean 'products.csv'"),
        (b"file,label\na.jpg,h\xe4t\n", {}, "is not UTF-8; save it again"),
        ("file,label\na.jpg,x\nb.jpg,y,z,\"\n", {}, "products.csv is not a table"),
        ("", {}, "products.csv is not a table"),
        ("file,label\n", {}, "no image has a label"),
        ("file,label\na.jpg,\nb.jpg, \n", {}, "no image has a label"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_the_cure(tmp_path: Path, text: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        table(tmp_path, text, **options)
    assert "\n" not in str(error.value)


def test_what_only_looks_like_parquet_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"products.parquet is not a table"):
        table(tmp_path, b"PAR1 cut short", "products.parquet")
