"""Floor 2. Optimisers, which weights they let decay, and how fast each of them learns."""

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from src.registry import lookup
from src.tuning.recipes import Recipe

Groups = list[dict[str, Any]]  # torch's parameter groups; `lr_scale` of each multiplies the learning rate


def build(model: nn.Module, recipe: Recipe) -> Optimizer:
    """The optimiser of a recipe over all parameters of `model`."""
    return lookup(OPTIMISERS, recipe.optimiser, "optimiser")(groups(model, recipe), recipe)


def groups(model: nn.Module, recipe: Recipe) -> Groups:
    """Two groups: biases, norms and other 1-D parameters do not decay."""
    decays = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    return [
        {"params": decays, "weight_decay": recipe.weight_decay, "lr_scale": 1.0},
        {"params": others, "weight_decay": 0.0, "lr_scale": 1.0},
    ]


def set_rate(optimiser: Optimizer, rate: float) -> None:
    """Let every group learn at `rate` times its own scale from now on."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["lr_scale"]


def adamw(grouped: Groups, recipe: Recipe) -> Optimizer:
    """AdamW (arXiv 1711.05101)."""
    return AdamW(grouped, lr=recipe.lr, betas=(recipe.momentum, 0.999))


def sgd(grouped: Groups, recipe: Recipe) -> Optimizer:
    """Stochastic gradient descent with Nesterov's momentum; wants a learning rate some hundred times AdamW's."""
    return SGD(grouped, lr=recipe.lr, momentum=recipe.momentum, nesterov=recipe.momentum > 0)


OPTIMISERS: dict[str, Callable[[Groups, Recipe], Optimizer]] = {"adamw": adamw, "sgd": sgd}
