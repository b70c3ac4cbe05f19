"""Floor 2. Naming the label of an image: a linear probe, and how often a prediction is right."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[Any]  # [n] text or integers

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


def macro_f1(truth: Labels, predicted: Labels) -> float:
    """Mean over labels, present in either, of 2 TP / (2 TP + FP + FN): scikit-learn's f1_score(average="macro")."""
    known, code = np.unique(np.concatenate([truth, predicted]), return_inverse=True)
    asked, answered = np.split(code, [len(truth)])
    right = np.bincount(asked[asked == answered], minlength=len(known))
    either = np.bincount(asked, minlength=len(known)) + np.bincount(answered, minlength=len(known))
    return float(np.mean(2 * right / either))


SCORES: dict[str, Callable[[Labels, Labels], float]] = {"accuracy": accuracy, "macro_F1": macro_f1}
