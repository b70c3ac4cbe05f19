"""A tiny tree in each of the official layouts of Stanford Cars."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from layouts import Files, lay_out, pack, rows
from scipy.io import savemat

from src import datasets
from src.datasets import cars196
from src.datasets.raw import Raw
from src.entries import Cars196Dataset, Protocol
from src.errors import UserError

NAMES = ["AM General Hummer SUV 2000", "Ram C-V Cargo Van Minivan 2012", "Acura TL Type-S 2008"]
BOX = {"bbox_x1": 39, "bbox_y1": 116, "bbox_x2": 569, "bbox_y2": 375}


def mat(**variables: Any) -> bytes:
    buffer = io.BytesIO()
    savemat(buffer, variables)
    return buffer.getvalue()


def struct(photos: list[dict[str, Any]]) -> np.ndarray:
    """A MATLAB struct array [1, N], as the authors' files hold it."""
    records = np.empty((1, len(photos)), [(name, object) for name in photos[0]])
    for i, photo in enumerate(photos):
        records[0, i] = tuple(photo.values())
    return records


def cells(names: list[str]) -> np.ndarray:
    return np.array(names, object).reshape(1, -1)


def annotated(*classes: int) -> bytes:
    """Annotations of 00001.jpg, 00002.jpg, ... as in cars_train_annos.mat."""
    photos = [{**BOX, "class": number, "fname": f"{i:05d}.jpg"} for i, number in enumerate(classes, 1)]
    return mat(annotations=struct(photos))


TWO_FOLDERS: Files = {
    "cars_train/00001.jpg": b"",
    "cars_train/00002.jpg": b"",
    "cars_test/00001.jpg": b"",
    "devkit/README.txt": b"",
    "devkit/cars_meta.mat": mat(class_names=cells(NAMES)),
    "devkit/cars_train_annos.mat": annotated(2, 1),
    "cars_test_annos_withlabels.mat": annotated(3),
}
ONE_FOLDER: Files = {
    "car_ims/000001.jpg": b"",
    "car_ims/000002.jpg": b"",
    "cars_annos.mat": mat(
        annotations=struct(
            [
                {"relative_im_path": "car_ims/000001.jpg", **BOX, "class": 1, "test": 0},
                {"relative_im_path": "car_ims/000002.jpg", **BOX, "class": 3, "test": 1},
            ]
        ),
        class_names=cells(NAMES),
    ),
}


def table(folder: Path, strict: bool = False, **options: Any) -> pd.DataFrame:
    protocols = {"test": Protocol(query="test", gallery="test")}
    entry = Cars196Dataset(reader="cars196", protocols=protocols, strict=strict, **options)
    return datasets.read(Raw(folder), entry, "catalogue.cars196")


@pytest.mark.parametrize("prefix", ["", "stanford_cars/"])
def test_the_layout_of_the_devkit_is_read(tmp_path: Path, prefix: str) -> None:
    records = table(lay_out(tmp_path, {prefix + name: data for name, data in TWO_FOLDERS.items()}))
    assert rows(records, "file", "label", "category", "split") == [
        (f"{prefix}cars_test/00001.jpg", NAMES[2], "", "test"),
        (f"{prefix}cars_train/00001.jpg", NAMES[1], "Minivan", "train"),
        (f"{prefix}cars_train/00002.jpg", NAMES[0], "SUV", "train"),
    ]


def test_the_test_labels_may_lie_in_the_devkit_and_a_copy_may_double_its_folders(tmp_path: Path) -> None:
    moved = {
        f"devkit/{name}" if name.startswith("cars_test_annos") else name: TWO_FOLDERS[name] for name in TWO_FOLDERS
    }
    doubled = {
        name.replace("cars_train/", "cars_train/cars_train/").replace("cars_test/", "cars_test/cars_test/"): data
        for name, data in moved.items()
    }
    assert table(lay_out(tmp_path, doubled))["file"].tolist() == [
        "cars_test/cars_test/00001.jpg",
        "cars_train/cars_train/00001.jpg",
        "cars_train/cars_train/00002.jpg",
    ]


@pytest.mark.parametrize("archive", ["cars.zip", "cars.tar"])
def test_an_archive_of_it_reads_the_same(tmp_path: Path, archive: str) -> None:
    unpacked = table(lay_out(tmp_path / "a", TWO_FOLDERS))
    pd.testing.assert_frame_equal(table(pack(tmp_path / "b" / archive, TWO_FOLDERS)), unpacked)


def test_the_older_layout_in_one_folder_is_read(tmp_path: Path) -> None:
    records = table(lay_out(tmp_path, ONE_FOLDER))
    assert rows(records, "file", "label", "split") == [
        ("car_ims/000001.jpg", NAMES[0], "train"),
        ("car_ims/000002.jpg", NAMES[2], "test"),
    ]


