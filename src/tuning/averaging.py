"""Floor 2. The running average of a training's weights, which often retrieves better than the last of them."""

import copy

import torch

from src.tuning.classifiers import Tuned


class Average:
    """An exponential moving average of weights and running statistics (Polyak; as in timm's ModelEmaV3).

    A step keeps `decay` of it, and less at first, (1 + n) / (10 + n) after n steps, so that the beginning is forgotten.
    """

    def __init__(self, model: Tuned, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, model: Tuned, steps: int) -> None:
        """Move towards `model`, which has taken `steps` steps; whole numbers, as batch norm counts, are copied."""
        weight = 1 - min(self.decay, (1 + steps) / (10 + steps))
        for mine, theirs in zip(self.model.state_dict().values(), model.state_dict().values(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(theirs, weight)
            else:
                mine.copy_(theirs)
