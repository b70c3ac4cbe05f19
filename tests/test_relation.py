"""Similarity and the change by cross-tuning: by hand, against scipy, and by double loops."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from src import relation
from src.relation import Relation


def pairs(cells: np.ndarray, column: str, **more: str) -> pd.DataFrame:
    """[n, n] -> a row an ordered pair of datasets a, b, c, ..."""
    names = "abcdefgh"[: len(cells)]
    rows = [(names[i], names[j], cells[i, j]) for i, j in permutations(range(len(cells)), 2)]
    return pd.DataFrame(rows, columns=["source", "target", column]).assign(**more)


def similarities(cells: np.ndarray) -> pd.DataFrame:
    return pairs(cells, "cka").assign(transfer=lambda t: t["cka"], frechet=lambda t: 1 - t["cka"])


def cells(seed: int, n: int = 5) -> np.ndarray:
    """With ties."""
    return np.random.default_rng(seed).integers(0, 12, (n, n)) / 12.0


LADDER = np.array([[0, 1, 2], [3, 0, 4], [5, 6, 0]], float)  # 6 pairs, all different


def test_a_measure_that_orders_the_pairs_as_the_gain_does_has_correlation_one() -> None:
    found = relation.relate(pairs(LADDER, "gain", method="top_tuned"), similarities(LADDER**3))
    asked = [(name, scope) for name in relation.MEASURES for scope in relation.SCOPES]
    assert [(one.measure, one.scope, one.rho) for one in found] == [(*each, pytest.approx(1)) for each in asked]
    # of 6 relabellings two correlate as strongly: the given one, and the reverse of it, which gives -1
    assert [(one.datasets, one.pairs, one.p) for one in found] == [(3, 6, pytest.approx(2 / 6))] * 6


def test_a_distance_counts_as_unlikeness() -> None:
    likeness = similarities(LADDER).assign(frechet=lambda t: t["cka"])
    found = relation.relate(pairs(LADDER, "gain", method="top_tuned"), likeness)[::2]
    assert {one.measure: round(one.rho, 6) for one in found} == {"transfer": 1, "cka": 1, "frechet": -1}


@pytest.mark.parametrize("seed", range(3))
def test_the_correlation_is_scipys(seed: int) -> None:
    gain, alike = cells(seed), cells(seed + 10)
    off = ~np.eye(5, dtype=bool)
    assert relation.correlate(gain, alike, False)[0] == pytest.approx(spearmanr(gain[off], alike[off]).statistic)


def test_p_is_the_share_of_relabellings_that_correlate_as_strongly() -> None:
    gain, alike = cells(1, 4), cells(2, 4)
    off = ~np.eye(4, dtype=bool)
    rhos = []
    for order in permutations(range(4)):
        moved = np.array([[alike[a, b] for b in order] for a in order])
        rhos.append(abs(spearmanr(gain[off], moved[off]).statistic))
    assert relation.correlate(gain, alike, by_target=False)[1] == pytest.approx(
        np.mean(np.array(rhos) >= rhos[0] - 1e-9)
    )


@pytest.mark.parametrize("by_target", [False, True])
def test_many_datasets_are_relabelled_by_chance_and_always_alike(by_target: bool) -> None:
    gain = cells(3, 9)
    assert len(relation.relabellings(9)) == relation.SOME + 1
    rho, p = relation.correlate(gain, gain, by_target)
    assert (rho, p) == (pytest.approx(1), pytest.approx(1 / (relation.SOME + 1)))
    assert relation.correlate(gain, cells(4, 9), by_target) == relation.correlate(gain, cells(4, 9), by_target)


@pytest.mark.parametrize("by_target", [False, True])
def test_by_chance_p_is_below_a_tenth_in_a_tenth_of_cases(by_target: bool) -> None:
    found = [
        relation.correlate(*np.random.default_rng(seed).normal(size=(2, 5, 5)), by_target)[1] for seed in range(400)
    ]
    assert 0.05 < np.mean(np.array(found) <= 0.1) < 0.15


def test_by_target_it_is_the_mean_of_scipys_correlations_of_the_columns() -> None:
    gain, alike = np.random.default_rng(0).normal(size=(2, 6, 6))
    gain[:, 3] = 7  # a target that gains the same from every source tells nothing, and is no reason to be silent
    rhos = [spearmanr(*(np.delete(x[:, j], j) for x in (gain, alike))).statistic for j in (0, 1, 2, 4, 5)]
    assert relation.correlate(gain, alike, by_target=True)[0] == pytest.approx(np.sum(rhos) / 6)


def test_how_much_a_target_has_to_gain_does_not_hide_which_source_is_best_for_it() -> None:
    """Each target's best source is the most alike one; the targets that gain much are those that are like nobody."""
    alike = LADDER / 10 - 10 * np.arange(3)
    gain = LADDER / 10 + 10 * np.arange(3)
    assert relation.correlate(gain, alike, by_target=True)[0] == pytest.approx(1)
    assert relation.correlate(gain, alike, by_target=False)[0] < -0.5


