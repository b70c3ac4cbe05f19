"""Floor 1. Lets timm be imported beside a torchvision whose compiled part does not fit the installed torch.

A CPU-only torch with a torchvision built for the GPU fails at import: "operator torchvision::nms does not exist".
Declaring the two operators that torchvision's Python names while it is imported cures that; nobody here calls them.
"""

import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec

import torch

OPERATORS = ("nms", "qnms")


def loads() -> bool:
    """Whether torchvision needs no help: it is absent, imported already, or its compiled operators load."""
    package = None if "torchvision" in sys.modules else find_spec("torchvision")
    if package is None:
        return True
    compiled = PathFinder.find_spec("_C", package.submodule_search_locations)
    if compiled is None or compiled.origin is None:
        return False
    try:
        torch.ops.load_library(compiled.origin)
    except OSError:
        return False
    return True


def declare() -> torch.library.Library:
    """Declare the operators without an implementation; they live as long as what is returned."""
    library = torch.library.Library("torchvision", "DEF")
    for name in OPERATORS:
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


DECLARED = None if loads() else declare()
