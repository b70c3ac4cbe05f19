"""Floor 2. Losses: logits and targets in, one number out."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

Loss = Callable[[Tensor, Tensor, float], Tensor]


def cross_entropy(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Mean cross entropy of logits [B, C] against targets [B]; `smoothing` of the probability is spread over all C."""
    return F.cross_entropy(logits, targets, label_smoothing=smoothing)


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy}
