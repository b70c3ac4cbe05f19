"""Frozen embeddings as training inputs."""

import numpy as np
import torch

from src.tuning import frozen, loop
from src.tuning.frozen import Frozen
from src.tuning.lessons import Lesson
from src.tuning.recipes import Recipe

RECIPE = Recipe(lr=0.01, weight_decay=0.05, epochs=4, patience=4, batch_size=8, label_smoothing=0.1)
ROWS = np.arange(24)
LESSON = Lesson(["a", "b", "c"], ROWS[::2], ROWS[::2] % 3, ROWS[1::2], ROWS[1::2] % 3)


def vectors() -> np.ndarray:
    rng = np.random.default_rng(0)
    return (np.eye(3, 5)[ROWS % 3] + 0.2 * rng.normal(size=(24, 5))).astype(np.float32)


def test_batches_are_the_rows_asked_for_in_order_whether_varied_or_not() -> None:
    feed = Frozen(vectors())
    for generator in (None, torch.Generator()):
        first, second = feed([np.array([3, 1]), np.array([1])], generator)
        assert np.array_equal(first, vectors()[[3, 1]]) and np.array_equal(second, vectors()[[1]])


def test_a_head_measures_the_training_rows_and_nothing_else() -> None:
    feed = Frozen(vectors())
    tuned, _ = frozen.train(feed, LESSON, frozen.config(feed, LESSON, [8], 0.0), RECIPE, 1, "toy")
    assert np.allclose(tuned.encoder[0].mean, vectors()[::2].mean(axis=0), atol=1e-6)


def test_training_tells_each_epoch_and_leaves_the_best() -> None:
    feed, told = Frozen(vectors()), []
    config = frozen.config(feed, LESSON, [16, 8], 0.1)
    tuned, curve = frozen.train(feed, LESSON, config, RECIPE, 1, "toy", told.append)
    assert told == curve and len(curve) == 4
    best = max(row["validation mMP@5"] for row in curve)
    assert loop.validate(tuned, feed, LESSON, 8)["validation mMP@5"] == best


def test_the_seed_decides_the_weights() -> None:
    feed = Frozen(vectors())
    config = frozen.config(feed, LESSON, [16, 8], 0.1)
    one, two, three = (frozen.train(feed, LESSON, config, RECIPE, seed, "toy")[0].state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["encoder.1.weight"], three["encoder.1.weight"])
