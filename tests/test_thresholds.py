"""Thresholds: a picture, then a simulation that really takes the product out of the catalogue."""

import numpy as np
import pandas as pd
import pytest
from test_matching import match

from src import thresholds
from src.matching import Matches
from src.retrieval import Side


def matches(right: list[float], wrong: list[float]) -> Matches:
    """Queries with these best matches, the more similar one first."""
    hits = np.zeros((len(right), 10), bool)
    hits[:, 0] = np.array(right) >= np.array(wrong)
    return Matches(np.float32(right), np.float32(wrong), hits, np.ones(len(right), np.int32))


def choose(found: Matches) -> pd.DataFrame:
    """Every query drawn for itself."""
    return thresholds.choose(found, np.arange(len(found.right)), "toy")


def at(rate: float, found: Matches) -> dict[str, float]:
    return choose(found).set_index("false_accept").loc[rate].to_dict()


def test_one_of_ten_queries_may_pass_at_a_rate_of_ten_percent():
    wrong = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9]
    right = [0.9, 0.86, 0.95, 0.9, 0.9, 0.9, 0.9, 0.3, 0.7, 0.84]
    found = at(0.1, matches(right, wrong))
    assert found["threshold"] == pytest.approx(0.85)  # 0.9 passes, 0.85 itself does not
    assert (found["right"], found["wrong"]) == (0.7, 0.1)


def test_a_rate_below_one_query_is_not_known():
    found = at(0.05, matches([0.9] * 19, [0.1] * 19))
    assert all(np.isnan(value) for value in found.values())
    assert at(0.05, matches([0.9] * 20, [0.1] * 20))["right"] == 1


def test_equal_wrong_matches_pass_together_or_not_at_all():
    found = at(0.5, matches([0.9, 0.9, 0.9, 0.6], [0.7, 0.7, 0.7, 0.1]))
    assert found["threshold"] == pytest.approx(0.7)  # two of four might pass, three would


def test_a_query_without_its_product_says_what_passes_but_not_what_is_answered():
    found = matches([0.9, np.nan], [0.1, 0.8])
    found = Matches(found.right, found.wrong, found.hits, np.array([1, 0], np.int32))
    answered = at(0.5, found)
    assert [answered[name] for name in ("threshold", "right", "wrong")] == pytest.approx([0.1, 1, 0])


def test_a_threshold_chosen_on_other_labels_lets_more_through_where_labels_differ():
    found = matches([0.9] * 400, [*np.linspace(0, 0.5, 380), *np.linspace(0.7, 0.8, 20)])
    spread, crowded = np.random.default_rng(0).permutation(400), np.arange(400) // 20  # the last 20 are one label
    each, one = (
        thresholds.choose(found, codes, "toy").set_index("false_accept").loc[0.05] for codes in (spread, crowded)
    )
    assert each["threshold"] == one["threshold"] == pytest.approx(0.5)
    assert each["held_out"] == pytest.approx(0.05, abs=0.005)
    assert one["held_out"] > 0.08  # where that label did not choose, all of it is let through: a tenth of its half


def test_the_same_queries_are_held_out_again_and_those_of_one_label_cannot_be():
    wrong = np.float32(np.random.default_rng(0).random(50))
    halves = thresholds.held_out(wrong, np.arange(50) // 5, "toy")
    assert halves.tolist() == thresholds.held_out(wrong, np.arange(50) // 5, "toy").tolist()
    assert halves.tolist() != thresholds.held_out(wrong, np.arange(50) // 5, "cars").tolist()
    assert np.isnan(thresholds.held_out(wrong, np.zeros(50), "toy")).all()


def test_thresholds_keep_their_rate_when_the_right_product_is_really_taken_out():
    """Every query searches what is left of the catalogue; all similarities are tried as a threshold."""
    random = np.random.default_rng(3)
    labels = random.integers(0, 30, 400)
    vectors = random.normal(size=(30, 8))[labels] + 0.6 * random.normal(size=(400, 8))
    vectors = np.float32(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    gallery, query = (Side(vectors[at], labels[at], at, at) for at in (np.arange(200), np.arange(200, 400)))
    similarity = np.float32(query.vectors.astype(float) @ gallery.vectors.astype(float).T)
    without = [row[gallery.labels != label].max() for row, label in zip(similarity, query.labels, strict=True)]
    best, first = similarity.max(1), gallery.labels[similarity.argmax(1)] == query.labels
    asked = np.isin(query.labels, gallery.labels)
    chosen = choose(match(query, gallery, labels)).set_index("false_accept")
    for rate, row in chosen.loc[0.005:].iterrows():
        kept = min(value for value in [*without, *best] if np.mean(np.array(without) > value) <= rate)
        assert row["threshold"] == pytest.approx(kept, abs=1e-6), rate
        assert row["right"] == pytest.approx((first & (best > kept))[asked].mean())
        assert row["wrong"] == pytest.approx((~first & (best > kept))[asked].mean())
    assert chosen.loc[0.005:, "right"].is_monotonic_increasing
    assert chosen.loc[[0.001, 0.002]].isna().all(axis=None)


def test_both_histograms_have_the_same_bins_and_hold_every_query():
    table = thresholds.histograms(matches([0.9, 0.8, np.nan], [0.1, 0.2, 0.3]))
    right, wrong = (table[table["match"] == name].reset_index(drop=True) for name in ("right", "wrong"))
    assert right["similarity"].equals(wrong["similarity"])
    assert right["share"].sum() == pytest.approx(1) == wrong["share"].sum()
    assert (
        right.loc[right["similarity"] < 0.75, "share"].sum()
        == 0
        == wrong.loc[wrong["similarity"] > 0.35, "share"].sum()
    )


def test_the_metrics_file_says_nothing_where_nothing_is_known():
    found = thresholds.summary(choose(matches([0.9] * 50, [0.1] * 50)))
    assert found["0.1%"] == dict.fromkeys(["held_out", "threshold", "right", "wrong"])
    assert found["5%"] == {"held_out": 0, "threshold": 0.1, "right": 1, "wrong": 0}
