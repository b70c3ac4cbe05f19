import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as library
from backbones.hub_server import Hub
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from src import images
from src.backbones import checkpoint
from src.backbones import transformers as adapter
from src.entries import Model
from src.errors import UserError

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
VISION = {**SMALL, "image_size": 32, "patch_size": 8}
TEXT = {**SMALL, "vocab_size": 40, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
STAGES = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}
CROP = {"size": {"shortest_edge": 40}, "crop_size": {"height": 32, "width": 32}}
SQUASH = {"size": {"height": 32, "width": 32}}


def clip() -> library.PreTrainedModel:
    return library.CLIPModel(library.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=24))


def siglip(**more: object) -> library.PreTrainedModel:
    return library.SiglipModel(library.SiglipConfig(text_config=TEXT, vision_config={**VISION, **more}))


def vit(kind: type = library.ViTModel, **more: object) -> library.PreTrainedModel:
    return kind(library.ViTConfig(**VISION), **more)


def dinov2() -> library.PreTrainedModel:
    return library.Dinov2Model(library.Dinov2Config(**{**VISION, "patch_size": 4}))


def resnet() -> library.PreTrainedModel:
    return library.ResNetForImageClassification(library.ResNetConfig(**STAGES, out_features=["stage2"]))


def convnext() -> library.PreTrainedModel:
    return library.ConvNextModel(library.ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2))


def described(network: library.PreTrainedModel, pictures: Tensor) -> Tensor:
    """The image features as transformers documents them."""
    if hasattr(network, "get_image_features"):
        return network.get_image_features(pixel_values=pictures).pooler_output
    body = network.base_model
    found = body(pixel_values=pictures)
    return found.pooler_output.flatten(1) if found.pooler_output is not None else found.last_hidden_state[:, 0]


# network, its processor
NETWORKS: dict[str, tuple[Callable[[], library.PreTrainedModel], Callable[[], object]]] = {
    "clip": (clip, lambda: library.CLIPImageProcessor(**CROP)),
    "siglip": (siglip, lambda: library.SiglipImageProcessor(**SQUASH)),
    "vit": (vit, lambda: library.ViTImageProcessor(**SQUASH)),
    "vit_without_pooler": (lambda: vit(add_pooling_layer=False), lambda: library.ViTImageProcessor(**SQUASH)),
    "vit_classifier": (lambda: vit(library.ViTForImageClassification), lambda: library.ViTImageProcessor(**SQUASH)),
    "dinov2": (dinov2, lambda: library.BitImageProcessor(**CROP)),
    "resnet": (resnet, lambda: library.ConvNextImageProcessor(size={"shortest_edge": 32}, crop_pct=0.875)),
    "convnext": (convnext, lambda: library.ConvNextImageProcessor(size={"shortest_edge": 384})),
}


def repository(name: str, folder: Path) -> library.PreTrainedModel:
    """A checkpoint of random weights as transformers itself writes it."""
    torch.manual_seed(0)
    make, processor = NETWORKS[name]
    network = make().eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    network.save_pretrained(folder)
    processor().save_pretrained(folder)  # type: ignore[attr-defined]
    if name in ("clip", "siglip"):
        (folder / "tokenizer.json").write_text("{}")
        (folder / "vocab.json").write_text("{}")
    return network


def entry(folder: Path, **changes: object) -> Model:
    content = {"file": str(folder), "sha256": checkpoint.digest(folder)}
    return Model.model_validate({"library": "transformers", "checkpoint": "me/net", **content, **changes})


def features(config: dict, folder: Path, pictures: Tensor) -> Tensor:
    """What a fetched backbone says, after its configuration has been through a file."""
    ours = adapter.build(json.loads(json.dumps(config))).eval()
    ours.load_state_dict(load_file(folder / "weights.safetensors"))
    with torch.inference_mode():
        return ours(pictures)


