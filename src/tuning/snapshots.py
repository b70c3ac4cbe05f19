"""Floor 2. The snapshot that an interrupted training continues from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.optim import Optimizer

from src import tensors as files
from src.tuning.classifiers import Tuned
from src.tuning.curves import Curve


@dataclass
class State:
    """All that a training needs to go on: what is trained, the best so far, a curve row for each finished epoch."""

    model: Tuned
    optimiser: Optimizer
    best: dict[str, Tensor] = field(default_factory=dict)
    curve: Curve = field(default_factory=list)


def save(path: Path, state: State) -> None:
    """One file for all of it, so that no crash can leave a model beside another epoch's optimiser."""
    tensors = {f"model/{name}": tensor for name, tensor in state.model.state_dict().items()}
    tensors |= {f"best/{name}": tensor for name, tensor in state.best.items()}
    for number, parameter in enumerate(parameters(state.optimiser)):
        tensors |= {f"optimiser/{number}/{name}": value for name, value in state.optimiser.state[parameter].items()}
    files.write(path, tensors, {"curve": json.dumps(state.curve)})


def resume(path: Path, state: State) -> None:
    """Put a snapshot's values into a freshly built state; without a snapshot it stays fresh."""
    if not path.exists():
        return
    tensors, metadata = files.read(path)
    state.curve = json.loads(metadata["curve"])
    state.model.load_state_dict(part(tensors, "model/"))
    state.best = part(tensors, "best/")
    for number, parameter in enumerate(parameters(state.optimiser)):
        state.optimiser.state[parameter] = {
            name: like(value, parameter) for name, value in part(tensors, f"optimiser/{number}/").items()
        }


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The entries whose name begins with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def like(value: Tensor, parameter: Tensor) -> Tensor:
    """An optimiser's moments lie in memory, and on the device, as their parameter does; its step count is a scalar."""
    return torch.zeros_like(parameter).copy_(value) if value.shape == parameter.shape else value


def parameters(optimiser: Optimizer) -> list[Tensor]:
    """All parameters of an optimiser, in order."""
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]
