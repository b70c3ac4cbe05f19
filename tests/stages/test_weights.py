import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
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
    assert capsys.readouterr().out == "weights mine: test_vit from brought.safetensors, 64-d, MIT\n"


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
