"""Floor 2. Several datasets as one to learn from: their rows one after another, their labels kept apart."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd

from src.errors import UserError
from src.images import Shards
from src.tuning import lessons
from src.tuning.lessons import Lesson

OWN = ["image_id", "label"]  # columns whose texts mean something within their dataset only


def join(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One manifest of several: labels and ids begin with their dataset, so that equal names are not the same thing."""
    for name, table in tables.items():
        if not (table["tuning"] == "train").any():
            raise UserError(f"{name}: no training image; add some, or merge without it (all_but_{name})")
    parts = [table.assign(**{column: f"{name}/" + table[column] for column in OWN}) for name, table in tables.items()]
    return pd.concat(parts, ignore_index=True)


def read(tables: Mapping[str, pd.DataFrame], place: str) -> Lesson:
    """The lesson that several manifests give together.

    On validation, as in the report, an image is compared with those of its own dataset, and datasets count alike.
    """
    lesson = lessons.read(join(tables), place)
    ends = np.searchsorted(lesson.validation, np.cumsum([len(table) for table in tables.values()])).tolist()
    parts = [slice(start, end) for start, end in pairwise([0, *ends]) if end > start]
    return replace(lesson, validation_parts=parts)


class Joined(Shards):
    """The images of several shard folders, row after row in the order given."""

    def __init__(self, parts: Sequence[Shards]) -> None:
        firsts = np.cumsum([0, *(len(part._files) for part in parts)])[:-1]
        moved = [part.index + np.array([first, 0, 0]) for part, first in zip(parts, firsts, strict=True)]
        self.index = np.concatenate(moved)
        self._files = [file for part in parts for file in part._files]
