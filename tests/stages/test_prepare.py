"""The whole stage on folders the size of a phone album."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from src import images, manifest, pictures
from src.errors import UserError
from src.stages import prepare

PARAMS = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
TEST = {"test": {"query": "test", "gallery": "test"}}
Files = dict[str, bytes]


def jpeg(number: int) -> bytes:
    """A small photo, another for each number."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((24, 20)).save(buffer, "JPEG")
    return buffer.getvalue()


def album(labels: int, photos: int, prefix: str = "") -> Files:
    """`photos` of each label, in a folder a label."""
    return {f"{prefix}label{i}/{j}.jpg": jpeg(i * 100 + j) for i in range(labels) for j in range(photos)}


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(files: Files, prepare_: dict[str, Any] | None = None, **entry: Any) -> pd.DataFrame:
    """Prepare a dataset `mine` of these files."""
    for name, data in files.items():
        path = Path("data/raw/mine") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    entry = {"reader": "folder", "protocols": TEST} | entry
    params = PARAMS | {
        "catalogue": PARAMS["catalogue"] | {"mine": entry},
        "prepare": PARAMS["prepare"] | (prepare_ or {}),
    }
    Path("params.yaml").write_text(yaml.safe_dump(params))
    prepare.main("mine")
    return manifest.read(Path("data/manifests/mine"))[0]


def summary() -> dict[str, Any]:
    return json.loads(Path("data/manifests/mine/summary.json").read_text())


def outputs() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path("data").glob("[ms]*/**/*") if path.is_file()}


def test_a_folder_of_photos_becomes_a_manifest_and_shards(capsys: pytest.CaptureFixture[str]) -> None:
    files = album(labels=5, photos=10)
    table = run(files)
    assert table.columns.tolist() == list(manifest.COLUMNS)
    assert table["file"].tolist() == table["image_id"].tolist() == sorted(files)
    assert table.groupby(["label", "split"]).size().unique().tolist() == [4, 6]
    assert set(table[["width", "height"]].itertuples(index=False, name=None)) == {(24, 20)}
    assert set(table["tuning"][table["split"] == "test"]) == {""}
    assert summary()["tuning"] == {"train": 24, "val": 6}
    shards = images.Shards(Path("data/shards/mine"))
    assert [shards[row] for row in range(len(table))] == [files[file] for file in table["file"]]
    measured = pd.read_parquet("data/manifests/mine/pictures.parquet")
    expected = pictures.describe(np.stack([images.glance(files[file])[1] for file in table["file"]]))
    assert measured["phash"].tolist() == expected["phash"].tolist()
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    assert (
        "50 images of 5 labels (test 20, train 30; no splits given, divided by label), validation 6 cut from train, "
        in printed.out
    )
    assert printed.err == ""


