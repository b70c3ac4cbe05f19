import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import timm
import torch
from backbones.hub_server import Hub
from huggingface_hub import constants
from open_clip import factory
from open_clip.tokenizer import HFTokenizer
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import nn

from src import images, params
from src.backbones import checkpoint
from src.backbones import open_clip as adapter
from src.entries import Model
from src.errors import UserError

CLIP, SIGLIP, PE = "ViT-B-16-quickgelu/openai", "ViT-B-16-SigLIP/webli", "PE-Core-L-14-336/meta"
MARQO = "hf-hub:Marqo/marqo-fashionSigLIP"
REPOSITORIES = {
    CLIP: "timm/vit_base_patch16_clip_224.openai",
    SIGLIP: "timm/ViT-B-16-SigLIP",
    PE: "timm/PE-Core-L-14-336",
    MARQO: "Marqo/marqo-fashionSigLIP",
}
TEXTS = ["red shoes", "a blue, round LAMP", ""]


@pytest.fixture(autouse=True)
def two_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real architectures and settings, but narrow and two blocks deep."""
    for name in (CLIP, "ViT-B-16/openai", SIGLIP, PE):
        about = factory.get_model_config(name.partition("/")[0])
        vision = about["vision_cfg"] | {"layers": 2, "width": 128}
        text = about["text_cfg"] | {"layers": 2, "width": 64, "heads": 2}
        cut = about | {"embed_dim": 64, "vision_cfg": vision, "text_cfg": text}
        monkeypatch.setitem(factory._MODEL_CONFIGS, name.partition("/")[0], cut)
    narrow = partial(timm.create_model, depth=2, embed_dim=64, num_heads=2)
    monkeypatch.setattr(timm, "create_model", narrow)


def repository(root: Path, name: str, safe: bool = True, tokenizer: str | None = None) -> Path:
    """A repository of random weights laid out as the real ones; `tokenizer` is where else that lies."""
    architecture, _, tag = (SIGLIP if name == MARQO else name).partition("/")
    about, how = factory.get_model_config(architecture), open_clip.get_pretrained_cfg(architecture, tag)
    if "hf_tokenizer_name" in about["text_cfg"]:
        about["text_cfg"]["hf_tokenizer_name"] = tokenizer or REPOSITORIES[name]
        write_tokenizer(root / about["text_cfg"]["hf_tokenizer_name"])
    folder = root / REPOSITORIES[name]
    folder.mkdir(parents=True, exist_ok=True)
    how = {key: how[key] for key in ("mean", "std", "interpolation", "resize_mode")}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": about, "preprocess_cfg": how}))
    torch.manual_seed(0)
    weights = {key: value + 0.02 * torch.randn_like(value) for key, value in whole(about).state_dict().items()}
    if safe:
        save_file(weights, folder / "open_clip_model.safetensors")
    else:
        torch.save(weights, folder / "open_clip_pytorch_model.bin")
    return folder


def write_tokenizer(folder: Path) -> None:
    """A tokenizer of T5's kind, whose vocabulary is the alphabet and two words."""
    folder.mkdir(parents=True)
    pieces = [*"abcdefghijklmnopqrstuvwxyz", "▁", "▁red", "▁shoe"]
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((piece, -len(piece) / 9) for piece in pieces)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=2, byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {"eos_token": "</s>", "pad_token": "</s>", "unk_token": "<unk>"}
    (folder / "special_tokens_map.json").write_text(json.dumps(special))
    (folder / "tokenizer_config.json").write_text(json.dumps(special | {"tokenizer_class": "T5Tokenizer"}))


def whole(network: dict[str, Any]) -> nn.Module:
    """The library's model of both towers."""
    arguments = {key: value for key, value in network.items() if key != "custom_text"}
    return (open_clip.CustomTextCLIP if network.get("custom_text") else open_clip.CLIP)(**arguments)


def library(folder: Path, **changes: Any) -> nn.Module:
    """What open_clip's users are told to write, for the files of a repository."""
    return open_clip.create_model(f"local-dir:{folder}", require_pretrained=True, **changes).eval()


