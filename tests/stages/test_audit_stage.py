"""The whole audit on two small shops: one photo in several versions, in places where it should not be."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from src.errors import UserError
from src.stages import audit, prepare

PARAMS = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
FILES = ("pairs.parquet", "affected.parquet", "audit.json")


def photo(seed: int, size: tuple[int, int] = (160, 120), quality: int = 95) -> bytes:
    """Coarse blots of colour, others for each seed, in any size and quality."""
    blots = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(blots).resize((320, 240), Image.Resampling.BICUBIC).resize(size).save(
        buffer, "JPEG", quality=quality
    )
    return buffer.getvalue()


def plain(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (shade, shade, shade)).save(buffer, "PNG")
    return buffer.getvalue()


def shop(first: int) -> dict[str, bytes]:
    """Two labels, four photos of each for training and three for testing, all different."""
    return {
        f"{split}/{label}/{i}.jpg": photo(first + 100 * n + i)
        for n, (split, label, count) in enumerate(
            [("train", "tea", 4), ("train", "jam", 4), ("test", "tea", 3), ("test", "jam", 3)]
        )
        for i in range(count)
    }


def build(**shops: dict[str, bytes]) -> None:
    """Photos, params and what prepare makes of them."""
    protocols = {"test": {"query": "test", "gallery": "test"}}
    catalogue = PARAMS["catalogue"] | {name: {"reader": "folder", "protocols": protocols} for name in shops}
    params = PARAMS | {"catalogue": catalogue, "datasets": list(shops), "strategies": ["pretrained"]}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    for name, files in shops.items():
        for file, data in files.items():
            path = Path("data/raw") / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        prepare.main(name)


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def pairs() -> list[tuple[Any, ...]]:
    """Kind and both images of every pair."""
    table = pd.read_parquet("data/audit/pairs.parquet")
    columns = ["kind", "dataset_first", "image_id_first", "dataset_second", "image_id_second"]
    return list(table[columns].itertuples(index=False, name=None))


def affected() -> set[tuple[Any, ...]]:
    """Image, why and source of every affected query."""
    table = pd.read_parquet("data/audit/affected.parquet")
    names = {
        name: list(pd.read_parquet(f"data/manifests/{name}/manifest.parquet")["image_id"])
        for name in set(table["dataset"])
    }
    where = zip(table["dataset"], table["row"], table["why"], table["source"], strict=True)
    return {(names[dataset][row], why, source) for dataset, row, why, source in where}


def test_copies_are_found_within_and_across_splits_and_datasets(capsys: pytest.CaptureFixture[str]) -> None:
    one, two = shop(1000), shop(2000)
    one["test/tea/copy.jpg"] = one["test/tea/0.jpg"]
    one["test/jam/small.jpg"] = photo(1000, (80, 60), 60)  # of train/tea/0.jpg
    two["test/tea/large.jpg"] = photo(1100, (320, 240), 70)  # of the first shop's train/jam/0.jpg
    build(one=one, two=two)
    capsys.readouterr()
    audit.main()
    assert pairs() == [
        ("exact", "one", "test/tea/0.jpg", "one", "test/tea/copy.jpg"),
        ("near", "one", "test/jam/small.jpg", "one", "train/tea/0.jpg"),
        ("near", "one", "train/jam/0.jpg", "two", "test/tea/large.jpg"),
    ]
    assert affected() == {
        ("test/tea/0.jpg", "gallery", ""),
        ("test/tea/copy.jpg", "gallery", ""),
        ("test/jam/small.jpg", "tuning", "one"),
        ("test/tea/large.jpg", "tuning", "one"),
    }
    counted = json.loads(Path("metrics/audit.json").read_text())
    assert counted == json.loads(Path("data/audit/audit.json").read_text())
    assert counted["one"]["sets_across_splits"] == {"test train": 1}
    assert counted["one"]["sets_of_several_labels"] == 1
    assert counted["two"]["queries"]["test"] == {
        "asked": 7,
        "gallery": 0,
        "other_label": 0,
        "tuning": {"one": 1, "two": 0},
    }
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("audit: 3 pairs of copies among 31 images, ")
    assert [line.split()[0] for line in out[1:]] == ["one", "two"]


def test_a_second_audit_writes_the_same_bytes() -> None:
    build(one=shop(1000) | {"test/jam/copy.jpg": photo(1000, (80, 60))})
    audit.main()
    first = [Path("data/audit", name).read_bytes() for name in FILES]
    audit.main()
    assert [Path("data/audit", name).read_bytes() for name in FILES] == first


def test_shops_without_copies_have_empty_tables() -> None:
    build(one=shop(1000))
    audit.main()
    assert (pairs(), affected()) == ([], set())
    assert pd.read_parquet("data/audit/pairs.parquet")["distance"].dtype == "uint8"


def test_plain_pictures_are_no_copies_of_each_other_unless_byte_equal() -> None:
    blank = {"train/tea/white.png": plain(255), "train/jam/grey.png": plain(250), "test/tea/white.png": plain(255)}
    build(one=shop(1000) | blank)
    audit.main()
    assert pairs() == [("exact", "one", "test/tea/white.png", "one", "train/tea/white.png")]


def test_a_manifest_of_before_the_pictures_is_refused() -> None:
    build(one=shop(1000))
    Path("data/manifests/one/pictures.parquet").unlink()
    with pytest.raises(UserError, match=r"pictures.parquet is missing; run `dvc repro`"):
        audit.main()
