"""Floor 2. Several datasets as one to learn from: their rows one after another, their labels kept apart."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from src.errors import UserError
from src.images import Shards

OWN = ["image_id", "label"]  # columns whose texts mean something within their dataset only


def join(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One manifest of several: labels and ids begin with their dataset, so that equal names are not the same thing."""
    for name, table in tables.items():
        if not (table["tuning"] == "train").any():
            raise UserError(f"{name}: no training image; add some, or merge without it (all_but_{name})")
    parts = [table.assign(**{column: f"{name}/" + table[column] for column in OWN}) for name, table in tables.items()]
    return pd.concat(parts, ignore_index=True)


class Joined(Shards):
    """The images of several shard folders, row after row in the order given."""

    def __init__(self, parts: Sequence[Shards]) -> None:
        firsts = np.cumsum([0, *(len(part._files) for part in parts)])[:-1]
        moved = [part.index + np.array([first, 0, 0]) for part, first in zip(parts, firsts, strict=True)]
        self.index = np.concatenate(moved)
        self._files = [file for part in parts for file in part._files]