@pytest.mark.parametrize("name", NETWORKS)
def test_vectors_equal_the_image_features_that_transformers_documents(name: str, tmp_path: Path) -> None:
    theirs = repository(name, tmp_path / "net")
    config = adapter.fetch(entry(tmp_path / "net"), tmp_path)
    side = min(config["preprocessing"]["size"], 64)
    pictures = torch.randn(3, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = described(theirs, pictures)
    assert expected.std() > 1e-3
    torch.testing.assert_close(features(config, tmp_path, pictures), expected, rtol=0, atol=1e-5)


def both(folder: Path, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A JPEG of noise as the image processor of a checkpoint gives it, and as we do: [3, H, W] twice."""
    noise = np.random.default_rng(0).integers(0, 256, (size[1] // 4, size[0] // 4, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(noise).resize(size).save(data, "JPEG")
    processor = library.AutoImageProcessor.from_pretrained(folder, backend="pil")
    theirs = processor(Image.open(data), return_tensors="np")["pixel_values"][0]
    how = images.Preprocessing(**adapter.preprocessing(folder, "net", entry(folder)))
    pixels = images.preprocess(images.decode(data.getvalue()), how).transpose(2, 0, 1) / 255
    return theirs, (pixels - np.reshape(how.mean, (3, 1, 1))) / np.reshape(how.std, (3, 1, 1))


@pytest.mark.parametrize("size", [(200, 120), (96, 312), (64, 64), (40, 40)])
@pytest.mark.parametrize("name", NETWORKS)
def test_pixels_equal_those_of_the_image_processor(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    repository(name, tmp_path)
    np.testing.assert_allclose(*both(tmp_path, size), rtol=0, atol=1e-5)


def test_where_an_odd_number_of_pixels_is_cut_away_the_centre_is_torchvisions(tmp_path: Path) -> None:
    repository("clip", tmp_path)
    theirs, ours = both(tmp_path, (67, 40))  # 35 columns go, 17 or 18 of them left; torchvision rounds to even
    np.testing.assert_allclose(theirs[:, :, 1:], ours[:, :, :-1], rtol=0, atol=1e-5)


def test_the_vectors_without_a_pooler_are_said_to_be_the_class_token(tmp_path: Path) -> None:
    for name, kind in {"vit": "pooler_output", "vit_classifier": "class_token"}.items():
        repository(name, tmp_path / name)
        (tmp_path / f"{name}_ours").mkdir()
        config = adapter.fetch(entry(tmp_path / name), tmp_path / f"{name}_ours")
        assert config["build"]["features"] == kind


def test_the_text_tower_and_its_tokenizer_lie_beside_the_image_tower(tmp_path: Path) -> None:
    theirs = repository("clip", tmp_path / "net")
    (tmp_path / "ours").mkdir()
    config = adapter.fetch(entry(tmp_path / "net"), tmp_path / "ours")
    image, text = (load_file(tmp_path / "ours" / f"{name}.safetensors") for name in ("weights", "text"))
    assert image.keys() | text.keys() == theirs.state_dict().keys()
    assert not image.keys() & text.keys()
    assert "logit_scale" in text and "text_model.embeddings.token_embedding.weight" in text
    assert sorted(path.name for path in (tmp_path / "ours/tokenizer").iterdir()) == ["tokenizer.json", "vocab.json"]
    again = library.AutoConfig.for_model(**config["text"]["config"])
    written = theirs.config.text_config.to_dict()
    assert again.text_config.to_dict() | {"dtype": written["dtype"]} == written


def test_the_whole_network_can_be_built_again_from_what_is_kept(tmp_path: Path) -> None:
    theirs = repository("clip", tmp_path / "net")
    config = adapter.fetch(entry(tmp_path / "net"), tmp_path)
    again = library.AutoModel.from_config(library.AutoConfig.for_model(**config["text"]["config"])).eval()
    again.load_state_dict({**load_file(tmp_path / "weights.safetensors"), **load_file(tmp_path / "text.safetensors")})
    words = torch.tensor([[0, 5, 9, 1]])
    with torch.inference_mode():
        expected = theirs.get_text_features(words).pooler_output
        assert torch.equal(again.get_text_features(words).pooler_output, expected)


def test_a_backbone_of_images_alone_has_no_text(tmp_path: Path) -> None:
    repository("vit", tmp_path / "net")
    (tmp_path / "ours").mkdir()
    config = adapter.fetch(entry(tmp_path / "net"), tmp_path / "ours")
    assert "text" not in config
    assert [path.name for path in (tmp_path / "ours").iterdir()] == ["weights.safetensors"]


def test_the_configuration_names_no_folder_of_this_machine(tmp_path: Path) -> None:
    repository("clip", tmp_path / "net")
    assert str(tmp_path) not in json.dumps(adapter.fetch(entry(tmp_path / "net"), tmp_path))


@pytest.mark.parametrize("name", ["clip", "siglip", "vit", "dinov2"])
def test_another_image_size_interpolates_the_positions_as_transformers_does(name: str, tmp_path: Path) -> None:
    theirs = repository(name, tmp_path / "net")
    config = adapter.fetch(entry(tmp_path / "net", size=48), tmp_path)
    pictures = torch.randn(2, 3, 48, 48)
    interpolate = {"interpolate_pos_encoding": True} if name != "dinov2" else {}
    with torch.inference_mode():
        if hasattr(theirs, "get_image_features"):
            expected = theirs.get_image_features(pixel_values=pictures, **interpolate).pooler_output
        else:
            expected = theirs(pixel_values=pictures, **interpolate).pooler_output
    torch.testing.assert_close(features(config, tmp_path, pictures), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shards", [False, True])
def test_a_repository_of_the_hub_is_fetched_file_by_file(hub: Hub, tmp_path: Path, shards: bool) -> None:
    place = hub.root / "me/net"
    theirs = repository("clip", place)
    if shards:
        (place / "model.safetensors").unlink()
        theirs.save_pretrained(place, max_shard_size="40KB")
        assert len(list(place.glob("model-*.safetensors"))) > 2
    config = adapter.fetch(Model(library="transformers", checkpoint="me/net"), tmp_path)
    assert (config["source"], config["revision"]) == ("me/net", hub.commit("me/net"))
    pictures = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        expected = described(theirs, pictures)
    torch.testing.assert_close(features(config, tmp_path, pictures), expected, rtol=0, atol=1e-5)
    assert sorted(path.name for path in (tmp_path / "tokenizer").iterdir()) == ["tokenizer.json", "vocab.json"]


def test_weights_that_are_no_safetensors_are_read_without_code(tmp_path: Path) -> None:
    theirs = repository("vit", tmp_path / "net")
    (tmp_path / "net/model.safetensors").unlink()
    torch.save(theirs.state_dict(), tmp_path / "net/pytorch_model.bin")
    config = adapter.fetch(entry(tmp_path / "net"), tmp_path)
    pictures = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(features(config, tmp_path, pictures), theirs(pictures).pooler_output)


def test_a_hash_in_params_holds_for_the_hub_too(hub: Hub, tmp_path: Path) -> None:
    repository("vit", hub.root / "me/net")
    right = hashlib.sha256((hub.root / "me/net/model.safetensors").read_bytes()).hexdigest()
    model = Model(library="transformers", checkpoint="me/net", sha256=right)
    adapter.fetch(model, tmp_path)
    with pytest.raises(UserError, match=f"has sha256 {right}, expected {'0' * 64}"):
        adapter.fetch(model.model_copy(update={"sha256": "0" * 64}), tmp_path)


def test_one_hash_does_not_pretend_to_cover_several_files(hub: Hub, tmp_path: Path) -> None:
    repository("vit", hub.root / "me/net").save_pretrained(hub.root / "me/net", max_shard_size="40KB")
    (hub.root / "me/net/model.safetensors").unlink()
    model = Model(library="transformers", checkpoint="me/net", sha256="0" * 64)
    with pytest.raises(UserError, match=r"me/net has its weights in several files, .* pin its `revision`"):
        adapter.fetch(model, tmp_path)


def edit(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def test_code_of_a_repository_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repository("vit", tmp_path / "net")
    (tmp_path / "net/modeling.py").write_text("open('owned', 'w').close()\nclass Own: pass\n")
    monkeypatch.chdir(tmp_path)
    edit(tmp_path / "net", model_type="own", auto_map={"AutoConfig": "modeling.Own", "AutoModel": "modeling.Own"})
    with pytest.raises(UserError, match=r"its model type 'own' needs code of its own, which is never run here"):
        adapter.fetch(entry(tmp_path / "net"), tmp_path)
    edit(tmp_path / "net", model_type="vit")  # which transformers knows: its own code will do
    adapter.fetch(entry(tmp_path / "net"), tmp_path)
    assert not (tmp_path / "owned").exists()


def test_keys_that_do_not_fit_are_named(tmp_path: Path) -> None:
    repository("vit", tmp_path / "net")
    edit(tmp_path / "net", num_hidden_layers=3, image_size=64)
    says = r"net does not fit transformers' vit: missing layers\.2\..* \(16\); of another shape .*position_embeddings"
    with pytest.raises(UserError, match=says):
        adapter.fetch(entry(tmp_path / "net"), tmp_path)
    assert not (tmp_path / "weights.safetensors").exists()


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ("config.json", "net has no config.json; bring the repository's folder as `file`"),
        ("preprocessor_config.json", "net has no preprocessor_config.json or processor_config.json"),
        ("model.safetensors", "net has no model.safetensors or "),
    ],
)
def test_a_folder_that_lacks_a_file_is_refused(missing: str, says: str, tmp_path: Path) -> None:
    repository("vit", tmp_path / "net")
    (tmp_path / "net" / missing).unlink()
    with pytest.raises(UserError, match=says):
        adapter.fetch(entry(tmp_path / "net"), tmp_path)


def test_what_gives_no_vector_or_a_random_one_is_refused(tmp_path: Path) -> None:
    siglip(vision_use_head=False).save_pretrained(tmp_path / "headless")
    library.ViTMAEModel(library.ViTMAEConfig(**VISION)).save_pretrained(tmp_path / "masked")
    library.PvtModel(library.PvtConfig(image_size=32)).save_pretrained(tmp_path / "unpooled")
    refusals = {"headless": "neither pooled features nor a class token", "masked": "masks its images"}
    for name, says in {**refusals, "unpooled": "unpooled gives no image features known here: .*pooler_output"}.items():
        library.ViTImageProcessor(**SQUASH).save_pretrained(tmp_path / name)
        with pytest.raises(UserError, match=says):
            adapter.fetch(entry(tmp_path / name), tmp_path)


@pytest.mark.parametrize(
    "processor",
    [
        lambda: library.EfficientNetImageProcessor(**SQUASH),  # normalises twice
        lambda: library.CLIPImageProcessor(do_center_crop=False),  # leaves images as wide as they are
        lambda: library.ViTImageProcessor(**SQUASH, do_rescale=False),
    ],
)
def test_what_our_preprocessing_cannot_do_must_be_overridden(processor: Callable, tmp_path: Path) -> None:
    repository("vit", tmp_path / "net")
    processor().save_pretrained(tmp_path / "net")
    with pytest.raises(UserError, match=r"in a way that ours cannot \(\w+ImageProcessor\); set preprocessing\.squash"):
        adapter.fetch(entry(tmp_path / "net"), tmp_path)
    adapter.fetch(entry(tmp_path / "net", preprocessing={"squash": True}, size=32), tmp_path)


def test_images_of_any_shape_cannot_be_overridden(tmp_path: Path) -> None:
    repository("vit", tmp_path / "net")
    library.Siglip2ImageProcessor().save_pretrained(tmp_path / "net")
    with pytest.raises(UserError, match=r"in a way that ours cannot \(Siglip2ImageProcessor\); choose another one"):
        adapter.fetch(entry(tmp_path / "net", preprocessing={"squash": True}), tmp_path)


OLD = {"do_normalize": True, "do_resize": True, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.5] * 3, "resample": 3}


@pytest.mark.parametrize(
    ("written", "crop", "squash"),
    [
        ({"feature_extractor_type": "CLIPFeatureExtractor", "size": 32, "crop_size": 32, "do_center_crop": True}, 1, 0),
        ({"feature_extractor_type": "ViTFeatureExtractor", "size": 32}, 1, 1),
        ({"image_processor_type": "CLIPImageProcessorFast", **CROP, "do_center_crop": True}, 0.8, 0),
    ],
)
def test_what_older_versions_wrote_is_understood(written: dict, crop: float, squash: bool, tmp_path: Path) -> None:
    repository("clip", tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(OLD | written))
    assert adapter.preprocessing(tmp_path, "net", entry(tmp_path)) == {
        "size": 32,
        "mean": (0.1, 0.2, 0.3),
        "std": (0.5, 0.5, 0.5),
        "crop": crop,
        "squash": squash,
        "interpolation": "bicubic",
    }


@pytest.mark.parametrize(("size", "edge"), [(224, 256), (224, 248), (224, 235), (384, 384), (336, 383), (518, 592)])
def test_a_crop_fraction_means_exactly_its_pixels(size: int, edge: int) -> None:
    assert int(size / adapter.fraction(size, edge)) == edge


def test_transformers_is_quiet(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    repository("vit_classifier", tmp_path / "net")
    capfd.readouterr()
    adapter.fetch(entry(tmp_path / "net"), tmp_path)
    assert capfd.readouterr() == ("", "")
