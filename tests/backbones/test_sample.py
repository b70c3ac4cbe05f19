import hashlib
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from torch import nn

from src.backbones import sample
from src.entries import Model
from src.errors import UserError

ROOT = Path(__file__).parent.parent.parent


def entry(checkpoint: str = "supervised", file: Path | None = None) -> Model:
    return Model(
        library="sample",
        checkpoint=checkpoint,
        family="supervised",
        licence="Apache-2.0",
        file=str(file) if file else None,
        sha256="0" * 64 if file else None,
    )


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """A random network, stored as the checkpoint `supervised` of a folder of its own."""
    monkeypatch.setattr(sample, "FOLDER", tmp_path / "sample")
    torch.manual_seed(0)
    network = sample.build(sample.ARCHITECTURE)
    sample.save(network, tmp_path / "sample/supervised.safetensors")
    return network


def test_an_image_becomes_256_numbers() -> None:
    network = sample.build(sample.ARCHITECTURE).eval()
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, sample.DIM)


def test_it_is_tiny() -> None:
    parameters = sum(p.numel() for p in sample.build(sample.ARCHITECTURE).parameters())
    assert 1.2e6 < parameters < 1.3e6


def test_a_new_block_is_its_shortcut() -> None:
    block = sample.Block(4, 8, stride=2).eval()
    images = torch.rand(1, 4, 6, 6)
    assert torch.equal(block(images), block.shortcut(images).relu())


def test_a_shrinking_shortcut_sees_every_pixel() -> None:
    block = sample.Block(1, 1, stride=2).eval()
    nn.init.ones_(block.shortcut[1].weight)
    image = torch.arange(16.0).view(1, 1, 4, 4)
    means = torch.tensor([[2.5, 4.5], [10.5, 12.5]])  # of each 2 x 2 square
    torch.testing.assert_close(block(image)[0, 0], means, rtol=1e-4, atol=0)


def test_fetched_weights_are_the_stored_ones_in_float32(tmp_path: Path, stored: nn.Module) -> None:
    config = sample.fetch(entry(), tmp_path)
    fetched = load_file(tmp_path / "weights.safetensors")
    network = sample.build(config)
    network.load_state_dict(fetched)
    for name, tensor in stored.state_dict().items():
        assert fetched[name].dtype == tensor.dtype
        assert torch.equal(fetched[name], tensor.half().to(tensor.dtype))


def test_the_configuration_says_how_to_feed_it(tmp_path: Path, stored: nn.Module) -> None:
    config = sample.fetch(entry(), tmp_path)
    assert config["preprocessing"]["size"] == 64
    assert config["preprocessing"]["crop"] == 1.0
    assert config["source"] == "supervised.safetensors"


def test_an_unknown_checkpoint_is_answered_with_the_known_ones(tmp_path: Path, stored: nn.Module) -> None:
    with pytest.raises(UserError, match=r"unknown checkpoint 'supervisd'.*known: supervised.*Did you mean"):
        sample.fetch(entry("supervisd"), tmp_path)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    sample.save(nn.Linear(2, 2), other)
    with pytest.raises(UserError, match=r"other.safetensors does not hold the weights of a sample backbone"):
        sample.fetch(entry("mine", other), tmp_path)
    assert not (tmp_path / "weights.safetensors").exists()


def test_the_weights_in_the_repository_are_those_its_own_pipeline_made() -> None:
    lock = yaml.safe_load((ROOT / "models/sample/dvc.lock").read_text())["stages"]
    made = {out["path"]: out["md5"] for name, stage in lock.items() if "@" in name for out in stage["outs"]}
    assert len(made) == 3
    for path, md5 in made.items():
        file = ROOT / "models/sample/checkpoints" / Path(path).name
        assert hashlib.md5(file.read_bytes()).hexdigest() == md5


def test_every_sample_model_of_params_lies_in_the_repository_and_is_small() -> None:
    models = yaml.safe_load((ROOT / "params.yaml").read_text())["models"].values()
    checkpoints = [model["checkpoint"] for model in models if model["library"] == "sample"]
    assert checkpoints
    for checkpoint in checkpoints:
        file = ROOT / "models/sample/checkpoints" / f"{checkpoint}.safetensors"
        assert file.stat().st_size < 3e6
        sample.build(sample.ARCHITECTURE).load_state_dict(load_file(file))
