import argparse
import hashlib
import os
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
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


def test_the_hash_of_a_folder_is_that_of_its_sorted_names_and_hashes(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("z", "a.json", "b/c"):
        (tmp_path / name).write_text(name)
    lines = "".join(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n" for name in ("a.json", "b/c", "z"))
    right = hashlib.sha256(lines.encode()).hexdigest()
    assert checkpoint.digest(tmp_path) == right
    with pytest.raises(UserError, match=f"has sha256 {right}, expected {'0' * 64}"):
        checkpoint.verify(tmp_path, "0" * 64)


def test_the_hash_of_a_folder_leaves_out_the_notes_of_a_download_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("m")
    before = checkpoint.digest(tmp_path)
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache/model.metadata").write_text("yesterday")
    (tmp_path / ".gitattributes").write_text("")
    assert checkpoint.digest(tmp_path) == before
    (tmp_path / "model").rename(tmp_path / "other")
    assert checkpoint.digest(tmp_path) != before


def test_bytes_that_are_no_safetensors_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"weights")
    with pytest.raises(UserError, match=r"w\.safetensors is not a safetensors file"):
        checkpoint.read(tmp_path / "w.safetensors")


def test_what_a_file_holds_counts_and_not_its_name(tmp_path: Path) -> None:
    save_file({"a": torch.ones(2)}, tmp_path / "weights")
    assert checkpoint.read(tmp_path / "weights")["a"].tolist() == [1, 1]


WEIGHTS = {"fc.weight": torch.ones(2, 3), "fc.bias": torch.zeros(2)}
WRAPPED = {f"module.{name}": value for name, value in WEIGHTS.items()}


@pytest.mark.parametrize(
    "content",
    [
        WEIGHTS,
        OrderedDict(WEIGHTS),
        {"state_dict": WRAPPED, "epoch": 3, "args": argparse.Namespace(lr=0.1)},
        {"model": WEIGHTS, "optimizer": {"state": {}}},
        {"model_ema": WEIGHTS, "model": {"fc.weight": torch.zeros(2, 3)}},
        {"model": {"state_dict": {f"_orig_mod.{name}": value for name, value in WRAPPED.items()}}},
        {
            "student": {},
            "teacher": {f"backbone.{name}": value for name, value in WEIGHTS.items()} | {"head.x": torch.ones(1)},
        },
    ],
    ids=["plain", "ordered", "training", "model", "averaged", "compiled", "teacher"],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_weights_are_found_in_what_training_code_stores(content: dict, zipped: bool, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    read = checkpoint.read(tmp_path / "w.pth")
    assert read.keys() == WEIGHTS.keys()
    assert all(torch.equal(read[name], WEIGHTS[name]) for name in WEIGHTS)


class Hostile:
    """A pickle that would run a command."""

    def __reduce__(self) -> tuple:
        return os.mkdir, ("owned",)


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Hostile()}, "w.pth")
    with pytest.raises(UserError, match=r"w\.pth cannot be read as a checkpoint of plain tensors .*convert it to"):
        checkpoint.read(Path("w.pth"))
    assert not Path("owned").exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"fc.weight": torch.ones(1), "classes": ["shoe"]}, r"holds more than tensors \('classes'\)"),
        ([torch.ones(1)], "holds no weights"),
        (nn.Linear(1, 1), "cannot be read as a checkpoint of plain tensors"),
    ],
)
def test_what_is_not_tensors_by_name_is_refused(content: object, says: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(UserError, match=rf"w\.pth {says}") as error:
        checkpoint.read(tmp_path / "w.pth")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("keep", [0, 10, 500])
def test_a_torch_file_cut_short_is_refused(keep: int, tmp_path: Path) -> None:
    torch.save(WEIGHTS, tmp_path / "whole.pth")
    (tmp_path / "w.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:keep])
    with pytest.raises(UserError, match=r"w\.pth cannot be read .*fetch it again"):
        checkpoint.read(tmp_path / "w.pth")


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


def test_a_disk_that_cannot_hold_the_weights_is_said_before_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint.disk.shutil, "disk_usage", lambda _: argparse.Namespace(free=10))
    with pytest.raises(UserError, match=rf"the disk of {tmp_path} is full: 10 bytes are free, 32 bytes are needed"):
        checkpoint.write_tensors(tmp_path / "w", WEIGHTS)
    assert not list(tmp_path.iterdir())
