"""How fast a head is trained: ours in fp32 and bf16, and scikit-learn's MLPClassifier, side by side in one run.

python -m benchmarks.top_tune [--images 60000 --dim 768 --classes 1000 --layers 1024 512 --epochs 30 --threads 2 ...]

Same data, hidden layers, epochs and batch. Ours does more: batch norm, dropout, a cosine classifier, label smoothing,
clipping, and mMP@5 of VALIDATION images after each epoch; scikit-learn's has none of these. "products alone" is the
floor: the matrix products of the same training, and nothing else. `--without-sklearn` leaves its line out.
"""

import src  # noqa: F401  first: it tells torch's threads how to wait

# isort: split
import argparse
import warnings
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from time import perf_counter, process_time

import numpy as np
import torch
import torch._dynamo  # the first optimiser of a process imports it: a second that is no training
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from src.tuning import frozen, heads
from src.tuning.frozen import Frozen
from src.tuning.lessons import Lesson
from src.tuning.recipes import Recipe

VALIDATION, REPEATS = 2000, 15
Seconds = tuple[float, float]  # on the clock, of all processors
Side = tuple[NDArray[np.float32], NDArray[np.int64]]  # vectors [n, D] and their classes [n]


def main() -> None:
    """Measure all three and print a line each."""
    asked = arguments()
    torch.set_num_threads(asked.threads)
    side = clusters(asked.images + VALIDATION, asked.dim, asked.classes)
    print(f"{asked.images:,} x {asked.dim}, {asked.classes:,} classes, {vars(asked)}")
    base = None
    if not asked.without_sklearn:
        with threadpool_limits(asked.threads):
            base = timed(lambda: fit_sklearn(side, asked))
        report("scikit-learn", base, asked.epochs)
    for precision in ("fp32", "bf16"):
        spent = timed(lambda: fit_ours(side, asked, precision))  # noqa: B023  called at once
        report(f"ours {precision}", spent, asked.epochs, base)
        print(f"{'':13} {products(asked, precision):7.2f} s an epoch are products alone", flush=True)


def timed(work: Callable[[], object]) -> Seconds:
    """Seconds on the clock, and of all processors together: on a busy machine only these compare, with one thread."""
    clock, processors = perf_counter(), process_time()
    work()
    return perf_counter() - clock, process_time() - processors


def report(name: str, spent: Seconds, epochs: int, base: Seconds | None = None) -> None:
    """A line with seconds an epoch and altogether, on the clock and of all processors; times as fast as `base`."""
    fields = [f"{name:13} {spent[0] / epochs:7.2f} s an epoch"]
    for number, (what, seconds) in enumerate(zip(("clock", "processors"), spent, strict=True)):
        ratio = f" ({base[number] / seconds:.2f} x)" if base else ""
        fields.append(f"{what} {seconds:7.1f} s{ratio}")
    print("   ".join(fields), flush=True)


def products(asked: argparse.Namespace, precision: str) -> float:
    """Seconds an epoch of matrix products: of each layer, to weights and, but for the first, to what comes in.

    The median of REPEATS, so that page faults and neighbours hardly count.
    """
    kind, seconds = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision], 0.0
    for number, (before, after) in enumerate(pairwise([asked.dim, *asked.layers, asked.classes])):
        layer = heads.Linear(before, after, bias=False).to(kind)
        x = torch.randn(asked.batch, before, dtype=kind, requires_grad=number > 0)
        slope, wanted = torch.randn(asked.batch, after, dtype=kind), [layer.weight, *([x] if number else [])]
        both = lambda: torch.autograd.grad(layer(x), wanted, slope)  # noqa: B023, E731  called at once
        seconds += median(timed(both)[0] for _ in range(REPEATS))
    return seconds * (asked.images // asked.batch)


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
    parser.add_argument("--without-sklearn", action="store_true")
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
