"""Statistics: what can be worked out by hand, then slow twins, then how often the promises hold by simulation."""

import itertools

import numpy as np
import pytest

from src import statistics


def ones(n: int) -> np.ndarray:
    return np.ones(n, bool)


def test_queries_are_drawn_by_label_where_there_are_forty_else_by_group_else_each_for_itself() -> None:
    many, few, pairs, own = np.arange(80) // 2, np.arange(80) // 4, np.arange(80) // 2 + 7, np.arange(80)
    assert statistics.clusters(many, own, ones(80))[1] == "label"
    codes, by = statistics.clusters(few, pairs, ones(80))
    assert by == "group" and codes is pairs
    codes, by = statistics.clusters(few, own, ones(80))
    assert by == "query" and codes.tolist() == own.tolist()
    assert statistics.clusters(few, few, ones(80))[1] == "query"  # a handful of bursts says as little as of labels


def test_labels_that_nobody_asks_for_do_not_count() -> None:
    labels = np.arange(80) // 2
    assert statistics.clusters(labels, np.arange(80), labels < 39)[1] == "query"


def test_two_clusters_give_the_three_means_that_two_draws_can_have() -> None:
    drawn = statistics.resample(np.array([0, 0.5, 1]), np.array([4, 4, 9]), "cars")
    means, counts = np.unique(drawn.means, return_counts=True)
    assert means.tolist() == [0.25, 0.5, 1] and drawn.clusters == 2  # twice {0, 0.5}, each once, twice {1}
    assert counts / counts.sum() == pytest.approx([0.25, 0.5, 0.25], abs=0.05)


def test_resampling_agrees_with_putting_whole_clusters_together() -> None:
    random = np.random.default_rng(0)
    values, clusters = random.random((60, 3)), random.integers(0, 12, 60)
    values[random.random((60, 3)) < 0.1] = np.nan
    values[:4] = np.nan  # nothing to find: not there at all
    drawn = statistics.resample(values, clusters, "cars")
    names, again = np.unique(clusters[4:]), np.random.default_rng(list(b"cars"))
    for one in range(5):
        chosen = [names[i] for i in again.integers(len(names), size=len(names))]
        rows = [row for name in chosen for row in range(4, 60) if clusters[row] == name]
        assert drawn.means[one] == pytest.approx(np.nanmean(values[rows], 0), abs=1e-12)


def test_blocks_change_no_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    values, clusters = np.random.default_rng(0).random(90), np.arange(90) // 2
    whole = statistics.resample(values, clusters, "cars").means
    monkeypatch.setattr(statistics, "CELLS", 7 * 45)
    assert statistics.resample(values, clusters, "cars").means == pytest.approx(whole, abs=1e-12)
    assert np.unique(statistics.flip(values - 0.5, clusters, "cars")).size > 9000  # no block repeats another


def test_draws_hang_on_the_dataset_alone() -> None:
    values, clusters = np.random.default_rng(0).random((90, 2)), np.arange(90) // 2
    both = statistics.resample(values, clusters, "cars").means
    assert both[:, 1] == pytest.approx(statistics.resample(values[:, 1], clusters, "cars").means, abs=1e-12)
    assert np.abs(both - statistics.resample(values, clusters, "food").means).max() > 0.1


def test_one_cluster_has_no_interval() -> None:
    assert np.isnan(statistics.resample(np.array([0.2, 0.4]), np.array([3, 3]), "cars").interval()).all()


def test_an_interval_is_student_s_where_means_are_normal() -> None:
    values = np.random.default_rng(0).normal(0.5, 0.1, 40)
    interval = statistics.resample(values, np.arange(40), "cars").interval()
    half = 2.0227 * values.std(ddof=1) / np.sqrt(40)  # t of 39 degrees of freedom at 97.5 %
    assert interval == pytest.approx((values.mean() - half, values.mean() + half), abs=0.003)


def clustered(random: np.random.Generator, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """mMP@5 of 1 to 11 queries of each label, some labels easy and some hard; its mean is 2 / 3."""
    clusters = np.repeat(np.arange(labels), random.integers(1, 12, labels))
    return random.binomial(5, random.beta(2, 1, labels)[clusters]) / 5, clusters


def test_intervals_by_cluster_cover_the_truth_and_those_by_query_do_not() -> None:
    random = np.random.default_rng(0)
    covered = {"label": 0, "query": 0}
    for _ in range(300):
        values, labels = clustered(random, 60)
        for by, clusters in {"label": labels, "query": np.arange(len(labels))}.items():
            low, high = statistics.resample(values, clusters, "cars").interval()
            covered[by] += low <= 2 / 3 <= high
    assert 0.92 < covered["label"] / 300 < 0.98
    assert covered["query"] / 300 < 0.75


def test_over_datasets_the_mean_varies_as_independent_means_do() -> None:
    random = np.random.default_rng(0)
    parts = [statistics.resample(random.random(n), np.arange(n), f"{n}") for n in (50, 80, 200)]
    both = statistics.over_datasets(parts)
    assert both.clusters == 50 and both.means.mean() == pytest.approx(np.mean([part.means.mean() for part in parts]))
    assert both.means.var() == pytest.approx(sum(part.means.var() for part in parts) / 9, rel=0.1)


def test_p_of_four_clusters_is_the_share_of_sixteen_flips() -> None:
    differences, clusters = np.array([0.25, 0.25, 0.5, 0.25, -0.25]), np.array([0, 0, 1, 2, 3])
    sums = [0.5, 0.5, 0.25, -0.25]
    totals = [np.dot(signs, sums) for signs in itertools.product([1, -1], repeat=4)]
    exact = np.mean(np.abs(totals) >= 1)  # 6 of 16
    flipped = statistics.flip(differences, clusters, "cars")
    assert set(np.round(5 * flipped, 9)) == set(np.round(totals, 9))
    assert statistics.p_value(differences.mean(), flipped) == pytest.approx(exact, abs=0.02) == 0.375


def test_no_difference_anywhere_has_p_one() -> None:
    assert statistics.p_value(0.0, statistics.flip(np.zeros(50), np.arange(50), "cars")) == 1


def test_a_difference_in_all_of_fifty_labels_has_the_least_p_there_is() -> None:
    assert statistics.p_value(0.1, statistics.flip(np.full(50, 0.1), np.arange(50), "cars")) == 0.0001


def test_p_is_uniform_where_two_columns_differ_by_chance_alone() -> None:
    random = np.random.default_rng(0)
    found = []
    for at in range(300):
        (a, labels), ability = clustered(random, 40), random.beta(2, 1, 40)
        b = random.binomial(5, ability[labels]) / 5
        found.append(statistics.p_value((a - b).mean(), statistics.flip(a - b, labels, str(at))))
    for level in (0.05, 0.25, 0.5, 0.75):
        assert np.mean(np.array(found) <= level) == pytest.approx(level, abs=0.07)


def test_holm_by_hand() -> None:
    # 0.01 x 4; 0.02 x 3; 0.03 x 2, which is no less than the one before; 0.2 x 1
    assert statistics.holm(np.array([0.2, 0.03, 0.01, 0.02])) == pytest.approx([0.2, 0.06, 0.04, 0.06])
    assert statistics.holm(np.array([0.6, 0.5])).tolist() == [1, 1]
    assert statistics.holm(np.array([0.04])).tolist() == [0.04]
