"""What a run has measured, read through a door that a dictionary stands for."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from src.candidates import GOALS
from src.errors import UserError
from src.findings import Findings

STRATEGIES = ("pretrained", "top_tuned", "cross_tuned")


def table(strategy: str) -> pd.DataFrame:
    """Two queries a dataset; the second is answered rightly."""
    method = "top_tuned" if strategy == "cross_tuned" else ""
    return pd.DataFrame({
        "strategy": strategy,
        "dataset": ["cars", "cars", "food", "food"],
        "protocol": "phone",
        "method": method,
        "source": ["food", "food", "cars", "cars"] if method else "",
        "row": [0, 1, 0, 1],
        "image_id": ["a", "b", "a", "b"],
        "label": ["x", "y", "x", "y"],
        "n_relevant": 1,
        "cluster": [0, 1, 0, 1],
        "clustered_by": "query",
        "mMP@5": [0.0, 1.0, 0.0, 1.0],
        "nDCG@10": 0.25,
    })  # fmt: skip


def findings(files: dict[str, bytes] | None = None, strategies: Sequence[str] = STRATEGIES) -> Findings:
    def contents(path: Path) -> bytes:
        if str(path) not in (files or {}):
            raise UserError(f"{path} is missing")
        return (files or {})[str(path)]

    return Findings("tiny", "MIT", ["cars", "food"], strategies, contents, table)


def parquet(found: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    found.to_parquet(file)
    return file.getvalue()


def names(found: Findings, goal: str, **options: Any) -> list[str]:
    return [one.name for one in found.candidates(GOALS[goal], **options)]


def test_a_goal_is_asked_of_the_strategies_that_answer_it() -> None:
    assert names(findings(), "visual_search") == ["tiny pretrained", "tiny top_tuned"]
    assert names(findings(), "other_domain", where="main") == [
        "tiny pretrained (main)",
        "tiny cross_tuned.top_tuned (main)",
    ]
    assert names(findings(strategies=["cross_tuned"]), "visual_search") == []


def test_one_dataset_alone() -> None:
    (found,) = findings(strategies=["pretrained"]).candidates(GOALS["visual_search"], dataset="food")
    assert list(found.datasets) == ["food"] and found.value == 0.5


def test_a_goal_of_products_reads_matches_and_without_them_it_is_a_users_error() -> None:
    keys = ["strategy", "dataset", "protocol", "method", "source", "row"]
    matches = table("pretrained")[keys].assign(**{"product_R@1": 1.0})
    files = {"data/matches/pretrained/matches.parquet": parquet(matches)}
    (found,) = findings(files, ["pretrained"]).candidates(GOALS["exact_sku"])
    assert found.value == 1
    with pytest.raises(UserError, match=r"matches\.parquet is missing"):
        findings(strategies=["pretrained"]).candidates(GOALS["exact_sku"])


def test_tagging_counts_where_labels_were_taught() -> None:
    said = parquet(pd.DataFrame({"row": [0, 1], "predicted": ["x", "x"]}))
    metrics = json.dumps({"model": "tiny", "cars": {"classification": {}}, "food": {}, "mean": {"classification": {}}})
    files = {
        "data/queries/pretrained/metrics.json": metrics.encode(),
        "data/neighbors/pretrained/cars/predictions.parquet": said,
    }
    (found,) = findings(files, ["pretrained"]).candidates(GOALS["tagging"])
    assert list(found.datasets) == ["cars"] and found.value == 0.5


def test_costs_are_those_of_this_model_that_are_there() -> None:
    models = {"pretrained": "tiny", "top_tuned": "older"}
    files = {f"metrics/cost/{name}.json": json.dumps({"model": model}).encode() for name, model in models.items()}
    assert findings(files).costs() == {"pretrained": {"model": "tiny"}}
