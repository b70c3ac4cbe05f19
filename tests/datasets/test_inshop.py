"""A tiny tree in the official layout of DeepFashion In-shop Clothes Retrieval."""

from pathlib import Path

import pandas as pd
import pytest
from layouts import Files, lay_out, pack, rows

from src import datasets
from src.datasets.raw import Raw
from src.entries import OfficialDataset, Protocol
from src.errors import UserError

HEADER = "image_name item_id evaluation_status"
LIST = "Eval/list_eval_partition.txt"
LINES = [
    "img/WOMEN/Dresses/id_00000002/02_1_front.jpg         id_00000002 train ",
    "img/WOMEN/Blouses_Shirts/id_00000001/02_1_front.jpg  id_00000001 query ",
    "img/WOMEN/Blouses_Shirts/id_00000001/02_2_side.jpg   id_00000001 gallery",
    "img/MEN/Denim/id_00000080/01_7_additional.jpg        id_00000080 train",
]


def listing(lines: list[str]) -> str:
    return "\n".join([str(len(lines)), HEADER, *lines]) + "\n"


FILES: Files = {
    LIST: listing(LINES),
    "Anno/list_item_inshop.txt": "",
    "Img/img.zip": b"not opened: photos lie beside it",
    **{f"Img/{line.split()[0]}": b"" for line in LINES},
}
ENTRY = OfficialDataset(reader="inshop", protocols={"query": Protocol(query="query", gallery="gallery")})


def table(folder: Path, strict: bool = False) -> pd.DataFrame:
    return datasets.read(Raw(folder), ENTRY.model_copy(update={"strict": strict}), "catalogue.inshop")


@pytest.mark.parametrize("prefix", ["", "In-shop Clothes Retrieval Benchmark/"])
def test_an_item_is_a_label_and_its_folders_the_category(tmp_path: Path, prefix: str) -> None:
    records = table(lay_out(tmp_path, {prefix + name: data for name, data in FILES.items()}))
    shirt = "WOMEN/Blouses_Shirts"
    assert rows(records, "file", "label", "category", "split") == [
        (f"{prefix}Img/img/MEN/Denim/id_00000080/01_7_additional.jpg", "id_00000080", "MEN/Denim", "train"),
        (f"{prefix}Img/img/{shirt}/id_00000001/02_1_front.jpg", "id_00000001", shirt, "query"),
        (f"{prefix}Img/img/{shirt}/id_00000001/02_2_side.jpg", "id_00000001", shirt, "gallery"),
        (f"{prefix}Img/img/WOMEN/Dresses/id_00000002/02_1_front.jpg", "id_00000002", "WOMEN/Dresses", "train"),
    ]


@pytest.mark.parametrize("archive", ["img.zip", "img.tar"])
def test_the_photos_may_stay_in_their_archive_beside_the_list(tmp_path: Path, archive: str) -> None:
    pack(tmp_path / archive, {line.split()[0]: b"" for line in LINES})
    lay_out(tmp_path, {"list_eval_partition.txt": FILES[LIST]})
    raw = Raw(tmp_path)
    records = table(tmp_path)
    assert len(records) == 4
    assert all(file.startswith("img/") and file in raw for file in records["file"])


def test_the_larger_photos_serve_where_the_small_ones_are_not(tmp_path: Path) -> None:
    larger = {name.replace("Img/img/", "Img/img_highres/"): data for name, data in FILES.items()}
    raw = Raw(lay_out(tmp_path, larger))
    assert all(file.startswith("Img/img_highres/") and file in raw for file in table(tmp_path)["file"])
    lay_out(tmp_path, FILES)
    assert all(file.startswith("Img/img/") for file in table(tmp_path)["file"])


def rank(images: int, items: int, first: int, split: str) -> list[str]:
    return [f"img/MEN/Denim/{first + i % items}/{i}_{split}.jpg {first + i % items} {split}" for i in range(images)]


def test_the_official_counts_pass(tmp_path: Path) -> None:
    lines = rank(25_882, 3_997, 1, "train") + rank(14_218, 3_985, 5000, "query") + rank(12_612, 3_985, 5000, "gallery")
    lay_out(tmp_path, FILES | {LIST: listing(lines), "Img/img/MEN/Denim/1/0_train.jpg": b""})
    records = table(tmp_path, strict=True)
    assert (len(records), records["label"].nunique()) == (52_712, 7_982)


def test_other_counts_are_told(tmp_path: Path) -> None:
    message = (
        r"train has 2 images of 2 labels, the official dataset 25,882 of 3,997; query has 1 .*inshop.strict: false"
    )
    with pytest.raises(UserError, match=message):
        table(lay_out(tmp_path, FILES), strict=True)


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no list_eval_partition.txt; docs/datasets/inshop.md"):
        table(lay_out(tmp_path, {name: data for name, data in FILES.items() if name != LIST}))


def test_missing_photos_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no folder img/WOMEN/Dresses/id_00000002/ with photos"):
        table(lay_out(tmp_path, {LIST: FILES[LIST]}))


@pytest.mark.parametrize(
    "text",
    [
        "1\nimage_pair_name_1 image_pair_name_2 item_id evaluation_status\nimg/a.jpg img/b.jpg id_1 train\n",
        "2\nimage_name evaluation_status\nimg/img/a/1.jpg train\n",
        f"{HEADER}\n" + "\n".join(LINES),
        listing([]),
        "",
    ],
)
def test_the_list_of_another_benchmark_is_refused(tmp_path: Path, text: str) -> None:
    """All of DeepFashion's benchmarks, and CelebA, call theirs list_eval_partition.txt."""
    with pytest.raises(UserError, match=r"is not that of In-shop Clothes Retrieval.*docs/datasets/inshop.md"):
        table(lay_out(tmp_path, FILES | {LIST: text}))


@pytest.mark.parametrize(
    "line",
    [
        "img/MEN/Denim/id_1/1.jpg id_1",
        "img/MEN/Denim/id_1/1.jpg id_1 test",
        "MEN/Denim/id_1/1.jpg id_1 train",
        "img/1.jpg id_1 train",
    ],
)
def test_a_line_that_is_not_of_the_layout_is_shown(tmp_path: Path, line: str) -> None:
    with pytest.raises(UserError, match=rf"list_eval_partition.txt has the line '{line}'; expected: img/<category>/"):
        table(lay_out(tmp_path, FILES | {LIST: listing([*LINES, line])}))
