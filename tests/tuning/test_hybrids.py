"""What is trained of toy networks of every kind, and that they load as they did before."""

import copy
from collections.abc import Callable

import pytest
import timm
import torch
from torch import Tensor, nn

from src.backbones import open_clip, sample, transformers
from src.errors import UserError
from src.tuning import hybrids

VISION = {"image_size": 16, "patch_size": 8, "width": 16, "layers": 3, "head_width": 8}
VIT = {"model_type": "vit", "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 16}
VIT |= {"patch_size": 8, "intermediate_size": 32}
SIZE = 16


def of_sample() -> nn.Module:
    return sample.tiny_resnet(4, [4, 8, 8, 8])


def of_timm() -> nn.Module:
    how = {"img_size": SIZE, "patch_size": 8, "embed_dim": 16, "depth": 3, "num_heads": 2, "num_classes": 0}
    return timm.create_model("vit_tiny_patch16_224", **how)


def of_open_clip() -> nn.Module:
    tower = {"embed_dim": 8, "vision_cfg": VISION, "text_cfg": open_clip.NO_TEXT}
    return open_clip.build({"build": {"network": tower, "size": None}})


def of_transformers() -> nn.Module:
    how = {"config": VIT, "features": "pooler_output", "projection": 8, "interpolate": False}
    return transformers.build({"build": how})


KINDS = [of_sample, of_timm, of_open_clip, of_transformers]
Kind = Callable[[], nn.Module]


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def step(encoder: nn.Module) -> Tensor:
    """Train the encoder twice on four pictures; gives the pictures."""
    pictures = torch.randn(4, 3, SIZE, SIZE)
    optimiser = torch.optim.AdamW([each for each in encoder.parameters() if each.requires_grad], lr=0.01)
    for _ in range(2):
        optimiser.zero_grad()
        encoder.eval()(pictures).square().sum().backward()
        assert all(each.grad is not None for each in encoder.parameters() if each.requires_grad)
        optimiser.step()
    return pictures


def changed(before: nn.Module, after: nn.Module) -> set[str]:
    states = before.state_dict(), after.state_dict()
    assert states[0].keys() == states[1].keys()
    return {name for name, value in states[0].items() if not torch.equal(value, states[1][name])}


@pytest.mark.parametrize("kind", KINDS)
def test_lora_begins_as_the_network_and_ends_in_its_plain_weights(kind: Kind) -> None:
    network, pictures = kind().eval(), torch.randn(4, 3, SIZE, SIZE)
    before, as_it_was = copy.deepcopy(network), network(pictures)
    encoder = hybrids.lora(network, SIZE, rank=2, alpha=4)
    assert torch.allclose(encoder.eval()(pictures), as_it_was, atol=1e-5)
    step(encoder)
    trained = encoder.eval()(pictures)
    after = hybrids.plain(encoder)
    assert type(after) is type(before)
    assert torch.allclose(after(pictures), trained, atol=1e-4) and not torch.allclose(trained, as_it_was, atol=1e-2)
    matrices = {name for name, each in before.named_parameters() if each.ndim > 1}
    assert changed(before, after) <= matrices


def test_lora_trains_two_thin_matrices_a_weight_matrix() -> None:
    network = nn.Sequential(nn.Conv2d(3, 10, 4), nn.Conv2d(10, 10, 1, groups=5), nn.Flatten(), nn.Linear(10, 7))
    encoder = hybrids.lora(network, 4, rank=2, alpha=2)
    # in: 2 x (3 x 4 x 4), out: 10 x 2; nothing beside the grouped one; in: 2 x 10, out: 7 x 2
    assert hybrids.trained_parameters(encoder) == (96 + 20) + (20 + 14)


def test_lora_stands_beside_nothing_whose_weights_are_read_without_calling_it() -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.called, self.read = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, pictures: Tensor) -> Tensor:
            return self.called(pictures.mean(dim=(2, 3))) @ self.read.weight

    assert hybrids.trained_parameters(hybrids.lora(Reader(), 8, rank=1, alpha=1)) == 3 + 3
    with pytest.raises(UserError, match="lora: this network has no linear layer"):
        hybrids.lora(nn.Sequential(nn.Flatten(), nn.LayerNorm(3 * 8 * 8)), 8, rank=1, alpha=1)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (of_sample, ("13.",)),
        (of_timm, ("blocks.2.", "norm.")),
        (of_open_clip, ("transformer.resblocks.2.", "ln_post.")),
        (of_transformers, ("vision_model.layers.2.", "vision_model.layernorm.", "vision_model.pooler", "visual_proj")),
    ],
)
def test_the_last_block_is_trained_with_what_comes_after_it(kind: Kind, changes: tuple[str, ...]) -> None:
    network = kind()
    before = copy.deepcopy(network)
    encoder = hybrids.last_blocks(network, SIZE, blocks=1)
    step(encoder)
    assert {next((each for each in changes if name.startswith(each)), name) for name in changed(before, network)} == {
        *changes
    }


