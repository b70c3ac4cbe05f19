"""Floor 2. Training a head on frozen embeddings, all of them in memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from src.tuning import heads, loop
from src.tuning.classifiers import Tuned
from src.tuning.curves import Curve, Log, unlogged
from src.tuning.lessons import Lesson, Rows
from src.tuning.recipes import Recipe


class Frozen:
    """The feed of frozen embeddings [N, D], which lie on `device`; there is nothing to vary."""

    def __init__(self, embeddings: NDArray[np.float32], device: torch.device | None = None) -> None:
        self.vectors = torch.tensor(embeddings, device=device)

    def __call__(self, parts: list[Rows], _: Generator | None) -> Iterator[Tensor]:
        """Batches in order."""
        return (self[part] for part in parts)

    def __getitem__(self, rows: Rows) -> Tensor:
        return self.vectors.index_select(0, torch.from_numpy(rows).to(self.vectors.device))


def config(frozen: Frozen, lesson: Lesson, layers: list[int], dropout: float, sharpness: float = 1.0) -> dict[str, Any]:
    """What `heads.build` needs to know."""
    shape = {"dim": frozen.vectors.shape[1], "layers": layers, "dropout": dropout, "sharpness": sharpness}
    return {"head": "mlp", **shape, "classes": lesson.classes}


def train(
    frozen: Frozen, lesson: Lesson, config: dict[str, Any], recipe: Recipe, seed: int, title: str, log: Log = unlogged
) -> tuple[Tuned, Curve]:
    """The head of `config` and its classifier at their best epoch, and the learning curve; `log` hears each row."""
    loop.sow(seed)
    tuned = heads.build(config)
    heads.standardise(tuned.encoder, frozen[lesson.train].cpu().numpy())
    tuned.to(frozen.vectors.device)
    return tuned, loop.fit(tuned, frozen, lesson, recipe, seed, title, log=log)
