import hashlib
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from src.backbones import checkpoint
from src.errors import UserError


def test_a_missing_file_and_another_file_are_named(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    with pytest.raises(UserError, match=r"w\.safetensors is missing"):
        checkpoint.verify(file, "0" * 64)
    file.write_bytes(b"weights")
    found = hashlib.sha256(b"weights").hexdigest()
    with pytest.raises(UserError, match=f"has sha256 {found}, expected {'0' * 64}"):
        checkpoint.verify(file, "0" * 64)
    checkpoint.verify(file, found)


def test_bytes_that_are_no_safetensors_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"weights")
    with pytest.raises(UserError, match=r"w\.safetensors is not a safetensors file"):
        checkpoint.read(tmp_path / "w.safetensors")


def test_weights_are_stored_as_float32_whatever_their_kind_layout_and_ties(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 4), nn.Linear(4, 4))
    network[3].weight = network[2].weight
    checkpoint.write(tmp_path / "plain", network)
    checkpoint.write(tmp_path / "channels_last", network.to(memory_format=torch.channels_last))
    assert (tmp_path / "plain").read_bytes() == (tmp_path / "channels_last").read_bytes()
    checkpoint.write(tmp_path / "half", network.half())
    read = load_file(tmp_path / "half")
    assert read.pop("1.num_batches_tracked").dtype == torch.int64
    assert {tensor.dtype for tensor in read.values()} == {torch.float32}
    assert torch.equal(read["3.weight"], read["2.weight"])
