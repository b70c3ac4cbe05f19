"""Floor 1. Checkpoint files: safetensors, or a torch file read as plain tensors; float32 once they are ours."""

import hashlib
import re
from argparse import Namespace
from pathlib import Path
from typing import Any
from zipfile import is_zipfile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from src import store, tensors
from src.backbones import disk
from src.errors import UserError

# Under which keys training code keeps the weights within its own records; averaged ones before those of the last step.
NESTS = ("state_dict_ema", "model_ema", "teacher", "state_dict", "model")
PREFIXES = ("_orig_mod.", "module.", "_orig_mod.")  # torch.compile and DistributedDataParallel, wrapped in any order
SHOWN = 5  # keys named in a message


def digest(path: Path) -> str:
    """sha256 of a file; of a folder, that of its sorted `<sha256>  <name>` lines, as sha256sum writes them.

    Hidden files do not count: a download leaves its own notes there (.cache, .gitattributes).
    """
    if path.is_file():
        return store.sha256(path)
    inside = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    shown = [name for name in inside if not re.search(r"(^|/)\.", name)]
    lines = "".join(f"{store.sha256(path / name)}  {name}\n" for name in shown)
    return hashlib.sha256(lines.encode()).hexdigest()


def verify(path: Path, sha256: str | None) -> None:
    """A UserError where the file or folder is missing or its content is not what params.yaml names."""
    if not path.exists():
        raise UserError(f"file {path} is missing; put the weights there or correct `file`")
    if (found := digest(path)) != sha256:
        raise UserError(f"file {path} has sha256 {found}, expected {sha256}; bring the right file or correct `sha256`")


def read(file: Path) -> dict[str, Tensor]:
    """Tensors by name, of a safetensors file or a torch file; a UserError where it is neither."""
    with file.open("rb") as start:
        safe = file.suffix == ".safetensors" or start.read(9)[8:] == b"{"  # a length of 8 bytes, then JSON
    if not safe:
        return _read_torch(file)
    try:
        return load_file(file)
    except SafetensorError as error:
        raise UserError(f"{file} is not a safetensors file ({error}); convert or fetch it again") from None


def _read_torch(file: Path) -> dict[str, Tensor]:
    """Tensors of a zip or legacy torch file. It is a pickle, of which torch reads nothing but tensors and records."""
    try:
        with torch.serialization.safe_globals([Namespace]):  # how training code notes its arguments
            content = torch.load(file, map_location="cpu", weights_only=True, mmap=is_zipfile(file))
    except Exception as error:  # a damaged file can raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        cure = "fetch it again, or convert it to safetensors where you trust it"
        raise UserError(f"{file} cannot be read as a checkpoint of plain tensors ({reason}); {cure}") from None
    weights = unwrap(content)
    if stranger := next((key for key, value in weights.items() if not isinstance(value, Tensor)), None):
        raise UserError(f"{file} holds more than tensors ({stranger!r}); bring a file with the weights alone")
    if not weights:
        raise UserError(f"{file} holds no weights; bring a checkpoint: tensors by name")
    return weights


def unwrap(content: Any) -> dict[str, Any]:
    """The weights within what training code stores: out of its records, without the prefixes of its wrappers.

    >>> unwrap({"epoch": 3, "model": {"module.fc.bias": 0}})
    {'fc.bias': 0}
    """
    teacher = False
    while nest := _nest(content):
        content, teacher = content[nest], teacher or nest == "teacher"
    if not isinstance(content, dict):
        return {}
    weights = {_bare(str(key)): value for key, value in content.items()}
    # a self-distilled teacher is a backbone with a projection that serves its training alone
    body = {key: value for key, value in weights.items() if teacher and key.startswith("backbone.")}
    return {key.removeprefix("backbone."): value for key, value in body.items()} or weights


def _nest(content: Any) -> str | None:
    """Under which key the weights lie, where they lie deeper."""
    return next((key for key in NESTS if isinstance(content, dict) and isinstance(content.get(key), dict)), None)


def _bare(key: str) -> str:
    for prefix in PREFIXES:
        key = key.removeprefix(prefix)
    return key


def misfits(message: str) -> str:
    """torch's page about weights that do not fit, in one line: kind, first few keys, how many.

    >>> misfits('Error(s):\\n\\tMissing key(s) in state_dict: "a", "b". \\n\\tUnexpected key(s) in state_dict: "c". ')
    'missing a, b (2); unexpected c (1)'
    """
    kinds = {
        "missing": re.findall(r'"(.+?)"', "".join(re.findall(r"Missing key.*", message))),
        "unexpected": re.findall(r'"(.+?)"', "".join(re.findall(r"Unexpected key.*", message))),
        "of another shape": re.findall(r"size mismatch for (\S+):", message),
    }
    return listed(kinds) or " ".join(message.split())[:300]


def listed(kinds: dict[str, list[str]]) -> str:
    """Keys by kind of trouble in one line: the first few and how many.

    >>> listed({"missing": ["a", "b"], "unexpected": []})
    'missing a, b (2)'
    """
    return "; ".join(
        f"{kind} {', '.join(keys[:SHOWN])}{', ...' if len(keys) > SHOWN else ''} ({len(keys)})"
        for kind, keys in kinds.items()
        if keys
    )


def write(file: Path, network: nn.Module) -> None:
    """Parameters and buffers in float32, counters as they are; equal networks give equal bytes."""
    write_tensors(file, network.state_dict())


def write_tensors(file: Path, weights: dict[str, Tensor]) -> None:
    """The same for tensors by name, such as those of a text tower."""
    plain = {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
    with disk.room(file.parent, sum(value.nbytes for value in plain.values())):
        tensors.write(file, plain)
