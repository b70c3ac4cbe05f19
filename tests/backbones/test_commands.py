"""The stages `weights` and `extract` as DVC runs them: the first with a hub, the second without anything around."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import transformers
from backbones.hub_server import Hub
from backbones.photos_workspace import EXACT, ROOT, difference, embedded, photo, prepare, unit
from open_clip import factory

from backbones import documented, repositories
from src.entries import Model

NOWHERE = "http://127.0.0.1:9"
TOWER = {"layers": 2, "width": 64, "heads": 1}
OPEN_CLIP = {
    "embed_dim": 32,
    "vision_cfg": {"layers": 2, "width": 64, "patch_size": 16, "image_size": 64},
    "text_cfg": {**TOWER, "context_length": 8, "vocab_size": 64, "hf_tokenizer_name": "team/tiny"},
}
BLOCKS = {"num_hidden_layers": 2, "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}


def transformers_clip() -> transformers.CLIPConfig:
    vision, text = {**BLOCKS, "patch_size": 32}, {**BLOCKS, "vocab_size": 64}
    return transformers.CLIPConfig(vision_config=vision, text_config=text, projection_dim=16)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tiny architecture of open_clip and of transformers; timm has its own."""
    monkeypatch.setitem(factory._MODEL_CONFIGS, "tiny", OPEN_CLIP)
    monkeypatch.setitem(repositories.DESCRIBED, "team/tiny", ("tiny", "team/tiny"))
    monkeypatch.setitem(repositories.CONFIGURATIONS, "team/tiny", transformers_clip)


@pytest.mark.parametrize(
    ("library", "checkpoint"),
    [("timm", "test_vit.r160_in1k"), ("open_clip", "hf-hub:team/tiny"), ("transformers", "team/tiny")],
)
def test_after_weights_no_hub_is_needed(
    library: str, checkpoint: str, tiny: None, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model, photos = Model(library=library, checkpoint=checkpoint), [photo(number) for number in range(3)]
    repositories.write(hub.root, model)
    expected = documented.embed(model, photos, hub.root)
    prepare("mine", model, hub, photos)
    assert "from team/tiny" in run("weights", hub.url) or library == "timm"
    shutil.rmtree(hub.root)
    shutil.rmtree("cache")
    run("extract", NOWHERE, "photos")
    vectors, sidecar = embedded()
    assert difference(vectors, unit(expected)) <= EXACT
    assert sidecar["parameters"] > 0 and sidecar["gmacs"] > 0


def run(stage: str, endpoint: str, *arguments: str) -> str:
    """What a stage prints, in the current folder; it must end well."""
    apart = {"HF_ENDPOINT": endpoint, "HF_HOME": "cache", "HF_HUB_CACHE": "cache", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", f"src.stages.{stage}", *arguments]
    left_out = ("DVC_ROOT", "HF_HUB_OFFLINE")
    around = {key: value for key, value in os.environ.items() if key not in left_out}
    done = subprocess.run(command, env={**around, **apart}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
