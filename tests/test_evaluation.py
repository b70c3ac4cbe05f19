"""From neighbours to numbers."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from src import evaluation
from src.neighbors import Neighbors


def found(hits: list[list[int]], n_relevant: list[int], first_hit: list[int]) -> Neighbors:
    """Neighbours of queries 0, 1, ... with these hits in rank order, twenty ranks deep."""
    made = Neighbors.blank(np.arange(len(hits)), np.array(n_relevant), depth=20)
    ranks = np.zeros((len(hits), 20), bool)
    for one, places in enumerate(hits):
        ranks[one, [place - 1 for place in places]] = True
    made.hits[:] = np.packbits(ranks, axis=1)[:, : made.hits.shape[1]]
    made.first_hit[:] = first_hit
    return made


def table(labels: list[str], **columns: Any) -> pd.DataFrame:
    """A manifest of images 0, 1, ... with these labels, each a group of its own."""
    numbers = [str(row) for row in range(len(labels))]
    return pd.DataFrame({"image_id": numbers, "label": labels, "category": "jar", "group": numbers, **columns})


def queries(
    neighbors: Neighbors, images: pd.DataFrame, place: tuple[str, ...] = ("cars",), protocol: str = "phone"
) -> pd.DataFrame:
    strategy = "top_tuned" if len(place) == 1 else "cross_tuned"
    return evaluation.query_table(strategy, place, protocol, images, neighbors, evaluation.score(neighbors))


def test_a_query_with_nothing_to_find_is_counted_and_left_out_of_every_mean() -> None:
    neighbors = found([[1, 3], []], n_relevant=[2, 0], first_hit=[1, 0])
    means = evaluation.means(queries(neighbors, table(["tea", "rye"])), gallery=7)
    assert means["mMP@5"] == 0.5  # of two to find, one among the first two ranks
    assert means["MRR"] == means["R@1"] == 1
    assert (means["queries"], means["queries_without_relevant"], means["gallery"]) == (2, 1, 7)
    assert means["interval"] == {"low": None, "high": None, "by": "query"}  # one query is no sample


def test_forty_labels_are_drawn_as_wholes_and_fewer_leave_each_query_for_itself() -> None:
    for labels, by in ((40, "label"), (39, "query")):
        right = [[1] if one % labels % 2 else [] for one in range(2 * labels)]  # both queries of a label alike
        neighbors = found(right, n_relevant=[1] * len(right), first_hit=[1 if hit else 9 for hit in right])
        made = queries(neighbors, table([f"label {one % labels}" for one in range(2 * labels)]))
        interval = evaluation.means(made, gallery=99)["interval"]
        assert interval["by"] == by == made["clustered_by"].unique().item()
        half = 1.96 * 0.5 / np.sqrt(made["cluster"].nunique())
        assert (interval["high"] - interval["low"]) / 2 == pytest.approx(half, rel=0.15)


def test_the_first_wrong_neighbour_is_the_first_found_that_is_no_hit() -> None:
    neighbors = found([[1, 2], [2], [1, 2]], n_relevant=[2, 1, 2], first_hit=[1, 2, 1])
    neighbors.rows[:, :3] = [[4, 5, 6], [6, 5, 4], [5, 4, -1]]  # the third one's gallery ends after two
    assert evaluation.first_wrong(neighbors).tolist() == [6, 6, -1]


def crossed() -> pd.DataFrame:
    """Queries tea and jam of cars, with all ever asked of them: two protocols, two sources of one method."""
    images, parts = table(["tea", "jam"]), []
    for source, hits in {"food": [[1], []], "shoes": [[], []]}.items():
        for protocol in ("phone", "studio"):
            neighbors = found(hits if protocol == "phone" else [[1], [1]], n_relevant=[1, 1], first_hit=[1, 1])
            parts.append(queries(neighbors, images, ("top_tuned", source, "cars"), protocol))
    return pd.concat(parts, ignore_index=True)


def test_a_cross_tuned_query_counts_once_with_its_mean_over_sources_under_the_first_protocol() -> None:
    asked = evaluation.headline_queries(crossed())
    assert asked[["strategy", "dataset", "image_id", "mMP@5"]].to_dict("list") == {
        "strategy": ["cross_tuned.top_tuned"] * 2,
        "dataset": ["cars"] * 2,
        "image_id": ["0", "1"],
        "mMP@5": [0.5, 0],
    }
    assert evaluation.headline_queries(crossed(), "R@1")["R@1"].tolist() == [0.5, 0]


def test_headlines_are_the_mean_of_first_protocols_and_cross_tuned_has_one_a_method() -> None:
    def score(value: float) -> evaluation.Means:
        return {"phone": {"mMP@5": value}, "studio": {"mMP@5": 0.0}}

    neighbors, images = found([[1], []], n_relevant=[1, 1], first_hit=[1, 2]), table(["tea", "jam"])
    asked = pd.concat([queries(neighbors, images, (name,)) for name in ("cars", "food")])
    plain = evaluation.nested({("cars",): score(0.2), ("food",): score(0.4)}, asked)
    assert plain["mean"]["mMP@5"] == pytest.approx(0.3)
    assert plain["mean"]["interval"] == {"low": 0, "high": 1, "by": "query"}  # of two queries each nothing is known
    assert plain["food"]["phone"]["mMP@5"] == 0.4
    places = {("top_tuned", "food", "cars"): score(0.1), ("top_tuned", "shoes", "cars"): score(0.3)}
    tree = evaluation.nested(places, crossed())
    assert tree["top_tuned"]["mean"]["mMP@5"] == 0.2
    assert tree["top_tuned"]["mean"]["interval"] == {"low": 0, "high": 0.5, "by": "query"}
    assert tree["top_tuned"]["food"]["cars"]["phone"]["mMP@5"] == 0.1


def test_a_merged_source_is_no_part_of_its_methods_mean_and_is_judged_by_what_it_has_not_seen() -> None:
    pairs = {("cars", "food"): 0.1, ("food", "cars"): 0.3}
    merged = {("all", "cars"): 0.5, ("all", "food"): 0.7, ("all_but_food", "cars"): 0.9, ("all_but_food", "food"): 0.4}
    results = {("top_tuned", *pair): {"phone": {"mMP@5": value}} for pair, value in (pairs | merged).items()}
    neighbors, images = found([[1], []], n_relevant=[1, 1], first_hit=[1, 2]), table(["tea", "jam"])
    asked = pd.concat([queries(neighbors, images, place) for place in results], ignore_index=True)
    tree = evaluation.nested(results, asked)["top_tuned"]
    means = {name: tree[name]["mean"]["mMP@5"] for name in ("all", "all_but_food")}
    assert tree["mean"]["mMP@5"] == 0.2 and means == {"all": 0.6, "all_but_food": 0.4}
    judged = evaluation.headline_queries(asked).groupby("strategy")["dataset"].unique()
    assert {name: set(datasets) for name, datasets in judged.items()} == {
        "cross_tuned.top_tuned": {"cars", "food"},
        "cross_tuned.top_tuned.all": {"cars", "food"},
        "cross_tuned.top_tuned.all_but_food": {"food"},
    }
    assert tree["all_but_food"]["cars"]["phone"]["mMP@5"] == 0.9


def test_predictions_are_held_against_the_labels_of_their_rows() -> None:
    table = pd.DataFrame({"label": ["tea", "jam", "tea", "egg"]})
    predictions = pd.DataFrame({"row": [0, 3], "predicted": ["tea", "jam"]})
    third = pytest.approx(1 / 3, abs=1e-6)  # of tea, jam and egg, tea alone is right
    expected = {"accuracy": 0.5, "macro_precision": third, "macro_recall": third, "macro_F1": third, "images": 2}
    assert evaluation.classified(table, predictions) == expected
