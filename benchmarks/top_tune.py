"""How fast a head is trained: ours in fp32 and bf16, and scikit-learn's MLPClassifier, side by side in one run.

python -m benchmarks.top_tune [--images 60000 --dim 768 --classes 1000 --epochs 30 --batch 1024 --threads 2]

Same data, hidden layers, epochs and batch. Ours does more: batch norm, dropout, a cosine classifier, and mMP@5 of
VALIDATION images after each epoch; scikit-learn's validates nothing.
"""

import argparse
import warnings
from time import perf_counter

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

LAYERS, VALIDATION = [1024, 512], 2000
Side = tuple[NDArray[np.float32], NDArray[np.int64]]  # vectors [n, D] and their classes [n]


def main() -> None:
    """Measure all three and print a line each."""
    asked = arguments()
    torch.set_num_threads(asked.threads)
    vectors, codes = clusters(asked.images + VALIDATION, asked.dim, asked.classes)
    print(
        f"{asked.images:,} x {asked.dim}, {asked.classes:,} classes, {asked.epochs} epochs, batch {asked.batch}, ",
        end="",
    )
    print(f"layers {LAYERS}, {asked.threads} threads")
    with threadpool_limits(asked.threads):
        theirs = sklearn_seconds((vectors[VALIDATION:], codes[VALIDATION:]), asked.epochs, asked.batch)
    print(f"scikit-learn float32 {theirs:8.1f} s", flush=True)
    for precision in ("fp32", "bf16"):
        ours = seconds((vectors, codes), asked.classes, recipe(asked, precision))
        print(f"ours         {precision:7} {ours:8.1f} s   {theirs / ours:.2f} times as fast", flush=True)


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
    return parser.parse_args()


def clusters(images: int, dim: int, classes: int) -> Side:
    """Noisy directions: vectors [N, D] of length about 1, and their classes [N], every class with images."""
    rng = np.random.default_rng(0)
    codes = rng.permutation(np.arange(images) % classes)
    centres = rng.normal(size=(classes, dim)) / dim**0.5
    return (centres[codes] + rng.normal(size=(images, dim)) / dim**0.5).astype(np.float32), codes


def recipe(asked: argparse.Namespace, precision: str) -> Recipe:
    """Of a trial: no early stopping."""
    return Recipe(1e-3, 0.05, asked.epochs, asked.epochs, asked.batch, 0.1, precision=precision)


def seconds(side: Side, classes: int, recipe: Recipe) -> float:
    """Of our training; the first VALIDATION images choose."""
    rows, names = np.arange(len(side[1])), [str(number) for number in range(classes)]
    taught, asked = rows[VALIDATION:], rows[:VALIDATION]
    lesson = Lesson(names, taught, side[1][taught], asked, side[1][asked])
    start, feed = perf_counter(), Frozen(side[0])
    frozen.train(feed, lesson, frozen.config(feed, lesson, LAYERS, 0.3), recipe, 0, recipe.precision)
    return perf_counter() - start


def sklearn_seconds(side: Side, epochs: int, batch: int) -> float:
    """Of scikit-learn's training, with Adam, its default."""
    network = MLPClassifier(LAYERS, batch_size=batch, max_iter=epochs, tol=0, n_iter_no_change=epochs, random_state=0)
    start = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops after `epochs`, as told
        network.fit(*side)
    assert network.n_iter_ == epochs
    return perf_counter() - start


if __name__ == "__main__":
    main()
