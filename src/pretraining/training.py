"""Floor 2. The training of a sample backbone: AdamW with warm-up and cosine for a fixed number of epochs."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Generator, Tensor, nn

from src import progress
from src.backbones.sample import ARCHITECTURE, DIM, build
from src.images import Pixels
from src.pretraining.objectives import OBJECTIVES, Catalogue, Objective
from src.registry import lookup

WARMUP = 0.1  # of all steps
GRADIENT_NORM = 3.0


def learnable(photos: Pixels, skus: Sequence[str], captions: Sequence[str], cutouts: Pixels) -> Catalogue:
    """Channels last in memory, channels first in shape; SKUs become numbers in the order of their names."""
    labels = np.unique(np.array(skus), return_inverse=True)[1]
    pixels, cut = (torch.from_numpy(array).permute(0, 3, 1, 2) for array in (photos, cutouts))
    return Catalogue(pixels, torch.from_numpy(labels), captions, cut)


def pretrain(
    recipe: str, catalogue: Catalogue, *, seed: int, epochs: int, batch_size: int, lr: float, weight_decay: float
) -> tuple[nn.Module, list[float]]:
    """A sample backbone trained from nothing, and the loss of every step; equal seeds give equal weights.

    A last batch that is not full is left out, so that every step weighs the same.
    """
    torch.manual_seed(seed)
    generator = Generator().manual_seed(seed)
    backbone = build(ARCHITECTURE).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    objective = lookup(OBJECTIVES, recipe, "objective", "src/pretraining/objectives.py")(catalogue, DIM)
    batches = list(shuffled(objective.size, batch_size, epochs, generator))
    losses = []
    with progress.bar(len(batches), f"pretrain {recipe}", "steps") as bar:
        for loss in train(backbone, objective, batches, generator, lr, weight_decay):
            losses.append(loss)
            bar.update()
    return backbone.eval(), losses


def shuffled(size: int, batch_size: int, epochs: int, generator: Generator) -> Iterator[Tensor]:
    """The full batches of every epoch, rows in a new order each time."""
    for _ in range(epochs):
        yield from torch.randperm(size, generator=generator).split(batch_size)[: size // batch_size]


def train(
    backbone: nn.Module,
    objective: Objective,
    batches: Sequence[Tensor],
    generator: Generator,
    lr: float,
    weight_decay: float,
) -> Iterator[float]:
    """Train in place by AdamW with warm-up and cosine, a step a batch; yields its loss."""
    parameters = [*backbone.parameters(), *objective.parameters()]
    optimiser = torch.optim.AdamW(groups(parameters, weight_decay), lr=lr)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: pace((step + 1) / len(batches)))
    backbone.train()
    objective.train()
    for rows in batches:
        loss = objective(backbone, rows, generator)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, GRADIENT_NORM)
        optimiser.step()
        schedule.step()
        yield loss.item()


def groups(parameters: Sequence[nn.Parameter], weight_decay: float) -> list[dict[str, object]]:
    """Gains, biases and the scale are not decayed towards zero."""
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def pace(share: float) -> float:
    """Share of the full learning rate at this share of the steps: linear up during WARMUP, then a cosine down to 0."""
    after = max(0.0, (share - WARMUP) / (1 - WARMUP))
    return min(1.0, share / WARMUP) * (1 + math.cos(math.pi * after)) / 2
