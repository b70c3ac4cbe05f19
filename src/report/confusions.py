"""Floor 2. Which labels a classifier takes for which: the confusion matrix, or as much of it as anyone can read."""

from collections.abc import Hashable
from typing import Any

import pandas as pd
from numpy.typing import NDArray

MATRIX = 50  # labels; of more, only the most confused pairs are kept
PAIRS = 30
Confused = dict[str, dict[str, list[dict[Hashable, Any]]]]  # dataset -> strategy -> pairs, each with COLUMNS
COLUMNS = ["strategy", "dataset", "label", "predicted", "images", "of"]


def count(truth: NDArray[Any], predicted: NDArray[Any]) -> pd.DataFrame:
    """Labels [n] and what they were taken for [n] -> a row a pair that occurs: label, predicted, images, of.

    `images` of the `of` that have the label were given `predicted`. Every pair, right ones too, for up to MATRIX
    labels; of more the PAIRS wrong ones with the most images, ties in the order of their names.
    """
    pairs = pd.DataFrame({"label": truth, "predicted": predicted})
    counted = pairs.value_counts(sort=False).rename("images").reset_index()
    counted["of"] = counted.groupby("label")["images"].transform("sum")
    if len(set(truth) | set(predicted)) <= MATRIX:
        return counted.sort_values(["label", "predicted"], ignore_index=True)
    return wrong(counted).head(PAIRS)


def wrong(counted: pd.DataFrame) -> pd.DataFrame:
    """The pairs of two labels, the most frequent first."""
    pairs = counted[counted["label"] != counted["predicted"]]
    order = ["images", "label", "predicted"]
    return pairs.sort_values(order, ascending=[False, True, True], ignore_index=True)


def most(table: pd.DataFrame, shown: int) -> Confused:
    """The `shown` most frequent wrong pairs of every dataset and strategy in a table of COLUMNS."""
    found: Confused = {}
    for (dataset, strategy), counted in table.groupby(["dataset", "strategy"], sort=False):
        found.setdefault(str(dataset), {})[str(strategy)] = wrong(counted).head(shown).to_dict("records")
    return found
