"""What `python -m src.check` says before anything runs."""

import io
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from src import check
from src.errors import UserError

ROOT = Path(__file__).parent.parent


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Shipped params with one dataset of a user's own, in an empty repository."""
    monkeypatch.chdir(tmp_path)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["catalogue"]["mine"] = {"reader": "folder", "protocols": {"test": {"query": "test", "gallery": "test"}}}
    params["datasets"], params["strategies"] = ["mine"], ["pretrained"]
    return params


def photo(path: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(buffer.getvalue())


def said(raw: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    Path("params.yaml").write_text(yaml.safe_dump(raw))
    check.main()
    return capsys.readouterr().out


def complaint(raw: dict[str, Any]) -> str:
    Path("params.yaml").write_text(yaml.safe_dump(raw))
    with pytest.raises(UserError) as caught:
        check.main()
    return str(caught.value)


def test_sound_photos_are_counted_and_lonely_labels_told(
    raw: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("tea/1", "tea/2", "jam/1", "jam/2", "egg/1"):
        photo(f"data/raw/mine/{name}.jpg")
    text = said(raw, capsys)
    assert "mine: 5 images, 3 labels" in text
    assert "1 labels have a single photo (first: egg)" in text
    assert "params.yaml is sound" in text


def test_a_missing_folder_is_named_with_two_ways_to_bring_it(raw: dict[str, Any]) -> None:
    message = complaint(raw)
    assert "data/raw/mine is missing" in message
    assert "dvc add data/raw/mine" in message
    assert "dvc import-url" in message


def test_a_folder_that_dvc_tracks_is_to_be_pulled(raw: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    Path("data/raw").mkdir(parents=True)
    Path("data/raw/mine.dvc").write_text("outs: []")
    assert "dvc pull data/raw/mine.dvc" in said(raw, capsys)


def test_an_empty_folder_is_named(raw: dict[str, Any]) -> None:
    Path("data/raw/mine").mkdir(parents=True)
    assert "data/raw/mine" in complaint(raw)


def test_a_protocol_with_a_split_that_nobody_has_is_named(raw: dict[str, Any]) -> None:
    for split in ("train", "test"):
        for name in ("tea/1", "jam/1"):
            photo(f"data/raw/mine/{split}/{name}.jpg")
    raw["catalogue"]["mine"]["protocols"]["test"]["gallery"] = "tests"
    message = complaint(raw)
    assert "unknown split 'tests' in catalogue.mine.protocols.test.gallery; known: test, train" in message
    assert "Did you mean 'test'?" in message


def test_a_sample_dataset_not_yet_rendered_is_no_mistake(
    raw: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    raw["datasets"] = ["sample_food"]
    assert "sample_food: will be rendered" in said(raw, capsys)


def test_a_missing_weights_file_is_named(raw: dict[str, Any]) -> None:
    raw["models"]["mine"] = {
        "library": "timm",
        "checkpoint": "vit_tiny_patch16_224",
        "family": "supervised",
        "licence": "x",
        "file": "nowhere.safetensors",
        "sha256": "0" * 64,
    }
    raw["model"] = "mine"
    assert "models.mine.file: nowhere.safetensors is missing" in complaint(raw)
