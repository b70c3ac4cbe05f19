import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from backbones.hub_server import Hub
from safetensors.torch import save_file

from src.backbones import timm as library
from src.errors import UserError
from src.stages import weights

ROOT = Path(__file__).parents[2]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository root whose model is a file beside params.yaml; the current folder."""
    torch.manual_seed(0)
    save_file(library.build({"architecture": "test_vit", "build": {}}).state_dict(), tmp_path / "brought.safetensors")
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw["models"]["mine"] = {"library": "timm", "checkpoint": "test_vit", "family": "supervised", "licence": "MIT"}
    sha256 = hashlib.sha256((tmp_path / "brought.safetensors").read_bytes()).hexdigest()
    raw["models"]["mine"] |= {"file": "brought.safetensors", "sha256": sha256}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw | {"model": "mine"}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_chosen_model_becomes_models_backbone(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights.main()
    config = json.loads((workspace / "models/backbone/config.json").read_text())
    assert (config["model"], config["dim"]) == ("mine", 64)
    assert (workspace / "models/backbone/weights.safetensors").exists()
    first, last, speed = capsys.readouterr().out.splitlines()
    assert first == "weights mine: fetching test_vit from brought.safetensors"
    assert last == (
        "weights mine: test_vit from brought.safetensors, 64-d, 0.3 M parameters, 0.0376 GMACs an image, MIT"
    )
    assert re.fullmatch(r"weights mine: [\d.e-]+ s an image here: 1,000 images take about \d+ s", speed)


def test_nothing_slow_happens_before_the_first_line() -> None:
    code = "import sys; import src.stages.weights; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_licence_that_is_not_commercial_is_said(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights.main()
    assert capsys.readouterr().err == ""
    raw = yaml.safe_load((workspace / "params.yaml").read_text())
    raw["models"]["mine"]["licence"] = "CC-BY-NC-4.0"
    (workspace / "params.yaml").write_text(yaml.safe_dump(raw))
    weights.main()
    assert capsys.readouterr().err == "warning: mine: licence CC-BY-NC-4.0: not for commercial use\n"


def test_of_a_service_there_is_only_a_configuration(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = yaml.safe_load((workspace / "params.yaml").read_text())
    raw["models"]["mine"] = {"library": "api", "service": "cohere", "checkpoint": "embed-v4.0"}
    raw["strategies"] = ["pretrained", "top_tuned"]
    (workspace / "params.yaml").write_text(yaml.safe_dump(raw))
    weights.main()
    assert [path.name for path in (workspace / "models/backbone").iterdir()] == ["config.json"]
    config = json.loads((workspace / "models/backbone/config.json").read_text())
    assert (config["model"], config["library"], config["licence"]) == ("mine", "api", "terms of the service")
    shown = capsys.readouterr()
    assert shown.out == f"weights mine: embed-v4.0 of {config['source']}, none to fetch, terms of the service\n"
    assert shown.err.startswith("warning: mine: licence terms of the service")


def test_weights_of_the_hub_come_with_their_commit(
    workspace: Path, hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    (hub.root / "timm/test_vit.r160_in1k").mkdir(parents=True)
    (workspace / "brought.safetensors").rename(hub.root / "timm/test_vit.r160_in1k/model.safetensors")
    raw = yaml.safe_load((workspace / "params.yaml").read_text())
    raw["models"]["mine"] = {"library": "timm", "checkpoint": "test_vit.r160_in1k"}
    (workspace / "params.yaml").write_text(yaml.safe_dump(raw))
    weights.main()
    config = json.loads((workspace / "models/backbone/config.json").read_text())
    assert config["revision"] == hub.commit("timm/test_vit.r160_in1k")
    assert "weights mine: fetching test_vit.r160_in1k from the hub\n" in capsys.readouterr().out


def test_altered_weights_stop_the_stage_and_nothing_is_written(workspace: Path) -> None:
    with (workspace / "brought.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(UserError, match=r"models\.mine: file brought\.safetensors has sha256"):
        weights.main()
    assert not (workspace / "models").exists()


def test_a_mistake_is_one_line_and_exit_code_1(workspace: Path) -> None:
    (workspace / "brought.safetensors").unlink()
    command = [sys.executable, "-m", "src.stages.weights"]
    done = subprocess.run(
        command, cwd=workspace, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == (
        "error: models.mine: file brought.safetensors is missing; put the weights there or correct `file`\n"
    )
