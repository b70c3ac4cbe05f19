"""Tensors on disk."""

from pathlib import Path

import torch

from src import store, tensors


def test_tensors_and_metadata_come_back_to_the_bit(tmp_path: Path) -> None:
    given = {"b": torch.randn(2, 3), "a": torch.tensor(7), "half": torch.randn(4).half()}
    tensors.write(tmp_path / "t.safetensors", given, {"curve": "[]"})
    found, metadata = tensors.read(tmp_path / "t.safetensors")
    assert metadata == {"curve": "[]"} and found.keys() == given.keys()
    assert all(torch.equal(found[name], given[name]) and found[name].dtype == given[name].dtype for name in given)


def test_neither_memory_order_nor_order_of_names_changes_the_bytes(tmp_path: Path) -> None:
    image, bias = torch.randn(2, 3, 4, 4), torch.randn(3)
    tensors.write(tmp_path / "one", {"image": image, "bias": bias})
    tensors.write(tmp_path / "two", {"bias": bias, "image": image.to(memory_format=torch.channels_last)})
    assert store.sha256(tmp_path / "one") == store.sha256(tmp_path / "two")


def test_tensors_that_share_memory_are_written_each(tmp_path: Path) -> None:
    tied = torch.randn(3)
    tensors.write(tmp_path / "t", {"encoder": tied, "decoder": tied})
    found, _ = tensors.read(tmp_path / "t")
    assert torch.equal(found["encoder"], tied) and torch.equal(found["decoder"], tied)
