"""Checkpoints of random weights, laid out as the real ones: a repository of the hub, or a file at a web address.

`shallow` cuts every architecture to two blocks (or one a stage), for these checkpoints and for whoever loads them.
"""

import src.backbones  # noqa: F401  declares torchvision's operators before timm and open_clip are imported

# isort: split
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import open_clip
import pytest
import timm
import torch
import transformers
from open_clip import factory
from open_clip.pretrained import get_pretrained_cfg
from safetensors.torch import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import Tensor, nn

from src.entries import Model

VOCABULARY = 64  # words of a shallow text tower
# repositories that open_clip does not list: the architecture they describe, and where they say their tokenizer lies
DESCRIBED = {
    "Marqo/marqo-ecommerce-embeddings-B": ("ViT-B-16-SigLIP", "Marqo/marqo-ecommerce-embeddings-B"),
    "Marqo/marqo-fashionSigLIP": ("ViT-B-16-SigLIP", "timm/ViT-B-16-SigLIP"),
}
PICKLED = {"apple/DFN2B-CLIP-ViT-B-16", "Marqo/marqo-fashionSigLIP"}  # whose weights are no safetensors
# of transformers, which does not know what lies in a repository: configurations, whole and cut
CONFIGURATIONS: dict[str, Callable[[], transformers.PretrainedConfig]] = {
    "patrickjohncyh/fashion-clip": transformers.CLIPConfig,  # a fine-tuned openai/clip-vit-base-patch32: the defaults
}


def write(root: Path, model: Model, seed: int = 0) -> None:
    """The checkpoint of an entry below `root`: <owner>/<name>/ as on the hub, or the path of its `url`."""
    writers = {"timm": write_timm, "open_clip": write_open_clip, "transformers": write_transformers}
    (write_file if model.url else writers[model.library])(root, model, seed)


def write_timm(root: Path, model: Model, seed: int) -> None:
    """config.json and model.safetensors, with the classifier that the checkpoint was trained with."""
    with torch.device("meta"):
        network = timm.create_model(model.checkpoint)
    settings = timm.get_pretrained_cfg(model.checkpoint)
    folder = made(root / settings.hf_hub_id)
    save_file(randomise(network, seed), folder / "model.safetensors", {"format": "pt"})
    about = {"architecture": settings.architecture, "num_classes": network.num_classes}
    about |= {"num_features": network.num_features, "pretrained_cfg": settings.to_dict()}
    (folder / "config.json").write_text(json.dumps(about, default=str))


def write_file(root: Path, model: Model, seed: int) -> None:
    """A torch file of plain tensors without a classifier, as at dl.fbaipublicfiles.com."""
    with torch.device("meta"):
        network = timm.create_model(model.checkpoint, num_classes=0)
    file = root / urlsplit(model.url).path.lstrip("/")
    made(file.parent)
    torch.save(randomise(network, seed), file)


def write_open_clip(root: Path, model: Model, seed: int) -> None:
    """What `describe_open_clip` writes, and the weights of both towers."""
    folder, architecture = describe_open_clip(root, model)
    with torch.device("meta"):
        network = open_clip.create_model(architecture, device="meta")
    if folder.relative_to(root).as_posix() in PICKLED:
        torch.save(randomise(network, seed), folder / "open_clip_pytorch_model.bin")
    else:
        save_file(randomise(network, seed), folder / "open_clip_model.safetensors", {"format": "pt"})


def describe_open_clip(root: Path, model: Model) -> tuple[Path, str]:
    """open_clip_config.json, and a tokenizer where open_clip does not have it built in; the folder and architecture."""
    name, _, tag = model.checkpoint.partition("/")
    if model.checkpoint.startswith("hf-hub:"):
        repository = model.checkpoint.removeprefix("hf-hub:")
        architecture, tokenizer = DESCRIBED[repository]
        how = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
    else:
        architecture, how = name, get_pretrained_cfg(name, tag)
        repository = how["hf_hub"].rstrip("/")
        tokenizer = repository
    about = factory.get_model_config(architecture)
    if "hf_tokenizer_name" in about["text_cfg"]:
        about["text_cfg"]["hf_tokenizer_name"] = tokenizer
        write_tokenizer(made(root / tokenizer))
    folder = made(root / repository)
    how = {key: how[key] for key in ("mean", "std", "interpolation", "resize_mode")}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": about, "preprocess_cfg": how}))
    return folder, architecture


