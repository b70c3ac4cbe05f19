from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from src import engines
from src.engines import pytorch
from src.errors import UserError
from src.params import RuntimeParams

CPU = torch.device("cpu")
RUNTIME = RuntimeParams(device="cpu", threads=2, workers=1, batch_size=5)


class Layers(nn.Module):
    """uint8 [B, 4, 4, 3] through linear layers of three shapes: on [B, 4, 12], on [B, 20], without a bias."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.third = nn.Linear(12, 5), nn.Linear(20, 7), nn.Linear(7, 3, bias=False)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        rows = self.first(pixels.float().flatten(2) / 255).relu()
        return self.third(self.second(rows.flatten(1)).relu())


PIXELS = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3), np.uint8)


def run(precision: str) -> np.ndarray:
    with engines.opened("torch", Layers(), 4, precision, CPU, RUNTIME) as engine:
        return engine.run(PIXELS)


def test_linear_layers_by_onednn_agree_with_float64() -> None:
    with torch.inference_mode():
        expected = Layers().double()
        rows = expected.first(torch.from_numpy(PIXELS).double().flatten(2) / 255).relu()
        exact = expected.third(expected.second(rows.flatten(1)).relu()).numpy()
    np.testing.assert_allclose(run("fp32"), exact, atol=1e-6)
    assert np.abs(run("bf16") - exact).max() < 0.02
    assert run("bf16").dtype == np.float32


def test_onednn_takes_float32_only() -> None:
    x, weight = torch.randn(2, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    assert torch.equal(pytorch.linear(x, weight), F.linear(x, weight))


def test_every_call_has_one_thread_and_afterwards_torch_has_its_own_again() -> None:
    torch.set_num_threads(2)
    seen = []
    network = Layers()
    network.register_forward_hook(lambda *_: seen.append(torch.get_num_threads()))
    with engines.opened("torch", network, 4, "fp32", CPU, RUNTIME) as engine, ThreadPoolExecutor(2) as pool:
        list(pool.map(engine.run, [PIXELS] * 4))
        assert (engine.at_once, engine.batch) == (2, 5)
    assert seen == [1] * 4
    assert torch.get_num_threads() == 2


def test_a_missing_package_is_a_line_and_torch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(engines, "version", missing)
    assert engines.choose("openvino", CPU, "extract toys") == "torch"
    line = "extract toys: openvino is not installed (pip install -r requirements-openvino.txt); torch it is\n"
    assert capsys.readouterr().err == line


def test_on_a_gpu_it_is_torch_and_a_line_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert engines.choose("openvino", torch.device("cuda"), "t") == "torch"
    assert capsys.readouterr().err == "t: openvino runs on processors, torch on cuda; torch it is\n"


def test_torch_is_taken_without_a_word_and_an_unknown_engine_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert engines.choose("torch", CPU, "t") == "torch"
    assert capsys.readouterr() == ("", "")
    with pytest.raises(UserError, match="unknown engine 'torhc'"):
        engines.choose("torhc", CPU, "t")
