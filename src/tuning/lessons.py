"""Floor 2. What a manifest gives a tuning to learn from, and to choose by."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from src import manifest
from src.errors import UserError

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Lesson:
    """Which manifest rows teach and which choose. Codes below len(classes) are training labels, others unseen ones."""

    classes: list[str]
    train: Rows
    targets: Rows
    validation: Rows
    validation_codes: Rows
    image_ids: Sequence[str] = ()  # of every manifest row, for messages
    validation_parts: Sequence[slice] = (slice(None),)  # of `validation`: images of a part are compared with each other

    def names(self, part: Rows) -> list[str]:
        """What to call training images, given their places in `train`: their ids where these are known."""
        return [self.image_ids[row] if len(self.image_ids) else f"row {row}" for row in self.train[part]]


def read(table: pd.DataFrame, place: str) -> Lesson:
    """The lesson a manifest gives by its `tuning` column; a UserError when there is nothing to tell apart."""
    train, validation = manifest.rows(table, "tuning", "train"), manifest.rows(table, "tuning", "val")
    labels = table["label"].to_numpy(dtype=str)
    classes = sorted(set(labels[train]))
    if len(classes) < 2:
        has = f"{len(train)} training images of one label ('{classes[0]}')" if classes else "no training image"
        raise UserError(f"{place}: {has}; tuning needs two labels or more. Add some, or leave tuning out of strategies")
    unseen = sorted(set(labels[validation]) - set(classes))
    code = {label: number for number, label in enumerate([*classes, *unseen])}
    codes = np.array([code.get(label, -1) for label in labels], np.int64)
    return Lesson(classes, train, codes[train], validation, codes[validation], table["image_id"].tolist())