def write_transformers(root: Path, model: Model, seed: int) -> None:
    """What `describe_transformers` writes, and model.safetensors."""
    folder, network = describe_transformers(root, model)
    save_file(randomise(network, seed), folder / "model.safetensors", {"format": "pt"})


def describe_transformers(root: Path, model: Model) -> tuple[Path, nn.Module]:
    """config.json, preprocessor_config.json and a tokenizer; the folder and the network on the meta device."""
    folder = made(root / model.checkpoint)
    with torch.device("meta"):
        network = transformers.AutoModel.from_config(CONFIGURATIONS[model.checkpoint]())
    network.config.architectures = [type(network).__name__]
    (folder / "config.json").write_text(network.config.to_json_string())
    transformers.CLIPImageProcessor().save_pretrained(folder)
    write_tokenizer(folder)
    return folder, network


def write_tokenizer(folder: Path) -> None:
    """The files of a tokenizer of three words."""
    tokenizer = Tokenizer(WordLevel({"<unk>": 0, "a": 1, "shoe": 2}, unk_token="<unk>"))
    whole = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<unk>")
    whole.save_pretrained(folder)


def randomise(network: nn.Module, seed: int) -> dict[str, Tensor]:
    """Weights for a network that may have none yet (on the meta device): everything is random, nothing degenerate.

    As libraries initialise them, layer scales of 1e-5 and zero tokens would hide most of the network from a test.
    """
    chance = torch.Generator().manual_seed(seed)
    return {name: draw(name, tensor, chance) for name, tensor in network.state_dict().items()}


def draw(name: str, tensor: Tensor, chance: torch.Generator) -> Tensor:
    """One weight, of a size that keeps activations near 1."""
    if not tensor.is_floating_point():
        return torch.zeros(tensor.shape, dtype=tensor.dtype)  # a count of batches
    drawn = torch.empty(tensor.shape)
    if tensor.ndim < 2 and not name.endswith(("bias", "running_mean", "embedding")):  # scales of norms and layers
        return drawn.uniform_(0.5, 1.5, generator=chance)
    if tensor.ndim < 2 or tensor.shape[0] == 1:  # biases, tokens, positions
        return drawn.normal_(0, 0.1, generator=chance)
    return drawn.normal_(0, tensor[0].numel() ** -0.5, generator=chance)


def made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let timm, open_clip and the configurations above make networks of two blocks, or of one a stage."""
    whole = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda name, **more: whole(name, **cut(name), **more))
    for name, about in list(factory._MODEL_CONFIGS.items()):
        short = {"vision_cfg": {**about["vision_cfg"], "layers": 2}}
        short["text_cfg"] = {**about["text_cfg"], "layers": 2, "vocab_size": VOCABULARY}
        monkeypatch.setitem(factory._MODEL_CONFIGS, name, {**about, **short})
    for name, make in list(CONFIGURATIONS.items()):
        monkeypatch.setitem(CONFIGURATIONS, name, lambda make=make: shortened(make()))


def cut(name: str) -> dict[str, Any]:
    """Arguments with which timm makes an architecture shallow."""
    one_a_stage = {"resnet": "layers", "convnext": "depths"}
    key = next((key for family, key in one_a_stage.items() if name.startswith(family)), None)
    return {key: (1, 1, 1, 1)} if key else {"depth": 2}


def shortened(about: transformers.PretrainedConfig) -> transformers.PretrainedConfig:
    """A configuration of transformers with two blocks a tower."""
    for part in (about, about.vision_config, about.text_config):
        if hasattr(part, "num_hidden_layers"):
            part.num_hidden_layers = 2
    about.text_config.vocab_size = VOCABULARY
    return about
