"""Floor 2. The layers of a network from its input to its output, as the names of their parameters."""

from typing import Any, cast

from torch import nn

CONTAINERS = (nn.Sequential, nn.ModuleList)


def layers(network: nn.Module) -> list[list[str]]:
    """The names of all parameters, a list a layer, the one that sees the pictures first.

    A network of timm's, also within a tower of open_clip's, says itself what its layers are. Of another one a layer is
    a member of a Sequential or ModuleList that has parts of its own (a transformer block, a residual block) and what
    follows it; what comes before the first one is the stem, and so are bare parameters of the network itself.
    """
    trunk = getattr(network, "trunk", network)
    return _of_timm(network, trunk) if hasattr(trunk, "group_matcher") else _by_blocks(network)


def _of_timm(network: nn.Module, trunk: nn.Module) -> list[list[str]]:
    from timm.models import group_parameters  # timm is loaded already where a network is timm's

    prefix = "" if trunk is network else "trunk."
    found = group_parameters(trunk, cast(Any, trunk).group_matcher(coarse=False))
    groups = [[prefix + name for name in found[number]] for number in sorted(found)]
    inside = {name for names in groups for name in names}
    rest = [name for name, _ in network.named_parameters() if name not in inside]  # a projection above the trunk
    return [*groups, rest] if rest else groups


def _by_blocks(network: nn.Module) -> list[list[str]]:
    blocks = [f"{name}." for name in _blocks(network, "") or _parts(network)]
    groups: list[list[str]] = [[]]
    current = None
    for name, _ in network.named_parameters():
        block = next((block for block in blocks if name.startswith(block)), current)
        if block != current:
            groups.append([])
            current = block
        groups[-1].append(name)
    return [names for names in groups if names]


def _blocks(module: nn.Module, prefix: str) -> list[str]:
    """Paths of the members of containers that have parts of their own; nothing inside a block is one."""
    found = []
    for name in _parts(module):
        part, path = module.get_submodule(name), prefix + name
        if isinstance(module, CONTAINERS) and not isinstance(part, CONTAINERS) and _parts(part):
            found.append(path)
        else:
            found += _blocks(part, f"{path}.")
    return found


def _parts(module: nn.Module) -> list[str]:
    """Names of the children that have parameters."""
    return [name for name, child in module.named_children() if any(True for _ in child.parameters())]
