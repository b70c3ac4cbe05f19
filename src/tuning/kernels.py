"""Floor 2. Which of torch's kernels calculate a network in training on a processor: the same products, sooner.

Forward and back of ViT-Tiny at 224 px on one Zen 5 core, 16 images: in fp32 1.53 s, by oneDNN 1.02 s; in bf16 0.77 s,
with attention written out 0.52 s. `python -m benchmarks.fine_tune` measures both.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from src.tuning.heads import Linear

LONGEST = 300  # tokens whose pairs may all lie in memory: 0.4 GB more for 32 images in ViT-B/16, which has 197


@contextmanager
def chosen(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Calculate `network` within by the kernels that are fastest here, and as ever afterwards.

    Linear layers multiply by `classifiers.multiply`, which only rounds otherwise. Attention of timm's over few tokens,
    in bf16, is two products and a softmax: the fused kernel saves memory, which matters for many tokens, and is slower.
    A network that has neither, and any on a GPU, is calculated as ever, bit for bit.
    """
    modules = list(network.modules()) if device.type == "cpu" else []
    linear = [module for module in modules if type(module) is nn.Linear]
    fused: list[Any] = [module for module in modules if getattr(module, "fused_attn", False)]
    hooks = [module.register_forward_pre_hook(fuse) for module in fused]
    for module in linear:
        module.__class__ = Linear  # and not a new module: optimisers and hooks know this one
    try:
        yield
    finally:
        for module in linear:
            module.__class__ = nn.Linear
        for module, hook in zip(fused, hooks, strict=True):
            hook.remove()
            module.fused_attn = True


def fuse(attention: Any, inputs: tuple[Any, ...]) -> None:
    """Before a forward pass over [B, ..., D]: let timm's attention use the fused kernel, or not."""
    tokens = math.prod(inputs[0].shape[1:-1])
    attention.fused_attn = tokens > LONGEST or not torch.is_autocast_enabled("cpu")
