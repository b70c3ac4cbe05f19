import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest
import torch

from src.backbones import torchvision_ops


def test_torchvision_can_be_imported_here() -> None:
    import torchvision

    assert torch.ops.torchvision.nms is not None
    assert torchvision.ops.nms is not None


def test_a_torchvision_that_is_absent_or_imported_needs_no_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", ModuleType("torchvision"))
    assert torchvision_ops.loads()
    monkeypatch.delitem(sys.modules, "torchvision")
    monkeypatch.setattr(torchvision_ops, "find_spec", lambda _: None)
    assert torchvision_ops.loads()


def test_a_compiled_part_that_is_missing_or_does_not_load_needs_help(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = ModuleSpec("torchvision", None, is_package=True)
    package.submodule_search_locations = [str(tmp_path)]
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.setattr(torchvision_ops, "find_spec", lambda _: package)
    assert not torchvision_ops.loads()
    (tmp_path / "_C.so").write_bytes(b"built for another torch")
    assert not torchvision_ops.loads()
