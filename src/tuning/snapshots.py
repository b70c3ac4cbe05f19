"""Floor 2. The snapshot that an interrupted training continues from, after any step."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import torch
from torch import Generator, Tensor
from torch.optim import Optimizer

from src import tensors as files
from src.tuning.averaging import Average
from src.tuning.classifiers import Tuned
from src.tuning.curves import Curve

SECONDS = 30.0  # between two snapshots within an epoch, at least
SHARE = 0.05  # of a training's time that may go into them


@dataclass
class State:
    """All that a training needs to go on: what is trained, the best so far, a curve row for each finished epoch."""

    model: Tuned
    optimiser: Optimizer
    average: Average | None = None
    accumulate: int = 1  # parts a batch is computed in; more once memory has run out
    best: dict[str, Tensor] = field(default_factory=dict)
    curve: Curve = field(default_factory=list)
    losses: list[float] = field(default_factory=list)  # of the steps of the unfinished epoch
    chance: dict[str, Tensor] = field(default_factory=dict)  # the generators after these steps, as read


class Keeper:
    """Writes a state to `path` now and then; without a path never."""

    def __init__(self, path: Path | None, state: State) -> None:
        self.path, self.state = path, state
        self.due = perf_counter() + SECONDS

    def after_step(self, generator: Generator) -> None:
        """Save if the last time is long ago. `generator` draws the augmentation."""
        if self.path and perf_counter() >= self.due:
            self.state.chance = draws(generator)
            self.save()

    def save(self) -> None:
        """Save now; the longer it takes, the later comes the next."""
        if self.path:
            start = perf_counter()
            save(self.path, self.state)
            self.due = perf_counter() + max(SECONDS, (perf_counter() - start) / SHARE)


def draws(generator: Generator) -> dict[str, Tensor]:
    """Where every generator stands that a training draws from: torch's own (dropout), and augmentation's."""
    found = {"torch": torch.get_rng_state(), "augmentation": generator.get_state()}
    if generator.device.type == "cuda":
        found["device"] = torch.cuda.get_rng_state(generator.device)
    return found


def redraw(chance: Mapping[str, Tensor], generator: Generator) -> None:
    """Put every generator where it stood."""
    torch.set_rng_state(chance["torch"])
    generator.set_state(chance["augmentation"])
    if "device" in chance:
        torch.cuda.set_rng_state(chance["device"], generator.device)


def save(path: Path, state: State) -> None:
    """One file for all of it, so that no crash can leave a model beside another epoch's optimiser."""
    tensors = named("model/", state.model.state_dict()) | named("best/", state.best)
    if state.average:
        tensors |= named("average/", state.average.model.state_dict())
    if state.losses:
        tensors |= named("chance/", state.chance)
    for number, parameter in enumerate(parameters(state.optimiser)):
        tensors |= named(f"optimiser/{number}/", state.optimiser.state[parameter])
    progress = {"curve": state.curve, "losses": state.losses, "accumulate": state.accumulate}
    files.write(path, tensors, {"progress": json.dumps(progress)})


def resume(path: Path, state: State) -> None:
    """Put a snapshot's values into a freshly built state; without a snapshot it stays fresh."""
    if not path.exists():
        return
    tensors, metadata = files.read(path)
    progress = json.loads(metadata["progress"])
    state.curve, state.losses, state.accumulate = (progress[key] for key in ("curve", "losses", "accumulate"))
    state.model.load_state_dict(part(tensors, "model/"))
    state.best, state.chance = part(tensors, "best/"), part(tensors, "chance/")
    if state.average:
        state.average.model.load_state_dict(part(tensors, "average/"))
    for number, parameter in enumerate(parameters(state.optimiser)):
        state.optimiser.state[parameter] = {
            name: like(value, parameter) for name, value in part(tensors, f"optimiser/{number}/").items()
        }


def named(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors under names that begin with `prefix`."""
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The entries whose name begins with `prefix`, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def like(value: Tensor, parameter: Tensor) -> Tensor:
    """An optimiser's moments lie in memory, and on the device, as their parameter does; its step count is a scalar."""
    return torch.zeros_like(parameter).copy_(value) if value.shape == parameter.shape else value


def parameters(optimiser: Optimizer) -> list[Tensor]:
    """All parameters of an optimiser, in order."""
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]
