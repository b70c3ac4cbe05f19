"""The real pipeline, small, in clones of this repository: what a user and a colleague do with DVC.

One clone grows through the whole file, so the tests run in order; each says what a user can rely on.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {
    **os.environ,
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "DVC_NO_ANALYTICS": "1",
    "HF_HUB_OFFLINE": "1",
}
SMALL = {
    "datasets": ["sample_food", "sample_household"],
    "sample": {
        "seed": 7,
        "labels": 6,
        "unseen_labels": {"sample_household": 4},
        "photos": {"train": 6, "gallery": 3, "query": 2, "studio": 1},
        "messiness": 0.5,
        "size": 96,
    },
    "cost": {"measured": [1000], "extrapolated": []},
}
TUNED = ("top_tune", "fine_tune", "hybrid_tune", "merged_tune", "interpolate", "cross_tune")

pytestmark = pytest.mark.slow


class Clone:
    """A working copy in which commands run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *command: str, code: int = 0, **environment: str) -> str:
        """Run a command; its output. Fails with that output when the exit code differs."""
        variables = ENVIRONMENT | environment
        ran = subprocess.run(command, cwd=self.path, env=variables, capture_output=True, text=True)
        output = ran.stdout + ran.stderr
        assert ran.returncode == code, f"{' '.join(command)} -> {ran.returncode}\n{output[-6000:]}"
        return output

    def dvc(self, *arguments: str, code: int = 0, **environment: str) -> str:
        return self.run("dvc", *arguments, code=code, **environment)

    def forget(self) -> None:
        """Back to the committed state."""
        self.run("git", "checkout", "-q", ".")
        self.dvc("checkout", "-q", "--with-deps", "report")

    def commit(self) -> None:
        self.run("git", "add", "-A")
        self.run("git", "commit", "-qm", "state")

    def json(self, path: str) -> Any:
        return json.loads((self.path / path).read_text())

    def edit(self, **changes: Any) -> None:
        """Change sections of params.yaml as a person would in an editor."""
        path = self.path / "params.yaml"
        params = yaml.safe_load(path.read_text())
        for key, value in changes.items():
            params[key] = {**params[key], **value} if isinstance(value, dict) and key != "sample" else value
        path.write_text(yaml.safe_dump(params, sort_keys=False))


