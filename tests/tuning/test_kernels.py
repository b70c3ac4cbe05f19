"""Other kernels, the same products."""

import copy
from contextlib import nullcontext

import pytest
import torch
from timm.layers import Attention
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from src.backbones import sample
from src.tuning import heads, kernels

CPU = torch.device("cpu")


def attention() -> Attention:
    """[B, T, 16] -> [B, T, 16], 4 heads."""
    torch.manual_seed(0)
    return Attention(16, num_heads=4, qkv_bias=True)


def slopes(precision: torch.dtype, chosen: bool, tokens: int = 20, again: bool = False) -> list[Tensor]:
    """The output and the gradients of a layer, calculated as ever or as chosen, kept or calculated `again`."""
    layer = attention().to(torch.float64 if precision == torch.float64 else torch.float32)
    x = torch.randn(3, tokens, 16, generator=torch.Generator().manual_seed(1)).to(layer.proj.weight.dtype)
    with kernels.chosen(layer, CPU) if chosen else nullcontext():
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
            found = checkpoint(layer, x, use_reentrant=False) if again else layer(x)
        found.float().square().sum().backward()
    return [found.detach(), *(parameter.grad for parameter in layer.parameters())]


def error(found: list[Tensor]) -> float:
    """The largest distance from the result in float64, as a share of its length."""
    exact = slopes(torch.float64, chosen=False)
    return max(float((a.double() - b).norm() / b.norm()) for a, b in zip(found, exact, strict=True))


def test_in_float32_only_rounding_differs() -> None:
    assert error(slopes(torch.float32, chosen=True)) < 1e-6


def test_in_bf16_the_error_is_that_of_bf16() -> None:
    ours, fused = (error(slopes(torch.bfloat16, chosen=chosen)) for chosen in (True, False))
    assert 0 < ours < min(0.02, 1.5 * fused)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_what_checkpointing_calculates_twice_comes_out_the_same(precision: torch.dtype) -> None:
    once, twice = slopes(precision, chosen=True), slopes(precision, chosen=True, again=True)
    assert all(torch.equal(a, b) for a, b in zip(once, twice, strict=True))


@pytest.mark.parametrize(("tokens", "bf16", "fused"), [(20, True, False), (301, True, True), (20, False, True)])
def test_attention_over_many_tokens_or_in_float32_stays_fused(
    tokens: int, bf16: bool, fused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, plain = [], torch.nn.functional.scaled_dot_product_attention
    monkeypatch.setattr(
        "torch.nn.functional.scaled_dot_product_attention", lambda *x, **y: calls.append(1) or plain(*x, **y)
    )
    slopes(torch.bfloat16 if bf16 else torch.float32, chosen=True, tokens=tokens)
    assert bool(calls) == fused


def test_a_network_leaves_as_it_came_even_after_an_error() -> None:
    layer = attention()
    before = copy.deepcopy(layer)
    with pytest.raises(RuntimeError, match="wrong"), kernels.chosen(layer, CPU):
        assert type(layer.qkv) is heads.Linear
        with torch.autocast("cpu", torch.bfloat16):
            layer(torch.ones(1, 2, 16))
        assert not layer.fused_attn
        raise RuntimeError("wrong")
    assert type(layer.qkv) is nn.Linear and layer.fused_attn and not layer._forward_pre_hooks
    assert str(layer) == str(before)


def test_a_network_of_convolutions_is_calculated_bit_for_bit_as_ever() -> None:
    network, x = sample.build(sample.ARCHITECTURE).eval(), torch.randn(2, 3, 64, 64)
    as_ever = network(x)
    with kernels.chosen(network, CPU):
        assert torch.equal(network(x), as_ever)


def test_a_gpu_keeps_its_own_kernels() -> None:
    layer = attention()
    with kernels.chosen(layer, torch.device("cuda")):
        assert type(layer.qkv) is nn.Linear and not layer._forward_pre_hooks
