"""From neighbours to numbers."""

import numpy as np
import pandas as pd
import pytest

from src import evaluation
from src.neighbors import Neighbors


def found(hits: list[list[int]], n_relevant: list[int], first_hit: list[int]) -> Neighbors:
    """Neighbours of queries 0, 1, ... with these hits in rank order, ten ranks deep."""
    made = Neighbors.blank(np.arange(len(hits)), np.array(n_relevant), depth=10)
    ranks = np.zeros((len(hits), 10), bool)
    for one, places in enumerate(hits):
        ranks[one, [place - 1 for place in places]] = True
    made.hits[:] = np.packbits(ranks, axis=1)[:, : made.hits.shape[1]]
    made.first_hit[:] = first_hit
    return made


def test_a_query_with_nothing_to_find_is_counted_and_left_out_of_every_mean() -> None:
    neighbors = found([[1, 3], []], n_relevant=[2, 0], first_hit=[1, 0])
    means = evaluation.means(neighbors, evaluation.score(neighbors), gallery=7)
    assert means["mMP@5"] == 0.5  # of two to find, one among the first two ranks
    assert means["MRR"] == means["R@1"] == 1
    assert (means["queries"], means["queries_without_relevant"], means["gallery"]) == (2, 1, 7)


def test_headlines_are_the_mean_of_first_protocols_and_cross_tuned_has_one_a_method() -> None:
    def score(value: float) -> evaluation.Means:
        return {"phone": {"mMP@5": value}, "studio": {"mMP@5": 0.0}}

    plain = evaluation.nested({("cars",): score(0.2), ("food",): score(0.4)})
    assert plain["mean"] == {"mMP@5": pytest.approx(0.3)}
    assert plain["food"]["phone"]["mMP@5"] == 0.4
    crossed = evaluation.nested({("top_tuned", "cars", "food"): score(0.1), ("top_tuned", "food", "cars"): score(0.3)})
    assert crossed["top_tuned"]["mean"] == {"mMP@5": 0.2}
    assert crossed["top_tuned"]["cars"]["food"]["phone"]["mMP@5"] == 0.1


def test_a_merged_source_is_no_part_of_its_methods_mean_and_is_judged_by_what_it_has_not_seen() -> None:
    pairs = {("cars", "food"): 0.1, ("food", "cars"): 0.3}
    merged = {("all", "cars"): 0.5, ("all", "food"): 0.7, ("all_but_food", "cars"): 0.9, ("all_but_food", "food"): 0.4}
    results = {("top_tuned", *pair): {"phone": {"mMP@5": value}} for pair, value in (pairs | merged).items()}
    tree = evaluation.nested(results)["top_tuned"]
    assert tree["mean"] == {"mMP@5": 0.2}
    assert tree["all"]["mean"] == {"mMP@5": 0.6} and tree["all_but_food"]["mean"] == {"mMP@5": 0.4}
    assert tree["all_but_food"]["cars"]["phone"]["mMP@5"] == 0.9


def test_predictions_are_held_against_the_labels_of_their_rows() -> None:
    table = pd.DataFrame({"label": ["tea", "jam", "tea", "egg"]})
    predictions = pd.DataFrame({"row": [0, 3], "predicted": ["tea", "jam"]})
    third = pytest.approx(1 / 3, abs=1e-6)  # of tea, jam and egg, tea alone is right
    expected = {"accuracy": 0.5, "macro_precision": third, "macro_recall": third, "macro_F1": third, "images": 2}
    assert evaluation.classified(table, predictions) == expected
