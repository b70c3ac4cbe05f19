"""Floor 2. Hybrids, between a head on frozen embeddings and all weights: what is trained of a network, by method.

`interpolate` trains nothing: it mixes the weights before and after fine-tuning.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from src.errors import UserError
from src.tuning.layers import layers

MATRICES: tuple[type[nn.Module], ...] = (nn.Linear, nn.Conv2d, nn.MultiheadAttention)
BLIND = 0.5  # of the way to fine-tuned weights, where validation has nothing to choose by; as arXiv 2109.01903 advises


def lora(network: nn.Module, size: int, rank: int, alpha: int) -> nn.Module:
    """A product of two thin matrices beside every weight matrix that a picture of `size` pixels meets, at first zero.

    Low-rank adaptation (arXiv 2106.09685): linear layers, attention, and convolutions that are not grouped.
    """
    from peft import LoraConfig, get_peft_model  # it brings the hub's client, which `command.run` must be ahead of

    names = [re.escape(name) for name in _matrices(network, size)]
    if not names:
        raise UserError("lora: this network has no linear layer, attention or plain convolution; try bitfit or norms")
    return get_peft_model(network, LoraConfig(r=rank, lora_alpha=alpha, target_modules="|".join(names)))


def last_blocks(network: nn.Module, size: int, blocks: int) -> nn.Module:
    """The last `blocks` layers that hold a weight matrix, and whatever comes after the first of them."""
    ndim = {name: parameter.ndim for name, parameter in network.named_parameters()}
    groups = layers(network)
    deep = [place for place, names in enumerate(groups) if any(ndim[name] > 1 for name in names)]
    if blocks >= len(deep):
        raise UserError(f"hybrid.last_blocks.blocks is {blocks}, and the network has {len(deep)}; name fewer")
    return only(network, {name for names in groups[deep[-blocks] :] for name in names})


def bitfit(network: nn.Module, size: int) -> nn.Module:
    """Biases (arXiv 2106.10199)."""
    names = {name for name, each in network.named_parameters() if each.ndim == 1 and name.endswith("bias")}
    return only(network, names)


def norms(network: nn.Module, size: int) -> nn.Module:
    """Gains and biases of normalisation layers (arXiv 2003.00152)."""
    return only(network, {name for name, _ in _of_norms(network)})


# a network, the size of its images, the method's own options -> the encoder to train; it shares the network's weights
METHODS: dict[str, Callable[..., nn.Module]] = {
    "bitfit": bitfit,
    "last_blocks": last_blocks,
    "lora": lora,
    "norms": norms,
}


def only(network: nn.Module, names: set[str]) -> nn.Module:
    """Train the named parameters and no other; a UserError where there are none."""
    if not names:
        raise UserError("hybrid.method: this network has nothing that it would train; try last_blocks or lora")
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in names)
    return network


def plain(encoder: nn.Module) -> nn.Module:
    """The network itself, what was trained beside its weights added to them: it loads as it did before."""
    network = cast(Any, encoder).merge_and_unload() if hasattr(encoder, "merge_and_unload") else encoder
    return network.requires_grad_(True).eval()


def trained_parameters(encoder: nn.Module) -> int:
    """How many numbers a training may change."""
    return sum(parameter.numel() for parameter in encoder.parameters() if parameter.requires_grad)


def frozen_norms(encoder: nn.Module) -> list[nn.Module]:
    """Batch norms whose gain is not trained: their statistics must stay, too."""
    return [
        module
        for module in encoder.modules()
        if isinstance(module, _BatchNorm) and not (module.affine and module.weight.requires_grad)
    ]


def mix(start: Mapping[str, Tensor], end: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """Weights `share` of the way from `start` to `end` (WiSE-FT, arXiv 2109.01903); counters are those of `end`."""
    return {
        name: torch.lerp(start[name], value, share) if value.is_floating_point() else value
        for name, value in end.items()
    }


def coefficients(steps: int) -> list[float]:
    """From 0 to 1.

    >>> coefficients(4)
    [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    return [step / steps for step in range(steps + 1)]


def choose(line: list[dict[str, Any]]) -> dict[str, Any]:
    """The row of the best coefficient: highest validation mMP@5, then accuracy, then nearest to the pretrained end."""
    keys = ("validation mMP@5", "validation accuracy")
    if all(row[key] is None for row in line for key in keys):
        return min(line, key=lambda row: abs(row["coefficient"] - BLIND))
    return max(line, key=lambda row: [row[key] for key in keys if row[key] is not None])


def _matrices(network: nn.Module, size: int) -> list[str]:
    """Names of the layers that LoRA can stand beside, out of those called for a black picture.

    Some attention reads the weights of its parts and never calls them: what stood beside those would not be heard.
    """
    names = {module: name for name, module in network.named_modules() if isinstance(module, MATRICES)}
    called: dict[str, bool] = {}

    def note(module: nn.Module, *_: Any) -> None:
        called[names[module]] = getattr(module, "groups", 1) == 1

    hooks = [module.register_forward_hook(note) for module in names]
    device = next(network.parameters()).device
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, size, size, device=device))
    for hook in hooks:
        hook.remove()
    return [name for name, plain in called.items() if plain]


def _of_norms(network: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Parameters of modules that call themselves a norm: every library has classes of its own."""
    for path, module in network.named_modules():
        if "norm" in type(module).__name__.lower():
            for name, parameter in module.named_parameters(recurse=False):
                yield f"{path}.{name}" if path else name, parameter
