"""The command `advise`, on the tables of two revisions in folders of their own."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from src import advise, store
from src.advice import Budget
from src.compare import Revision
from src.errors import UserError
from src.expense import CATALOGUE

RIGHT = {"pretrained": 10, "top_tuned": 40, "cross_tuned": 5}  # of 50 queries


def write(root: Path, model: str, better: int = 0) -> None:
    """A revision: params, per-query tables, matches, predictions, and what pretrained cost."""
    entry = {"library": "sample", "licence": "MIT"}
    params = {"model": model, "datasets": ["cars", "food"], "strategies": list(RIGHT), "models": {model: entry}}
    root.mkdir(parents=True)
    (root / "params.yaml").write_text(json.dumps(params))
    for strategy, right in RIGHT.items():
        parts = [of_dataset(strategy, dataset, right + better) for dataset in params["datasets"]]
        table = pd.concat(parts, ignore_index=True)
        store.write_table(root / f"data/queries/{strategy}/queries.parquet", table)
        taught: dict[str, Any] = {"cars": {"classification": {}}, "food": {}}
        store.write_json(root / f"data/queries/{strategy}/metrics.json", {"model": model, **taught})
        matches = table[["strategy", "dataset", "protocol", "method", "source", "row"]].assign(**{"product_R@1": 0.5})
        store.write_table(root / f"data/matches/{strategy}/matches.parquet", matches)
        said = pd.DataFrame({"row": range(50), "predicted": ["x"] * 40 + ["y"] * 10})
        store.write_table(root / f"data/neighbors/{strategy}/cars/predictions.parquet", said)
    cost = {"model": model, "embedding": {"images_per_second": 100.0}, "encoder": {"bytes_per_vector": 2048}}
    cost["search"] = {"measured": {"100000": {"p50_ms": 3.0}}}
    store.write_json(root / "metrics/cost/pretrained.json", cost)


def of_dataset(strategy: str, dataset: str, right: int) -> pd.DataFrame:
    method = "top_tuned" if strategy == "cross_tuned" else ""
    return pd.DataFrame({
        "strategy": strategy,
        "dataset": dataset,
        "protocol": "phone",
        "method": method,
        "source": "shoes" if method else "",
        "row": range(50),
        "image_id": [str(at) for at in range(50)],
        "label": "x",
        "n_relevant": 3,
        "cluster": range(50),
        "clustered_by": "query",
        "mMP@5": [1.0] * right + [0.0] * (50 - right),
        "nDCG@10": 0.5,
    })  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace, and a revision `tall-huts` of another model that is better."""
    write(tmp_path / "workspace", "tiny")
    write(tmp_path / "tall-huts", "siglip", better=5)
    monkeypatch.setattr(
        Revision, "named", lambda name: Revision(name, lambda path: (tmp_path / name / path).read_bytes())
    )
    return tmp_path


def printed(
    capsys: pytest.CaptureFixture[str],
    *revisions: str,
    goal: str | None = None,
    dataset: str | None = None,
    **most: Any,
) -> list[str]:
    advise.main(revisions, goal, dataset, CATALOGUE, among=False, budget=Budget(**most))
    return capsys.readouterr().out.splitlines()


def test_of_the_workspace_by_itself(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, goal="visual_search")
    assert lines[1].startswith("For visual search take tiny top_tuned: mMP@5 80.0 % (95 % interval ")
    assert lines[2] == "It costs what nobody measured, licence MIT."
    assert lines[3].startswith("The runner-up, tiny pretrained, loses 60.0 points (")


def test_without_a_goal_there_is_advice_for_each(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for line in printed(capsys) if line.startswith("For ")]
    assert [line.split(":")[0] for line in lines] == [
        "For visual search take tiny top_tuned",
        "For recommendations take tiny pretrained",  # all alike: the one that nothing is tuned for
        "For tagging take tiny pretrained",
        "For finding the exact product take tiny pretrained",
        "For use on another domain take tiny pretrained",
    ]
    assert "accuracy 80.0 % (95 % interval " in lines[2] and lines[2].endswith(" on cars.")
    assert "R@1 of products 50.0 %" in lines[3]


def test_among_revisions_each_is_told_with_its_own(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "workspace", "tall-huts", goal="visual_search")
    assert lines[1].startswith("For visual search take siglip top_tuned (tall-huts): mMP@5 90.0 %")
    assert lines[3].startswith("The runner-up, tiny top_tuned (workspace), loses 10.0 points (")


def test_of_one_dataset_alone(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, goal="visual_search", dataset="food")[1].endswith(" on food.")
    with pytest.raises(UserError, match=r"unknown dataset 'foot' in params.yaml of workspace; .* Did you mean 'food'"):
        printed(capsys, goal="visual_search", dataset="foot")


def test_a_budget_needs_measured_costs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, goal="visual_search", milliseconds=13)
    assert lines[1].startswith("For visual search take tiny pretrained: ")
    assert lines[2] == "It costs 0 min of tuning, 13 ms an answer, 2,048 bytes a vector, licence MIT."
    assert lines[4].endswith("it is out because of how long an answer takes, which was not measured.")


def test_the_costs_of_another_model_do_not_count(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store.write_json(here / "workspace/metrics/cost/pretrained.json", {"model": "older"})
    assert printed(capsys, goal="other_domain")[2] == "It costs 0 min of tuning, licence MIT."


def test_a_revision_that_cannot_be_read_is_told_and_the_others_count(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "tall-huts/data/matches/top_tuned/matches.parquet").unlink()
    lines = printed(capsys, "workspace", "tall-huts", goal="exact_sku")
    assert lines[1].startswith("For finding the exact product take tiny pretrained (workspace): ")
    assert any(line.startswith("(tall-huts: data/matches/top_tuned/matches.parquet is neither in ") for line in lines)


def test_a_goal_that_nothing_was_measured_for_is_one_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "workspace/data/matches/top_tuned/matches.parquet").unlink()
    with pytest.raises(UserError, match=r"data/matches/top_tuned/matches.parquet is missing; run `dvc repro`"):
        printed(capsys, goal="exact_sku")
    assert "For finding the exact product nothing was measured." in printed(capsys)
    with pytest.raises(UserError, match="unknown goal 'exact' in the command; known: exact_sku, "):
        printed(capsys, goal="exact")


def test_what_is_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ["main", "--goal", "tagging", "--minutes", "30", "--commercial", "--bytes", "2048"]
    monkeypatch.setattr("sys.argv", ["advise", *typed])
    assert advise.arguments() == {
        "revisions": ["main"],
        "goal": "tagging",
        "dataset": None,
        "catalogue": CATALOGUE,
        "among": False,
        "budget": Budget(minutes=30, bytes=2048, commercial=True),
    }
