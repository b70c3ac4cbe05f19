"""The leaderboard's table, on numbers that can be checked by hand."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from exp_show import experiment, shown

from src import experiments
from src.board import ranking

FACTS = {"dimension": 8, "parameters": 1000, "gmacs": 0.5}


def table(*runs: dict[str, Any]) -> pd.DataFrame:
    return ranking.table(list(experiments.finished(shown(*runs))), lambda entry: FACTS)


def of(model: str, **entry: Any) -> dict[str, Any]:
    """Params of another model."""
    return {"model": model, "models": {model: {"library": "timm", **entry}}}


def add(run: dict[str, Any], strategy: str, cars: float, food: float) -> dict[str, Any]:
    """The run, with one more strategy."""
    params = run["data"]["params"]["params.yaml"]["data"]
    params["strategies"] = [strategy, *params["strategies"]]
    values = {dataset: {"phone": {"mMP@5": value}} for dataset, value in {"cars": cars, "food": food}.items()}
    found = {"model": params["model"], "mean": {"mMP@5": (cars + food) / 2}, **values}
    run["data"]["metrics"][f"metrics/{strategy}.json"] = {"data": found}
    return run


def test_seeds_are_one_row_with_their_mean_and_deviation() -> None:
    (row,) = table(experiment("main", 0, 0.2), experiment("a", 1, 0.4), experiment("b", 2, 0.3)).to_dict("records")
    assert (row["mMP@5"], row["seeds"], row["deviation"]) == (pytest.approx(0.4), 3, pytest.approx(0.05))
    assert (row["mMP@5 cars"], row["mMP@5 food"]) == (pytest.approx(0.3), 0.5)
    assert row["experiments"] == "main a b"


def test_a_seed_run_twice_counts_once() -> None:
    (row,) = table(experiment("main", 0, 0.2), experiment("again", 0, 0.8)).to_dict("records")
    assert (row["seeds"], row["mMP@5 cars"]) == (1, 0.2)
    assert np.isnan(row["deviation"])


def test_which_strategies_were_run_makes_no_other_entry() -> None:
    """A sweep of pretrained alone and a run of all strategies are one row of the board."""
    alone = experiment("alone", 0, 0, strategies=[])
    found = table(experiment("main", 0, 0.2), add(alone, "pretrained", 0.1, 0.3))
    assert found[["model", "variant", "strategy", "mMP@5"]].to_numpy().tolist() == [
        ["tiny", "", "top_tuned", pytest.approx(0.35)],
        ["tiny", "", "pretrained", pytest.approx(0.2)],
    ]
    assert found["gain"].tolist() == [pytest.approx(0.15), pytest.approx(np.nan, nan_ok=True)]


def test_another_setting_is_another_variant_told_by_what_differs() -> None:
    found = table(experiment("main", 0, 0.2), experiment("a", 0, 0.4, top_tune={"lr": 0.2, "layers": [8]}))
    assert found["variant"].tolist() == ["top_tune.lr 0.2", "top_tune.lr 0.1"]


def test_variants_with_the_same_scores_are_one_row() -> None:
    """A commit that changed words, or a setting that does not matter."""
    found = table(
        experiment("main", 0, 0.2), experiment("docs", 0, 0.2, code="d"), experiment("other", 0, 0.3, code="e")
    )
    assert found[["mMP@5 cars", "experiments"]].to_numpy().tolist() == [[0.3, "other"], [0.2, "main docs"]]
    assert found["variant"].str.startswith("inputs ").all()


def test_code_of_a_strategy_that_others_did_not_run_tells_no_variant() -> None:
    more = add(experiment("more", 0, 0.4, **of("clip")), "pretrained", 0.1, 0.1)
    more["data"]["deps"]["src/stages/cross_tune.py"] = {"hash": "e"}
    assert set(table(experiment("main", 0, 0.2), more)["variant"]) == {""}


def test_a_setting_that_not_all_had_yet_tells_no_variant() -> None:
    old = experiment("old", 0, 0.4, code="d", top_tune={"lr": 0.1})
    assert table(experiment("main", 0, 0.2), old)["variant"].str.fullmatch(r'inputs "?\w{7}"?').all()


def test_the_best_stands_first_within_its_benchmark() -> None:
    other = experiment("food", 0, 0.9, **of("clip"), datasets=["food"])
    found = table(experiment("main", 0, 0.2), other, experiment("a", 0, 0.6, **of("siglip")))
    assert found["model"].tolist() == ["siglip", "tiny", "clip"]
    assert found["benchmark"].nunique() == 2
    assert found.loc[2, ["mMP@5 cars", "mMP@5 food"]].isna().tolist() == [True, False]


@pytest.mark.parametrize(
    "changed",
    [
        {"datasets": ["food", "cars"]},
        {"catalogue": {name: {"protocols": {"phone": {"query": "other"}, "studio": {}}} for name in ("cars", "food")}},
    ],
)
def test_what_asks_otherwise_is_another_benchmark(changed: Any) -> None:
    assert table(experiment("main", 0, 0.2), experiment("a", 0, 0.2, **changed))["benchmark"].nunique() == 2


def test_other_photos_are_another_benchmark() -> None:
    other = experiment("a", 0, 0.2)
    other["data"]["outs"]["data/manifests/cars"] = {"hash": "0123.dir"}
    assert table(experiment("main", 0, 0.2), other)["benchmark"].nunique() == 2


def test_intervals_are_those_of_the_metrics_where_they_have_one() -> None:
    plain, told = experiment("main", 0, 0.2), experiment("a", 0, 0.4, **of("siglip"))
    interval = {"low": 0.41, "high": 0.49, "by": "label"}
    told["data"]["metrics"]["metrics/top_tuned.json"]["data"]["mean"]["interval"] = interval
    ends = table(plain, told)[["low", "high"]].to_numpy().tolist()
    assert ends == [[0.41, 0.49], [pytest.approx(np.nan, nan_ok=True)] * 2]


def test_cross_tuned_is_a_strategy_a_method_and_the_interval_of_each_is_found() -> None:
    catalogue = {name: {"protocols": {"phone": {}}} for name in "ab"}
    one = experiment("main", 0, 0, datasets=list("ab"), strategies=["cross_tuned"], catalogue=catalogue)
    pairs = {"a": {"b": {"phone": {"mMP@5": 0.2}}}, "b": {"a": {"phone": {"mMP@5": 0.4}}}}
    methods = {
        name: {"mean": {"mMP@5": 0.3, "interval": {"low": low, "high": 0.5}}, **pairs}
        for name, low in {"top_tuned": 0.1, "fine_tuned": 0.2}.items()
    }
    one["data"]["metrics"] = {"metrics/cross_tuned.json": {"data": {"model": "tiny", **methods}}}
    found = table(one).set_index("strategy")
    assert found["low"].to_dict() == {"cross_tuned.top_tuned": 0.1, "cross_tuned.fine_tuned": 0.2}
    assert found["mMP@5 a"].tolist() == [0.4, 0.4]


def test_facts_are_those_of_the_run_and_measured_only_where_it_left_none() -> None:
    with_record = experiment("a", 0, 0.4, **of("siglip", family="text_image", licence="MIT"))
    add(with_record, "pretrained", 0.1, 0.1)
    encoder = {"dimension": 768, "parameters": 92, "gmacs": 17.7, "bytes_per_vector": 3072, "trained_parameters": 0}
    cost = {"model": "siglip", "encoder": encoder, "embedding": {"images_per_second": 4.0, "peak_memory_mb": 700.0}}
    with_record["data"]["metrics"]["metrics/cost/pretrained.json"] = {"data": cost}
    found = table(experiment("main", 0, 0.2), with_record).set_index(["model", "strategy"])
    assert found.loc[("tiny", "top_tuned"), ["family", "licence", "dimension"]].tolist() == ["unknown", "unknown", 8]
    told = found.loc[("siglip", "pretrained"), ["family", "licence", "dimension", "gmacs", "bytes", "memory_mb"]]
    assert told.tolist() == ["text_image", "MIT", 768, 17.7, 3072, 700.0]


def board(rows: list[tuple[str, str, str, float, float]]) -> pd.DataFrame:
    """(model, family, strategy, cars, food), best first."""
    columns = ["model", "family", "strategy", "mMP@5 cars", "mMP@5 food"]
    return pd.DataFrame(rows, columns=columns)


def test_a_model_is_a_champion_by_its_best_variant_and_leads_its_family_by_strategy() -> None:
    found = ranking.champions(
        board([
            ("a", "cnn", "top", 0.9, 0.9),
            ("a", "cnn", "top", 0.8, 0.8),
            ("b", "vit", "top", 0.7, 0.7),
            ("c", "cnn", "top", 0.6, 0.6),
            ("c", "cnn", "pre", 0.5, 0.5),
        ])
    )  # fmt: skip
    assert found[["model", "strategy", "leads"]].to_numpy().tolist() == [
        ["a", "top", True],
        ["b", "top", True],
        ["c", "top", False],
        ["c", "pre", True],
    ]


def test_a_zscore_is_taken_dataset_by_dataset_and_strategy_by_strategy() -> None:
    """Cars 1, 2, 3: -sqrt(1.5), 0, sqrt(1.5); food, where all are equal, tells nothing; two of `pre` are too few."""
    rows = [(name, "cnn", "top", value, 0.5) for name, value in {"a": 0.3, "b": 0.2, "c": 0.1}.items()]
    rows += [("a", "cnn", "pre", 0.3, 0.1), ("b", "cnn", "pre", 0.2, 0.2)]
    found = ranking.zscores(board(rows)).tolist()
    assert found[:3] == pytest.approx([1.5**0.5, 0, -(1.5**0.5)])
    assert np.isnan(found[3:]).all()
