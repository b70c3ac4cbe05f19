"""How fast a head is trained: ours in fp32 and bf16, and scikit-learn's MLPClassifier, side by side in one run.

python -m benchmarks.top_tune [--images 60000 --dim 768 --classes 1000 --layers 1024 512 --epochs 30 --threads 2 ...]

Same data, hidden layers, epochs and batch. Ours does more: batch norm, dropout, a cosine classifier, and mMP@5 of
VALIDATION images after each epoch; scikit-learn's validates nothing.
"""

import argparse
import warnings
from collections.abc import Callable
from time import perf_counter, process_time

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from src.tuning import frozen
from src.tuning.frozen import Frozen
from src.tuning.lessons import Lesson
from src.tuning.recipes import Recipe

VALIDATION = 2000
Seconds = tuple[float, float]  # on the clock, of all processors
Side = tuple[NDArray[np.float32], NDArray[np.int64]]  # vectors [n, D] and their classes [n]


def main() -> None:
    """Measure all three and print a line each."""
    asked = arguments()
    torch.set_num_threads(asked.threads)
    side = clusters(asked.images + VALIDATION, asked.dim, asked.classes)
    print(f"{asked.images:,} x {asked.dim}, {asked.classes:,} classes, {vars(asked)}")
    with threadpool_limits(asked.threads):
        base = timed(lambda: fit_sklearn(side, asked))
    report("scikit-learn", base, base)
    for precision in ("fp32", "bf16"):
        report(f"ours {precision}", timed(lambda: fit_ours(side, asked, precision)), base)  # noqa: B023  called at once


def timed(work: Callable[[], object]) -> Seconds:
    """Seconds on the clock, and of all processors together: on a busy machine only these compare, with one thread."""
    clock, processors = perf_counter(), process_time()
    work()
    return perf_counter() - clock, process_time() - processors


def report(name: str, spent: Seconds, base: Seconds) -> None:
    """A line with both times, and how many times as fast as `base`."""
    ratios = [theirs / ours for theirs, ours in zip(base, spent, strict=True)]
    print(
        f"{name:13} {spent[0]:7.1f} s ({ratios[0]:.2f} x)   processors {spent[1]:7.1f} s ({ratios[1]:.2f} x)",
        flush=True,
    )


def arguments() -> argparse.Namespace:
    """The sizes of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in {
        "images": 60000,
        "dim": 768,
        "classes": 1000,
        "epochs": 30,
        "batch": 1024,
        "threads": 2,
    }.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--layers", type=int, nargs="+", default=[1024, 512])
    return parser.parse_args()


def clusters(images: int, dim: int, classes: int) -> Side:
    """Noisy directions: vectors [N, D] of length about 1, and their classes [N], every class with images."""
    rng = np.random.default_rng(0)
    codes = rng.permutation(np.arange(images) % classes)
    centres = rng.normal(size=(classes, dim)) / dim**0.5
    return (centres[codes] + rng.normal(size=(images, dim)) / dim**0.5).astype(np.float32), codes


def fit_ours(side: Side, asked: argparse.Namespace, precision: str) -> None:
    """A trial, without early stopping; the first VALIDATION images choose."""
    recipe = Recipe(1e-3, 0.05, asked.epochs, asked.epochs, asked.batch, 0.1, precision=precision)
    rows, names = np.arange(len(side[1])), [str(number) for number in range(asked.classes)]
    taught, chosen_by = rows[VALIDATION:], rows[:VALIDATION]
    lesson = Lesson(names, taught, side[1][taught], chosen_by, side[1][chosen_by])
    feed = Frozen(side[0])
    frozen.train(feed, lesson, frozen.config(feed, lesson, asked.layers, 0.3), recipe, 0, precision)


def fit_sklearn(side: Side, asked: argparse.Namespace) -> None:
    """scikit-learn's training of the same images, with Adam, its default."""
    network = MLPClassifier(
        asked.layers,
        batch_size=asked.batch,
        max_iter=asked.epochs,
        tol=0,
        n_iter_no_change=asked.epochs,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops after `epochs`, as told
        network.fit(side[0][VALIDATION:], side[1][VALIDATION:])
    assert network.n_iter_ == asked.epochs


if __name__ == "__main__":
    main()
