"""Floor 2. Losses: embeddings, the classifier that teaches them, and targets in, one number out."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from src.tuning.classifiers import CosineClassifier

# embeddings [B, D] of any length, the classifier of C classes, targets [B], label smoothing
Loss = Callable[[Tensor, CosineClassifier, Tensor, float], Tensor]


def cross_entropy(embeddings: Tensor, classifier: CosineClassifier, targets: Tensor, smoothing: float) -> Tensor:
    """Mean cross entropy of the classifier's logits; `smoothing` of the probability is spread over all C classes."""
    return F.cross_entropy(classifier(embeddings), targets, label_smoothing=smoothing)


LOSSES: dict[str, Loss] = {"cross_entropy": cross_entropy}
