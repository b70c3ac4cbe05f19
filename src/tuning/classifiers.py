"""Floor 2. The cosine classifier that every tuning ends in, and the encoder that it teaches."""

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

LEAST_SCALE = 3.0
BLOCK = 8192  # rows at once


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weight.T + bias, [B, D] and [C, D] -> [B, C]: `F.linear`, but on a processor in float32 always by oneDNN.

    By itself torch takes MKL there, which leaves half of an AMD core unused: 108 GFLOP/s, and oneDNN 243 (Zen 5).
    """
    exact = x.dtype == torch.float32 and x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
    if exact and x.ndim > 1 and torch.backends.mkldnn.is_available():
        return F.linear(x.to_mkldnn(), weight, bias).to_dense()
    return F.linear(x, weight, bias)


class CosineClassifier(nn.Module):
    """A direction a class; logits are cosines times a scale, so that training shapes what retrieval compares.

    The scale grows with the number of classes, sqrt(2) ln(C - 1) (static AdaCos, arXiv 1905.00292): 3 for 10 classes,
    13 for 11,000. On validation it beat a fixed 12 on four of five datasets, and a fixed 8 on three. A larger
    `sharpness` draws the images of a class less tightly together.
    """

    def __init__(self, dim: int, classes: int, sharpness: float = 1.0) -> None:
        super().__init__()
        self.scale = sharpness * max(math.sqrt(2) * math.log(max(classes - 1, 1)), LEAST_SCALE)
        self.weight = nn.Parameter(F.normalize(torch.randn(classes, dim)))

    def imprint(self, embeddings: Tensor, targets: Tensor) -> None:
        """Point every class at the mean of its [n, D] embeddings (weight imprinting, arXiv 1712.07136)."""
        sums = torch.zeros_like(self.weight).index_add_(0, targets, F.normalize(embeddings))
        self.weight.data.copy_(F.normalize(sums))

    def forward(self, embeddings: Tensor) -> Tensor:
        """[B, D] of any length -> logits [B, C] in float32, whatever the product is calculated in."""
        return multiply(self.scale * F.normalize(embeddings), F.normalize(self.weight)).float()


class Tuned(nn.Module):
    """What a tuning trains: an encoder, whose output is the embedding, and the classifier that teaches it.

    The modules named in `still` (batch norms, say) behave in training as they do in evaluation.
    """

    def __init__(self, encoder: nn.Module, classifier: CosineClassifier, still: Sequence[nn.Module] = ()) -> None:
        super().__init__()
        self.encoder, self.classifier = encoder, classifier
        self.still = list(still)

    def train(self, mode: bool = True) -> "Tuned":
        """Training mode, or evaluation mode."""
        super().train(mode)
        for module in self.still:
            module.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Inputs of the encoder -> logits [B, C]."""
        return self.classifier(self.encoder(x))


def batch_norms(network: nn.Module) -> list[nn.Module]:
    """All batch norms of a network: kept `still`, they go on with the statistics of the pretraining."""
    return [module for module in network.modules() if isinstance(module, _BatchNorm)]


def folded_norms(network: nn.Module) -> list[nn.Module]:
    """Batch norms with mean 0 and variance 1: folded into their convolutions, as deployed networks have them.

    Statistics of a batch would undo the folding, and the network would begin as another one: keep these `still`.
    """
    return [module for module in network.modules() if isinstance(module, _BatchNorm) and _is_identity(module)]


def _is_identity(norm: _BatchNorm) -> bool:
    mean, variance = norm.running_mean, norm.running_var
    return mean is not None and variance is not None and not mean.any() and bool(((variance - 1).abs() < 0.01).all())


@torch.inference_mode()
def predict(classifier: CosineClassifier, embeddings: NDArray[np.float32]) -> NDArray[np.int64]:
    """The most likely class of each tuned embedding: [N, D] -> [N], an index into the sorted training labels."""
    blocks = [torch.tensor(embeddings[start : start + BLOCK]) for start in range(0, len(embeddings), BLOCK)]
    return torch.cat([classifier(block).argmax(dim=1) for block in blocks]).numpy()