def entry(name: str, **changes: object) -> Model:
    return Model.model_validate({"library": "open_clip", "checkpoint": name, "family": "text_image", **changes})


def brought(folder: Path, name: str = CLIP, **changes: object) -> Model:
    """An entry with a file or folder of one's own."""
    return entry(name, file=str(folder), sha256=checkpoint.digest(folder), **changes)


def tower(config: dict[str, Any], folder: Path) -> nn.Module:
    """Our image tower, as every stage after `weights` has it."""
    network = adapter.build(json.loads(json.dumps(config)))
    network.load_state_dict(load_file(folder / "weights.safetensors"))
    return network.eval()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.mark.parametrize(("name", "safe"), [(CLIP, False), (SIGLIP, True), (PE, True), (MARQO, True)])
def test_the_image_tower_gives_exactly_what_encode_image_gives(hub: Hub, out: Path, name: str, safe: bool) -> None:
    theirs = library(repository(hub.root, name, safe))
    config = adapter.fetch(entry(name), out)
    pictures = torch.randn(2, 3, config["preprocessing"]["size"], config["preprocessing"]["size"])
    ours = tower(config, out)
    with torch.inference_mode():
        assert torch.equal(ours(pictures), theirs.encode_image(pictures))
    assert config["source"] == REPOSITORIES[name]
    assert config["revision"] == hub.commit(REPOSITORIES[name])
    assert not (out / "converted.safetensors").exists()


