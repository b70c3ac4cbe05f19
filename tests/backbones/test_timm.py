import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from backbones.hub_server import Hub
from PIL import Image
from safetensors.torch import load_file, save_file
from timm.data import create_transform, resolve_model_data_config
from torch import nn

from src import images
from src.backbones import checkpoint
from src.backbones import timm as adapter
from src.entries import Model
from src.errors import UserError


def network(name: str, **arguments: object) -> nn.Module:
    """Seeded random weights, statistics of normalisation layers included."""
    torch.manual_seed(0)
    made = timm.create_model(name, **arguments)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.1, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return made.eval()


def entry(name: str, file: Path | None, **changes: object) -> Model:
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest() if file else None
    fields = {"checkpoint": name, "file": str(file) if file else None, "sha256": sha256, **changes}
    return Model.model_validate({"library": "timm", "family": "supervised", "licence": "MIT", **fields})


@pytest.mark.parametrize("name", ["test_vit", "test_resnet", "test_convnext", "test_efficientnet"])
def test_a_checkpoint_with_a_classifier_gives_timms_own_features(name: str, tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    full = network(name)
    save_file(full.state_dict(), file)
    config = adapter.fetch(entry(name, file), tmp_path)
    ours = adapter.build(config).eval()
    ours.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    full.reset_classifier(0)
    pictures = torch.randn(2, 3, 160, 160)
    with torch.inference_mode():
        assert torch.equal(ours(pictures), full(pictures))


def test_a_checkpoint_without_a_classifier_loads_as_well(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file(network("test_resnet", num_classes=0).state_dict(), file)
    adapter.fetch(entry("test_resnet", file), tmp_path)
    assert load_file(tmp_path / "weights.safetensors").keys() == load_file(file).keys()


@pytest.mark.parametrize("squash", [False, True])
@pytest.mark.parametrize("size", [(200, 120), (97, 311), (64, 64)])
def test_pixels_equal_timms_own_transform(squash: bool, size: tuple[int, int]) -> None:
    settings = resolve_model_data_config(network("test_vit"))
    settings |= {"crop_mode": "squash"} if squash else {}
    noise = np.random.default_rng(0).integers(0, 256, (size[1] // 4, size[0] // 4, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(noise).resize(size).save(data, "JPEG")
    how = images.Preprocessing(**adapter.preprocessing(settings, entry("test_vit", None)))
    theirs = create_transform(**settings)(Image.open(data))
    ours = torch.tensor(images.preprocess(images.decode(data.getvalue()), how)).permute(2, 0, 1) / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in (how.mean, how.std))
    assert torch.allclose((ours - mean) / std, theirs, atol=1e-6)


def test_another_image_size_resizes_the_positions_and_is_remembered(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file(network("test_vit").state_dict(), file)
    config = adapter.fetch(entry("test_vit", file, size=96), tmp_path)
    assert config["build"] == {"img_size": [96, 96]}
    assert load_file(tmp_path / "weights.safetensors")["pos_embed"].shape == (1, (96 // 16) ** 2 + 1, 64)
    assert adapter.build(config)(torch.zeros(1, 3, 96, 96)).shape == (1, 64)


def test_keys_that_do_not_fit_are_named(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    weights = network("test_vit").state_dict()
    weights["blocks.0.extra"] = weights.pop("norm.bias")
    weights["norm.weight"] = torch.ones(3)
    save_file(weights, file)
    says = (
        r"w\.safetensors does not fit timm's test_vit: missing norm\.bias \(1\); unexpected blocks\.0\.extra \(1\); "
        r"of another shape norm\.weight \(1\)"
    )
    with pytest.raises(UserError, match=says):
        adapter.fetch(entry("test_vit", file), tmp_path)
    assert not (tmp_path / "weights.safetensors").exists()


def test_a_file_with_nothing_but_a_classifier_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    save_file({"head.weight": torch.ones(2, 64), "head.bias": torch.ones(2)}, file)
    with pytest.raises(UserError, match=r"w\.safetensors holds no backbone \(2 tensors\)"):
        adapter.fetch(entry("test_vit", file), tmp_path)


def test_an_unknown_architecture_or_tag_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no architecture 'resnet5' among its \d+\. Did you mean 'resnet50'\?"):
        adapter.check_name("resnet5.a1_in1k")
    with pytest.raises(UserError, match=r"timm's resnet50 has no tag 'a1_1k'; known: .*Did you mean 'a1_in1k'\?"):
        adapter.check_name("resnet50.a1_1k")
    adapter.check_name("resnet50.a1_in1k")
    adapter.check_name("resnet50")


def test_weights_that_timm_has_nowhere_must_be_brought() -> None:
    with pytest.raises(UserError, match=r"no weights of gcvit_tiny\.in1k on the hub; bring a `file` and its `sha256`"):
        adapter.obtain(entry("gcvit_tiny.in1k", None))


def describe(name: str, folder: Path, weights: dict, **more: object) -> Path:
    """A repository of timm's: config.json and model.safetensors."""
    folder.mkdir(parents=True)
    about = {"architecture": name, "pretrained_cfg": timm.get_pretrained_cfg(name).to_dict(), **more}
    (folder / "config.json").write_text(json.dumps(about))
    save_file(weights, folder / "model.safetensors")
    return folder


def features(config: dict, folder: Path, pictures: torch.Tensor) -> torch.Tensor:
    """What a fetched backbone says, after its configuration has been through a file."""
    ours = adapter.build(json.loads(json.dumps(config))).eval()
    ours.load_state_dict(load_file(folder / "weights.safetensors"))
    with torch.inference_mode():
        return ours(pictures)


def test_the_hub_is_asked_for_the_repository_and_revision_of_the_checkpoint(hub: Hub, tmp_path: Path) -> None:
    describe("test_vit", hub.root / "timm/test_vit.r160_in1k", network("test_vit").state_dict())
    hub.tags["timm/test_vit.r160_in1k"] = {"v1"}
    config = adapter.fetch(entry("test_vit.r160_in1k", None, revision="v1"), tmp_path)
    asked = [line for line in hub.asked if "/resolve/" in line]
    assert asked[0] == "HEAD /timm/test_vit.r160_in1k/resolve/v1/model.safetensors"
    assert config["source"] == "timm/test_vit.r160_in1k"
    assert config["revision"] == hub.commit("timm/test_vit.r160_in1k")


def test_a_hash_in_params_holds_for_the_hub_too(hub: Hub) -> None:
    describe("test_vit", hub.root / "timm/test_vit.r160_in1k", network("test_vit").state_dict())
    with pytest.raises(UserError, match=f"model.safetensors from the hub has sha256 .* expected {'0' * 64}"):
        adapter.obtain(entry("test_vit.r160_in1k", None, sha256="0" * 64))


@pytest.mark.parametrize("brought", [False, True])
def test_a_repository_says_itself_what_it_holds(hub: Hub, tmp_path: Path, brought: bool) -> None:
    arguments = {"img_size": 96, "num_classes": 7, "init_values": 0.5}
    theirs = network("test_vit", **arguments)
    settings = timm.get_pretrained_cfg("test_vit").to_dict() | {"input_size": (3, 96, 96), "mean": (0.1, 0.2, 0.3)}
    place = describe(
        "test_vit", hub.root / "me/shoes", theirs.state_dict(), pretrained_cfg=settings, model_args=arguments
    )
    model = entry("hf-hub:me/shoes", None)
    if brought:
        model = Model.model_validate({**model.model_dump(), "file": str(place), "sha256": checkpoint.digest(place)})
    config = adapter.fetch(model, tmp_path)
    assert (config["preprocessing"]["size"], config["preprocessing"]["mean"]) == (96, [0.1, 0.2, 0.3])
    assert (config["source"], config["revision"]) == (
        ("shoes", None) if brought else ("me/shoes", hub.commit("me/shoes"))
    )
    pictures = torch.randn(2, 3, 96, 96)
    theirs.reset_classifier(0)
    with torch.inference_mode():
        assert torch.equal(features(config, tmp_path, pictures), theirs(pictures))


def test_a_repository_of_another_library_or_architecture_is_refused(hub: Hub, tmp_path: Path) -> None:
    (hub.root / "me/clip").mkdir(parents=True)
    (hub.root / "me/clip/config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(UserError, match=r"does not describe a checkpoint of timm .*choose another `library`"):
        adapter.fetch(entry("hf-hub:me/clip", None), tmp_path)
    folder = describe("test_vit", tmp_path / "folder", network("test_vit").state_dict())
    model = Model(library="timm", checkpoint="test_resnet", file=str(folder), sha256="0" * 64)
    with pytest.raises(UserError, match=r"folder holds timm's test_vit, not test_resnet; correct `checkpoint`"):
        adapter.fetch(model, tmp_path)
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"folder has no model.safetensors or pytorch_model.bin"):
        adapter.fetch(model.model_copy(update={"checkpoint": "test_vit"}), tmp_path)


def test_a_torch_file_at_a_web_address_goes_into_an_architecture(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    theirs = network("test_resnet", num_classes=0)
    torch.save(
        {"epoch": 1, "state_dict": {f"module.{k}": v for k, v in theirs.state_dict().items()}}, hub.root / "r.pth"
    )
    model = entry("test_resnet", None, url=f"{hub.url}/r.pth", preprocessing={"crop": 0.5})
    config = adapter.fetch(model, tmp_path)
    assert (config["source"], config["revision"]) == (f"{hub.url}/r.pth", None)
    pictures = torch.randn(2, 3, 160, 160)
    with torch.inference_mode():
        assert torch.equal(features(config, tmp_path, pictures), theirs(pictures))


def test_a_web_address_with_something_else_is_refused(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    (hub.root / "r.pth").write_text("<html>moved</html>")
    with pytest.raises(UserError, match=r"r\.pth cannot be read as a checkpoint of plain tensors"):
        adapter.fetch(entry("test_resnet", None, url=f"{hub.url}/r.pth"), tmp_path)


@pytest.mark.parametrize(
    ("setting", "override", "says"),
    [
        ({"crop_mode": "border"}, {"squash": True}, "padded to a square"),
        ({"input_size": (3, 64, 32)}, {"size": 64}, "images of 64 x 32, ours are square"),
        ({"interpolation": "hamming"}, {"interpolation": "bicubic"}, "interpolation 'hamming'"),
    ],
)
def test_what_our_preprocessing_cannot_do_must_be_overridden(setting: dict, override: dict, says: str) -> None:
    settings = resolve_model_data_config(network("test_vit")) | setting
    with pytest.raises(UserError, match=says):
        adapter.preprocessing(settings, entry("test_vit", None))
    size = override.pop("size", None)
    adapter.preprocessing(settings, entry("test_vit", None, size=size, preprocessing=override))
