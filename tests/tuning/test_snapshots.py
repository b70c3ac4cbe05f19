"""What a training needs to go on."""

from pathlib import Path

import torch
from torch import nn
from torch.optim import AdamW

from src.tuning import snapshots
from src.tuning.snapshots import State


def state(steps: int = 0) -> State:
    """A convolution and a norm in channels-last memory, after some steps."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(memory_format=torch.channels_last)
    made = State(model, AdamW(model.parameters(), lr=0.1))
    for _ in range(steps):
        step(made)
    return made


def step(made: State) -> None:
    batch = torch.arange(2 * 3 * 5 * 5.0).reshape(2, 3, 5, 5).sin()
    made.optimiser.zero_grad()
    made.model(batch).square().sum().sub(made.model[0].weight.sum()).backward()
    made.optimiser.step()


def test_a_resumed_state_takes_the_same_next_step(tmp_path: Path) -> None:
    gone, back = state(steps=3), state()
    gone.curve, gone.best = [{"epoch": 1, "loss": 0.1, "validation accuracy": None}], {"w": torch.ones(2)}
    snapshots.save(tmp_path / "s", gone)
    snapshots.resume(tmp_path / "s", back)
    assert back.curve == gone.curve and torch.equal(back.best["w"], gone.best["w"])
    step(gone)
    step(back)
    for one, other in zip(gone.model.state_dict().values(), back.model.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_moments_lie_in_memory_as_their_weights_do(tmp_path: Path) -> None:
    snapshots.save(tmp_path / "s", state(steps=1))
    back = state()
    snapshots.resume(tmp_path / "s", back)
    kernel = back.model[0].weight
    assert kernel.is_contiguous(memory_format=torch.channels_last)
    assert back.optimiser.state[kernel]["exp_avg"].stride() == kernel.stride()


def test_without_a_snapshot_a_state_stays_fresh(tmp_path: Path) -> None:
    fresh = state()
    snapshots.resume(tmp_path / "none", fresh)
    assert fresh.curve == [] and not fresh.optimiser.state