def ran(output: str) -> list[str]:
    """Names of the stages that DVC really ran."""
    return re.findall(r"Running stage '(?:[\w/]+dvc\.yaml:)?([\w@-]+)'", output)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A clone of this working tree with small params, and a remote folder beside it."""
    top = tmp_path_factory.mktemp("vitrine")
    clone = Clone(top / "a clone")  # the space is part of the test
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone.path)], check=True, env=ENVIRONMENT)
    changed = ["git", "ls-files", "-z", "--modified", "--others", "--exclude-standard", "--deduplicate"]
    for name in subprocess.check_output(changed, cwd=ROOT, text=True).split("\0"):
        if name and (ROOT / name).is_file():
            (clone.path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone.path / name)
    clone.edit(**SMALL, top_tune={"epochs": 3}, fine_tune={"epochs": 2}, runtime={"threads": 1})
    for lock in ("dvc.lock", "models/dvc.lock", "data/dvc.lock"):
        (clone.path / lock).unlink(missing_ok=True)
    clone.dvc("remote", "add", "-d", "shared", str(top / "remote"))
    clone.commit()
    yield clone
    shutil.rmtree(top, ignore_errors=True)


def test_one_command_rebuilds_everything_and_the_second_time_nothing(clone: Clone) -> None:
    clone.run("python", "-m", "src.check")
    stages = ran(clone.dvc("repro"))
    assert sorted(stage for stage in stages if stage.startswith("sample@")) == ["sample@food", "sample@household"]
    assert len([stage for stage in stages if stage.startswith(TUNED)]) == 8
    assert not [stage for stage in stages if stage.startswith("pretrain")]
    headline = clone.json("metrics/summary.json")["mMP@5"]
    assert headline.keys() == {"pretrained", "top_tuned", "fine_tuned", "cross_tuned"}
    assert all(0 < value < 1 for value in [headline["pretrained"], *headline["cross_tuned"].values()])
    assert "up to date" in clone.dvc("repro")
    clone.commit()


def test_every_metric_of_every_cell_is_there(clone: Clone) -> None:
    names = {
        "mMP@5",
        "R@1",
        "R@5",
        "R@10",
        "mAP@R",
        "mAP@20",
        "MRR",
        "nDCG@10",
        "queries",
        "queries_without_relevant",
        "gallery",
        "interval",
    }
    said = {"accuracy", "macro_precision", "macro_recall", "macro_F1", "images"}
    for strategy in ("pretrained", "top_tuned", "fine_tuned"):
        metrics = clone.json(f"metrics/{strategy}.json")
        for dataset in SMALL["datasets"]:
            assert metrics[dataset].keys() - {"training"} == {"phone", "studio", "classification", "images"}
            assert metrics[dataset]["images"].keys() == {"images", "labels", "quarantined"}
            assert metrics[dataset]["phone"].keys() == names
            assert metrics[dataset]["classification"].keys() == said
            assert ("training" in metrics[dataset]) == (strategy != "pretrained")
    crossed = clone.json("metrics/cross_tuned.json")
    for method in ("top_tuned", "fine_tuned"):
        assert crossed[method]["sample_food"]["sample_household"]["phone"].keys() == names
        assert "sample_food" not in crossed[method]["sample_food"]


def test_the_page_and_the_plots_are_there(clone: Clone) -> None:
    page = (clone.path / "metrics/report/index.html").read_text()
    assert "sample_household" in page
    assert "data:image/jpeg;base64," in page
    clone.dvc("plots", "show", "-o", "plots_page")
    assert "vega" in (clone.path / "plots_page/index.html").read_text().lower()
    shutil.rmtree(clone.path / "plots_page")


def test_a_model_in_the_table_that_nobody_chose_runs_nothing(clone: Clone) -> None:
    clone.edit(models={"mine": {"library": "timm", "checkpoint": "resnet18", "family": "supervised", "licence": "x"}})
    assert "up to date" in clone.dvc("repro")
    clone.run("git", "checkout", "-q", "params.yaml")


def test_push_clone_pull_leaves_nothing_but_scoring_to_run(clone: Clone) -> None:
    clone.dvc("push", "-q")
    colleague = Clone(clone.path.with_name("colleague"))
    clone.run("git", "clone", "-q", ".", str(colleague.path))
    colleague.dvc("pull", "-q", "--with-deps", "report")
    assert {stage.split("@")[0] for stage in ran(colleague.dvc("repro"))} <= {"evaluate", "report"}
    assert colleague.json("metrics/summary.json") == clone.json("metrics/summary.json")


def test_another_model_is_compared_without_an_empty_cell(clone: Clone) -> None:
    stages = ran(clone.dvc("exp", "run", "-S", "model=sample_ssl"))
    assert not [stage for stage in stages if stage.startswith(("sample@", "prepare@"))]
    changed = json.loads(clone.dvc("metrics", "diff", "--json"))["metrics/summary.json"]
    for strategy in ("pretrained", "top_tuned", "fine_tuned", "cross_tuned.top_tuned", "cross_tuned.fine_tuned"):
        cell = changed[f"mMP@5.{strategy}"]
        assert cell["old"] is not None
        assert cell["diff"] == pytest.approx(cell["new"] - cell["old"])
    clone.forget()


def test_some_strategies_only_run_just_what_they_need(clone: Clone) -> None:
    fresh = Clone(clone.path.with_name("fresh"))
    clone.run("git", "clone", "-q", ".", str(fresh.path))
    for old in (fresh.path / "metrics").glob("*.json"):
        old.unlink()
    fresh.commit()
    stages = ran(fresh.dvc("exp", "run", "-S", "model=sample_clip", "-S", "strategies=[pretrained,top_tuned]"))
    assert {stage.split("@")[0] for stage in stages} == {
        *("sample", "prepare", "audit", "weights", "extract", "similarity", "top_tune"),
        *("retrieve", "evaluate", "match", "distract", "compress", "cost", "report"),
    }
    summary = fresh.json("metrics/summary.json")
    assert summary["model"] == "sample_clip"
    assert summary["mMP@5"].keys() == {"pretrained", "top_tuned"}


def test_fewer_strategies_in_a_full_workspace_mix_nothing_of_another_model_in(clone: Clone) -> None:
    clone.dvc("exp", "run", "-S", "model=sample_clip", "-S", "strategies=[pretrained,top_tuned]")
    summary = clone.json("metrics/summary.json")
    assert (summary["model"], summary["mMP@5"].keys()) == ("sample_clip", {"pretrained", "top_tuned"})
    assert clone.json("metrics/fine_tuned.json")["model"] != "sample_clip"  # still there, and left out
    clone.forget()


def test_going_back_to_a_model_seen_before_computes_nothing(clone: Clone) -> None:
    assert ran(clone.dvc("exp", "run", "-S", "model=sample_ssl")) == []
    clone.forget()


def test_a_model_named_on_the_command_line_comes_from_the_hub(clone: Clone, tmp_path: Path) -> None:
    from backbones import hub_server, repositories
    from src.entries import Model

    name, hub = "test_vit.r160_in1k", tmp_path / "hub"
    repositories.write(hub, Model(library="timm", checkpoint=name))
    entry = ["-S", "+models.mine.library=timm", "-S", f"+models.mine.checkpoint={name}"]
    with hub_server.served(hub) as served:
        reach = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": served.url, "HF_HUB_CACHE": str(tmp_path / "cache")}
        clone.dvc("exp", "run", "-S", "model=mine", *entry, "-S", "strategies=[pretrained,top_tuned]", **reach)
    config, summary = clone.json("models/backbone/config.json"), clone.json("metrics/summary.json")
    assert config["revision"] == served.commit(f"timm/{name}")
    assert (summary["model"], summary["weights_sha256"]) == ("mine", config["weights_sha256"])
    assert summary["mMP@5"].keys() == {"pretrained", "top_tuned"}
    clone.forget()


def test_an_embedding_service_asks_before_it_costs_and_is_paid_once(clone: Clone) -> None:
    from services.server import running

    with running() as server:
        wish = ["-S", "model=cohere", "-S", f"+models.cohere.endpoint={server.endpoint('cohere')}"]
        key = {"COHERE_API_KEY": server.key}
        assert "cannot be trained" in clone.dvc("exp", "run", *wish, code=255, **key)
        clone.forget()
        wish += ["-S", "strategies=[pretrained,top_tuned]"]
        refused = clone.dvc("exp", "run", *wish, code=255, **key)
        assert "-S runtime.services.max_images=" in refused
        assert not server.photos
        clone.forget()
        clone.dvc("exp", "run", *wish, "-S", "runtime.services.max_images=1000", **key)
        assert set(server.photos.values()) == {1}
    assert clone.json("metrics/summary.json")["mMP@5"].keys() == {"pretrained", "top_tuned"}
    kept = subprocess.run(
        ["grep", "-rlF", "--exclude-dir=tests", server.key, str(clone.path)], capture_output=True, text=True
    )
    assert kept.stdout == ""
    clone.forget()


def test_a_small_number_on_the_command_line_arrives_as_a_number(clone: Clone) -> None:
    clone.dvc("exp", "run", "-S", "top_tune.lr=1e-5", "models/dvc.yaml:top_tune@sample_food")
    code = "from src.params import load; print(load().top_tune.lr == 1e-5)"
    assert clone.run("python", "-c", code).strip() == "True"
    assert clone.json("models/top_tuned/sample_food/config.json")["recipe"]["lr"] == 1e-5
    clone.forget()


def test_a_search_writes_every_trial_down_and_they_are_drawn(clone: Clone) -> None:
    search = ["-S", "top_tune.search={trials: 3, epochs: 2, repeats: 1}"]
    output = clone.dvc("exp", "run", *search, "models/dvc.yaml:top_tune@sample_food")
    assert "best of 3 trials, " in output
    trials = (clone.path / "metrics/trials/sample_food.csv").read_text().splitlines()
    assert len(trials) == 1 + 3 and trials[0].startswith("trial,state,score,best,steps,")
    clone.dvc("plots", "show", "metrics/trials/sample_food.csv", "-o", "plots_page")
    assert "Search for top-tuning on sample_food" in (clone.path / "plots_page/index.html").read_text()
    shutil.rmtree(clone.path / "plots_page")
    clone.forget()


def test_a_hybrid_tunes_itself_and_no_other_one(clone: Clone) -> None:
    output = clone.dvc("exp", "run", "-S", "strategies=[pretrained,hybrid_tuned]", "-S", "hybrid.method=lora")
    tuned = {stage for stage in ran(output) if stage.startswith(TUNED)}
    assert tuned == {"hybrid_tune@lora-sample_food", "hybrid_tune@lora-sample_household"}
    summary, metrics = clone.json("metrics/summary.json"), clone.json("metrics/hybrid_tuned.json")
    assert metrics["hybrid"] == "lora" and set(summary["mMP@5"]) == {"pretrained", "hybrid_tuned"}
    network = clone.json("models/backbone/config.json")["parameters"]
    assert 0 < summary["trained_parameters"]["hybrid_tuned"] < network / 5
    clone.forget()


def test_one_head_for_all_datasets_is_tuned_when_asked_for(clone: Clone) -> None:
    output = clone.dvc("exp", "run", "-S", "cross_tune.merged=[all]", "-S", "cross_tune.methods=[top_tuned]")
    tuned = {stage for stage in ran(output) if stage.startswith(TUNED)}
    assert tuned == {"merged_tune@top_tune-all", "cross_tune_merged@top_tuned-all"}
    assert clone.json("metrics/summary.json")["merged"]["top_tuned"].keys() == {"all"}
    clone.forget()


def test_queued_experiments_run_the_code_they_were_queued_with(clone: Clone) -> None:
    """The queue works on a copy of the tree; breaking the workspace afterwards must not reach it."""
    few = ["-S", "strategies=[pretrained]"]
    clone.dvc("exp", "run", "--queue", "-S", "model=sample_supervised,sample_ssl,sample_clip", *few)
    broken = clone.path / "src/metrics.py"
    broken.write_text("raise RuntimeError('the original was imported')\n")
    output = clone.dvc("exp", "run", "--run-all")
    assert "the original was imported" not in output
    clone.run("git", "checkout", "-q", ".")
    shown = json.loads(clone.dvc("exp", "show", "--json"))
    done = [
        experiment["revs"][0]["data"]["metrics"]["metrics/summary.json"]["data"]["model"]
        for commit in shown
        for experiment in commit["experiments"] or []
        if experiment["revs"][0]["data"] and not experiment["revs"][0]["data"]["metrics"].get("error")
    ]
    assert {"sample_supervised", "sample_ssl", "sample_clip"} <= set(done)


def test_temp_runs_use_the_copied_tree(clone: Clone) -> None:
    with (clone.path / "src/stages/report.py").open("a") as file:
        file.write("\nprint('imported from', __file__)\n")
    output = clone.dvc("exp", "run", "--temp", "-S", "report.queries=1", "-S", "strategies=[pretrained]")
    clone.run("git", "checkout", "-q", ".")
    assert re.search(r"imported from .*[/\\]\.dvc[/\\]tmp[/\\]exps", output)


def test_a_further_dataset_computes_only_its_own_cells(clone: Clone) -> None:
    clone.edit(datasets=[*SMALL["datasets"], "sample_fashion"])
    output = clone.dvc("repro")
    alone = [stage for stage in ran(output) if stage.startswith(("sample@", "prepare@", "extract@", "top_", "fine_"))]
    assert all(stage.endswith("fashion") for stage in alone)
    assert re.findall(r"cross_tune \w+: sample_food -> (.*?), \d", output) == ["sample_fashion", "sample_fashion"]
    clone.commit()


def test_a_dataset_taken_out_leaves_nothing_behind(clone: Clone) -> None:
    clone.edit(datasets=SMALL["datasets"])
    clone.dvc("repro")
    clone.commit()
    clone.dvc("push", "-q")
    colleague = Clone(clone.path.with_name("second colleague"))
    clone.run("git", "clone", "-q", ".", str(colleague.path))
    colleague.dvc("pull", "-q", "--with-deps", "report")
    assert {stage.split("@")[0] for stage in ran(colleague.dvc("repro"))} <= {"evaluate", "report"}


def test_photos_of_your_own_need_one_entry_and_no_code(clone: Clone) -> None:
    """A folder a class somewhere on the disk, brought in by reference, as the README says."""
    album = clone.path.with_name("my photos")
    shutil.copytree(clone.path / "data/raw/sample_food/photos", album)
    clone.dvc("import-url", "-q", str(album), "data/raw/mine")
    mine = {"reader": "folder", "protocols": {"test": {"query": "test", "gallery": "test"}}}
    clone.edit(datasets=["mine"], strategies=["pretrained", "top_tuned"], catalogue={"mine": mine})
    assert "mine: 72 images, 6 labels" in clone.run("python", "-m", "src.check")
    stages = ran(clone.dvc("exp", "run"))
    assert {stage.partition("@")[2] for stage in stages if stage.startswith(("sample", "prepare", "extract"))} == {
        "mine"
    }
    assert (clone.path / "data/raw/mine").is_dir()
    assert clone.json("metrics/pretrained.json")["mine"]["test"]["queries"] > 0
    clone.run("git", "checkout", "-q", ".")
    clone.run("git", "clean", "-fdq")


def test_a_mistake_in_params_is_one_line_before_anything_runs(clone: Clone) -> None:
    clone.edit(model="sample_spervised")
    output = clone.run("python", "-m", "src.check", code=1)
    assert output.splitlines()[-1].startswith("error: unknown model 'sample_spervised' in params.yaml")
    assert "Did you mean 'sample_supervised'?" in output
    clone.run("git", "checkout", "-q", ".")
