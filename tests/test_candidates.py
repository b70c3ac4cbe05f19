"""What advice chooses among."""

from typing import Any

import pandas as pd
import pytest

from src import candidates
from src.candidates import GOALS


def queries(
    strategy: str, method: str = "", datasets: tuple[str, ...] = ("cars", "food"), **values: Any
) -> pd.DataFrame:
    """Two protocols of four queries a dataset; the second query of each has nothing to find."""
    parts = [
        pd.DataFrame({
            "strategy": strategy,
            "dataset": dataset,
            "protocol": protocol,
            "method": method,
            "source": "shoes" if method else "",
            "row": range(4),
            "image_id": list("abcd"),
            "label": ["x", "y", "x", "z"],
            "n_relevant": [1, 0, 1, 1],
            "cluster": range(4),
            "clustered_by": "query",
            "mMP@5": [1.0, float("nan"), 0.5, 0.0] if protocol == "phone" else 0.0,
            "nDCG@10": 0.25,
        }).assign(**values)
        for dataset in datasets
        for protocol in ("phone", "studio")
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def gather(goal: str, table: pd.DataFrame, costs: Any = None, **about: Any) -> dict[str, candidates.Candidate]:
    found = candidates.gather(GOALS[goal], table, costs or {}, "tiny", "MIT", **about)
    return {one.strategy: one for one in found}


ALL = pd.concat([queries("pretrained"), queries("top_tuned"), queries("cross_tuned", "top_tuned")], ignore_index=True)


def test_the_value_is_the_mean_of_the_first_protocol_over_queries_that_have_something_to_find() -> None:
    assert gather("visual_search", ALL)["top_tuned"].value == pytest.approx(0.5)
    assert gather("recommendations", ALL)["top_tuned"].value == pytest.approx(0.25)


def test_encoders_tuned_elsewhere_answer_the_goal_of_another_domain_and_no_other() -> None:
    assert list(gather("visual_search", ALL)) == ["pretrained", "top_tuned"]
    assert list(gather("other_domain", ALL)) == ["pretrained", "cross_tuned.top_tuned"]


def test_a_candidate_has_its_costs_and_the_name_of_its_revision() -> None:
    costs = {"top_tuned": {"tuning": {"seconds": 120}, "datasets": {"cars": {}, "food": {}}}}
    found = gather("visual_search", ALL, costs, where="tall-huts")
    assert found["top_tuned"].expense.minutes == 1
    assert found["top_tuned"].name == "tiny top_tuned (tall-huts)"
    assert gather("visual_search", ALL)["top_tuned"].name == "tiny top_tuned"


def test_the_interval_is_around_the_value() -> None:
    one = gather("visual_search", ALL)["top_tuned"]
    low, high = one.interval
    assert 0 <= low < one.value < high <= 1


def test_products_are_scored_by_what_match_found() -> None:
    """Of another protocol or another source the row is another query."""
    table = queries("top_tuned")
    matches = table[candidates.ROW].assign(**{"product_R@1": [1.0, float("nan"), 1.0, 0.0] * 4})
    matches.loc[matches["protocol"] == "studio", "product_R@1"] = 0.0
    found = gather("exact_sku", candidates.with_matches(table, matches.sample(frac=1, random_state=0)))
    assert found["top_tuned"].value == pytest.approx(2 / 3)


def test_tags_count_where_a_label_was_predicted_even_of_queries_without_anything_to_find() -> None:
    """Of cars x, y and z were asked, y was said of the last one; of food no label was taught."""
    said = {("top_tuned", "cars"): pd.DataFrame({"row": [0, 1, 3], "predicted": ["x", "y", "y"]})}
    found = gather("tagging", candidates.with_predictions(queries("top_tuned"), said))["top_tuned"]
    assert list(found.datasets) == ["cars"]
    assert found.value == pytest.approx(2 / 3)


def test_without_a_prediction_nobody_tags() -> None:
    assert gather("tagging", candidates.with_predictions(queries("top_tuned"), {})) == {}


def test_what_was_measured_elsewhere_is_left_out_and_a_training_met_twice_counts_once() -> None:
    main, same = (gather("visual_search", queries("top_tuned"), where=where)["top_tuned"] for where in ("main", "exp"))
    other = gather("visual_search", queries("top_tuned", **{"mMP@5": 0.3}), where="seed1")["top_tuned"]
    alone = gather("visual_search", queries("top_tuned", datasets=("cars",)), where="cars")["top_tuned"]
    kept, lines = candidates.comparable([main, same, other, alone])
    assert kept == [main, other]
    assert lines == ["tiny top_tuned (cars) is left out: it was measured on cars"]
