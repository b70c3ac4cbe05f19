"""Floor 1. Torch: on a processor every core runs a batch of its own, on a GPU some are copied while one is computed.

A second thread in the same batch gains a quarter (ViT-Tiny, fp32: 34 -> 42 images/s): the two wait for each other.
Images a second of one Zen 5 core with AVX512-BF16, ViT-Tiny / ViT-B at 224 px: float32 products by MKL 28 / 2.6, by
oneDNN 35 / 5.0; bf16 by autocast 75 / 8.2, by weights in bf16 78 / 8.5. The latter errs half as much again (1.2e-2 of a
vector's length, not 0.8e-2), in normalisations and sums: autocast it is.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import BoundedSemaphore
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from src.engines import Engine
from src.images import Pixels
from src.params import RuntimeParams
from src.runtime import threads

BATCH = 16  # on a processor: more is no faster there and takes more memory


@contextmanager
def opened(
    network: nn.Module, size: int, precision: str, device: torch.device, runtime: RuntimeParams
) -> Iterator[Engine]:
    """The network, which takes uint8 [B, size, size, 3], ready to run in fp32 or bf16."""
    processor = device.type == "cpu"
    at_once, batch = (threads(runtime), min(runtime.batch_size, BATCH)) if processor else (1, runtime.batch_size)
    room, before = BoundedSemaphore(at_once), torch.get_num_threads()

    def run(pixels: Pixels) -> NDArray[np.float32]:
        with ExitStack() as modes:
            modes.enter_context(torch.inference_mode())
            modes.enter_context(torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"))
            if processor and precision == "fp32" and torch.backends.mkldnn.is_available():
                modes.enter_context(ByOneDNN())
            moved = torch.from_numpy(pixels).to(device)
            with room:
                vectors = network(moved).float()
            return vectors.cpu().numpy()

    if processor:
        torch.set_num_threads(1)  # of this and of every thread that begins from now on
    try:
        yield Engine(run, batch, at_once)
    finally:
        torch.set_num_threads(before)


class ByOneDNN(TorchFunctionMode):
    """Linear layers in float32 by oneDNN: by itself torch takes MKL, which leaves half of an AMD core unused."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Called by torch instead of `func`."""
        return (linear if func is F.linear else func)(*args, **(kwargs or {}))


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`F.linear`, float32 ones by oneDNN."""
    if x.dtype != torch.float32 or x.layout != torch.strided:
        return F.linear(x, weight, bias)
    return F.linear(x.to_mkldnn(), weight, bias).to_dense()
