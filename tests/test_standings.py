"""Where strategies stand: values by hand, intervals and verdicts as others compute them."""

import pandas as pd
import pytest

from src import differences, evaluation, standings


def side(strategy: str, **datasets: list[float]) -> pd.DataFrame:
    """mMP@5 of images 0, 1, ... of each dataset, each drawn for itself, as `evaluation.headline_queries`."""
    parts = [
        pd.DataFrame({
            "strategy": strategy,
            "dataset": name,
            "image_id": [str(at) for at in range(len(values))],
            "n_relevant": 3,
            "cluster": range(len(values)),
            "clustered_by": "query",
            "mMP@5": values,
        })
        for name, values in datasets.items()
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


HALF = [0.0, 1.0] * 20
ASKED = pd.concat(
    [
        side("pretrained", cars=HALF, food=HALF),
        side("top_tuned", food=HALF, cars=[1.0] * 40),
        side("cross_tuned.top_tuned", cars=[0.0] * 40, food=[0.0] * 40),
    ]
)


def test_each_dataset_and_their_mean_have_a_row_in_the_given_order() -> None:
    table = standings.table(ASKED, ["food", "cars"])
    assert list(table.columns) == standings.COLUMNS
    assert list(zip(table["dataset"], table["value"], strict=True))[:6] == [
        *[("food", 0.5), ("cars", 0.5), ("mean", 0.5)],
        *[("food", 0.5), ("cars", 1.0), ("mean", 0.75)],
    ]


def test_what_differs_from_pretrained_is_better_or_worse_and_the_rest_is_not_shown() -> None:
    table = standings.table(ASKED, ["cars", "food"])
    verdicts = table.pivot(index="strategy", columns="dataset", values="verdict")
    assert verdicts.loc["pretrained"].tolist() == ["", "", ""]
    assert verdicts.loc["top_tuned"].to_dict() == {"cars": "better", "food": "", "mean": "better"}
    assert verdicts.loc["cross_tuned.top_tuned"].to_dict() == {"cars": "worse", "food": "worse", "mean": "worse"}
    assert table.loc[table["strategy"] == "pretrained", "p"].isna().all()


def test_intervals_are_those_of_metrics_files_and_comparisons_those_of_compare() -> None:
    table = standings.table(ASKED, ["cars", "food"]).set_index(["strategy", "dataset"])
    cars = ASKED[(ASKED["strategy"] == "pretrained") & (ASKED["dataset"] == "cars")]
    found = table.loc[("pretrained", "cars")]
    assert evaluation.interval([cars]) == {"low": found["low"], "high": found["high"], "by": "query"}
    pretrained, tuned = (ASKED[ASKED["strategy"] == name] for name in ("pretrained", "top_tuned"))
    for one in differences.differences(pretrained, tuned, "mMP@5"):
        found = table.loc[("top_tuned", one.dataset)]
        assert (found["gain"], found["gain_low"], found["p"], found["holm"]) == (
            one.b - one.a,
            one.low,
            one.p,
            one.holm,
        )


def test_one_dataset_has_no_mean_and_without_pretrained_nothing_is_compared() -> None:
    table = standings.table(side("top_tuned", cars=HALF), ["cars"])
    assert list(table["dataset"]) == ["cars"]
    assert table["verdict"].tolist() == [""] and table["p"].isna().all()
    assert standings.notes(table) == ["Intervals are 95 %, by bootstrap of whole clusters of queries: by query."]


def test_overall_is_the_mean_or_the_only_dataset_of_the_strategies_that_are_asked_for() -> None:
    found = standings.overall(standings.table(ASKED, ["cars", "food"]), ["pretrained", "top_tuned"])
    assert found[["strategy", "dataset"]].to_numpy().tolist() == [["pretrained", "mean"], ["top_tuned", "mean"]]
    alone = standings.table(side("top_tuned", cars=HALF), ["cars"])
    assert standings.overall(alone, ["top_tuned"])["dataset"].tolist() == ["cars"]


def test_datasets_that_are_drawn_in_different_ways_are_named() -> None:
    table = standings.table(ASKED, ["cars", "food"])
    table.loc[table["dataset"] == "food", "by"] = "label"
    table.loc[table["dataset"] == "mean", "by"] = "query or label"
    assert "by query (cars), by label (food)." in standings.notes(table)[0]


@pytest.mark.parametrize(("better", "shown"), [([1.0] * 40, True), ([1.0, *HALF[1:]], False)])
def test_a_lead_is_shown_only_by_the_paired_test(better: list[float], shown: bool) -> None:
    asked = pd.concat([side("pretrained", cars=HALF), side("top_tuned", cars=better)])
    means = pd.Series({"pretrained": 0.5, "top_tuned": sum(better) / 40})
    assert standings.lead(asked, means) == standings.Lead("top_tuned", "pretrained", shown)
    assert standings.lead(asked, means.head(1)) is None


def test_an_interval_in_percent_and_one_that_is_unknown() -> None:
    assert standings.interval(0.4921, 0.5) == "49.2–50.0"
    assert standings.interval(float("nan"), float("nan")) == ""
