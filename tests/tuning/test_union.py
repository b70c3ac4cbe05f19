"""Several datasets as one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from src import images
from src.errors import UserError
from src.images import Shards
from src.tuning import loop, union
from src.tuning.classifiers import CosineClassifier, Tuned
from src.tuning.frozen import Frozen
from src.tuning.union import Joined


def table(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["label", "tuning"]).assign(image_id=[f"photo{n}" for n in range(len(rows))])


def test_equal_labels_of_two_datasets_are_two_classes_and_rows_follow_each_other() -> None:
    food = table(("red", "train"), ("red", "val"), ("blue", "val"))
    cars = table(("red", ""), ("blue", "val"), ("red", "train"))
    lesson = union.read({"food": food, "cars": cars}, "all")
    assert lesson.classes == ["cars/red", "food/red"]
    assert lesson.train.tolist() == [0, 5] and lesson.targets.tolist() == [1, 0]
    # the unseen blue of food and that of cars are two labels as well
    assert lesson.validation.tolist() == [1, 2, 4] and lesson.validation_codes.tolist() == [1, 3, 2]
    assert lesson.validation_parts == [slice(0, 2), slice(2, 3)]
    assert lesson.names(np.array([1, 0])) == ["cars/photo2", "food/photo0"]


def test_on_validation_an_image_is_compared_with_its_own_dataset_and_datasets_count_alike() -> None:
    """Both datasets look the same; alone each image finds its like, together it would find the other's first."""
    food = table(("a", "train"), ("b", "train"), ("a", "val"), ("a", "val"), ("b", "val"), ("b", "val"))
    cars = table(("a", "train"), ("b", "train"), ("a", "val"), ("b", "val"), ("a", "val"))
    lesson = union.read({"food": food, "cars": cars}, "all")
    angles = np.radians([0, 90, 0, 10, 90, 80, 0, 90, 0.5, 5, 89])
    feed = Frozen(np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32))
    tuned = Tuned(torch.nn.Identity(), CosineClassifier(2, 4))
    # food: all four find their like first; cars: its two a lie apart, and each finds b first
    assert loop.validate(tuned, feed, lesson, 8)["validation mMP@5"] == 0.5
    together = replace(lesson, validation_parts=(slice(None),))
    assert loop.validate(tuned, feed, together, 8)["validation mMP@5"] < 0.5


def test_a_dataset_without_validation_does_not_count() -> None:
    food, cars = table(("a", "train"), ("b", "train")), table(("a", "train"), ("b", "val"), ("b", "val"))
    assert union.read({"food": food, "cars": cars}, "all").validation_parts == [slice(0, 2)]
    assert union.read({"cars": cars, "food": food}, "all").validation_parts == [slice(0, 2)]


def test_tables_are_left_as_they_were() -> None:
    food = table(("red", "train"))
    union.join({"food": food})
    assert food["label"].tolist() == ["red"]


def test_a_dataset_that_teaches_nothing_is_named_with_the_cure() -> None:
    with pytest.raises(UserError, match=r"cars: no training image; add some, or merge without it \(all_but_cars\)"):
        union.join({"food": table(("red", "train")), "cars": table(("red", "val"))})


def test_joined_shards_hold_the_images_of_all_in_order_and_equal_bytes_stay_one_image(tmp_path: Path) -> None:
    blobs = {"one": [b"a", b"bb", 0, b"cccc"], "two": [b"ddd"], "three": [b"ee", b"f", b"a"]}
    for name, given in blobs.items():
        (tmp_path / name).mkdir()
        images.write_shards(tmp_path / name, given, shard_bytes=600)  # a header and a byte: a file an image
    joined = Joined([Shards(tmp_path / name) for name in blobs])
    assert [joined[row] for row in range(len(joined))] == [b"a", b"bb", b"a", b"cccc", b"ddd", b"ee", b"f", b"a"]
    # within a dataset, as its shards know them
    assert joined.unique(np.arange(len(joined)))[1].tolist() == [0, 1, 0, 2, 3, 4, 5, 6]
