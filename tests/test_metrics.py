"""Metrics: pictures that can be checked by hand, then the obvious loop."""

import math

import numpy as np
import pytest

from src import metrics


def scores(ranks: str, n_relevant: int, first_hit: int | None = None) -> dict[str, float]:
    """Every metric of one query; `ranks` draws its hits: 'x..x' hits at ranks 1 and 4."""
    hits = np.array([[mark == "x" for mark in ranks.ljust(24, ".")]])
    first = ranks.find("x") + 1 if first_hit is None else first_hit
    found = metrics.score(hits, np.array([n_relevant], np.int32), np.array([first], np.int32))
    return {name: float(values[0]) for name, values in found.items()}


def test_everything_relevant_in_front_scores_one_everywhere():
    for n_relevant in (1, 2, 5, 7, 12, 24):
        assert scores("x" * n_relevant, n_relevant) == pytest.approx(dict.fromkeys(metrics.METRICS, 1))


def test_two_relevant_images_at_ranks_4_and_5_score_zero_mmp5():
    assert scores("...xx", 2)["mMP@5"] == 0


def test_mmp5_of_seven_relevant_images_counts_the_first_five_ranks():
    assert scores("x.x..xxxxx", 7)["mMP@5"] == 2 / 5


def test_recall_asks_for_one_hit_only():
    found = scores("....x", 3)
    assert (found["R@1"], found["R@5"], found["R@10"]) == (0, 1, 1)
    assert scores(".....x", 3)["R@5"] == 0


def test_map_at_r_sums_precision_at_hits_up_to_r_and_divides_by_r():
    assert scores("x.xx", 3)["mAP@R"] == pytest.approx((1 / 1 + 2 / 3) / 3)


def test_map_at_20_counts_hits_beyond_r_but_not_beyond_20_and_divides_by_the_smaller_of_r_and_20():
    assert scores("x...x", 2)["mAP@20"] == pytest.approx((1 / 1 + 2 / 5) / 2)
    assert scores("." * 20 + "x", 1)["mAP@20"] == 0
    assert scores("x", 22)["mAP@20"] == pytest.approx(1 / 20)


def test_mrr_sees_the_whole_gallery():
    assert scores("", 1, first_hit=250)["MRR"] == 1 / 250


def test_ndcg_divides_by_what_the_best_order_would_get():
    best = 1 / math.log2(2) + 1 / math.log2(3)
    assert scores(".x........x", 2)["nDCG@10"] == pytest.approx(1 / math.log2(3) / best)
    assert scores("x" * 10, 12)["nDCG@10"] == pytest.approx(1)


def test_a_query_without_relevant_images_has_no_score_and_is_left_out_of_the_mean():
    hits = np.array([[True] + [False] * 19, [False] * 20])
    found = metrics.score(hits, np.array([1, 0], np.int32), np.array([1, 0], np.int32))
    for values in found.values():
        assert values[0] == 1 and math.isnan(values[1])
        assert metrics.mean(values) == 1


def test_all_metrics_agree_with_the_obvious_loop():
    random = np.random.default_rng(0)
    hits = random.random((300, 40)) < random.random((300, 1))
    n_relevant = np.maximum(hits.sum(1) - random.integers(0, 3, 300), 0) + random.integers(0, 2, 300)
    n_relevant = np.minimum(np.where(hits.any(1), np.maximum(n_relevant, 1), n_relevant), 40).astype(np.int32)
    first = np.where(hits.any(1), hits.argmax(1) + 1, 77).astype(np.int32)
    found = metrics.score(hits, n_relevant, first)
    assert (n_relevant == 0).any() and (n_relevant == 1).any() and (n_relevant > 10).any()
    for query in np.flatnonzero(n_relevant):
        expected = slow(list(hits[query]), int(n_relevant[query]), int(first[query]))
        for name, value in expected.items():
            assert found[name][query] == pytest.approx(value, abs=1e-12), (name, query)


def slow(hits: list[bool], n_relevant: int, first_hit: int) -> dict[str, float]:
    """One query, rank by rank, as the definitions read."""
    cut, seen = min(n_relevant, 5), 0
    precisions = 0.0
    for rank in range(1, n_relevant + 1):
        if hits[rank - 1]:
            seen += 1
            precisions += seen / rank
    found, until_20 = 0, 0.0
    for rank in range(1, 21):
        if hits[rank - 1]:
            found += 1
            until_20 += found / rank
    gain = sum(1 / math.log2(rank + 1) for rank in range(1, 11) if hits[rank - 1])
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(n_relevant, 10) + 1))
    return {
        "mMP@5": sum(hits[:cut]) / cut,
        "R@1": float(any(hits[:1])),
        "R@5": float(any(hits[:5])),
        "R@10": float(any(hits[:10])),
        "mAP@R": precisions / n_relevant,
        "mAP@20": until_20 / min(n_relevant, 20),
        "MRR": 1 / first_hit,
        "nDCG@10": gain / ideal,
    }