def test_the_same_photos_make_the_same_bytes_from_a_folder_or_an_archive(house: Path) -> None:
    files = album(labels=4, photos=6)
    run(files)
    first = outputs()
    run(files)
    assert outputs() == first
    for file in sorted(Path("data/raw/mine").rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in reversed(files):
            archive.writestr(name, files[name])
    run({"photos.zip": packed.getvalue()})
    assert outputs() == first


def test_another_seed_divides_otherwise() -> None:
    files = album(labels=4, photos=6)
    first, second = run(files), run(files, {"seed": 1})
    assert (first["file"] == second["file"]).all()
    assert (first["split"] != second["split"]).any()


def test_byte_equal_photos_stay_on_one_side() -> None:
    files = album(labels=6, photos=8)
    copies = {f"label{i}/copy{j}.jpg": files[f"label{i}/{j}.jpg"] for i in range(6) for j in range(4)}
    table = run(files | copies)
    assert (table.groupby("sha256")["split"].nunique() == 1).all()
    assert (table.groupby("sha256")["tuning"].nunique() == 1).all()
    assert (table.groupby("sha256")["group"].nunique() == 1).all()
    assert summary()["byte_equal"] == 24


def test_groups_of_a_table_stay_on_one_side_and_its_columns_are_kept() -> None:
    photos = album(labels=5, photos=12)
    lines = [f"{name},{name.split('/')[0]},{name.split('/')[0]}-{i // 3},front" for i, name in enumerate(photos)]
    text = "\n".join(["file,label,burst,view", *lines])
    table = run(
        photos | {"products.csv": text.encode()}, reader="table", table="products.csv", columns={"group": "burst"}
    )
    assert set(table["view"]) == {"front"}
    assert table["group"].nunique() == 20
    assert (table.groupby("group")[["split", "tuning"]].nunique() == 1).to_numpy().all()


def test_validation_holds_out_labels_where_the_queries_labels_are_unseen() -> None:
    files = album(10, 6, "train/") | {name.replace("label", "new"): data for name, data in album(4, 3, "test/").items()}
    table = run(files)
    train = table[table["split"] == "train"]
    assert (train.groupby("label")["tuning"].nunique() == 1).all()
    assert train.loc[train["tuning"] == "val", "label"].nunique() == 2


def test_a_validation_folder_is_the_validation(capsys: pytest.CaptureFixture[str]) -> None:
    table = run(album(3, 4, "train/") | album(3, 2, "valid/") | album(3, 2, "test/"))
    assert (table["tuning"] == table["split"].replace("test", "")).all()
    assert summary()["splits"] == {"test": 6, "train": 12, "val": 6}
    assert ", validation 6, " in capsys.readouterr().out


def test_broken_photos_are_set_aside_and_counted() -> None:
    files = album(4, 30) | {"label0/cut.jpg": jpeg(7)[:-40], "label1/empty.jpg": b""}
    table = run(files)
    assert len(table) == 120
    quarantine = pd.read_parquet("data/manifests/mine/quarantine.parquet")
    assert quarantine["file"].tolist() == ["label0/cut.jpg", "label1/empty.jpg"]
    assert summary()["quarantined"] == 2
    assert summary()["quarantined_because"]["the file is empty"] == 1


def test_too_many_broken_photos_stop_the_run_and_leave_nothing() -> None:
    run(album(4, 6))
    before = outputs()
    with pytest.raises(UserError, match=r"1 of 25 images cannot be used, first 'label0/cut.jpg': "):
        run({"label0/cut.jpg": jpeg(7)[:-40]})
    assert outputs() == before
    assert not list(Path("data").rglob("*.part"))
    assert len(run({}, {"max_quarantined": 0.5})) == 24


def test_a_label_with_one_photo_is_kept_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    table = run(album(4, 6) | {"rare hat/1.jpg": jpeg(999)})
    assert (table["label"] == "rare hat").sum() == 1
    assert "warning: mine: labels with one image only: 1, first 'rare hat'" in capsys.readouterr().err


def test_training_without_a_validation_part_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    run(album(2, 1, "train/") | album(2, 2, "test/"))
    assert "warning: mine: train is too small for a validation part" in capsys.readouterr().err


def test_a_split_that_nothing_uses_is_told_unless_it_is_for_tuning(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        f"label{i}/{j}.jpg,label{i},{('train', 'val', 'test', 'test', 'odd', '')[j]}" for i in (0, 1) for j in range(6)
    ]
    text = "\n".join(["file,label,split", *lines])
    run(album(2, 6) | {"products.csv": text.encode()}, reader="table", table="products.csv")
    assert capsys.readouterr().err.splitlines() == [
        "warning: mine: images without a split, used by no protocol nor by tuning: 2; say what they are in "
        "catalogue.mine.splits",
        "warning: mine: images of split 'odd', used by no protocol nor by tuning: 2; say what they are in "
        "catalogue.mine.splits",
    ]


def test_files_of_a_folder_that_are_not_named_like_photos_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    table = run(album(3, 10) | {"label0/photo": jpeg(1), "label1/7.jpg.part": jpeg(2), "licence.txt": b"mine"})
    assert len(table) == 30
    expected = "warning: mine: files passed over, as they are not named like photos: 2, first 'label0/photo'\n"
    assert capsys.readouterr().err == expected


def test_equal_photos_with_other_labels_or_splits_are_counted() -> None:
    files = album(3, 4, "train/") | album(3, 4, "test/") | {"train/label0/other.jpg": jpeg(101)}
    run(files)
    assert summary()["groups_in_several_splits"] == 12
    assert summary()["byte_equal_of_other_label"] == 1


@pytest.mark.parametrize(
    ("files", "entry", "message"),
    [
        (album(1, 4), {}, r"catalogue.mine: all 4 images have one label"),
        (album(3, 4, "train/"), {}, r"catalogue.mine.protocols.test: its query split 'test' has no image; .*: train"),
        ({"notes.txt": b""}, {}, "holds no image"),
        ({}, {}, "data/raw/mine is missing"),
        (album(3, 4), {"protocols": {"a": {"query": "query", "gallery": "train"}}}, "its query split 'query'"),
    ],
)
def test_what_cannot_be_prepared_is_told_and_leaves_nothing(files: Files, entry: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        run(files, **entry)
    assert "\n" not in str(error.value)
    assert outputs() == {}


def test_an_unknown_dataset_is_told_with_the_nearest() -> None:
    Path("params.yaml").write_text(yaml.safe_dump(PARAMS))
    with pytest.raises(UserError, match=r"unknown dataset 'sample_car'.*Did you mean 'sample_cars'"):
        prepare.main("sample_car")


def test_an_interrupted_run_continues_to_the_same_bytes_and_leaves_no_scratch(monkeypatch: pytest.MonkeyPatch) -> None:
    files, glance = album(2, 20), images.glance
    run(files)
    made = {
        path: path.read_bytes() for folder in ("manifests", "shards") for path in Path("data", folder, "mine").iterdir()
    }
    left = iter(range(30))
    monkeypatch.setattr(prepare.intake, "CHUNK", 8)
    monkeypatch.setattr(images, "glance", lambda data: glance(data) if next(left, None) is not None else 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(files)
    assert list(Path(".scratch").rglob("*.parquet"))
    left = iter(range(32))
    run(files)
    assert made == {path: path.read_bytes() for path in made}
    assert not list(Path(".scratch").rglob("*.parquet"))
