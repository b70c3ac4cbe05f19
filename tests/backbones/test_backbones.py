import errno
import hashlib
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import pytest
import timm
import torch
import transformers
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from src import backbones, tensors
from src.backbones import checkpoint
from src.entries import Model
from src.errors import UserError
from src.images import Preprocessing

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the smallest of timm's vision transformers, with random weights."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("brought") / "vit.safetensors"
    save_file(timm.create_model("test_vit").state_dict(), path)
    return path


def entry(path: Path, **changes: object) -> Model:
    fields = {"library": "timm", "checkpoint": "test_vit", "family": "supervised", "licence": "MIT"}
    content = {"file": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return Model.model_validate({**fields, **content, **changes})


def test_the_config_says_all_that_is_needed_to_build_and_feed_the_network(file: Path, tmp_path: Path) -> None:
    config = backbones.fetch("vit", entry(file, preprocessing={"crop": 0.5}), tmp_path / "backbone")
    assert config == {
        "model": "vit",
        "library": "timm",
        "checkpoint": "test_vit",
        "architecture": "test_vit",
        "build": {},
        "preprocessing": {
            "size": 160,
            "mean": (0.5, 0.5, 0.5),
            "std": (0.5, 0.5, 0.5),
            "crop": 0.5,
            "squash": False,
            "interpolation": "bicubic",
        },
        "source": "vit.safetensors",
        "revision": None,
        "family": "supervised",
        "licence": "MIT",
        "weights_sha256": hashlib.sha256((tmp_path / "backbone/weights.safetensors").read_bytes()).hexdigest(),
        "dim": 64,
        "parameters": sum(tensor.numel() for name, tensor in load_file(file).items() if not name.startswith("head.")),
        "gmacs": 0.0376,  # 100 patches of 768 x 64, 6 blocks of 101 x 10 x 64 x 64, and attention of 2 x 101 x 101 x 64
    }
    assert json.loads((tmp_path / "backbone/config.json").read_text()) == json.loads(json.dumps(config))


def test_a_fetched_backbone_loads_without_its_source_ready_to_embed(file: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.safetensors"
    own.write_bytes(file.read_bytes())
    backbones.fetch("vit", entry(own), tmp_path / "backbone")
    own.unlink()
    backbone = backbones.load(tmp_path / "backbone")
    assert not backbone.network.training
    assert backbone.preprocessing == Preprocessing(160, (0.5,) * 3, (0.5,) * 3, crop=0.95)
    expected = load_file(file)
    for name, tensor in backbone.network.state_dict().items():
        np.testing.assert_array_equal(tensor, expected[name])


def test_two_fetches_give_the_same_bytes(file: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        backbones.fetch("vit", entry(file), tmp_path / name)
    for name in ("config.json", "weights.safetensors"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_tuned_network_is_saved_in_the_form_of_a_backbone(file: Path, tmp_path: Path) -> None:
    config = backbones.fetch("vit", entry(file), tmp_path / "backbone")
    network = backbones.load(tmp_path / "backbone").network.train()
    with torch.no_grad():
        network.norm.bias.add_(1)
    backbones.save(tmp_path / "tuned", network, {**config, "classes": ["a", "b"]})
    tuned = backbones.load(tmp_path / "tuned")
    assert torch.equal(tuned.network.norm.bias, network.norm.bias)
    assert tuned.config["classes"] == ["a", "b"]
    assert tuned.config["weights_sha256"] != config["weights_sha256"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sha256": "0" * 64}, r"models\.vit: file .*vit\.safetensors has sha256 [0-9a-f]{64}, expected 0{64}"),
        ({"checkpoint": "test_resnet"}, r"models\.vit: vit\.safetensors does not fit timm's test_resnet: missing"),
        ({"checkpoint": "test_vitt"}, r"models\.vit: timm has no architecture 'test_vitt' .*Did you mean 'test_vit'"),
        ({"file": "nowhere.safetensors"}, r"models\.vit: file nowhere\.safetensors is missing"),
    ],
)
def test_a_failed_fetch_names_the_entry_and_leaves_what_was_there(
    file: Path, tmp_path: Path, changes: dict, says: str
) -> None:
    backbones.fetch("vit", entry(file), tmp_path / "backbone")
    before = {path.name: path.read_bytes() for path in (tmp_path / "backbone").iterdir()}
    with pytest.raises(UserError, match=says):
        backbones.fetch("vit", entry(file, **changes), tmp_path / "backbone")
    assert {path.name: path.read_bytes() for path in (tmp_path / "backbone").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["backbone"]


def test_altered_or_missing_weights_are_refused(file: Path, tmp_path: Path) -> None:
    backbones.fetch("vit", entry(file), tmp_path)
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"weights\.safetensors is missing or was altered; run `dvc repro`"):
        backbones.load(tmp_path)
    weights.unlink()
    with pytest.raises(UserError, match=r"weights\.safetensors is missing or was altered"):
        backbones.load(tmp_path)


def test_a_folder_is_known_by_one_hash(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "test_vit"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(file.read_bytes())
    settings = timm.get_pretrained_cfg("test_vit").to_dict()
    (folder / "config.json").write_text(json.dumps({"architecture": "test_vit", "pretrained_cfg": settings}))
    right = checkpoint.digest(folder)
    with pytest.raises(UserError, match=f"models.vit: file .*test_vit has sha256 {right}, expected {'0' * 64}"):
        backbones.fetch("vit", entry(file, file=str(folder), sha256="0" * 64), tmp_path / "backbone")
    config = backbones.fetch("vit", entry(file, file=str(folder), sha256=right), tmp_path / "backbone")
    assert (config["source"], config["dim"]) == ("test_vit", 64)


def test_a_disk_that_fills_up_leaves_what_was_there(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbones.fetch("vit", entry(file), tmp_path / "backbone")
    before = (tmp_path / "backbone/config.json").read_bytes()
    for broken in (backbones.store, tensors):
        name = "write_json" if broken is backbones.store else "save_file"
        with monkeypatch.context() as patch:
            patch.setattr(broken, name, fill_up)
            with pytest.raises(
                UserError, match=rf"models\.vit: the disk of {tmp_path}.* is full: .* needed; make room"
            ):
                backbones.fetch("vit", entry(file), tmp_path / "backbone")
    assert [path.name for path in tmp_path.iterdir()] == ["backbone"]
    assert (tmp_path / "backbone/config.json").read_bytes() == before


def fill_up(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_forward_pass_is_timed(file: Path, tmp_path: Path) -> None:
    backbones.fetch("vit", entry(file), tmp_path / "backbone")
    assert 0 < backbones.seconds(backbones.load(tmp_path / "backbone")) < 10


def of_sample(folder: Path) -> Model:
    return Model(library="sample", checkpoint="supervised")


def of_timm(folder: Path) -> Model:
    save_file(timm.create_model("test_convnext").state_dict(), folder / "w.safetensors")
    return entry(folder / "w.safetensors", checkpoint="test_convnext")


def of_open_clip(folder: Path) -> Model:
    tower = {"layers": 2, "width": 32}
    vision = {**tower, "image_size": 32, "patch_size": 8, "head_width": 16}
    about = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": {**tower, "vocab_size": 40, "heads": 2}}
    how = {"mean": [0.5] * 3, "std": [0.5] * 3}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": about, "preprocess_cfg": how}))
    save_file(open_clip.CLIP(**about).state_dict(), folder / "open_clip_model.safetensors")
    return brought("open_clip", "hf-hub:me/net", folder)


def of_transformers(folder: Path) -> Model:
    tower = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    vision = {**tower, "image_size": 32, "patch_size": 8}
    about = transformers.CLIPConfig(text_config={**tower, "vocab_size": 40}, vision_config=vision)
    transformers.CLIPModel(about).save_pretrained(folder)
    transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32).save_pretrained(folder)
    return brought("transformers", "me/net", folder)


def brought(library: str, checkpoint_: str, folder: Path) -> Model:
    content = {"file": str(folder), "sha256": checkpoint.digest(folder)}
    return Model.model_validate({"library": library, "checkpoint": checkpoint_, **content})


@pytest.mark.parametrize("make", [of_sample, of_timm, of_open_clip, of_transformers])
def test_a_fetched_backbone_of_any_library_loads_without_its_source_or_any_network(
    make: Callable[[Path], Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "source").mkdir()
    config = backbones.fetch("net", make(tmp_path / "source"), tmp_path / "backbone")
    shutil.rmtree(tmp_path / "source")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("the network was asked"))
    backbone = backbones.load(tmp_path / "backbone")
    size = backbone.preprocessing.size
    with torch.inference_mode():
        vectors = backbone.network(torch.randn(3, 3, size, size))
    assert vectors.shape == (3, config["dim"])
    assert vectors.std() > 0


def test_every_library_offers_fetch_and_build() -> None:
    for name in backbones.LIBRARIES:
        assert callable(backbones.library(name).fetch)
        assert callable(backbones.library(name).build)


def test_the_sample_library_does_not_import_timm() -> None:
    code = "import sys; from src import backbones; backbones.library('sample'); sys.exit('timm' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