def test_metric_learning_trains_on_classes_1_to_98_wherever_their_photos_lie(tmp_path: Path) -> None:
    names = [f"Make Model {number} Coupe 2012" for number in range(1, 197)]
    files = TWO_FOLDERS | {
        "devkit/cars_meta.mat": mat(class_names=cells(names)),
        "devkit/cars_train_annos.mat": annotated(98, 99),
        "cars_test_annos_withlabels.mat": annotated(1, 196),
    }
    records = table(lay_out(tmp_path, files), split="metric_learning")
    assert {label.split()[2]: split for label, split in rows(records, "label", "split")} == {
        "98": "train",
        "99": "test",
        "1": "train",
        "196": "test",
    }


def photos_per_class(total: int, classes: range) -> list[int]:
    return [classes[i % len(classes)] for i in range(total)]


@pytest.mark.parametrize(
    ("split", "train", "test"),
    [
        ("classification", photos_per_class(8144, range(1, 197)), photos_per_class(8041, range(1, 197))),
        ("metric_learning", photos_per_class(8054, range(1, 99)), photos_per_class(8131, range(99, 197))),
    ],
)
def test_the_official_counts_pass(tmp_path: Path, split: str, train: list[int], test: list[int]) -> None:
    files = TWO_FOLDERS | {
        "devkit/cars_meta.mat": mat(class_names=cells([f"Car {number} 2012" for number in range(1, 197)])),
        "devkit/cars_train_annos.mat": annotated(*train),
        "cars_test_annos_withlabels.mat": annotated(*test),
    }
    assert len(table(lay_out(tmp_path, files), strict=True, split=split)) == 16_185


def test_other_counts_are_told(tmp_path: Path) -> None:
    lay_out(tmp_path, TWO_FOLDERS)
    message = r"train has 2 images of 2 labels, the official dataset 8,144 of 196; test has .*cars196.strict: false"
    with pytest.raises(UserError, match=message):
        table(tmp_path, strict=True)
    with pytest.raises(UserError, match=r"the official dataset 8,054 of 98; test has 0 images of 0 labels, .*8,131"):
        table(tmp_path, strict=True, split="metric_learning")


@pytest.mark.parametrize("name", [name for name in TWO_FOLDERS if name.endswith(".mat")])
def test_a_missing_list_is_named(tmp_path: Path, name: str) -> None:
    files = {other: data for other, data in TWO_FOLDERS.items() if other != name}
    with pytest.raises(UserError, match=rf"holds no {Path(name).name}; docs/datasets/cars196.md"):
        table(lay_out(tmp_path, files))


def test_missing_photos_of_a_split_are_told_and_single_ones_left_to_the_quarantine(tmp_path: Path) -> None:
    files = {name: data for name, data in TWO_FOLDERS.items() if not name.startswith("cars_test/")}
    with pytest.raises(UserError, match=r"holds no folder cars_test/ with photos"):
        table(lay_out(tmp_path / "a", files))
    del (files := dict(TWO_FOLDERS))["cars_train/00002.jpg"]
    assert len(table(lay_out(tmp_path / "b", files))) == 3


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("devkit/cars_meta.mat", b"MATLAB 5.0 MAT-file, cut", r"devkit/cars_meta.mat is not the official one \("),
        ("devkit/cars_meta.mat", mat(names=cells(NAMES)), r"cars_meta.mat is not the official one \('class_names'"),
        ("devkit/cars_meta.mat", mat(class_names=cells(NAMES[:2])), "class 3, names are there for 1 to 2"),
        ("devkit/cars_train_annos.mat", annotated(1, 0), "class 0, names are there for 1 to 3"),
        (
            "cars_test_annos_withlabels.mat",  # cars_test_annos.mat, renamed
            mat(annotations=struct([{**BOX, "fname": "00001.jpg"}])),
            r"cars_test_annos_withlabels.mat has no field 'class'; docs/datasets/cars196.md",
        ),
    ],
)  # fmt: skip
def test_a_list_of_another_kind_is_one_line_with_the_cure(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        table(lay_out(tmp_path, TWO_FOLDERS | {name: data}))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("label", "body"),
    [
        ("Audi S4 Sedan 2012", "Sedan"),
        ("Chevrolet Silverado 1500 Extended Cab 2012", "Cab"),
        ("smart fortwo Convertible 2012", "Convertible"),
        ("Ford E-Series Wagon Van 2012", "Van"),
        ("Dodge Charger SRT-8 2009", ""),
    ],
)
def test_the_category_is_the_body_type_in_the_name(label: str, body: str) -> None:
    assert cars196.body(label) == body


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_reader_agrees_with_torchvisions(tmp_path: Path, split: str) -> None:
    pytest.importorskip("src.backbones.torchvision_ops")
    from torchvision.datasets import StanfordCars

    numbers = np.random.default_rng(0).integers(1, 4, 60)
    files = TWO_FOLDERS | {
        "devkit/cars_train_annos.mat": annotated(*numbers[:40]),
        "cars_test_annos_withlabels.mat": annotated(*numbers[40:]),
    }
    theirs = StanfordCars(lay_out(tmp_path / "stanford_cars", files).parent, split)
    ours = table(tmp_path)
    expected = sorted((str(Path(path).relative_to(tmp_path)), theirs.classes[i]) for path, i in theirs._samples)
    assert rows(ours[ours["split"] == split], "file", "label") == expected
