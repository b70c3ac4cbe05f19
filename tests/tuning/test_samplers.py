"""What samplers promise about an epoch and its batches."""

from time import perf_counter
from typing import get_args

import numpy as np
import pytest

from src.errors import UserError
from src.tuning import samplers
from src.tuning.lessons import Rows
from src.tuning.recipes import Recipe
from src.tuning.samplers import SAMPLERS, balanced, pk, shuffle
from src.tunings import TuneParams


def labels(*counts: int) -> Rows:
    """Targets in mixed order: labels(3, 1) is three images of label 0 and one of label 1."""
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))


def drawn(parts: list[Rows], count: int) -> list[int]:
    """How often an epoch draws each of `count` places, or each of as many labels."""
    return np.bincount(np.concatenate(parts), minlength=count).tolist()


def spread(counts: list[int]) -> int:
    return max(counts) - min(counts)


@pytest.mark.parametrize(("count", "batch_size", "sizes"), [(10, 4, [4, 4]), (8, 4, [4, 4]), (3, 4, [3]), (2, 2, [2])])
def test_a_shuffled_epoch_has_full_batches_of_different_images(count: int, batch_size: int, sizes: list[int]) -> None:
    parts = shuffle(labels(count), batch_size, 1, 4)
    assert [len(part) for part in parts] == sizes
    assert len(set(np.concatenate(parts))) == sum(sizes)


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("counts", [(20,) * 16, (50, 3, 8, 1, 40, 2, 5, 30), (5, 6), (1, 1, 1)])
def test_an_epoch_has_as_many_images_as_the_dataset_in_full_batches(name: str, counts: tuple[int, ...]) -> None:
    targets = labels(*counts)
    parts = SAMPLERS[name](targets, 16, 3, 2)
    sizes = {len(part) for part in parts}
    assert len(sizes) == 1 and max(sizes) <= 16
    total = sum(map(len, parts))
    assert len(targets) - max(sizes) < total <= len(targets) or len(parts) == 1
    assert all(0 <= place < len(targets) for part in parts for place in part)


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_seed_decides_the_epoch(name: str) -> None:
    targets = labels(30, 20, 10, 5)
    first, again, other = (SAMPLERS[name](targets, 8, seed, 2) for seed in (5, 5, 6))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_a_balanced_epoch_draws_every_label_equally_often() -> None:
    targets = labels(90, 9, 1, 20)  # 120 images: 30 a label
    parts = balanced(targets, 8, 2, 4)
    assert drawn([targets[part] for part in parts], 4) == [30, 30, 30, 30]


def test_balanced_draws_of_a_label_take_turns_among_its_images() -> None:
    targets = labels(90, 9, 1, 20)
    times = np.array(drawn(balanced(targets, 8, 2, 4), len(targets)))
    assert times[targets == 2].tolist() == [30]  # the only one
    assert sorted(times[targets == 1]) == [3] * 6 + [4] * 3  # 30 of 9
    assert sorted(times[targets == 0]) == [0] * 60 + [1] * 30


def test_every_pk_batch_has_p_labels_with_k_different_images_each() -> None:
    targets = labels(*[7] * 30)
    parts = pk(targets, 32, 1, 4)
    assert len(parts) == 210 // 32
    for part in parts:
        assert len(set(part)) == 32
        rows = targets[part].reshape(8, 4)  # a label's images side by side
        assert (rows == rows[:, :1]).all() and len(set(rows[:, 0])) == 8


def test_a_pk_epoch_draws_labels_equally_often_however_many_images_they_have() -> None:
    targets = labels(*[100, 4] * 4)  # 416 images in 52 batches of 2 labels: 104 draws of 8 labels
    assert drawn([targets[part][::4] for part in pk(targets, 8, 1, 4)], 8) == [13] * 8


def test_with_labels_that_do_not_fill_the_last_batch_of_a_deck_all_of_them_are_still_drawn_alike() -> None:
    targets = labels(*[60] * 7)  # 3 labels a batch: a deck of 7 gives two batches, and one label waits
    times = np.sum([drawn([targets[part][::4] for part in pk(targets, 12, seed, 4)], 7) for seed in range(200)], axis=0)
    assert times.sum() == 200 * 35 * 3
    assert times == pytest.approx(np.full(7, 3000), rel=0.03)


def test_a_label_with_fewer_than_k_images_gives_some_again_as_evenly_as_can_be() -> None:
    targets = labels(10, 10, 10, 3, 1)
    for part in pk(targets, 20, 1, 4):
        rows = {int(targets[row[0]]): row for row in part.reshape(5, 4)}
        assert [len(set(rows[label])) for label in range(5)] == [4, 4, 4, 3, 1]
        assert sorted(np.unique(rows[3], return_counts=True)[1]) == [1, 1, 2]


def test_k_grows_when_there_are_too_few_labels_to_fill_a_batch() -> None:
    targets = labels(50, 50, 50)
    for part in pk(targets, 64, 1, 4):
        assert np.bincount(targets[part]).tolist() == [21, 21, 21]


def test_a_pk_epoch_reaches_every_image_of_equal_labels() -> None:
    """16 labels x 4 images in batches of 4 x 4: all decks together are one pass over the images."""
    assert drawn(pk(labels(*[4] * 16), 16, 1, 4), 64) == [1] * 64


@pytest.mark.parametrize(
    ("loss", "sampler", "labels_in_a_batch"),
    [("cross_entropy", "auto", 3), ("supcon", "auto", 2), ("supcon", "shuffle", 3), ("arcface", "pk", 2)],
)
def test_losses_that_compare_images_get_few_labels_a_batch(loss: str, sampler: str, labels_in_a_batch: int) -> None:
    recipe = Recipe(0.01, 0.0, 1, 1, 8, 0.0, loss=loss, sampler=sampler)
    targets = labels(20, 20, 20)
    assert max(len(set(targets[part])) for part in samplers.batches(targets, recipe, 1)) == labels_in_a_batch


def test_an_unknown_sampler_is_named_with_the_known() -> None:
    with pytest.raises(UserError, match=r"unknown sampler 'balance' .*known: balanced, pk, shuffle.*'balanced'\?"):
        samplers.batches(labels(5, 5), Recipe(0.01, 0.0, 1, 1, 8, 0.0, sampler="balance"), 1)


def test_earlier_occurrences_by_hand_and_by_a_slow_twin() -> None:
    assert samplers.earlier(np.array([4, 7, 4, 4])).tolist() == [0, 0, 1, 2]
    sequence = np.random.default_rng(0).integers(0, 9, 200)
    slow = [int((sequence[:place] == label).sum()) for place, label in enumerate(sequence)]
    assert samplers.earlier(sequence).tolist() == slow


@pytest.mark.parametrize("name", SAMPLERS)
def test_eleven_thousand_labels_of_five_images_are_dealt_in_a_moment(name: str) -> None:
    targets = labels(*[5] * 11_318)
    start = perf_counter()
    parts = SAMPLERS[name](targets, 64, 1, 4)
    assert perf_counter() - start < 0.5  # seen: 0.02 s
    assert len(parts) == 56_590 // 64


def test_params_know_the_samplers() -> None:
    assert set(get_args(TuneParams.model_fields["sampler"].annotation)) == {"auto", *SAMPLERS}
