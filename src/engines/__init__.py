"""Floor 1. Engines: what runs a network on a batch. Torch anywhere, OpenVINO on a processor where it is installed."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from src.images import Pixels
from src.params import RuntimeParams
from src.registry import lookup

# named, not imported: a missing package must not matter
ENGINES = {"torch": "src.engines.pytorch", "openvino": "src.engines.openvino"}


@dataclass(frozen=True)
class Engine:
    """A network at work. `run` may be called by several threads; `at_once` of them keep the device busy."""

    run: Callable[[Pixels], NDArray[np.float32]]  # uint8 [batch, S, S, 3] -> [batch, D], not of length 1
    batch: int  # images in a call, always: equal shapes are computed by equal kernels, and images get equal vectors
    at_once: int


class Module(Protocol):
    """What a module of ENGINES offers."""

    def opened(
        self, network: nn.Module, size: int, precision: str, device: torch.device, runtime: RuntimeParams
    ) -> AbstractContextManager[Engine]:
        """The network, which takes uint8 [B, size, size, 3], ready to run in fp32 or bf16."""


def opened(
    name: str, network: nn.Module, size: int, precision: str, device: torch.device, runtime: RuntimeParams
) -> AbstractContextManager[Engine]:
    """As `Module.opened`, by the engine of that name."""
    assert precision in ("fp32", "bf16"), precision
    module = cast(Module, import_module(lookup(ENGINES, name, "engine")))
    return module.opened(network, size, precision, device, runtime)


def choose(wanted: str, device: torch.device, title: str) -> str:
    """The engine that will run: torch, with a line that says why, where `wanted` cannot."""
    lookup(ENGINES, wanted, "engine")
    if wanted == "openvino" and device.type != "cpu":
        print(f"{title}: openvino runs on processors, torch on {device}; torch it is", file=sys.stderr)
        return "torch"
    if wanted == "openvino" and not installed("openvino"):
        cure = "pip install -r requirements-openvino.txt"
        print(f"{title}: openvino is not installed ({cure}); torch it is", file=sys.stderr)
        return "torch"
    return wanted


def installed(name: str) -> str | None:
    """The version of an engine's package, None where it is not here."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
