"""A tiny tree in the official layout of RP2K."""

import os
from pathlib import Path

import pandas as pd
import pytest
from layouts import Files, lay_out, pack, rows

from src import datasets
from src.datasets.raw import Raw
from src.entries import OfficialDataset, Protocol
from src.errors import UserError

FILES: Files = {
    "all/train/雪碧_500ml/0_1.jpg": b"",
    "all/train/雪碧_500ml/0_2.JPG": b"",
    "all/train/Coca-Cola (can)/1.png": b"",
    "all/test/雪碧_500ml/0_3.jpg": b"",
    "all/test/Thumbs.db": b"",
    "all/readme.txt": b"",
    "sku_info.csv": b"",
}
ENTRY = OfficialDataset(reader="rp2k", protocols={"test": Protocol(query="test", gallery="test")})


def table(raw: Raw, strict: bool = False) -> pd.DataFrame:
    return datasets.read(raw, ENTRY.model_copy(update={"strict": strict}), "catalogue.rp2k")


@pytest.mark.parametrize("prefix", ["", "rp2k_dataset/"])
def test_a_product_is_a_label_whatever_its_language(tmp_path: Path, prefix: str) -> None:
    records = table(Raw(lay_out(tmp_path, {prefix + name: data for name, data in FILES.items()})))
    assert rows(records, "file", "label", "split") == [
        (f"{prefix}all/test/雪碧_500ml/0_3.jpg", "雪碧_500ml", "test"),
        (f"{prefix}all/train/Coca-Cola (can)/1.png", "Coca-Cola (can)", "train"),
        (f"{prefix}all/train/雪碧_500ml/0_1.jpg", "雪碧_500ml", "train"),
        (f"{prefix}all/train/雪碧_500ml/0_2.JPG", "雪碧_500ml", "train"),
    ]


@pytest.mark.parametrize("archive", ["rp2k_dataset.zip", "rp2k_dataset.tar"])
def test_an_archive_of_it_reads_the_same(tmp_path: Path, archive: str) -> None:
    unpacked = table(Raw(lay_out(tmp_path / "a", FILES)))
    pd.testing.assert_frame_equal(table(Raw(pack(tmp_path / "b" / archive, FILES))), unpacked)


def test_names_that_are_not_utf_8_are_labels_too(tmp_path: Path) -> None:
    name = os.fsdecode("all/train/雪碧/1.jpg".encode("gbk"))
    raw = Raw(lay_out(tmp_path, FILES | {name: b"A"}))
    (record,) = (record for record in table(raw).to_dict("records") if "\\udc" in record["label"])
    assert record["label"] == r"ѩ\udcb1\udccc"  # two of the four bytes are a letter in UTF-8
    assert raw.read(record["file"]) == b"A"


class Listed(Raw):
    """Files of which only the names are asked."""

    def __init__(self, names: list[str]) -> None:
        self.place, self.names = "data/raw/rp2k", names


def test_the_official_counts_pass() -> None:
    train = [f"all/train/{i % 2388}/{i}.jpg" for i in range(344_854)]
    test = [f"all/test/{i % 2000}/{i}.jpg" for i in range(39_457)]
    records = table(Listed(train + test), strict=True)
    assert records.groupby("split")["label"].agg(["size", "nunique"]).to_dict("index") == {
        "train": {"size": 344_854, "nunique": 2_388},
        "test": {"size": 39_457, "nunique": 2_000},
    }
    with pytest.raises(UserError, match=r"rp2k: train has 344,853 images of 2,388 labels, the official .* 344,854 of"):
        table(Listed(train[:-1] + test), strict=True)


def test_other_counts_are_told(tmp_path: Path) -> None:
    message = r"train has 3 images of 2 labels, the official dataset 344,854 of 2,388; test has 1 .*rp2k.strict: false"
    with pytest.raises(UserError, match=message):
        table(Raw(lay_out(tmp_path, FILES)), strict=True)


@pytest.mark.parametrize("missing", ["train", "test"])
def test_a_missing_half_is_told_by_its_count(tmp_path: Path, missing: str) -> None:
    files = {name: data for name, data in FILES.items() if f"all/{missing}/" not in name}
    with pytest.raises(UserError, match=rf"{missing} has 0 images"):
        table(Raw(lay_out(tmp_path, files)), strict=True)


def test_another_layout_is_told(tmp_path: Path) -> None:
    files = {name.replace("all/", "pictures/"): data for name, data in FILES.items()}
    with pytest.raises(UserError, match=r"holds no all/train/<product>/<photo>.jpg; docs/datasets/rp2k.md"):
        table(Raw(lay_out(tmp_path, files)))
