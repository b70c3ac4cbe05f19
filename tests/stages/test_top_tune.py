"""The stage top_tune on two datasets of 48 vectors."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tuning_workspace import digests, params, run, table, write_pretrained

from src import store
from src.stages import top_tune
from src.tuning import heads

QUICK = {"top_tune__layers": [16, 8], "top_tune__epochs": 8, "top_tune__batch_size": 8, "top_tune__lr": 0.01}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    params(tmp_path, **QUICK)
    write_pretrained(tmp_path, "one", table())
    return tmp_path


def test_head_curve_embeddings_predictions_and_cost_are_written(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    top_tune.main("one")
    rows, frozen = table(), root / "data/embeddings/pretrained/one"
    manifest_sha256 = store.read_json(frozen / "sidecar.json")["manifest_sha256"]
    embeddings, sidecar = store.read_embeddings(root / "data/embeddings/top_tuned/one", manifest_sha256)
    assert embeddings.shape == (len(rows), 8)
    assert sidecar["strategy"] == "top_tuned" and sidecar["weights_sha256"] == "w"
    assert sidecar["encoder_sha256"] == store.sha256(root / "models/top_tuned/one/head.safetensors")
    assert sidecar["classes"] == sorted(rows["label"].unique())

    predictions = np.load(root / "data/embeddings/top_tuned/one/predictions.npy")
    assert predictions.shape == (len(rows),) and predictions.dtype == np.int64
    right = np.array(sidecar["classes"])[predictions] == rows["label"].to_numpy(dtype=str)
    assert right[rows["tuning"] == "train"].mean() > 0.7  # 1 in 6 by chance

    curve = pd.read_csv(root / "metrics/curves/top_tuned/one/plots/metrics/validation/mMP@5.tsv", sep="\t")
    config = store.read_json(root / "models/top_tuned/one/config.json")
    kept = curve[curve["step"] == config["validation"]["epoch"]].iloc[0]
    assert kept["mMP@5"] == config["validation"]["mMP@5"] == curve["mMP@5"].max()
    cost = store.read_json(root / "data/cost/top_tuned/one/cost.json")
    assert cost["seconds"] > 0 and cost["images"] == cost["epochs"] * 24
    assert capsys.readouterr().out.startswith("top_tune one: epoch ")


def test_the_written_head_gives_the_written_embeddings(root: Path) -> None:
    top_tune.main("one")
    tuned, _ = heads.load(root / "models/top_tuned/one")
    frozen = np.load(root / "data/embeddings/pretrained/one/embeddings.npy")
    written = np.load(root / "data/embeddings/top_tuned/one/embeddings.npy")
    assert np.array_equal(heads.embed(tuned.encoder, frozen), written)


def test_a_second_process_writes_the_same_bytes_and_another_seed_does_not(root: Path) -> None:
    top_tune.main("one")
    first = digests(root / "models") | digests(root / "data")
    assert run(root, "top_tune", "one").returncode == 0
    assert digests(root / "models") | digests(root / "data") == first
    params(root, **QUICK, seed=1)
    top_tune.main("one")
    assert digests(root / "models")["top_tuned/one/head.safetensors"] != first["top_tuned/one/head.safetensors"]


def test_with_a_search_the_best_trial_is_trained_and_all_are_written_down(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params(root, **QUICK, top_tune__search={"trials": 3, "epochs": 2, "repeats": 1})
    top_tune.main("one")
    trials, config = (
        pd.read_csv(root / "metrics/trials/one.csv"),
        store.read_json(root / "models/top_tuned/one/config.json"),
    )
    assert trials["trial"].tolist() == [1, 2, 3] and trials["steps"].tolist() == [2, 2, 2]
    best = trials.loc[trials["score"].idxmax()]
    assert config["dropout"] == best["dropout"] and config["layers"][-1] == 2 ** best["dim"]
    assert config["recipe"]["momentum"] == best["momentum"] and config["recipe"]["epochs"] == 8
    assert len(store.read_json(root / "models/top_tuned/one/study.json")) == 3
    cost = store.read_json(root / "data/cost/top_tuned/one/cost.json")
    assert cost["trials"] == 3 and cost["epochs"] > 6 and cost["images"] == cost["epochs"] * 24
    assert "top_tune one: best of 3 trials, epoch" in capsys.readouterr().out

    first = digests(root / "models") | digests(root / "data") | digests(root / "metrics")
    assert run(root, "top_tune", "one").returncode == 0
    assert digests(root / "models") | digests(root / "data") | digests(root / "metrics") == first


def test_without_a_search_the_table_of_trials_is_empty(root: Path) -> None:
    top_tune.main("one")
    assert pd.read_csv(root / "metrics/trials/one.csv").empty
    assert store.read_json(root / "models/top_tuned/one/study.json") == []


def test_a_search_with_nothing_to_choose_by_stops_with_one_clear_line(root: Path) -> None:
    params(root, **QUICK, top_tune__search="on")
    write_pretrained(root, "one", table().replace({"tuning": {"val": ""}}))
    ran = run(root, "top_tune", "one")
    assert ran.returncode == 1 and ran.stderr.count("\n") == 1
    assert ran.stderr.startswith("error: top_tune.search: there are no validation images that share a label")


def test_one_training_label_stops_with_one_clear_line_and_writes_nothing(root: Path) -> None:
    write_pretrained(root, "one", table(labels=1))
    ran = run(root, "top_tune", "one")
    assert ran.returncode == 1 and ran.stdout == ""
    assert ran.stderr.startswith("error: one: 4 training images of one label ('label0'); tuning needs two labels")
    assert ran.stderr.count("\n") == 1
    assert not (root / "models").exists()


def test_without_validation_the_last_epoch_is_kept_and_said(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_pretrained(root, "one", table().replace({"tuning": {"val": ""}}))
    top_tune.main("one")
    assert "epoch 8 (the last; no validation images to choose by)" in capsys.readouterr().out
    assert store.read_json(root / "models/top_tuned/one/config.json")["validation"]["mMP@5"] is None
