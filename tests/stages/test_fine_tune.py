"""The stage fine_tune on 48 photos of 16 pixels."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tuning_workspace import ROOT, backbone, digests, params, photos, run, table

from src import backbones, embedding, store, tensors
from src.images import Shards
from src.params import RuntimeParams, load
from src.stages import fine_tune
from src.tuning import classifiers, loop
from src.tuning.classifiers import CosineClassifier

QUICK = {"fine_tune__epochs": 3, "fine_tune__batch_size": 8}
RUNTIME = RuntimeParams(threads=1, workers=1)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    params(tmp_path, **QUICK)
    photos(tmp_path, "one", table())
    backbone(tmp_path / "models/backbone")
    return tmp_path


def python(root: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Code in a process of its own, in the workspace."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(root)}
    return subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True)


def test_network_curve_embeddings_predictions_and_cost_are_written(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fine_tune.main("one")
    tuned = backbones.load(root / "models/fine_tuned/one")
    rows, origin = table(), store.sha256(root / "models/backbone/weights.safetensors")
    assert tuned.config["tuned_from"] == origin != tuned.config["weights_sha256"]
    assert tuned.config["classes"] == sorted(rows["label"].unique())
    assert tuned.config["validation"]["epoch"] in (1, 2, 3)

    place = root / "data/embeddings/fine_tuned/one"
    vectors, sidecar = store.read_embeddings(place, store.sha256(root / "data/manifests/one/manifest.parquet"))
    again = embedding.embed_rows(tuned, Shards(root / "data/shards/one"), "fp32", RUNTIME, "again")
    assert np.array_equal(vectors, again)
    assert sidecar["weights_sha256"] == origin and sidecar["encoder_sha256"] == tuned.config["weights_sha256"]
    assert (sidecar["strategy"], sidecar["model"]) == ("fine_tuned", "toy")

    classifier = CosineClassifier(8, len(tuned.config["classes"]))
    classifier.load_state_dict(tensors.read(root / "models/fine_tuned/one/classifier.safetensors")[0])
    predictions = np.load(place / "predictions.npy")
    assert np.array_equal(predictions, classifiers.predict(classifier, vectors)) and len(predictions) == len(rows)
    assert len((root / "metrics/curves/fine_tuned/one/plots/metrics/lr.tsv").read_text().splitlines()) == 1 + 3
    assert store.read_json(root / "data/cost/fine_tuned/one/cost.json")["images"] == 3 * 24
    said = capsys.readouterr()
    assert said.out.startswith("fine_tune one: epoch ")
    assert "24 training images x 3 epochs, at most about " in said.err and "dvc exp run" not in said.err
    assert not any((root / ".scratch/fine_tune").iterdir())


def test_all_weights_are_trained(root: Path) -> None:
    fine_tune.main("one")
    before = tensors.read(root / "models/backbone/weights.safetensors")[0]
    after = tensors.read(root / "models/fine_tuned/one/weights.safetensors")[0]
    same = [name for name in before if torch.equal(before[name], after[name])]
    assert same == []


# Saves after every step; dies at a step, or with half a snapshot written.
KILLED = """
import os, signal
from src.stages import fine_tune
from src.tuning import optimisers, snapshots

def die(*_): os.kill(os.getpid(), signal.SIGKILL)

def after(count, work, then):
    def counted(*given, left=[count]):
        left[0] -= 1
        return work(*given) if left[0] >= 0 else then(*given)
    return counted

def write_half(path, *_):
    path.with_name(path.name + ".half").write_bytes(b"half")
    die()

snapshots.SECONDS, snapshots.SHARE = 0, 1e9
{}
fine_tune.main("one")
"""
AT_STEP = "optimisers.set_rate = after({}, optimisers.set_rate, die)"
IN_SNAPSHOT = "snapshots.files.write = after({}, snapshots.files.write, write_half)"


def test_killed_at_any_step_again_and_again_it_ends_with_the_same_bytes(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params(root, **QUICK, fine_tune__ema=0.9, fine_tune__accumulate=2, fine_tune__probe_epochs=1)
    fine_tune.main("one")
    whole = digests(root / "models") | digests(root / "data")
    shutil.rmtree(root / "models/fine_tuned")
    # 3 epochs of 3 steps: killed at the second step of the first epoch, then while step 5 is written down
    for dying in (AT_STEP.format(1), IN_SNAPSHOT.format(4)):
        assert python(root, KILLED.format(dying)).returncode == -signal.SIGKILL
        assert not (root / "models/fine_tuned").exists()
    fine_tune.main("one")
    assert "fine_tune one: continues after epoch 1, step 1" in capsys.readouterr().err
    assert digests(root / "models") | digests(root / "data") == whole
    assert not any((root / ".scratch/fine_tune").iterdir())


def test_a_long_training_says_how_to_do_without(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loop, "seconds_per_image", lambda *_: 40.0)
    fine_tune.main("one")
    # 3 x 24 training images, a third of 3 x 12 validation images and of 48 to embed: 100 x 40 s
    expected = "fine_tune one: 24 training images x 3 epochs, at most about 67 min here; without fine-tuning: "
    assert expected + "dvc exp run -S 'strategies=[pretrained,top_tuned]'" in capsys.readouterr().err


@pytest.mark.parametrize(("given", "taken"), [("auto", 3e-3), (0.1, 0.1)])
def test_a_model_has_a_learning_rate_of_its_own_unless_one_is_given(root: Path, given: object, taken: float) -> None:
    params(root, **{**QUICK, "fine_tune__lr": given})
    assert fine_tune.choose_recipe(load()).lr == taken


def test_a_loss_that_is_no_number_stops_with_one_line_that_names_the_rows(root: Path) -> None:
    params(root, **QUICK, fine_tune__lr=1e30)
    ran = run(root, "fine_tune", "one")
    assert ran.returncode == 1
    assert "error: " in ran.stderr and "not a number at epoch 1, step " in ran.stderr
    assert ", images image" in ran.stderr and "Traceback" not in ran.stderr
    assert not (root / "models/fine_tuned").exists()


def test_one_training_label_stops_with_one_clear_line(root: Path) -> None:
    photos(root, "one", table(labels=1))
    ran = run(root, "fine_tune", "one")
    assert ran.returncode == 1
    assert ran.stderr.startswith("error: one: 4 training images of one label ('label0'); tuning needs two labels")
