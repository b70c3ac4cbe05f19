"""Floor 2. Samplers: which images an epoch trains on, and which of them share a batch."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from src.registry import lookup
from src.tuning.lessons import Rows
from src.tuning.recipes import Recipe
from src.words import PAIRWISE

# targets [N] of the training images, batch size, seed, images a label -> places in `targets`, an array for each batch
Sampler = Callable[[Rows, int, int, int], list[Rows]]


def shuffle(targets: Rows, batch_size: int, seed: int, _: int) -> list[Rows]:
    """A permutation of all images in full batches; the rest waits for another epoch (small batches upset norms)."""
    steps = max(len(targets) // batch_size, 1)
    order = np.random.default_rng(seed).permutation(len(targets))[: steps * batch_size]
    return np.array_split(order, steps)


def balanced(targets: Rows, batch_size: int, seed: int, _: int) -> list[Rows]:
    """As many batches as `shuffle` makes, with every label equally often, however many images it has."""
    rng, steps = np.random.default_rng(seed), max(len(targets) // batch_size, 1)
    labels = deal_labels(np.unique(targets), 1, steps * min(batch_size, len(targets)), rng)
    return np.array_split(deal_images(targets, labels.reshape(-1), 1, rng).reshape(-1), steps)


def pk(targets: Rows, batch_size: int, seed: int, images_per_label: int) -> list[Rows]:
    """Batches of P labels x K images (arXiv 1703.07737), a label's images side by side; the epoch is as long as ever.

    K is `images_per_label` and P as many labels as a batch has room for; with fewer labels than that, K grows instead.
    Every label comes equally often; one with fewer than K images gives some of them again.
    """
    labels, width = np.unique(targets), batch_size // images_per_label
    assert width > 1, "params refuses a batch with room for one label"
    if len(labels) < width:
        width, images_per_label = len(labels), batch_size // len(labels)
    rng, steps = np.random.default_rng(seed), max(len(targets) // (width * images_per_label), 1)
    hands = deal_labels(labels, width, steps, rng)
    return list(deal_images(targets, hands.reshape(-1), images_per_label, rng).reshape(steps, -1))


SAMPLERS: dict[str, Sampler] = {"shuffle": shuffle, "balanced": balanced, "pk": pk}


def batches(targets: Rows, recipe: Recipe, seed: int) -> list[Rows]:
    """An epoch as the recipe's sampler deals it; `auto` is pk for a loss that compares images, else shuffle."""
    auto = "pk" if recipe.loss in PAIRWISE else "shuffle"
    sampler = lookup(SAMPLERS, auto if recipe.sampler == "auto" else recipe.sampler, "sampler")
    return sampler(targets, recipe.batch_size, seed, recipe.images_per_label)


def deal_labels(labels: Rows, width: int, hands: int, rng: Generator) -> NDArray[np.int64]:
    """Hands of different labels, [C] -> [hands, width], from one shuffled deck of all of them after another.

    What is left of a deck when it cannot fill a hand is put away: a hand of two decks could hold a label twice.
    """
    full = len(labels) // width
    decks = rng.permuted(np.tile(labels, (-(-hands // full), 1)), axis=1)
    return decks[:, : full * width].reshape(-1, width)[:hands]


def deal_images(targets: Rows, labels: Rows, count: int, rng: Generator) -> NDArray[np.int64]:
    """Places of `count` images of each drawn label: [n] -> [n, count]. The images of a label take turns.

    In a turn no image comes twice before all have come once, so the images of a draw differ where there are enough.
    """
    shuffled = rng.permutation(len(targets))
    order = shuffled[np.argsort(targets[shuffled], kind="stable")]  # a label's images side by side
    sizes = np.bincount(targets)
    starts = np.cumsum(sizes) - sizes
    turn = earlier(labels)[:, None] * count + np.arange(count)
    return order[starts[labels, None] + turn % sizes[labels, None]]


def earlier(labels: Rows) -> NDArray[np.int64]:
    """How often each label occurred before in the sequence: [4, 7, 4, 4] -> [0, 0, 1, 2]."""
    order = np.argsort(labels, kind="stable")
    grouped = labels[order]
    counts = np.empty(len(labels), np.int64)
    counts[order] = np.arange(len(labels)) - np.searchsorted(grouped, grouped)
    return counts
