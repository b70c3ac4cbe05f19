"""Floor 2. How well products are found in a larger gallery: the images of other datasets merged in as distractors.

A distractor is never right, so it can only push the best right image down, and only those more similar than that one
do. Of M distractors b are: of m drawn by chance, a hypergeometric number of them comes along. So R@k at any size of the
gallery is the mean over all draws of m distractors, exactly, from one count a query.
"""

from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import hypergeom

from src import retrieval, statistics
from src.retrieval import Side

Vectors = NDArray[np.float32]
Counts = NDArray[np.int64]

RECALLS = (1, 5)
BLOCK = 2048  # queries, and distractors, that are multiplied at once


def curve(
    query: Side, gallery: Side, distractors: Iterable[Vectors], clusters: NDArray[Any], dataset: str
) -> pd.DataFrame:
    """R@1 and R@5 at a gallery doubled again and again: a row a size. Parts of distractors [n, D], clusters [Q].

    Columns gallery (images), distractors (of them), R@1, low, high (its 95 % interval), R@5. Queries without a right
    image are left out. Of a distractor exactly as similar as the best right image, the right one is first.
    """
    asked = retrieval.count_relevant(query, gallery) > 0
    query, clusters = query[asked], clusters[asked]
    found = retrieval.neighbors(query, gallery, max(RECALLS))
    right = best_right(query, gallery, found.rows, found.first_hit)
    better, total = np.zeros(len(query), np.int64), 0
    within = np.flatnonzero(np.isfinite(right))
    for part in distractors:
        better[within] += count_better(query.vectors[within], right[within], part)
        total += len(part)
    drawn = sizes(len(gallery), total)
    recalls = {k: recall(k, found.first_hit, better, total, drawn) for k in RECALLS}
    low, high = statistics.resample(recalls[1], clusters, dataset).interval()
    means = {f"R@{k}": values.mean(0) for k, values in recalls.items()}
    table = pd.DataFrame({"gallery": len(gallery) + drawn, "distractors": drawn, **means})
    table.insert(3, "low", low)
    table.insert(4, "high", high)
    return table


def best_right(
    query: Side, gallery: Side, rows: NDArray[np.int32], first_hit: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Similarity of each query's best right image, infinite where it is not among the `rows` found: [Q, k] -> [Q]."""
    right = np.full(len(query), np.inf)
    order = np.argsort(gallery.rows)
    for one in np.flatnonzero(first_hit <= rows.shape[1]):
        place = order[np.searchsorted(gallery.rows, rows[one, first_hit[one] - 1], sorter=order)]
        right[one] = retrieval.similarity(query.vectors[one], gallery.vectors[[place]])[0]
    return right


def count_better(query: Vectors, right: NDArray[np.float64], distractors: Vectors) -> Counts:
    """How many distractors [n, D] are more similar to a query [Q, D] than `right` [Q], exactly: [Q].

    A float32 product decides where it is further off than its error can be, `retrieval.similarity` decides the rest.
    """
    better = np.zeros(len(query), np.int64)
    error = retrieval.product_error(query, distractors, retrieval.FLOAT32)
    high = np.nextafter((right + error).astype(np.float32), np.float32(np.inf))[:, None]
    low = np.nextafter((right - error).astype(np.float32), np.float32(-np.inf))[:, None]
    for start, block in product(range(0, len(distractors), BLOCK), range(0, len(query), BLOCK)):
        part, at = distractors[start : start + BLOCK], slice(block, block + BLOCK)
        rough = query[at] @ part.T
        sure = np.count_nonzero(rough > high[at], axis=1)
        better[at] += sure
        for one in np.flatnonzero(np.count_nonzero(rough > low[at], axis=1) > sure):
            close = (rough[one] > low[block + one]) & (rough[one] <= high[block + one])
            better[block + one] += (retrieval.similarity(query[block + one], part[close]) > right[block + one]).sum()
    return better


def sizes(gallery: int, distractors: int) -> Counts:
    """How many distractors to draw: none, as many as double the gallery, double it again, ..., all."""
    doubled = [gallery * (2**times - 1) for times in range(1 + distractors.bit_length())]
    return np.unique([drawn for drawn in doubled if drawn < distractors] + [distractors])


def recall(
    k: int, first_hit: NDArray[np.int32], better: Counts, distractors: int, drawn: Counts
) -> NDArray[np.float64]:
    """Chance that the first hit is among the first k when `drawn` [S] of the distractors come in: [Q] -> [Q, S].

    It is where fewer than k are in front of it: first_hit - 1 of the gallery, and of the drawn ones those that are
    `better` [Q].
    """
    found = np.stack([np.maximum(k - first_hit, -1), better], 1)
    cases, case = np.unique(found, axis=0, return_inverse=True)  # far fewer than queries, and each is slow
    return hypergeom.cdf(cases[:, :1], max(distractors, 1), cases[:, 1:], drawn)[case]
