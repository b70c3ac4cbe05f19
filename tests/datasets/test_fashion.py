"""A tiny tree in the official layout of Fashion Product Images."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from layouts import Files, jpeg, lay_out, pack, rows

from src import datasets
from src.datasets import intake
from src.datasets.raw import Raw
from src.entries import FashionDataset, Protocol
from src.errors import UserError
from src.params import PrepareParams
from src.stages import prepare

HEADER = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName\n"
SHIRT = "15970,Men,Apparel,Topwear,Shirts,Navy Blue,Fall,2011,Casual,Turtle Check Men Navy Blue Shirt\n"
BALM = '41,Men,Personal Care,Fragrance,Perfume,Blue,Spring,2017,,Boss 3" Perfume, After Shave\n'
WATCH = "59263,Women,Accessories,Watches,Watches,Silver,Winter,2016,NA,Titan Women Silver Watch\n"
FILES: Files = {"styles.csv": HEADER + SHIRT + BALM + WATCH, "images/15970.jpg": b"", "images/41.jpg": b""}
COLUMNS = ("file", "label", "category", "caption")


def entry(**options: Any) -> FashionDataset:
    return FashionDataset(reader="fashion", protocols={"test": Protocol(query="test", gallery="test")}, **options)


def table(folder: Path, strict: bool = False, **options: Any) -> pd.DataFrame:
    return datasets.read(Raw(folder), entry(strict=strict, **options), "catalogue.fashion")


@pytest.mark.parametrize("prefix", ["", "myntradataset/", "fashion-dataset/"])
def test_commas_in_the_name_of_a_product_are_its_own_and_a_missing_photo_is_listed(tmp_path: Path, prefix: str) -> None:
    records = table(lay_out(tmp_path, {prefix + name: data for name, data in FILES.items()}))
    assert rows(records, *COLUMNS) == [
        (f"{prefix}images/15970.jpg", "Apparel", "Apparel", "Turtle Check Men Navy Blue Shirt"),
        (f"{prefix}images/41.jpg", "Personal Care", "Personal Care", 'Boss 3" Perfume, After Shave'),
        (f"{prefix}images/59263.jpg", "Accessories", "Accessories", "Titan Women Silver Watch"),
    ]
    assert "split" not in records


@pytest.mark.parametrize(
    ("label", "labels", "categories"),
    [
        ("masterCategory", ["Apparel", "Personal Care", "Accessories"], ["Apparel", "Personal Care", "Accessories"]),
        ("subCategory", ["Topwear", "Fragrance", "Watches"], ["Apparel", "Personal Care", "Accessories"]),
        ("articleType", ["Shirts", "Perfume", "Watches"], ["Topwear", "Fragrance", "Watches"]),
    ],
)
def test_the_label_is_a_column_of_choice_and_the_category_the_coarser_one(
    tmp_path: Path, label: str, labels: list[str], categories: list[str]
) -> None:
    records = table(lay_out(tmp_path, FILES), label=label)
    assert (records["label"].tolist(), records["category"].tolist()) == (labels, categories)
    assert records["articleType"].tolist() == ["Shirts", "Perfume", "Watches"]  # the further columns are carried along
    assert records["usage"].tolist() == ["Casual", "", "NA"]


def test_a_copy_with_two_empty_columns_or_quoted_names_reads_the_same(tmp_path: Path) -> None:
    text = str(FILES["styles.csv"]).replace("\n", ",,\r\n")
    text = text.replace('Boss 3" Perfume, After Shave', '"Boss 3"" Perfume, After Shave"')
    copy = table(lay_out(tmp_path / "a", FILES | {"styles.csv": text}))
    pd.testing.assert_frame_equal(copy, table(lay_out(tmp_path / "b", FILES)))


@pytest.mark.parametrize("archive", ["fashion-product-images-small.zip", "fashion.tar"])
def test_an_archive_of_it_reads_the_same(tmp_path: Path, archive: str) -> None:
    files = {f"myntradataset/{name}": data for name, data in FILES.items()}
    unpacked = table(lay_out(tmp_path / "a", files))
    pd.testing.assert_frame_equal(table(pack(tmp_path / "b" / archive, files)), unpacked)


@pytest.mark.parametrize(("label", "labels"), [("masterCategory", 7), ("subCategory", 45), ("articleType", 143)])
def test_the_official_counts_pass(tmp_path: Path, label: str, labels: int) -> None:
    lines = (f"{i},Men,m{i % 7},s{i % 45},a{i % 143},Blue,Fall,2011,Casual,Shirt, blue\n" for i in range(44_446))
    lay_out(tmp_path, FILES | {"styles.csv": HEADER + "".join(lines)})
    assert table(tmp_path, strict=True, label=label)["label"].nunique() == labels


def test_other_counts_are_told(tmp_path: Path) -> None:
    message = r"styles.csv has 3 images, the official dataset 44,446\. .*catalogue.fashion.strict: false"
    with pytest.raises(UserError, match=message):
        table(lay_out(tmp_path, FILES), strict=True)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no styles.csv; docs/datasets/fashion.md"):
        table(lay_out(tmp_path / "a", {"images/1.jpg": b""}))
    with pytest.raises(UserError, match=r"holds no folder images/ with photos; docs/datasets/fashion.md"):
        table(lay_out(tmp_path / "b", {"styles.csv": HEADER + SHIRT}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"styles.csv begins with ''; expected: id,gender,masterCategory"),
        ("id,label\n1,x\n", r"styles.csv begins with 'id,label'; expected: id,gender,masterCategory"),
        (HEADER + SHIRT + "7,Men,Apparel\n", r"styles.csv has the line '7,Men,Apparel'; expected: id,gender"),
        (HEADER + SHIRT.replace("15970", ""), r"styles.csv has the line ',Men,Apparel,.*'; expected: id,gender"),
        (HEADER + SHIRT.replace("Topwear", ""), r"styles.csv has the line '15970,Men,Apparel,,Shirts,.*'; expected"),
    ],
)
def test_a_line_that_is_not_of_the_layout_is_shown(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        table(lay_out(tmp_path, FILES | {"styles.csv": text}))
    assert "\n" not in str(error.value)


def test_the_reader_agrees_with_pandas_on_the_lines_that_pandas_can_read(tmp_path: Path) -> None:
    names = [f"Shirt {i}" + ", with tie" * (i % 7 == 3) for i in range(200)]
    lines = [f"{i},Men,m{i % 7},s{i % 9},a{i % 11},Blue,,2011,Casual,{name}\n" for i, name in enumerate(names)]
    lay_out(tmp_path, FILES | {"styles.csv": HEADER + "".join(lines)})
    theirs = pd.read_csv(tmp_path / "styles.csv", dtype=str, keep_default_na=False, on_bad_lines="skip")
    ours = table(tmp_path, label="articleType")
    assert len(ours) == 200
    assert len(theirs) == 200 - len(range(3, 200, 7))
    read = ours[~ours["caption"].str.contains(",")]
    expected = sorted(
        (f"images/{row.id}.jpg", row.articleType, row.subCategory, row.productDisplayName, row.season)
        for row in theirs.itertuples()
    )
    assert rows(read, *COLUMNS, "season") == expected


def test_the_split_is_seeded_and_byte_equal_photos_never_straddle_it(tmp_path: Path) -> None:
    """Thirty photos, each of two products, often of two kinds; and one kind with a single photo."""
    kinds = [f"kind {i % 3}" for i in range(58)] + ["alone", "sole", "unique"]
    lines = [f"{i},Men,Apparel,Topwear,{kind},Blue,Fall,2011,Casual,Shirt {i}\n" for i, kind in enumerate(kinds)]
    files: Files = {f"images/{i}.jpg": jpeg(i % 30 if i < 60 else i) for i in range(61)}
    raw = Raw(lay_out(tmp_path / "raw", {"styles.csv": HEADER + "".join(lines)} | files))
    fashion = entry(strict=False, label="articleType")
    records = datasets.read(raw, fashion, "catalogue.fashion")

    def split(seed: int) -> pd.DataFrame:
        (shards := tmp_path / f"shards {seed}").mkdir(exist_ok=True)
        packed, _, quarantine = intake.pack(raw, records, shards, 2, "prepare fashion", tmp_path)
        assert len(quarantine) == 0
        how = PrepareParams(seed=seed, validation=0.2, max_quarantined=0.02)
        return prepare.assign(packed, fashion, how, "catalogue.fashion")

    images = split(seed=0)
    assert images.groupby("sha256")["split"].nunique().max() == 1
    assert images.groupby("sha256")["group"].nunique().max() == 1
    tuned = images[images["split"] == "train"]
    assert tuned.groupby("sha256")["tuning"].nunique().max() == 1
    assert set(images["split"]) == {"train", "test"}
    assert 0.3 < (images["split"] == "test").mean() < 0.5
    assert images["split"][images["label"] == "unique"].tolist() == ["train"]  # nothing to find in a test
    assert images["split"].tolist() != split(seed=1)["split"].tolist()
