"""The openvino engine against torch; skipped where that package is not installed."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from src import engines
from src.backbones import Backbone, sample
from src.backbones import timm as library
from src.embedding import Eyes, provenance
from src.engines import openvino
from src.errors import UserError
from src.images import Preprocessing
from src.params import RuntimeParams

pytestmark = pytest.mark.skipif(
    engines.installed("openvino") is None, reason="openvino is not installed (pip install -r requirements-openvino.txt)"
)
CPU = torch.device("cpu")
HOW = Preprocessing(size=64, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.5))
RUNTIME = RuntimeParams(device="cpu", threads=2, workers=2, batch_size=4)
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
NETWORKS = {
    "sample": lambda: sample.build(sample.ARCHITECTURE),
    "vit": lambda: library.build({"architecture": "test_vit", "build": {"img_size": 64}}),
    "resnet": lambda: library.build({"architecture": "test_resnet", "build": {}}),
}


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    return Eyes(NETWORKS[name]().eval(), HOW)


def run(engine: str, name: str, precision: str) -> np.ndarray:
    with engines.opened(engine, network(name), HOW.size, precision, CPU, RUNTIME) as running:
        return running.run(PIXELS)


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest, of a vector, as a share of its length."""
    return float((np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_vectors_in_fp32_are_those_of_torch_to_a_ten_thousandth(name: str) -> None:
    assert difference(run("openvino", name, "fp32"), run("torch", name, "fp32")) < 1e-4


@pytest.mark.parametrize("name", NETWORKS)
def test_bf16_is_near_and_is_not_fp32(name: str) -> None:
    try:
        found = run("openvino", name, "bf16")
    except UserError as error:
        pytest.skip(str(error))
    assert 1e-5 < difference(found, run("torch", name, "fp32")) < 0.05


def test_calls_side_by_side_give_the_bytes_of_calls_one_by_one() -> None:
    batches = [np.roll(PIXELS, shift) for shift in range(12)]
    with engines.opened("openvino", network("vit"), HOW.size, "fp32", CPU, RUNTIME) as running:
        one_by_one = [running.run(pixels) for pixels in batches]
        with ThreadPoolExecutor(6) as pool:
            together = list(pool.map(running.run, batches))
    assert [a.tobytes() for a in one_by_one] == [b.tobytes() for b in together]


class Unknown(nn.Module):
    """Calculates what OpenVINO does not know."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.special.bessel_j0(pixels.float().mean((1, 2)))


def test_a_network_it_cannot_run_is_one_line_with_the_cure() -> None:
    with pytest.raises(UserError, match=r"extract.engine: OpenVINO cannot run this network .*; set it to torch"):
        openvino.compile_network(Unknown(), PIXELS.shape, "fp32", 1)


def test_nothing_is_reported_over_the_network() -> None:
    openvino.imported()
    assert sys.modules["openvino_telemetry"] is None


def test_the_sidecar_names_engine_and_version() -> None:
    config = {"model": "toy", "library": "sample", "preprocessing": {}, "parameters": 0, "gmacs": 0.0}
    made = provenance(Backbone(nn.Identity(), HOW, config), "fp32", "openvino")
    assert made["engine"] == "openvino"
    assert made["versions"]["openvino"] == engines.installed("openvino")