@pytest.mark.parametrize("name", [CLIP, SIGLIP])
def test_both_towers_and_the_tokenizer_come_back_from_the_folder_alone(
    hub: Hub, out: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = repository(hub.root, name)
    theirs, tokens = library(folder), open_clip.get_tokenizer(f"local-dir:{folder}")(TEXTS)
    config = adapter.fetch(entry(name), out)
    for gone in ("hub", "cache"):
        shutil.rmtree(tmp_path / gone)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.asked.clear()

    about = config["build"]["network"]
    ours = whole(about).eval()
    image = {f"visual.{key}": value for key, value in load_file(out / "weights.safetensors").items()}
    ours.load_state_dict(image | load_file(out / "text.safetensors"))
    text = about["text_cfg"]
    if config["text"]["tokenizer"] == "kept":
        tokenizer = HFTokenizer(str(out / "tokenizer"), text["context_length"], **text.get("tokenizer_kwargs", {}))
    else:
        tokenizer = open_clip.SimpleTokenizer(context_length=text["context_length"])
    assert torch.equal(tokenizer(TEXTS), tokens)
    pictures = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        assert torch.equal(ours.encode_text(tokenizer(TEXTS)), theirs.encode_text(tokens))
        assert torch.equal(ours.encode_image(pictures), theirs.encode_image(pictures))
    assert config["text"]["tokenizer"] == {CLIP: "built-in", SIGLIP: "kept"}[name]
    assert not hub.asked


@pytest.mark.parametrize(("name", "size"), [(CLIP, 96), (SIGLIP, 96), (PE, 112), (CLIP, 224), (SIGLIP, 224)])
def test_another_image_size_is_what_force_image_size_gives(hub: Hub, out: Path, name: str, size: int) -> None:
    theirs = library(repository(hub.root, name), force_image_size=size)
    config = adapter.fetch(entry(name, size=size), out)
    pictures = torch.randn(2, 3, size, size)
    ours = tower(config, out)
    with torch.inference_mode():
        assert torch.equal(ours(pictures), theirs.encode_image(pictures))
    assert config["preprocessing"]["size"] == size


@pytest.mark.parametrize("picture", [(200, 120), (97, 311), (224, 224)])
@pytest.mark.parametrize("name", [CLIP, SIGLIP, PE, "MobileCLIP-S1/datacompdr"])
def test_pixels_equal_open_clips_own_transform(name: str, picture: tuple[int, int]) -> None:
    """Shorter side or squash, bicubic or bilinear: all four ways are among these."""
    model = entry(name)
    record = adapter.describe(model)
    how = images.Preprocessing(**adapter.preprocessing(record, 224, model))
    settings = {key: record.preprocessing[key] for key in ("mean", "std", "interpolation", "resize_mode")}
    noise = np.random.default_rng(0).integers(0, 256, (picture[1] // 4, picture[0] // 4, 3), np.uint8)
    image = Image.fromarray(noise).resize(picture)
    theirs = open_clip.image_transform(224, is_train=False, **settings)(image)
    ours = torch.tensor(images.preprocess(image, how)).permute(2, 0, 1) / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in (how.mean, how.std))
    assert torch.allclose((ours - mean) / std, theirs, atol=1e-6)


def test_a_tokenizer_may_lie_in_another_repository(hub: Hub, out: Path) -> None:
    repository(hub.root, MARQO, tokenizer="timm/ViT-B-16-SigLIP")
    config = adapter.fetch(entry(MARQO), out)
    other = {"tokenizer": "kept", "name": "timm/ViT-B-16-SigLIP", "revision": hub.commit("timm/ViT-B-16-SigLIP")}
    assert config["text"] == other
    assert config["revision"] == hub.commit("Marqo/marqo-fashionSigLIP")
    for file in (out / "tokenizer").iterdir():
        assert file.read_bytes() == (hub.root / "timm/ViT-B-16-SigLIP" / file.name).read_bytes()


@pytest.mark.parametrize("name", [CLIP, MARQO])
def test_a_folder_laid_out_as_on_the_hub_gives_the_same(
    hub: Hub, out: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = repository(hub.root, name)
    fetched = adapter.fetch(entry(name), out)
    monkeypatch.setattr(adapter.hub, "first", pytest.fail)
    monkeypatch.setattr(adapter.hub, "optional", pytest.fail)
    (tmp_path / "again").mkdir()
    config = adapter.fetch(brought(folder, name, revision="mine"), tmp_path / "again")
    assert all(config[key] == fetched[key] for key in ("build", "preprocessing"))
    assert (config["source"], config["revision"]) == (folder.name, "mine")
    files = sorted(file.relative_to(out) for file in out.rglob("*") if file.is_file())
    assert len(files) == {CLIP: 2, MARQO: 5}[name]
    assert all((tmp_path / "again" / file).read_bytes() == (out / file).read_bytes() for file in files)


def test_a_single_file_is_enough_for_images(tmp_path: Path, out: Path) -> None:
    file = repository(tmp_path, SIGLIP) / "open_clip_model.safetensors"
    config = adapter.fetch(brought(file, SIGLIP), out)
    assert config["text"] == {"tokenizer": "missing", "name": "timm/ViT-B-16-SigLIP", "revision": None}
    assert not (out / "tokenizer").exists()
    with pytest.raises(UserError, match=r"safetensors has no open_clip_config\.json; bring a folder as Marqo/marqo-f"):
        adapter.fetch(brought(file, MARQO), out)


def test_a_folder_without_weights_says_which_are_wanted(tmp_path: Path, out: Path) -> None:
    folder = repository(tmp_path, CLIP)
    (folder / "open_clip_model.safetensors").unlink()
    says = r"openai has no open_clip_model\.safetensors or open_clip_pytorch_model\.bin; bring a folder as timm/vit"
    with pytest.raises(UserError, match=says):
        adapter.fetch(brought(folder), out)


def test_keys_that_do_not_fit_are_named(tmp_path: Path, out: Path) -> None:
    file = repository(tmp_path, CLIP) / "open_clip_model.safetensors"
    weights = load_file(file)
    weights["visual.extra"] = weights.pop("visual.ln_post.bias")
    weights["ln_final.bias"] = torch.ones(3)
    save_file(weights, file)
    says = (
        r"model\.safetensors does not fit open_clip's ViT-B-16-quickgelu/openai: missing visual\.ln_post\.bias \(1\); "
        r"unexpected visual\.extra \(1\); of another shape ln_final\.bias \(1\)"
    )
    with pytest.raises(UserError, match=says):
        adapter.fetch(brought(file), out)
    assert not list(out.iterdir())


def test_an_unknown_architecture_or_tag_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no architecture 'ViT-B-61' among its \d+\. Did you mean 'ViT-B-16'\? Write "):
        adapter.check_name("ViT-B-61/openai")
    with pytest.raises(UserError, match=r"open_clip's ViT-B-16 has no tag 'opneai'; known: .*Did you mean 'openai'\?"):
        adapter.check_name("ViT-B-16/opneai")
    with pytest.raises(UserError, match=r"open_clip's ViT-B-16 needs a tag; known: openai, "):
        adapter.check_name("ViT-B-16")
    with pytest.raises(UserError, match="no architecture 'siglip' among its"):
        adapter.check_name("siglip")
    adapter.check_name(CLIP)


def test_every_entry_of_params_is_known_to_open_clip() -> None:
    entries = [model for model in params.load().models.values() if model.library == "open_clip"]
    assert len(entries) >= 10
    for model in entries:
        if not model.checkpoint.startswith("hf-hub:"):
            record = adapter.describe(model)
            assert record.repository.count("/") == 1
            assert record.filenames == ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


def test_weights_by_another_name_are_asked_for_by_it() -> None:
    assert adapter.describe(entry("ViTamin-S/datacomp1b")).filenames == (
        "pytorch_model.safetensors",
        "pytorch_model.bin",
    )


def test_the_activation_is_that_of_the_weights() -> None:
    assert adapter.describe(entry("ViT-B-16/openai")).network["quick_gelu"]
    assert not adapter.describe(entry("ViT-B-16/laion2b_s34b_b88k")).network["quick_gelu"]


@pytest.mark.parametrize("name", ["coca_ViT-B-32/laion2b_s13b_b90k", "xlm-roberta-base-ViT-B-32/laion5b_s13b_b90k"])
def test_text_towers_that_are_not_read_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=f"{name} is a CoCa or has a text tower of transformers"):
        adapter.describe(entry(name))


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"model_cfg": 3}', '{"model_cfg": {"vision_cfg": {}}}'])
def test_a_repository_that_is_not_open_clips_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "open_clip_config.json").write_text(content)
    with pytest.raises(UserError, match=r"open_clip_config\.json does not describe a model of open_clip"):
        adapter.describe(brought(tmp_path, "hf-hub:team/other"))


