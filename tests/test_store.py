"""Files that appear whole or not at all."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src import store
from src.errors import UserError

SIDECAR = {"model": "m", "weights_sha256": "w", "manifest_sha256": "a"}


def unit(rows: int, dim: int) -> np.ndarray:
    vectors = np.random.default_rng(0).normal(size=(rows, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_file_that_fails_half_way_leaves_the_old_one_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    store.write_json(path, {"old": 1})
    with pytest.raises(RuntimeError), store.whole(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert store.read_json(path) == {"old": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_a_folder_that_fails_half_way_leaves_the_old_one_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with store.whole_folder(path) as part:
        (part / "old").write_text("1")
    with pytest.raises(RuntimeError), store.whole_folder(path) as part:
        (part / "new").write_text("2")
        raise RuntimeError
    assert [file.name for file in path.iterdir()] == ["old"]
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


def test_a_folder_replaces_all_of_the_old_one(tmp_path: Path) -> None:
    for name in ("old", "new"):
        with store.whole_folder(tmp_path / "out") as part:
            (part / name).write_text(name)
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["new"]


def test_colleagues_can_read_what_was_written_for_its_owner_alone(tmp_path: Path) -> None:
    with store.whole(tmp_path / "weights") as part:
        part.touch(mode=0o600)
    (tmp_path / "plain").touch()
    assert (tmp_path / "weights").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_embeddings_come_back_as_written(tmp_path: Path) -> None:
    vectors = unit(5, 3)
    store.write_embeddings(tmp_path / "e", vectors, SIDECAR)
    read, sidecar = store.read_embeddings(tmp_path / "e", "a")
    assert np.array_equal(read, vectors)
    assert (sidecar["rows"], sidecar["dim"], sidecar["model"]) == (5, 3, "m")


def test_embeddings_of_another_manifest_are_refused_with_the_cure(tmp_path: Path) -> None:
    store.write_embeddings(tmp_path / "e", unit(5, 3), SIDECAR)
    with pytest.raises(UserError, match=r"manifest_sha256 is a, expected b; run `dvc repro`"):
        store.read_embeddings(tmp_path / "e", "b")


def test_embeddings_cut_short_are_refused(tmp_path: Path) -> None:
    store.write_embeddings(tmp_path / "e", unit(5, 3), SIDECAR)
    store.write_array(tmp_path / "e" / "embeddings.npy", unit(4, 3))
    with pytest.raises(UserError, match="rows is 5, expected 4"):
        store.read_embeddings(tmp_path / "e", "a")


def test_embeddings_of_another_format_are_refused(tmp_path: Path) -> None:
    store.write_embeddings(tmp_path / "e", unit(5, 3), SIDECAR)
    sidecar = json.loads((tmp_path / "e" / "sidecar.json").read_text())
    store.write_json(tmp_path / "e" / "sidecar.json", {**sidecar, "format_version": 99})
    with pytest.raises(UserError, match="format_version is 99"):
        store.read_embeddings(tmp_path / "e", "a")


def test_equal_tables_give_equal_bytes(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": ["x", "y"], "b": [1, 2]})
    store.write_table(tmp_path / "1", table)
    store.write_table(tmp_path / "2", table.copy())
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_json_never_holds_what_json_cannot_say(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        store.write_json(tmp_path / "a.json", {"mMP@5": float("nan")})
    assert not list(tmp_path.iterdir())


def test_missing_files_are_named_with_the_command_that_makes_them(tmp_path: Path) -> None:
    for read in (store.read_json, store.read_table, store.read_array):
        with pytest.raises(UserError, match=r"nothing.* is missing; run `dvc repro`"):
            read(tmp_path / "nothing")


def test_tidy_removes_only_what_is_not_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("cars", "food"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("x")
    store.tidy(tmp_path, ["cars"])
    assert [path.name for path in tmp_path.iterdir()] == ["cars"]
    assert "food" in capsys.readouterr().out


def test_finished_work_of_the_last_runs_is_kept(tmp_path: Path) -> None:
    for age, name in enumerate(("now", "before", "earlier", "long ago", "longer ago")):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    store.keep_recent(tmp_path, {"long ago"}, runs=3)
    assert {path.name for path in tmp_path.iterdir()} == {"long ago", "now", "before"}
    store.keep_recent(tmp_path, {"now"}, runs=2)
    assert {path.name for path in tmp_path.iterdir()} == {"long ago", "now"}


def test_a_fingerprint_follows_content_and_nothing_else() -> None:
    assert store.fingerprint({"a": 1, "b": 2}) == store.fingerprint({"b": 2, "a": 1})
    assert store.fingerprint({"a": 1}) != store.fingerprint({"a": 2})


def test_scratch_of_a_queued_experiment_is_the_main_repositorys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert store.scratch("extract", "key") == tmp_path / ".scratch" / "extract" / "key"
