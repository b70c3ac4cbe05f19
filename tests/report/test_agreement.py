"""Rank correlations of metrics, beside scipy's."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from src import summary
from src.report import agreement

METRICS = ["mMP@5", "R@1"]


def queries(places: int, rng: np.random.Generator) -> pd.DataFrame:
    about = {"strategy": "pretrained", "method": "", "source": "", "n_relevant": 1}
    return pd.concat(
        pd.DataFrame(
            {**about, "dataset": f"d{i}", "mMP@5": rng.random(30), "R@1": rng.integers(0, 2, 30).astype(float)}
        )
        for i in range(places)
    )


def test_over_queries_is_the_mean_of_what_scipy_finds_in_each_place() -> None:
    asked = queries(3, np.random.default_rng(0))
    expected = [spearmanr(part["mMP@5"], part["R@1"])[0] for _, part in asked.groupby("dataset")]
    found = agreement.over_queries(asked, METRICS)
    assert found.loc["mMP@5", "R@1"] == pytest.approx(np.mean(expected))
    assert np.diag(found).tolist() == pytest.approx([1, 1])


def test_a_metric_that_is_the_same_for_all_queries_has_no_say_there() -> None:
    asked = queries(2, np.random.default_rng(1))
    alone = agreement.over_queries(asked[asked["dataset"] == "d0"], METRICS)
    asked.loc[asked["dataset"] == "d1", "R@1"] = 1.0
    pd.testing.assert_frame_equal(agreement.over_queries(asked, METRICS), alone)


def test_over_places_takes_first_protocols_and_classification_beside_them() -> None:
    metrics = {
        name: {
            dataset: {
                "phone": {"mMP@5": i + j / 10, "R@1": -i - j / 10},
                "studio": {"mMP@5": -9.0, "R@1": -9.0},
                "classification": {"accuracy": i + j / 10, "images": 3},
            }
            for j, dataset in enumerate(("a", "b", "c", "d"))
        }
        for i, name in enumerate(("pretrained", "top_tuned"))
    }
    scores = summary.scores(metrics, {name: ["phone", "studio"] for name in "abcd"})
    found = agreement.over_places(scores, METRICS)
    assert list(found) == [*METRICS, "accuracy"]
    assert found.loc["mMP@5"].tolist() == pytest.approx([1, -1, 1])
    assert agreement.over_places(scores[scores["dataset"] != "a"], METRICS).empty
    assert list(agreement.both(scores, queries(1, np.random.default_rng(0)), METRICS)) == [
        "over encoders and datasets",
        "over queries",
    ]
