"""Confusion data that can be read: small matrices whole, of large ones the worst."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from src.report import confusions


def test_every_pair_of_a_small_matrix_is_counted() -> None:
    found = confusions.count(np.array(list("aaabb")), np.array(list("aacba")))
    assert list(found.itertuples(index=False, name=None)) == [
        ("a", "a", 2, 3),
        ("a", "c", 1, 3),
        ("b", "a", 1, 2),
        ("b", "b", 1, 2),
    ]


@pytest.mark.parametrize("labels", [2, 9, 50])
def test_the_counts_are_scikit_learn_s_confusion_matrix(labels: int) -> None:
    random = np.random.default_rng(labels)
    names = np.array([f"label {number:02d}" for number in range(labels)])
    truth, predicted = names[random.integers(0, labels, 400)], names[random.integers(0, labels, 400)]
    found = confusions.count(truth, predicted)
    matrix = found.pivot(index="label", columns="predicted", values="images").reindex(names, columns=names).fillna(0)
    assert np.array_equal(matrix.to_numpy(), confusion_matrix(truth, predicted, labels=names))


def test_of_a_large_matrix_the_most_confused_pairs_remain_ties_by_name() -> None:
    """120 labels, each with a right and a wrong answer; label 007 is taken for its neighbour twice."""
    names = [f"{number:03d}" for number in range(120)]
    truth = np.array([*names, *names, "007"])
    predicted = np.array([*names, *names[1:], names[0], "008"])
    found = confusions.count(truth, predicted)
    assert len(found) == confusions.PAIRS
    assert list(found.itertuples(index=False, name=None))[:3] == [
        ("007", "008", 2, 3),
        ("000", "001", 1, 2),
        ("001", "002", 1, 2),
    ]


def test_thousands_of_labels_stay_a_short_table() -> None:
    random = np.random.default_rng(0)
    truth, predicted = random.integers(0, 11_318, (2, 60_000)).astype(str)
    assert len(confusions.count(truth, predicted)) == confusions.PAIRS


def test_the_most_confused_pairs_of_each_strategy_leave_out_what_is_right() -> None:
    found = confusions.count(np.array(list("aaabbb")), np.array(list("abbbbc")))
    table = found.assign(strategy="top_tuned", dataset="cars")[confusions.COLUMNS]
    pairs = confusions.most(table, 1)["cars"]["top_tuned"]
    assert [(pair["label"], pair["predicted"], pair["images"], pair["of"]) for pair in pairs] == [("a", "b", 2, 3)]
    assert confusions.most(table.iloc[:0], 1) == {}
