"""Floor 2. A protocol played on a dataset: who asks, who is searched, and whose label can be named."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from src import classification, manifest, retrieval
from src.entries import Protocol
from src.errors import UserError

Embeddings = NDArray[np.float32]


def sides(
    table: pd.DataFrame, embeddings: Embeddings, protocol: Protocol, place: str
) -> tuple[retrieval.Side, retrieval.Side]:
    """Who asks and who is searched; a UserError where a protocol has nothing to find."""
    asking, searched = manifest.sides(table, protocol, place)
    labels, groups = manifest.codes(table, "label"), np.arange(len(table))
    if protocol.exclude_same:
        grouped = (table[protocol.exclude_same] != "").to_numpy()  # an image without a group is its own
        groups[grouped] = len(table) + manifest.codes(table, protocol.exclude_same)[grouped]
    gallery = retrieval.Side(embeddings[searched], labels[searched], searched, groups[searched])
    same = np.array_equal(asking, searched)
    query = gallery if same else retrieval.Side(embeddings[asking], labels[asking], asking, groups[asking])
    if not retrieval.count_relevant(query, gallery).any():
        raise UserError(f"{place}: no query has another image of its label in the gallery; check its splits and labels")
    return query, gallery


def known_queries(table: pd.DataFrame, protocol: Protocol, place: str) -> NDArray[np.int64]:
    """Rows of the queries whose label occurs among the images that tuning fits."""
    asking, _ = manifest.sides(table, protocol, place)
    known = table["label"][table["tuning"] == "train"].unique()
    return asking[table["label"].iloc[asking].isin(known).to_numpy()]


def probe(table: pd.DataFrame, embeddings: Embeddings, asked: NDArray[np.int64]) -> NDArray[Any]:
    """What a linear probe, fitted on the images that tuning fits, says of the rows `asked`."""
    train, labels = manifest.rows(table, "tuning", "train"), table["label"].to_numpy(dtype=str)
    with threadpool_limits(1):  # its many small products wait for each other: beside a busy neighbour 30 times longer
        return classification.linear_probe(embeddings[train], labels[train], embeddings[asked])
