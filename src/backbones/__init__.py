"""Floor 1. Pretrained networks up to their pooled output, and the one form in which they lie on disk.

A folder with a network holds `weights.safetensors` (float32) and `config.json`, which says all that is needed to build
it again and to feed it: nothing here asks the network or the library's own tables for a second time.
"""

import time
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import nn

from src import store
from src.backbones import checkpoint, costs, disk, torchvision_ops  # noqa: F401  the latter before any library
from src.entries import Model
from src.errors import UserError
from src.images import Preprocessing
from src.registry import lookup

# Named, not imported: importing timm alone takes longer than embedding with a sample backbone.
LIBRARIES = {
    "open_clip": "src.backbones.open_clip",
    "sample": "src.backbones.sample",
    "timm": "src.backbones.timm",
    "transformers": "src.backbones.transformers",
}
# whose versions can change an embedding, beside torch, pillow and numpy
PACKAGES: dict[str, tuple[str, ...]] = {
    "open_clip": ("open_clip_torch", "timm"),
    "sample": (),
    "timm": ("timm",),
    "transformers": ("transformers",),
}
WEIGHTS, CONFIG = "weights.safetensors", "config.json"


class Library(Protocol):
    """What a module of LIBRARIES offers."""

    def fetch(self, model: Model, folder: Path) -> dict[str, Any]:
        """Write `folder`/weights.safetensors; return source, revision, preprocessing and what `build` needs."""

    def build(self, config: dict[str, Any]) -> nn.Module:
        """The network with random weights, offline: normalised float [B, 3, H, W] -> [B, D], not of length 1."""


@dataclass(frozen=True)
class Backbone:
    """A network ready to embed, what it wants to be fed, and where it comes from."""

    network: nn.Module  # eval mode, channels last
    preprocessing: Preprocessing
    config: dict[str, Any]


def library(name: str) -> Library:
    """The module of a library, imported now."""
    return cast(Library, import_module(lookup(LIBRARIES, name, "library")))


def fetch(slug: str, model: Model, folder: Path) -> dict[str, Any]:
    """Make `folder` of a params.yaml entry: weights, and the configuration that it returns. Only this may use the net.

    A UserError names the entry; nothing is half-written.
    """
    try:
        if model.file:
            checkpoint.verify(Path(model.file), model.sha256)
        with disk.room(folder.parent), store.whole_folder(folder) as part:
            details = library(model.library).fetch(model, part)
            return _complete(part, slug, model, details)
    except UserError as error:
        raise UserError(f"models.{slug}: {error}") from None


def _complete(folder: Path, slug: str, model: Model, details: dict[str, Any]) -> dict[str, Any]:
    """Add what is the same for every library, find the dimension by trying the network, and count what it costs."""
    override = model.preprocessing.model_dump(exclude_none=True) | ({"size": model.size} if model.size else {})
    config = {"model": slug, "library": model.library, "checkpoint": model.checkpoint, **details}
    config["preprocessing"] = asdict(Preprocessing(**{**details["preprocessing"], **override}))
    config |= {"family": model.family, "licence": model.licence, "weights_sha256": store.sha256(folder / WEIGHTS)}
    store.write_json(folder / CONFIG, config)
    made = load(folder)
    config["dim"] = dimension(made)
    cost = costs.measure(made.network, made.preprocessing.size)
    config |= {"parameters": cost["parameters"], "gmacs": round(cost["gmacs"], 4)}
    store.write_json(folder / CONFIG, config)
    return config


def dimension(backbone: Backbone) -> int:
    """Length of the vector that the network gives for one black image."""
    size = backbone.preprocessing.size
    with torch.inference_mode():
        shape = backbone.network(torch.zeros(1, 3, size, size)).shape
    if len(shape) != 2:
        raise UserError(f"the network gives {tuple(shape)} for one image, not one vector; choose another checkpoint")
    return int(shape[1])


def seconds(backbone: Backbone) -> float:
    """What the forward pass of one image takes on this machine's processor: the faster of two, after a warm-up."""
    size, took = backbone.preprocessing.size, []
    with torch.inference_mode():
        for _ in range(3):
            start = time.perf_counter()
            backbone.network(torch.zeros(1, 3, size, size))
            took.append(time.perf_counter() - start)
    return min(took[1:])


def save(folder: Path, network: nn.Module, config: dict[str, Any]) -> None:
    """Write a network as `load` reads it; `config` is its backbone's, with `weights_sha256` of the new file."""
    checkpoint.write(folder / WEIGHTS, network)
    store.write_json(folder / CONFIG, {**config, "weights_sha256": store.sha256(folder / WEIGHTS)})


def load(folder: Path) -> Backbone:
    """The network of a folder, ready to embed; a UserError where its weights are missing or not those of its config."""
    config = store.read_json(folder / CONFIG)
    weights = folder / WEIGHTS
    if not weights.exists() or store.sha256(weights) != config["weights_sha256"]:
        raise UserError(f"{weights} is missing or was altered; run `dvc repro` (or `dvc pull`) to have it again")
    network = library(config["library"]).build(config)
    network.load_state_dict(checkpoint.read(weights))
    how = config["preprocessing"]
    preprocessing = Preprocessing(**{**how, "mean": tuple(how["mean"]), "std": tuple(how["std"])})
    network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Backbone(network, preprocessing, config)
