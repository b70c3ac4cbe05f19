"""Training in less memory."""

import pytest
import timm
import torch
from torch import Tensor, nn

from src.errors import UserError
from src.tuning import memory


def test_parts_double_until_they_fit(capsys: pytest.CaptureFixture[str]) -> None:
    tried = []

    def attempt(parts: int) -> str:
        tried.append(parts)
        if parts < 6:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return "done"

    assert memory.in_parts(attempt, 1, 32) == ("done", 8)
    assert tried == [1, 2, 4, 8]
    assert [line.split(";")[0] for line in capsys.readouterr().err.splitlines()][-1].startswith(
        "out of memory: batches of 32 images from now on in 8 parts of 4 (same steps, a third more time"
    )


def test_an_allocation_that_no_processor_can_make_counts_as_out_of_memory() -> None:
    with pytest.raises(RuntimeError) as failed:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert memory.is_out_of_memory(failed.value)
    assert not memory.is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def gradients(network: nn.Module) -> list[Tensor]:
    network.zero_grad()
    network.train()(torch.linspace(-1, 1, 2 * 3 * 32 * 32).reshape(2, 3, 32, 32)).square().sum().backward()
    return [parameter.grad.clone() for parameter in network.parameters()]


def test_checkpointing_computes_twice_and_learns_the_same() -> None:
    torch.manual_seed(0)
    network = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=32, depth=2)
    calls = []
    network.blocks[0].register_forward_pre_hook(lambda *_: calls.append(1))
    kept = gradients(network)
    assert len(calls) == 1
    memory.checkpoint(network)
    again = gradients(network)
    assert len(calls) == 1 + 2
    assert all(torch.equal(one, other) for one, other in zip(kept, again, strict=True))


def test_a_wrapped_network_is_found() -> None:
    inner = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=32, depth=2)
    memory.checkpoint(nn.Sequential(inner))
    assert inner.grad_checkpointing


def test_a_network_that_cannot_checkpoint_is_refused() -> None:
    with pytest.raises(UserError, match="Linear has no gradient checkpointing; set"):
        memory.checkpoint(nn.Linear(1, 1))