@pytest.mark.parametrize(
    ("setting", "size", "override", "says"),
    [
        ({"resize_mode": "longest"}, 224, {"squash": True}, "padded to a square"),
        ({}, (64, 32), None, "images of 64 x 32, ours are square"),
    ],
)
def test_what_our_preprocessing_cannot_do_must_be_overridden(
    setting: dict, size: int | tuple[int, int], override: dict | None, says: str
) -> None:
    record = adapter.Record({}, setting, "", (), None)
    with pytest.raises(UserError, match=says):
        adapter.preprocessing(record, size, entry(CLIP))
    if override:
        adapter.preprocessing(record, size, entry(CLIP, preprocessing=override))


def test_weights_at_a_web_address_take_the_place_of_the_hubs(
    hub: Hub, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    folder = repository(hub.root, SIGLIP, safe=False)
    (hub.root / "mine").mkdir()
    (folder / "open_clip_pytorch_model.bin").rename(hub.root / "mine/tuned.pt")
    url = f"{hub.url}/mine/tuned.pt"
    config = adapter.fetch(entry(SIGLIP, url=url, sha256=checkpoint.digest(hub.root / "mine/tuned.pt")), out)
    assert (config["source"], config["revision"]) == (url, None)
    assert config["text"]["revision"] == hub.commit(REPOSITORIES[SIGLIP])
    tower(config, out)
    with pytest.raises(UserError, match="is a repository with weights; leave out `url`"):
        adapter.describe(entry(MARQO, url=url))


def test_a_hash_in_params_holds_for_the_hub_too(hub: Hub, out: Path) -> None:
    repository(hub.root, CLIP)
    with pytest.raises(UserError, match=f"expected {'0' * 64}"):
        adapter.fetch(entry(CLIP, sha256="0" * 64), out)