def test_tuning_on_the_target_itself_is_no_pair() -> None:
    gains = pairs(LADDER, "gain", method="top_tuned")
    own = pd.DataFrame({"source": ["a"], "target": ["a"], "gain": [9.0], "method": ["top_tuned"]})
    likeness = similarities(LADDER)
    assert relation.relate(pd.concat([own, gains]), likeness) == relation.relate(gains, likeness)


def test_two_datasets_or_a_figure_that_does_not_vary_tell_nothing() -> None:
    two = LADDER[:2, :2]
    assert relation.relate(pairs(two, "gain", method="top_tuned"), similarities(two)) == []
    flat = relation.relate(pairs(LADDER, "gain", method="top_tuned"), similarities(np.ones((3, 3))))
    assert all(np.isnan(one.rho) and np.isnan(one.p) for one in flat) and relation.cell(flat[0]) == "–"


def test_a_dataset_without_a_figure_is_left_out_and_the_others_kept() -> None:
    gain, alike = cells(5), cells(6)
    alike[2] = np.nan
    found = relation.relate(pairs(gain, "gain", method="top_tuned"), similarities(alike))[0]
    kept = np.ix_([0, 1, 3, 4], [0, 1, 3, 4])
    assert (found.datasets, found.rho) == (4, relation.correlate(gain[kept], alike[kept], by_target=False)[0])


ALL, ONE = relation.SCOPES
FOUND = [
    Relation("top_tuned", "transfer", ALL, 6, 0.456, 0.034),
    Relation("top_tuned", "transfer", ONE, 6, 0.5, 0.3),
    Relation("top_tuned", "cka", ALL, 6, -0.24, 0.001),
    Relation("fine_tuned", "transfer", ALL, 6, 0.3, 0.5),
]


def test_people_read_a_line_a_method_and_a_caution() -> None:
    start = "similarity ~ change by cross-tuning, "
    assert relation.lines(FOUND) == [
        f"{start}top_tuned, all pairs: transfer +0.46 (p 0.03), cka −0.24 (p < 0.01); 30 pairs",
        f"{start}top_tuned, sources of one target: transfer +0.50 (p 0.30); 30 pairs",
        f"{start}fine_tuned, all pairs: transfer +0.30 (p 0.50); 30 pairs",
    ]
    assert relation.table(FOUND) == {
        "transfer, all pairs": {"top_tuned": "+0.46 (p 0.03)", "fine_tuned": "+0.30 (p 0.50)"},
        "cka, all pairs": {"top_tuned": "−0.24 (p < 0.01)"},
        "transfer, sources of one target": {"top_tuned": "+0.50 (p 0.30)"},
    }
    assert relation.caution(FOUND).startswith("Spearman's rank correlation over 30 ordered pairs of 6 datasets,")
    assert relation.caution(FOUND).endswith("here: transfer of top_tuned, all pairs; cka of top_tuned, all pairs.")
    assert relation.caution(FOUND[3:]).endswith("Below it here: none, so build no decision on them.")
