"""Floor 1. The sample backbones: a tiny residual network in plain torch, its weights kept in this repository."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from src import tensors
from src.backbones import checkpoint
from src.entries import Model
from src.errors import UserError
from src.images import Preprocessing
from src.registry import unknown

FOLDER = Path("models/sample/checkpoints")
DIM = 256
ARCHITECTURE = {"architecture": "tiny_resnet", "build": {"stem": 24, "channels": [32, 64, 128, DIM]}}
PREPROCESSING = Preprocessing(size=64, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def fetch(model: Model, folder: Path) -> dict[str, Any]:
    """Write `folder`/weights.safetensors; return source, preprocessing and what `build` needs.

    `model.checkpoint` is the name of a file in FOLDER, or anything if `model.file` has weights of this shape.
    """
    source = Path(model.file) if model.file else FOLDER / f"{model.checkpoint}.safetensors"
    if not source.exists():
        known = [path.stem for path in FOLDER.glob("*.safetensors")]
        raise UserError(unknown(model.checkpoint, known, "checkpoint", str(FOLDER)))
    network = build(ARCHITECTURE)
    try:
        network.load_state_dict(checkpoint.read(source))
    except RuntimeError:
        raise UserError(f"{source} does not hold the weights of a sample backbone; bring another file") from None
    checkpoint.write(folder / "weights.safetensors", network)
    return {**ARCHITECTURE, "preprocessing": asdict(PREPROCESSING), "source": source.name, "revision": model.revision}


def save(network: nn.Module, file: Path) -> None:
    """Write the file that `fetch` reads, in half precision: 2.5 MB."""
    weights = network.state_dict()
    tensors.write(file, {name: value.half() if value.is_floating_point() else value for name, value in weights.items()})


def build(config: dict[str, Any]) -> nn.Module:
    """The network with random weights: normalised float [B, 3, 64, 64] -> [B, DIM], not of length 1."""
    return tiny_resnet(**config["build"])


def tiny_resnet(stem: int, channels: Sequence[int]) -> nn.Sequential:
    """ResNet-D (arXiv 1812.01187) with one basic block a stage; `stem` and `channels` are widths.

    1.25 million parameters, about a millisecond an image on one core.
    """
    layers = [*convolve(3, stem, stride=2), nn.ReLU(inplace=True), *convolve(stem, stem), nn.ReLU(inplace=True)]
    layers += [*convolve(stem, 2 * stem), nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=2, padding=1)]
    layers += [Block(2 * stem, channels[0], stride=1)]
    layers += [Block(inputs, outputs, stride=2) for inputs, outputs in pairwise(channels)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def convolve(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """A convolution, and the batch normalisation that takes the place of its bias."""
    convolution = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution, nn.BatchNorm2d(outputs)


class Block(nn.Module):
    """relu(shortcut + two 3x3 convolutions); begins as its shortcut alone, because the last gain starts at zero."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        last, gain = convolve(outputs, outputs)
        nn.init.zeros_(gain.weight)
        self.residual = nn.Sequential(*convolve(inputs, outputs, stride=stride), nn.ReLU(inplace=True), last, gain)
        # averaging before a 1x1 convolution loses no pixel; a strided 1x1 convolution would lose three in four
        shrink = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
        self.shortcut = nn.Sequential(shrink, *convolve(inputs, outputs, size=1))

    def forward(self, images: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, ceil(H / stride), ceil(W / stride)]."""
        return torch.relu_(self.residual(images) + self.shortcut(images))
