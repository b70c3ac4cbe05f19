"""What a manifest gives to learn from."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from src.errors import UserError
from src.tuning import lessons


def table(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["label", "tuning"]).assign(image_id=[f"photo{n}" for n in range(len(rows))])


def test_rows_teach_or_choose_by_their_tuning_column() -> None:
    lesson = lessons.read(table(("b", "train"), ("a", ""), ("a", "train"), ("b", "val"), ("c", "val")), "toy")
    assert lesson.classes == ["a", "b"]
    assert lesson.train.tolist() == [0, 2] and lesson.targets.tolist() == [1, 0]
    # c was never taught: a code of its own beyond the classes
    assert lesson.validation.tolist() == [3, 4] and lesson.validation_codes.tolist() == [1, 2]


def test_labels_that_tuning_never_sees_are_no_classes() -> None:
    assert lessons.read(table(("a", "train"), ("b", "train"), ("z", "")), "toy").classes == ["a", "b"]


def test_a_label_with_one_training_image_is_a_class_like_any_other() -> None:
    lesson = lessons.read(table(("a", "train"), ("b", "train"), ("b", "train")), "toy")
    assert lesson.targets.tolist() == [0, 1, 1] and len(lesson.validation) == 0


def test_training_images_are_called_by_their_ids_where_these_are_known() -> None:
    lesson = lessons.read(table(("a", "val"), ("a", "train"), ("b", "train")), "toy")
    assert lesson.names(np.array([1, 0])) == ["photo2", "photo1"]
    assert replace(lesson, image_ids=()).names(np.array([1, 0])) == ["row 2", "row 1"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((("a", "train"), ("a", "train"), ("b", "val")), r"toy: 2 training images of one label \('a'\); .* two labels"),
        ((("a", "val"), ("b", "")), "toy: no training image; .* two labels"),
    ],
)
def test_nothing_to_tell_apart_is_refused_in_one_line(rows: tuple[tuple[str, str], ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        lessons.read(table(*rows), "toy")