def test_more_blocks_than_there_are_stop_with_their_number() -> None:
    hybrids.last_blocks(of_sample(), SIZE, blocks=4)
    with pytest.raises(UserError, match=r"hybrid\.last_blocks\.blocks is 5, and the network has 5; name fewer"):
        hybrids.last_blocks(of_sample(), SIZE, blocks=5)


@pytest.mark.parametrize("kind", KINDS)
def test_bitfit_trains_biases_and_norms_train_norms(kind: Kind) -> None:
    for method, pattern in ((hybrids.bitfit, ("bias",)), (hybrids.norms, ("bias", "weight"))):
        network = kind()
        before = copy.deepcopy(network)
        step(method(network, SIZE))
        found = changed(before, network)
        assert found and all(name.endswith(pattern) and before.state_dict()[name].ndim == 1 for name in found)


def test_norms_are_known_by_the_name_of_their_class() -> None:
    class RmsNorm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gain = nn.Parameter(torch.ones(3))

    network = hybrids.norms(nn.Sequential(nn.Linear(3, 3), RmsNorm(), nn.BatchNorm1d(3)), SIZE)
    assert {name for name, each in network.named_parameters() if each.requires_grad} == {"1.gain", "2.weight", "2.bias"}


def test_a_method_with_nothing_to_train_says_so() -> None:
    with pytest.raises(UserError, match="nothing that it would train"):
        hybrids.norms(nn.Sequential(nn.Linear(3, 3)), SIZE)


def test_statistics_stay_where_the_gain_of_a_batch_norm_is_not_trained() -> None:
    network = of_sample()
    count = sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    assert hybrids.frozen_norms(hybrids.norms(network, SIZE)) == []
    assert len(hybrids.frozen_norms(hybrids.bitfit(network, SIZE))) == count
    assert len(hybrids.frozen_norms(hybrids.last_blocks(network, SIZE, blocks=1))) == count - 3


def test_a_mix_is_a_point_on_the_line_between_two_networks() -> None:
    start = {"weight": torch.tensor([0.1, 1.0]), "count": torch.tensor(3)}
    end = {"weight": torch.tensor([0.3, -1.0]), "count": torch.tensor(5)}
    for share in (0.0, 1.0):
        assert torch.equal(hybrids.mix(start, end, share)["weight"], (start, end)[int(share)]["weight"])
    middle = hybrids.mix(start, end, 0.25)
    assert torch.allclose(middle["weight"], torch.tensor([0.15, 0.5])) and middle["count"] == 5


def row(coefficient: float, mmp: float | None, accuracy: float | None) -> dict[str, float | None]:
    return {"coefficient": coefficient, "validation mMP@5": mmp, "validation accuracy": accuracy}


def test_the_best_coefficient_is_the_best_on_validation_and_of_equals_the_nearest_to_pretrained() -> None:
    line = [row(0.0, 0.5, 0.9), row(0.5, 0.8, 0.1), row(0.75, 0.8, 0.1), row(1.0, 0.8, 0.05)]
    assert hybrids.choose(line)["coefficient"] == 0.5
    assert hybrids.choose([row(0.0, None, 0.1), row(1.0, None, 0.2)])["coefficient"] == 1.0
    assert hybrids.choose([row(share, None, None) for share in (0.0, 0.4, 0.8)])["coefficient"] == 0.4
