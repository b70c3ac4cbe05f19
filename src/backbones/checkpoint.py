"""Floor 1. Checkpoint files: safetensors only, no pickle; float32 once they are ours."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from src import store, tensors
from src.errors import UserError


def verify(file: Path, sha256: str | None) -> None:
    """A UserError where the file is missing or its bytes are not those that params.yaml names."""
    if not file.is_file():
        raise UserError(f"file {file} is missing; put the weights there or correct `file`")
    if (found := store.sha256(file)) != sha256:
        raise UserError(f"file {file} has sha256 {found}, expected {sha256}; bring the right file or correct `sha256`")


def read(file: Path) -> dict[str, Tensor]:
    """Tensors by name; a UserError where the file is no safetensors file."""
    try:
        return load_file(file)
    except SafetensorError as error:
        raise UserError(f"{file} is not a safetensors file ({error}); convert or fetch it again") from None


def write(file: Path, network: nn.Module) -> None:
    """Parameters and buffers in float32, counters as they are; equal networks give equal bytes."""
    weights = network.state_dict()
    tensors.write(
        file, {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
    )
