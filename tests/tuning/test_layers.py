"""Layers of networks of every library, as shapes without weights."""

import pytest
import torch
from torch import nn

from src.backbones import open_clip, sample, timm, transformers
from src.tuning.layers import layers

VISION = {"image_size": 32, "patch_size": 16, "width": 64, "layers": 2, "head_width": 32}
TOWER = {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": open_clip.NO_TEXT}
VIT = {"model_type": "vit", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 32}


def network(name: str) -> nn.Module:
    with torch.device("meta"):
        if name == "sample":
            return sample.build(sample.ARCHITECTURE)
        if name == "open_clip":
            return open_clip.build({"build": {"network": TOWER, "size": None}})
        if name == "transformers":
            how = {"config": VIT, "features": "pooler_output", "projection": 8, "interpolate": False}
            return transformers.build({"build": how})
        return timm.build({"architecture": name, "build": {}})


@pytest.mark.parametrize(
    ("name", "count", "first", "last"),
    [
        ("vit_tiny_patch16_224", 13, "cls_token", "blocks.11.norm1.weight"),
        ("resnet18", 9, "conv1.weight", "layer4.1.conv1.weight"),
        ("regnety_002", 14, "stem.conv.weight", "s4.b7.conv1.conv.weight"),
        ("sample", 5, "0.weight", "13.residual.0.weight"),
        ("open_clip", 3, "proj", "ln_post.weight"),
        ("transformers", 3, "vision_model.embeddings.cls_token", "visual_projection.weight"),
    ],
)
def test_layers_are_the_blocks_of_a_network_from_input_to_output(name: str, count: int, first: str, last: str) -> None:
    made = network(name)
    found = layers(made)
    assert len(found) == count
    assert first in found[0] and last in found[-1]
    assert sorted(name for names in found for name in names) == sorted(name for name, _ in made.named_parameters())


def test_what_stands_above_a_trunk_of_timm_is_the_last_layer() -> None:
    class Tower(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = network("resnet18")
            self.head = nn.Linear(512, 8)

    found = layers(Tower())
    assert len(found) == 10 and found[-1] == ["head.weight", "head.bias"]
    assert found[0] == ["trunk.conv1.weight", "trunk.bn1.weight", "trunk.bn1.bias"]


def test_a_network_without_blocks_is_as_deep_as_it_has_children() -> None:
    made = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    assert layers(made) == [["0.weight", "0.bias"], ["2.weight", "2.bias"]]
