"""Floor 2. Training in less memory: batches in parts, and activations computed twice instead of kept."""

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import torch
from torch import nn
from tqdm import tqdm

from src.errors import UserError

T = TypeVar("T")
LEAST = 2  # images in a part: batch norm can say nothing of one
SWITCHES: dict[str, dict[str, Any]] = {
    "set_grad_checkpointing": {},  # of timm and open_clip
    "gradient_checkpointing_enable": {"gradient_checkpointing_kwargs": {"use_reentrant": False}},  # of transformers
}


def in_parts(attempt: Callable[[int], T], parts: int, batch_size: int) -> tuple[T, int]:
    """`attempt(parts)`, again with twice as many parts whenever memory runs out; and how many parts it took.

    A UserError where not even LEAST images fit at once.
    """
    while True:
        try:
            return attempt(parts), parts
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        # outside of `except`, which would keep the failed attempt's tensors alive
        parts = twice(parts, batch_size)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch found no memory, on a GPU or on the processor."""
    return isinstance(error, torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def twice(parts: int, batch_size: int) -> int:
    """Twice as many parts, said aloud, with the failed attempt's memory given back."""
    if batch_size // (2 * parts) < LEAST:
        raise UserError(
            f"out of memory with {batch_size // parts} images at once; set fine_tune.gradient_checkpointing, "
            "a smaller `size` of the model, or choose a smaller model"
        )
    torch.cuda.empty_cache()
    parts *= 2
    line = f"out of memory: batches of {batch_size} images from now on in {parts} parts of {batch_size // parts}"
    tqdm.write(f"{line} (same steps, a third more time; accumulate: {parts} begins so)", file=sys.stderr)
    return parts


def checkpoint(network: nn.Module) -> None:
    """Let the network keep no activations within its blocks, and compute them again on the way back.

    Batch norms in them see every batch twice, and keep less of their past. A UserError where neither the network nor
    what it wraps can.
    """
    for module in network.modules():
        for switch, options in SWITCHES.items():
            if hasattr(module, switch):
                with suppress(AssertionError):  # a network of timm's that cannot
                    getattr(module, switch)(**options)
                    return
    raise UserError(
        f"{type(network).__name__} has no gradient checkpointing; set fine_tune.gradient_checkpointing to false"
    )
