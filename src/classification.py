"""Floor 2. Naming the label of an image: a linear probe, and how often a prediction is right."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[Any]  # [n] text or integers
Counts = NDArray[np.int64]  # [labels]

INVERSE_REGULARISATION = 10.0  # scikit-learn's C


def linear_probe(train: NDArray[np.float32], labels: Labels, test: NDArray[np.float32]) -> Labels:
    """Multinomial logistic regression on frozen embeddings: [n, D], [n] fit it, [m, D] -> predicted labels [m]."""
    from sklearn.linear_model import LogisticRegression  # here: `evaluate` needs the scores below, and no scikit-learn

    known = np.unique(labels)
    if len(known) == 1:
        return np.repeat(known, len(test))
    probe = LogisticRegression(C=INVERSE_REGULARISATION, solver="lbfgs", max_iter=2000)
    return probe.fit(train, labels).predict(test)


def accuracy(truth: Labels, predicted: Labels) -> float:
    """Share of predictions that are right."""
    return float(np.mean(truth == predicted))


def macro_precision(truth: Labels, predicted: Labels) -> float:
    """Mean over labels, present in either, of TP / (TP + FP): of the images given a label, the share that is right.

    A label that was never given counts 0, as in scikit-learn's precision_score(average="macro", zero_division=0).
    """
    right, _, answered = tally(truth, predicted)
    return float(np.mean(right / np.maximum(answered, 1)))


def macro_recall(truth: Labels, predicted: Labels) -> float:
    """Mean over labels, present in either, of TP / (TP + FN): of the images of a label, the share that was given it.

    A label that no image has counts 0, as in scikit-learn's recall_score(average="macro", zero_division=0).
    """
    right, asked, _ = tally(truth, predicted)
    return float(np.mean(right / np.maximum(asked, 1)))


def macro_f1(truth: Labels, predicted: Labels) -> float:
    """Mean over labels, present in either, of 2 TP / (2 TP + FP + FN): scikit-learn's f1_score(average="macro")."""
    right, asked, answered = tally(truth, predicted)
    return float(np.mean(2 * right / (asked + answered)))


def tally(truth: Labels, predicted: Labels) -> tuple[Counts, Counts, Counts]:
    """For each label present in either: images given it rightly (TP), images of it (TP + FN), images given it."""
    known, code = np.unique(np.concatenate([truth, predicted]), return_inverse=True)
    asked, answered = np.split(code, [len(truth)])
    counts = [np.bincount(codes, minlength=len(known)) for codes in (asked[asked == answered], asked, answered)]
    return counts[0], counts[1], counts[2]


SCORES: dict[str, Callable[[Labels, Labels], float]] = {
    "accuracy": accuracy,
    "macro_precision": macro_precision,
    "macro_recall": macro_recall,
    "macro_F1": macro_f1,
}
