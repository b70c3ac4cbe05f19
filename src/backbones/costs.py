"""Floor 1. What an image costs in a network, from its shapes alone: no weight is read and nothing is computed."""

from itertools import chain

import torch
from torch import nn
from torch.func import functional_call
from torch.utils.flop_counter import FlopCounterMode


def measure(network: nn.Module, size: int) -> dict[str, float]:
    """`dim` of the vector, number of `parameters`, and `gmacs`: 1e9 multiply-accumulates of one image of `size` pixels.

    Matrix products and convolutions count, those of attention included; norms, activations and additions do not, as is
    usual. The network runs on the meta device because on a processor its fused attention kernels escape the counter.
    """
    tensors = chain(network.named_parameters(), network.named_buffers())
    shapes = {name: tensor.detach().to("meta") for name, tensor in tensors}
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        vector = functional_call(network, shapes, torch.empty(1, 3, size, size, device="meta"))
    return {
        "dim": vector.shape[-1],
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "gmacs": counter.get_total_flops() / 2 / 1e9,
    }
