"""Classification: scores against scikit-learn's, and what the probe can be relied on for."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from src import classification


def test_three_of_four_right_is_an_accuracy_of_three_quarters():
    assert classification.accuracy(np.array(list("aabb")), np.array(list("aaba"))) == 0.75


def test_macro_f1_weighs_a_rare_label_like_a_frequent_one():
    truth, predicted = np.array(list("aaaaab")), np.array(list("aaaaaa"))
    assert classification.macro_f1(truth, predicted) == pytest.approx((10 / 11 + 0) / 2)


def test_precision_is_of_what_was_answered_and_recall_of_what_was_asked():
    truth, predicted = np.array(list("aaab")), np.array(list("aabb"))
    assert classification.macro_precision(truth, predicted) == pytest.approx((1 + 1 / 2) / 2)
    assert classification.macro_recall(truth, predicted) == pytest.approx((2 / 3 + 1) / 2)


def test_a_label_that_is_never_answered_has_no_precision_and_one_never_asked_no_recall():
    truth, predicted = np.array(["a", "b"]), np.array(["a", "c"])
    assert classification.macro_precision(truth, predicted) == pytest.approx(1 / 3)
    assert classification.macro_recall(truth, predicted) == pytest.approx(1 / 3)


@pytest.mark.parametrize("labels", [1, 2, 7, 60])
def test_scores_agree_with_scikit_learn_also_where_a_label_is_only_asked_or_only_answered(labels):
    random = np.random.default_rng(labels)
    truth, predicted = random.integers(0, labels, 50).astype(str), random.integers(0, labels, 50).astype(str)
    found = [score(truth, predicted) for score in classification.SCORES.values()]
    macro = precision_recall_fscore_support(truth, predicted, average="macro", zero_division=0)[:3]
    assert found == pytest.approx([accuracy_score(truth, predicted), *macro])


def test_the_probe_separates_what_a_plane_separates_and_answers_in_labels():
    random = np.random.default_rng(0)
    vectors = random.normal(size=(60, 8)).astype(np.float32)
    labels = np.where(vectors[:, 0] > 0, "right", "left")
    vectors[:, 0] *= 5
    found = classification.linear_probe(vectors[:40], labels[:40], vectors[40:])
    assert classification.accuracy(labels[40:], found) >= 0.95


def test_a_catalogue_of_one_label_needs_no_probe():
    vectors = np.eye(3, dtype=np.float32)
    assert list(classification.linear_probe(vectors, np.array(["tea"] * 3), vectors[:2])) == ["tea", "tea"]
