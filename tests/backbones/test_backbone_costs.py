import open_clip
import pytest
import timm
import torch
from torch import nn

from src.backbones import costs, sample


def test_a_layer_counts_its_weights_and_one_product_for_each_use_of_them() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16**2, 10))
    parameters = (3 * 8 * 9 + 8) + (8 * 16**2 * 10 + 10)
    macs = 16**2 * 3 * 8 * 9 + 8 * 16**2 * 10
    assert costs.measure(network, 32) == {"dim": 10, "parameters": parameters, "gmacs": macs / 1e9}


# published by timm (results/benchmark-infer-amp*.csv) and by the authors of ConvNeXt and DINOv2
@pytest.mark.parametrize(
    ("name", "size", "dim", "millions", "gmacs"),
    [
        ("resnet50", 224, 2048, 23.5, 4.1),
        ("convnext_base", 224, 1024, 87.6, 15.4),
        ("vit_base_patch16_224", 224, 768, 85.8, 17.6),
        ("vit_large_patch16_224", 224, 1024, 303.3, 61.6),
        ("vit_base_patch14_dinov2", 224, 768, 85.7, 23.2),
        ("vit_base_patch14_dinov2", 518, 768, 86.6, 151.6),
        ("vit_base_patch16_siglip_224", 224, 768, 92.9, 17.7),
    ],
)
def test_published_counts_are_met_attention_included(
    name: str, size: int, dim: int, millions: float, gmacs: float
) -> None:
    other = {"img_size": size} if "dinov2" in name else {}
    with torch.device("meta"):
        network = timm.create_model(name, num_classes=0, **other).eval()
    found = costs.measure(network, size)
    assert found["dim"] == dim
    assert found["parameters"] / 1e6 == pytest.approx(millions, abs=0.06)
    assert found["gmacs"] == pytest.approx(gmacs, abs=0.06)


def test_torchs_own_attention_layer_does_not_escape() -> None:
    width, tokens = 64, 17
    tower = open_clip.model.VisionTransformer(64, 16, width, 2, 4, 4.0, output_dim=32).eval()
    block = 12 * width**2 * tokens + 2 * tokens**2 * width  # 4 in attention, 8 in the MLP; then the two of attention
    macs = 16 * 3 * 16**2 * width + 2 * block + width * 32
    assert costs.measure(tower, 64)["gmacs"] == macs / 1e9


def test_the_network_is_left_as_it_was() -> None:
    network = sample.build(sample.ARCHITECTURE).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert costs.measure(network, 64)["dim"] == sample.DIM
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])
