"""What is taken from `dvc exp show --json`."""

import subprocess

import pytest
from exp_show import experiment, shown

from src import experiments
from src.errors import UserError


def test_commits_and_their_experiments_are_read_and_the_workspace_is_not() -> None:
    found = list(experiments.finished(shown(experiment("main", 0, 0.2), experiment("tall-huts", 1, 0.4))))
    assert [(one.name, one.seed, one.model) for one in found] == [("main", 0, "tiny"), ("tall-huts", 1, "tiny")]
    assert found[1].metrics["top_tuned"]["cars"]["phone"] == {"mMP@5": 0.4}
    assert found[1].protocols == {"cars": ["phone", "studio"], "food": ["phone", "studio"]}
    assert found[1].entry == {"library": "timm"}


@pytest.mark.parametrize(("state", "counts"), [("success", True), ("running", False), ("failed", False)])
def test_an_experiment_counts_once_it_has_ended_well(state: str, counts: bool) -> None:
    """While it runs, what it shows is partly that of the commit it began with."""
    found = shown(experiment("main", 0, 0.2), experiment("tall-huts", 1, 0.4))
    found[1]["experiments"][0]["executor"] = {"state": state, "name": "dvc-task"}
    assert [one.name for one in experiments.finished(found)] == ["main", "tall-huts"][: 1 + counts]


def test_metrics_of_another_model_than_the_params_name_do_not_count() -> None:
    """As when params.yaml was committed and `dvc repro` never run."""
    stale = experiment("main", 0, 0.2)
    stale["data"]["metrics"]["metrics/top_tuned.json"]["data"]["model"] = "older"
    assert list(experiments.finished(shown(stale))) == []


def test_a_cost_file_counts_only_for_its_model_and_for_strategies_that_were_run() -> None:
    one = experiment("main", 0, 0.2)
    for strategy, model in {"top_tuned": "tiny", "fine_tuned": "tiny"}.items():
        one["data"]["metrics"][f"metrics/cost/{strategy}.json"] = {"data": {"model": model, "tuning": {"seconds": 9}}}
    (found,) = experiments.finished(shown(one))
    assert found.costs == {"top_tuned": {"model": "tiny", "tuning": {"seconds": 9}}}
    one["data"]["metrics"]["metrics/cost/top_tuned.json"]["data"]["model"] = "older"
    (found,) = experiments.finished(shown(one))
    assert found.costs == {}


def test_settings_are_all_but_the_seed_and_what_changes_no_cell() -> None:
    (found,) = experiments.finished(shown(experiment("main", 3, 0.2, report={"queries": 6}, compress={"parts": [8]})))
    settings = found.settings
    assert not [key for key in settings if key.startswith(("seed", "runtime", "report", "compress"))]
    assert settings["top_tune.lr"] == "0.1"
    assert settings["chosen.library"] == '"timm"'


def test_a_failure_of_dvc_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess(experiments.SHOW, 1, "", "ERROR: you are not inside of a DVC repository\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(UserError, match="`dvc exp show` failed: ERROR: you are not inside of a DVC repository"):
        experiments.show()


def test_code_and_photos_are_what_a_run_began_with_as_far_as_dvc_has_their_hashes() -> None:
    one = experiment("main", 0, 0.2)
    made = {"data/manifests/cars": "m", "metrics/cost": "c", "data/raw/sample_food": "s"}
    one["data"]["deps"] |= {path: {"hash": key} for path, key in made.items()}
    one["data"]["deps"] |= {"data/raw/cars": {"hash": "r"}, "src/stages/never_run.py": {"hash": None}}
    one["data"]["outs"] |= {"data/raw/sample_food": {"hash": "s"}}
    (found,) = experiments.finished(shown(one))
    assert found.given == {"src/tuning": "c", "data/raw/cars": "r"}
