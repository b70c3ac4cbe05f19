"""Floor 2. Losses: embeddings, the classifier that teaches them, and targets in, one number out.

A loss that compares images teaches the encoder alone; the classifier learns beside it, by cross entropy on embeddings
that it cannot move, so that there are predictions. `src.words.PAIRWISE` names these losses: they want samplers.pk.
pytorch-metric-learning is imported by the losses that need it: half a second that others do not wait for.
"""

import math
from collections.abc import Callable
from functools import wraps

import torch
import torch.nn.functional as F
from torch import Tensor

from src.tuning.classifiers import CosineClassifier

MARGIN = 0.5  # of ArcFace, in radians
EDGE = 1e-6  # the arc cosine is infinitely steep at -1 and 1: a class of one image, imprinted, begins there

# embeddings [B, D] of any length, the classifier of C classes, targets [B], label smoothing
Loss = Callable[[Tensor, CosineClassifier, Tensor, float], Tensor]


def cross_entropy(embeddings: Tensor, classifier: CosineClassifier, targets: Tensor, smoothing: float) -> Tensor:
    """Mean cross entropy of the classifier's logits; `smoothing` of the probability is spread over all C classes."""
    return F.cross_entropy(classifier(embeddings), targets, label_smoothing=smoothing)


def arcface(embeddings: Tensor, classifier: CosineClassifier, targets: Tensor, smoothing: float) -> Tensor:
    """Cross entropy after the right class was moved MARGIN further away (arXiv 1801.07698, eq. 3).

    The scale is the classifier's own. Where angle and margin pass pi, the cosine falls on in a straight line, as in the
    authors' code: a loss that turned there would push such images away.
    """
    logits, right = classifier(embeddings), targets[:, None]
    cosine = (logits.gather(1, right) / classifier.scale).clamp(EDGE - 1, 1 - EDGE)
    angle = cosine.acos() + MARGIN
    moved = torch.where(angle < math.pi, angle.cos(), cosine - MARGIN * math.sin(MARGIN))
    return F.cross_entropy(logits.scatter(1, right, classifier.scale * moved), targets, label_smoothing=smoothing)


def in_float32(loss: Loss) -> Loss:
    """The same loss, also where others calculate in bf16: exponents of 30 and 50 magnify what that rounds away."""

    @wraps(loss)
    def exact(embeddings: Tensor, classifier: CosineClassifier, targets: Tensor, smoothing: float) -> Tensor:
        with torch.autocast(embeddings.device.type, enabled=False):
            return loss(embeddings, classifier, targets, smoothing)

    return exact


@in_float32
def proxy_anchor(embeddings: Tensor, classifier: CosineClassifier, targets: Tensor, _: float) -> Tensor:
    """Proxy-Anchor (arXiv 2003.13911): every class's weight draws its images and drives off all others, hard ones most.

    The classifier's weights are the proxies, so that its predictions come with them.
    """
    from pytorch_metric_learning.losses import ProxyAnchorLoss

    unmade = {"weight_init_func": lambda _: None}  # proxies of its own would only move the generators
    loss = ProxyAnchorLoss(*classifier.weight.shape, margin=0.1, alpha=32, **unmade)
    loss.proxies = classifier.weight
    return loss(embeddings, targets)


@in_float32
def supcon(embeddings: Tensor, classifier: CosineClassifier, targets: Tensor, smoothing: float) -> Tensor:
    """Supervised contrastive (arXiv 2004.11362, eq. 2): each image finds those of its label among the batch."""
    from pytorch_metric_learning.losses import SupConLoss

    beside = cross_entropy(embeddings.detach(), classifier, targets, smoothing)
    return SupConLoss(temperature=0.1)(embeddings, targets) + beside


@in_float32
def multi_similarity(embeddings: Tensor, classifier: CosineClassifier, targets: Tensor, smoothing: float) -> Tensor:
    """Multi-similarity (arXiv 1904.06627) of the pairs its miner takes: those hardly easier than their opposites."""
    from pytorch_metric_learning.losses import MultiSimilarityLoss
    from pytorch_metric_learning.miners import MultiSimilarityMiner

    beside = cross_entropy(embeddings.detach(), classifier, targets, smoothing)
    pairs = MultiSimilarityMiner(epsilon=0.1)(embeddings, targets)
    return MultiSimilarityLoss(alpha=2, beta=50, base=0.5)(embeddings, targets, pairs) + beside


LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "arcface": arcface,
    "proxy_anchor": proxy_anchor,
    "supcon": supcon,
    "multi_similarity": multi_similarity,
}
