"""A tiny tree in the official layout of Food2K."""

from pathlib import Path

import pandas as pd
import pytest
from layouts import Files, lay_out, pack, rows

from src import datasets
from src.datasets import food2k
from src.datasets.official import Official
from src.datasets.raw import Raw
from src.entries import OfficialDataset, Protocol
from src.errors import UserError

FILES: Files = {
    "Food2k_label/train_finetune.txt": "0/101.jpg 0\n1999/7.jpg 1999\n",
    "Food2k_label/val_finetune.txt": "0/102.jpg 0\n",
    "Food2k_label/test_finetune.txt": "10/1.jpg 10\n",
    "Food2k_label/food2k_label2name_en.txt": "0000--Braised pork\n0010--Egg -- fried\nno class\n",
    "Food2k_complete/0/101.jpg": b"",
    "Food2k_complete/0/102.jpg": b"",
    "Food2k_complete/10/1.jpg": b"",
    "Food2k_complete/1999/7.jpg": b"",
}
FOUND = [
    ("Food2k_complete/0/101.jpg", "0", "train", "Braised pork"),
    ("Food2k_complete/0/102.jpg", "0", "val", "Braised pork"),
    ("Food2k_complete/10/1.jpg", "10", "test", "Egg -- fried"),
    ("Food2k_complete/1999/7.jpg", "1999", "train", ""),
]
ENTRY = OfficialDataset(reader="food2k", protocols={"test": Protocol(query="test", gallery="test")})


def table(folder: Path, strict: bool = False) -> pd.DataFrame:
    return datasets.read(Raw(folder), ENTRY.model_copy(update={"strict": strict}), "catalogue.food2k")


def test_the_number_of_a_class_is_the_label_and_its_name_the_caption(tmp_path: Path) -> None:
    assert rows(table(lay_out(tmp_path, FILES)), "file", "label", "split", "caption") == FOUND


def test_the_two_archives_of_the_authors_lie_beside_each_other(tmp_path: Path) -> None:
    for archive in ("Food2k_complete.tar", "Food2k_label.tar"):
        pack(tmp_path / archive, {name: data for name, data in FILES.items() if name.startswith(archive[:-4])})
    assert rows(table(tmp_path), "file", "label", "split", "caption") == FOUND


@pytest.mark.parametrize("lead", ["/", "./"])
def test_lists_beside_the_photos_and_paths_with_a_lead_are_read_too(tmp_path: Path, lead: str) -> None:
    files = {"images/" + name.removeprefix("Food2k_complete/"): b"" for name, *_ in FOUND}
    lists = {
        f"meta/{Path(name).name.replace('_finetune', '')}": "".join(
            f"{lead}{line}\n" for line in str(text).splitlines()
        )
        for name, text in FILES.items()
        if name.endswith("_finetune.txt")
    }
    found = rows(table(lay_out(tmp_path, files | lists)), "file", "label", "split", "caption")
    assert found == [(name.replace("Food2k_complete", "images"), label, split, "") for name, label, split, _ in FOUND]


def test_the_official_counts_add_up_to_what_the_paper_says() -> None:
    assert sum(whole.images for whole in food2k.OFFICIAL.values()) == 1_036_564
    assert {whole.labels for whole in food2k.OFFICIAL.values()} == {2_000}


def test_counts_are_checked_split_by_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(tmp_path, FILES)
    message = (
        r"train has 2 images of 2 labels, the official dataset 620,192 of 2,000; val .*; test .*food2k.strict: fal"
    )
    with pytest.raises(UserError, match=message):
        table(tmp_path, strict=True)
    counts = {"train": Official(2, 2), "val": Official(1, 1), "test": Official(1, 1)}
    monkeypatch.setattr(food2k, "OFFICIAL", counts)
    assert len(table(tmp_path, strict=True)) == 4


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_a_missing_list_is_named(tmp_path: Path, split: str) -> None:
    files = {name: data for name, data in FILES.items() if not name.endswith(f"{split}_finetune.txt")}
    with pytest.raises(UserError, match=rf"holds no {split}_finetune.txt; docs/datasets/food2k.md"):
        table(lay_out(tmp_path, files))


@pytest.mark.parametrize("line", ["0/101.jpg", "101.jpg 0", "0/101.jpg zero", "0/101.jpg,0", "0"])
def test_a_line_that_is_not_of_the_layout_is_shown(tmp_path: Path, line: str) -> None:
    files = FILES | {"Food2k_label/val_finetune.txt": f"0/102.jpg 0\n{line}\n"}
    with pytest.raises(UserError, match=rf"val_finetune.txt has the line '{line}'; expected: <folder>/<photo> <number"):
        table(lay_out(tmp_path, files))


def test_lists_without_photos_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no folder 0/ with photos; docs/datasets/food2k.md"):
        table(lay_out(tmp_path, {name: data for name, data in FILES.items() if name.endswith(".txt")}))
    with pytest.raises(UserError, match=r"val_finetune.txt, Food2k_label/test_finetune.txt name no photo"):
        table(lay_out(tmp_path, {name: "" for name in FILES if name.endswith("_finetune.txt")}))
