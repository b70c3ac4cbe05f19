"""Floor 2. Optimisers, which weights they let decay, and how fast each of them learns."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from src.registry import lookup
from src.tuning.layers import layers
from src.tuning.recipes import Recipe

Groups = list[dict[str, Any]]  # torch's parameter groups; `lr_scale` of each multiplies the learning rate


def build(model: nn.Module, recipe: Recipe) -> Optimizer:
    """The optimiser of a recipe over all parameters of `model`."""
    return lookup(OPTIMISERS, recipe.optimiser, "optimiser")(groups(model, recipe), recipe)


def groups(model: nn.Module, recipe: Recipe) -> Groups:
    """The trained parameters by learning rate, and apart biases, norms and others of one dimension: they do not decay.

    Layers of `model.encoder` learn by `layer_decay`, the rest at the full rate.
    """
    scales = rates(model.get_submodule("encoder"), recipe.layer_decay) if recipe.layer_decay < 1 else {}
    found: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = scales.get(name.removeprefix("encoder."), 1.0), parameter.ndim <= 1
            found.setdefault(key, []).append(parameter)
    return [
        {"params": found[scale, flat], "weight_decay": 0.0 if flat else recipe.weight_decay, "lr_scale": scale}
        for scale, flat in sorted(found)
    ]


def rates(encoder: nn.Module, decay: float) -> dict[str, float]:
    """Share of the learning rate of every parameter by name: 1 in the last layer, `decay` times that a layer below."""
    return {name: decay**depth for depth, names in enumerate(reversed(layers(encoder))) for name in names}


def set_rate(optimiser: Optimizer, rate: float) -> None:
    """Let every group learn at `rate` times its own scale from now on."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["lr_scale"]


def adamw(grouped: Groups, recipe: Recipe) -> Optimizer:
    """AdamW (arXiv 1711.05101), on a processor in one pass over the weights, which small heads feel."""
    fused = all(parameter.device.type == "cpu" for group in grouped for parameter in group["params"])
    return uncompiled(AdamW)(grouped, lr=recipe.lr, betas=(recipe.momentum, 0.999), fused=fused or None)


def sgd(grouped: Groups, recipe: Recipe) -> Optimizer:
    """Stochastic gradient descent with Nesterov's momentum; wants a learning rate some hundred times AdamW's."""
    return uncompiled(SGD)(grouped, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0)


def uncompiled(kind: type[Optimizer]) -> Callable[..., Optimizer]:
    """The same optimiser without the import of torch's compiler, which takes a process that trains 1.2 s.

    Torch wraps these two methods so that `torch.compile` breaks its graphs there. Nothing here is compiled.
    """
    add, step = inspect.unwrap(Optimizer.add_param_group), inspect.unwrap(kind.step)
    return type(kind.__name__, (kind,), {"add_param_group": add, "step": torch.no_grad()(step)})


OPTIMISERS: dict[str, Callable[[Groups, Recipe], Optimizer]] = {"adamw": adamw, "sgd": sgd}
