"""The stage merged_tune on three small datasets, and cross_tune after it."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tuning_workspace import backbone, digests, params, photos, run, table, write_manifest, write_pretrained

from src import backbones, store, tensors
from src.errors import UserError
from src.stages import cross_tune, merged_tune
from src.tuning import heads

NAMES = ("one", "two", "three")
QUICK = {"top_tune__layers": [16, 8], "top_tune__epochs": 3, "top_tune__batch_size": 8, "top_tune__lr": 0.01}
QUICK |= {"fine_tune__epochs": 2, "fine_tune__batch_size": 8}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three datasets with photos and pretrained embeddings; all of them have the labels label0, label1, ..."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    params(tmp_path, NAMES, **QUICK)
    for seed, dataset in enumerate(NAMES):
        write_pretrained(tmp_path, dataset, table(), seed=seed)
        photos(tmp_path, dataset, table(), seed)
    backbone(tmp_path / "models/backbone")
    return tmp_path


def test_a_head_is_tuned_on_all_and_written_as_a_single_one_is(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    merged_tune.main("top_tune", "all")
    _, config = heads.load(root / "models/top_tuned/all")
    assert config["datasets"] == list(NAMES) and config["weights_sha256"] == "w"
    assert config["classes"] == sorted(f"{name}/label{i}" for name in NAMES for i in range(6))
    curve = pd.read_csv(root / "metrics/curves/top_tuned/all/plots/metrics/validation/mMP@5.tsv", sep="\t")
    assert curve["mMP@5"].max() == config["validation"]["mMP@5"]
    cost = store.read_json(root / "data/cost/merged_tune/top_tuned/all/cost.json")
    assert (cost["images"], cost["datasets"], cost["trials"]) == (3 * 3 * 24, 3, 0)
    assert capsys.readouterr().out.startswith("merged_tune top_tune all: epoch ")
    assert not any((root / ".scratch/merged_tune").iterdir())


def test_what_is_left_out_changes_nothing(root: Path) -> None:
    merged_tune.main("top_tune", "all_but_two")
    first = digests(root / "models/top_tuned")
    write_pretrained(root, "two", table(labels=3), seed=9)
    assert run(root, "merged_tune", "top_tune", "all_but_two").returncode == 0
    assert digests(root / "models/top_tuned") == first
    write_pretrained(root, "one", table(), seed=9)
    merged_tune.main("top_tune", "all_but_two")
    assert digests(root / "models/top_tuned") != first


def test_a_search_is_followed_as_top_tune_does(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params(root, NAMES, **QUICK, top_tune__search={"trials": 2, "epochs": 2, "repeats": 1})
    merged_tune.main("top_tune", "all")
    rows = store.read_json(root / "models/top_tuned/all/study.json")
    _, config = heads.load(root / "models/top_tuned/all")
    best = max(rows, key=lambda row: row["score"])
    assert len(rows) == 2 and config["dropout"] == best["point"]["dropout"]
    assert store.read_json(root / "data/cost/merged_tune/top_tuned/all/cost.json")["trials"] == 2


def test_a_network_is_tuned_on_the_photos_of_all(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    merged_tune.main("fine_tune", "all")
    folder, origin = root / "models/fine_tuned/all", store.sha256(root / "models/backbone/weights.safetensors")
    tuned = backbones.load(folder)
    assert tuned.config["tuned_from"] == origin != tuned.config["weights_sha256"]
    assert tuned.config["datasets"] == list(NAMES) and len(tuned.config["classes"]) == 18
    assert tensors.read(folder / "classifier.safetensors")[0]["weight"].shape == (18, 8)
    assert store.read_json(root / "data/cost/merged_tune/fine_tuned/all/cost.json")["images"] == 2 * 3 * 24
    assert "72 training images x 2 epochs, at most about " in capsys.readouterr().err
    first = digests(folder)
    shutil.rmtree(folder)
    assert run(root, "merged_tune", "fine_tune", "all").returncode == 0
    assert digests(folder) == first


@pytest.mark.parametrize(("recipe", "method"), [("top_tune", "top_tuned"), ("fine_tune", "fine_tuned")])
def test_cross_tune_uses_it_on_every_dataset(root: Path, recipe: str, method: str) -> None:
    merged_tune.main(recipe, "all_but_two")
    cross_tune.main(method, "all_but_two")
    out = root / "data/embeddings/cross_tuned" / method / "all_but_two"
    assert sorted(path.name for path in out.iterdir()) == sorted(NAMES)
    sidecar = store.read_json(out / "two/sidecar.json")
    assert [sidecar[key] for key in ("method", "source", "target")] == [method, "all_but_two", "two"]
    assert np.load(out / "two/embeddings.npy").shape == (48, 8)
    spent = store.read_json(root / "data/cost/cross_tuned" / method / "all_but_two/cost.json")["tuning"]
    assert spent == store.read_json(root / "data/cost/merged_tune" / method / "all_but_two/cost.json")


def test_embeddings_of_two_backbones_are_refused(root: Path) -> None:
    sidecar = root / "data/embeddings/pretrained/two/sidecar.json"
    store.write_json(sidecar, store.read_json(sidecar) | {"weights_sha256": "another"})
    with pytest.raises(UserError, match="data/embeddings/pretrained mixes embeddings of 2 backbones; run `dvc repro`"):
        merged_tune.main("top_tune", "all")
    assert not (root / "models/top_tuned").exists()


def test_a_dataset_that_teaches_nothing_stops_with_one_clear_line(root: Path) -> None:
    write_manifest(root, "two", table().replace({"tuning": {"train": ""}}))
    ran = run(root, "merged_tune", "fine_tune", "all")
    assert ran.returncode == 1 and ran.stderr == (
        "error: two: no training image; add some, or merge without it (all_but_two)\n"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("top_tuned", "all"), "unknown recipe 'top_tuned' in the command; .* Did you mean 'top_tune'"),
        (("top_tune", "all_but_tow"), "unknown merged source 'all_but_tow' .* Did you mean 'all_but_two'"),
    ],
)
def test_unknown_words_are_refused_with_the_known_ones(root: Path, given: tuple[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        merged_tune.main(*given)
