"""Floor 2. Retrieval metrics: hits in rank order in, one number a query out.

Every metric takes the same three arrays, for Q queries that each have at least one relevant gallery image:
hits [Q, K] bool, in rank order, K at least 20 and at least the largest n_relevant, False beyond the gallery;
n_relevant [Q] int, R below; first_hit [Q] int, the rank of the first hit over the whole gallery, from 1.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

Hits = NDArray[np.bool_]
Counts = NDArray[np.int32]
Values = NDArray[np.float64]


def mmp_at(k: int, hits: Hits, n_relevant: Counts, first_hit: Counts) -> Values:
    """Hits among the first min(R, k) ranks / min(R, k): with R = 2 only ranks 1 and 2 count.

    Source: Google Universal Image Embedding challenge; arXiv 2309.01858.
    """
    cut = np.minimum(n_relevant, k)
    found: Counts = (hits[:, :k] & _within(cut, k)).sum(1)
    return found / cut


def recall_at(k: int, hits: Hits, n_relevant: Counts, first_hit: Counts) -> Values:
    """1 if any of the first k is a hit, else 0: the metric-learning Recall@K, also called CMC@k or hit rate."""
    return np.any(hits[:, :k], axis=1).astype(np.float64)


def map_at_r(hits: Hits, n_relevant: Counts, first_hit: Counts) -> Values:
    """Precision at each hit among the first R ranks, summed, / R.

    Source: A Metric Learning Reality Check, arXiv 2003.08505.
    """
    longest = int(n_relevant.max(initial=0))
    return _precision_at_hits(hits[:, :longest] & _within(n_relevant, longest)) / n_relevant


def map_at(k: int, hits: Hits, n_relevant: Counts, first_hit: Counts) -> Values:
    """Precision at each hit among the first k ranks, summed, / min(R, k)."""
    return _precision_at_hits(hits[:, :k]) / np.minimum(n_relevant, k)


def mrr(hits: Hits, n_relevant: Counts, first_hit: Counts) -> Values:
    """1 / rank of the first hit, over the whole gallery."""
    return 1 / first_hit


def ndcg_at(k: int, hits: Hits, n_relevant: Counts, first_hit: Counts) -> Values:
    """Sum of 1 / log2(1 + rank) over the hits in the first k, / the same sum for min(R, k) hits in front.

    Source: Järvelin and Kekäläinen, TOIS 2002, with binary gains.
    """
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = discount.cumsum()[np.minimum(n_relevant, k) - 1]
    return (hits[:, :k] * discount).sum(1) / ideal


def _precision_at_hits(hits: Hits) -> Values:
    """The share of hits up to and with each hit, summed: [Q, k] -> [Q]."""
    precision = hits.cumsum(1, dtype=np.int32) / np.arange(1, hits.shape[1] + 1)
    return (precision * hits).sum(1)


def _within(cut: Counts, k: int) -> Hits:
    """[Q, k]: is the rank among the first `cut`?"""
    return np.arange(k) < cut[:, None]


METRICS: dict[str, Callable[[Hits, Counts, Counts], Values]] = {
    "mMP@5": partial(mmp_at, 5),
    "R@1": partial(recall_at, 1),
    "R@5": partial(recall_at, 5),
    "R@10": partial(recall_at, 10),
    "mAP@R": map_at_r,
    "mAP@20": partial(map_at, 20),
    "MRR": mrr,
    "nDCG@10": partial(ndcg_at, 10),
}


def score(hits: Hits, n_relevant: Counts, first_hit: Counts) -> dict[str, Values]:
    """Every metric of every query, NaN for a query that nothing in the gallery is relevant to."""
    asked = n_relevant > 0
    arrays = hits[asked], n_relevant[asked], first_hit[asked]
    scores = {name: np.full(len(asked), np.nan) for name in METRICS}
    for name, metric in METRICS.items():
        scores[name][asked] = metric(*arrays)
    return scores


def mean(values: Values) -> float:
    """The mean over queries that have something to find."""
    return float(values[~np.isnan(values)].mean())
