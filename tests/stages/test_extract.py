import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

from src import backbones, embedding, engines, images, manifest, paths, store
from src.backbones import sample
from src.stages import extract

ROOT = Path(__file__).parents[2]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository root with four photos of noise, the last byte-equal to the first, and a random sample backbone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw["runtime"] |= {"device": "cpu", "threads": 1, "workers": 1, "batch_size": 2}
    Path("params.yaml").write_text(yaml.safe_dump(raw))

    photos = [photo(seed) for seed in (0, 1, 2, 0)]
    hashes = [hashlib.sha256(data).hexdigest() for data in photos]
    table = pd.DataFrame({"image_id": list("abcd"), "file": list("abcd"), "width": 40, "height": 30, "sha256": hashes})
    for column in ("label", "category", "split", "tuning", "group", "caption"):
        table[column] = "x"
    manifest.write(paths.manifest("toys"), table)
    paths.shards("toys").mkdir(parents=True)
    images.write_shards(paths.shards("toys"), [*photos[:3], 0])

    torch.manual_seed(0)
    config = {
        **sample.ARCHITECTURE,
        "dim": sample.DIM,
        "library": "sample",
        "model": "toy_model",
        "parameters": 1,
        "gmacs": 0.1,
    }
    config["preprocessing"] = {"size": 64, "mean": [0.5] * 3, "std": [0.25] * 3}
    backbones.save(paths.BACKBONE, sample.build(sample.ARCHITECTURE), config)
    return tmp_path


def photo(seed: int) -> bytes:
    data = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), np.uint8)
    Image.fromarray(noise).save(data, "JPEG")
    return data.getvalue()


def outputs(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_every_image_gets_a_unit_vector_and_the_sidecar_says_how(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extract.main("toys")
    manifest_sha256 = store.sha256(paths.manifest("toys") / "manifest.parquet")
    vectors, sidecar = store.read_embeddings(paths.embeddings("pretrained", "toys"), manifest_sha256)
    assert vectors.shape == (4, sample.DIM)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert np.array_equal(vectors[3], vectors[0])
    weights_sha256 = store.sha256(paths.BACKBONE / "weights.safetensors")
    assert sidecar["weights_sha256"] == sidecar["encoder_sha256"] == weights_sha256
    said = {key: sidecar[key] for key in ("model", "strategy", "precision", "engine", "manifest_sha256")}
    assert said == {
        "model": "toy_model",
        "strategy": "pretrained",
        "precision": "fp32",
        "engine": "torch",
        "manifest_sha256": manifest_sha256,
    }
    assert capsys.readouterr().out.startswith(f"extract toys: 4 images, {sample.DIM}-d, ")


def test_timings_lie_apart_from_the_embeddings(workspace: Path) -> None:
    extract.main("toys")
    cost = json.loads((paths.cost("pretrained", "toys") / "cost.json").read_text())
    assert cost["images"] == 3  # distinct ones
    assert cost["seconds"] > 0
    assert cost["images_per_second"] > 0
    assert (cost["precision"], cost["device"], cost["threads"]) == ("fp32", "cpu", 1)
    assert cost["processor"]


def test_two_runs_give_the_same_bytes_and_leave_no_scratch(workspace: Path) -> None:
    folder = paths.embeddings("pretrained", "toys")
    extract.main("toys")
    first = outputs(folder)
    extract.main("toys")
    assert outputs(folder) == first
    assert list(Path(".scratch").rglob("*.npy")) == []


def test_an_interrupted_extract_continues(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    extract.main("toys")
    folder = paths.embeddings("pretrained", "toys")
    whole = outputs(folder)
    monkeypatch.setattr(embedding, "CHUNK", 2)
    real, calls = embedding.unit, []

    def stopped(vectors: np.ndarray, rows: np.ndarray, title: str) -> np.ndarray:
        calls.append(len(rows))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(vectors, rows, title)

    monkeypatch.setattr(embedding, "unit", stopped)
    with pytest.raises(KeyboardInterrupt):
        extract.main("toys")
    assert outputs(folder) == whole  # the old output stands until the new one is complete
    extract.main("toys")
    assert calls == [2, 1, 1]
    assert outputs(folder) == whole


def settings(**extract: str) -> None:
    raw = yaml.safe_load(Path("params.yaml").read_text())
    raw["extract"] |= extract
    Path("params.yaml").write_text(yaml.safe_dump(raw))


def test_auto_tries_both_precisions_and_records_what_it_found(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    extract.main("toys")
    exact = outputs(paths.embeddings("pretrained", "toys"))["embeddings.npy"]
    capsys.readouterr()
    settings(precision="auto")
    extract.main("toys")
    first = outputs(paths.embeddings("pretrained", "toys"))
    sidecar = json.loads(first["sidecar.json"])
    said = sidecar["calibration"]
    assert (said["images"], said["least_kept"], said["most_change"]) == (4, 0.995, 0.002)
    passed = said["kept"] >= 0.995 and abs(said["mMP@5_change"]) < 0.002
    assert sidecar["precision"] == ("bf16" if passed else "fp32")
    assert (first["embeddings.npy"] == exact) == (not passed)
    assert f"extract toys: {sidecar['precision']}; tried on 4 images bf16 keeps" in capsys.readouterr().out
    extract.main("toys")
    assert outputs(paths.embeddings("pretrained", "toys")) == first
    assert list(Path(".scratch").rglob("*.npy")) == []


def test_without_its_package_openvino_falls_back_to_torch_and_the_sidecar_says_torch(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engines, "installed", lambda name: None)
    extract.main("toys")
    expected = outputs(paths.embeddings("pretrained", "toys"))
    settings(engine="openvino")
    extract.main("toys")
    assert outputs(paths.embeddings("pretrained", "toys")) == expected
    assert "extract toys: openvino is not installed" in capsys.readouterr().err
