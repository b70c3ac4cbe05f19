"""Floor 1. OpenVINO, on processors: twice as fast as torch, in float32 with vectors equal to 1e-5 of their length.

An optional package (requirements-openvino.txt). Its compiled network takes one shape; every core runs a stream of its
own, and whoever calls `run` waits for one of them.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from queue import SimpleQueue
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from src.engines import Engine
from src.errors import UserError
from src.images import Pixels
from src.params import RuntimeParams
from src.runtime import threads

BATCH = 8  # 4 to 16 are equally fast
HINTS = {"fp32": "f32", "bf16": "bf16"}


@contextmanager
def opened(
    network: nn.Module, size: int, precision: str, device: torch.device, runtime: RuntimeParams
) -> Iterator[Engine]:
    """The network, which takes uint8 [B, size, size, 3], ready to run in fp32 or bf16.

    A UserError where this processor has no bf16, or OpenVINO cannot take the network over.
    """
    assert device.type == "cpu", device
    streams, batch = threads(runtime), min(runtime.batch_size, BATCH)
    compiled = compile_network(network, (batch, size, size, 3), precision, streams)
    idle: SimpleQueue[Any] = SimpleQueue()
    for _ in range(streams):
        idle.put(compiled.create_infer_request())

    def run(pixels: Pixels) -> NDArray[np.float32]:
        request = idle.get()
        try:
            return next(iter(request.infer({0: pixels}, share_inputs=True).values()))
        finally:
            idle.put(request)

    yield Engine(run, batch, streams)


def compile_network(network: nn.Module, shape: tuple[int, ...], precision: str, streams: int) -> Any:
    """A `CompiledModel` of the network for uint8 input of that shape, `streams` calls at a time on a thread each."""
    ov = imported()
    core = ov.Core()
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise UserError("extract.precision: this processor has no bf16 that OpenVINO could use; set it to fp32")
    try:
        with torch.inference_mode(), warnings.catch_warnings(action="ignore"):  # tracing warns of constants
            model = ov.convert_model(network, example_input=torch.zeros(shape, dtype=torch.uint8))
        model.reshape(list(shape))
        hints = {"INFERENCE_PRECISION_HINT": HINTS[precision], "NUM_STREAMS": streams, "INFERENCE_NUM_THREADS": streams}
        return core.compile_model(model, "CPU", hints | {"ENABLE_CPU_PINNING": False})
    except Exception as error:  # it raises many kinds on operations it does not know
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"extract.engine: OpenVINO cannot run this network ({reason}); set it to torch") from None


def imported() -> Any:
    """The package, without its telemetry, which would report every conversion over the network."""
    sys.modules.setdefault("openvino_telemetry", cast(Any, None))  # so that its import fails and a stub is taken
    return import_module("openvino")
