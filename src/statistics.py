"""Floor 2. How sure a mean over queries is, and whether two of them differ: cluster bootstrap, sign flips, Holm.

Queries of one label succeed and fail together, so whole clusters of them are drawn by chance, never single queries.
What is found out is how far the answer hangs on these queries; another seed of tuning is not in it (`src.spread`).
Draws depend on a dataset's name alone: equal for all its columns, and the same whatever stands beside it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

Codes = NDArray[Any]  # [Q] integers, equal where two queries belong together
Values = NDArray[np.float64]

FEWEST = 40  # clusters: percentiles of fewer cover too little (of 10 labels 87-91 % and not 95 %)
RESAMPLES = 1000  # of the bootstrap
FLIPS = 9999  # of the permutation test: with the observed signs 10,000, so p is at least 0.0001
LEVEL = 0.95  # that an interval covers
CELLS = 2**22  # draws of a block, at 8 bytes each


def clusters(labels: Codes, groups: Codes, asked: NDArray[np.bool_]) -> tuple[Codes, str]:
    """Which queries are drawn together, and what that is called: [Q] each -> [Q], 'label', 'group' or 'query'.

    By label where there are FEWEST of them or more, else by group (listing, burst), else each query for itself: then
    the few labels count as given, not as a sample of labels. Only queries that are `asked` count.
    """
    for name, codes in {"label": labels, "group": groups}.items():
        if FEWEST <= len(np.unique(codes[asked])) < asked.sum():
            return codes, name
    return np.arange(len(labels)), "query"


@dataclass(frozen=True)
class Resamples:
    """Means of RESAMPLES draws, with replacement, of as many clusters as there are."""

    means: Values  # [RESAMPLES] or [RESAMPLES, M]; NaN where there are fewer than two clusters
    clusters: int

    def interval(self) -> tuple[Any, Any]:
        """Low and high end: floats, or [M] each.

        Percentiles, a little further out than LEVEL says, as Student's t is wider than the normal distribution and as
        draws from n clusters vary (n - 1) / n too little: the expanded percentile interval (Hesterberg, What Teachers
        Should Know about the Bootstrap, The American Statistician 2015).
        """
        n = max(self.clusters, 2)
        tail = ndtr(stdtrit(n - 1, (1 - LEVEL) / 2) * np.sqrt(n / (n - 1)))
        low, high = np.quantile(self.means, [tail, 1 - tail], axis=0)
        return low, high


def resample(values: Values, clusters: Codes, dataset: str) -> Resamples:
    """Columns of values per query, drawn by cluster: [Q] or [Q, M], NaN left out, and [Q]."""
    asked = ~np.isnan(values.reshape(len(values), -1)).all(1)
    _, codes = np.unique(clusters[asked], return_inverse=True)
    columns = values[asked].reshape(len(codes), -1).T
    sums = np.stack([np.bincount(codes, np.nan_to_num(column)) for column in columns], 1)
    sizes = np.stack([np.bincount(codes, ~np.isnan(column)) for column in columns], 1)
    n, rng = len(sums), _rng(dataset)
    if n < 2:
        return Resamples(np.full((RESAMPLES, *values.shape[1:]), np.nan), n)
    means = np.empty((RESAMPLES, len(columns)))
    for block in _blocks(RESAMPLES, n):
        drawn = rng.integers(n, size=(len(means[block]), n))
        drawn += n * np.arange(len(drawn))[:, None]  # a range of its own for each draw, so that one count does all
        weights = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape).astype(np.float64)
        means[block] = weights @ sums / (weights @ sizes)
    return Resamples(means.reshape(RESAMPLES, *values.shape[1:]), n)


def over_datasets(parts: Sequence[Resamples]) -> Resamples:
    """The mean over datasets, which are given and not drawn; as wide as the dataset of the fewest clusters asks."""
    return Resamples(np.mean([part.means for part in parts], 0), min(part.clusters for part in parts))


def flip(differences: Values, clusters: Codes, dataset: str) -> Values:
    """Mean differences as they could be if the sides did not differ: [Q] -> [FLIPS], each cluster's sign by chance.

    Right for any distribution, if only a cluster's sum would then be as likely as its opposite.
    """
    _, codes = np.unique(clusters, return_inverse=True)
    sums = np.bincount(codes, differences)
    sums, rng = sums[sums != 0], _rng(dataset)  # a cluster without a difference has no sign
    means = np.zeros(FLIPS)
    for block in _blocks(FLIPS, len(sums)):
        positive = rng.integers(2, size=(len(means[block]), len(sums)), dtype=np.int8).astype(np.float64)
        means[block] = (2 * (positive @ sums) - sums.sum()) / len(differences)
    return means


def p_value(observed: float, flipped: Values) -> float:
    """Two-sided: the share of flips, the observed one among them, that differ at least as much.

    Counting the observed one keeps p from being 0 and too small (Phipson and Smyth 2010).
    """
    as_far = np.abs(flipped) >= abs(observed) - 1e-9  # equal sums differ in their last bits
    return float((1 + as_far.sum()) / (1 + len(flipped)))


def holm(p: Values) -> Values:
    """p values of several tests such that the chance of any false alarm stays below the level: [n] -> [n].

    The smallest times n, the next times n - 1, ..., never smaller than the one before (Holm 1979).
    """
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(np.sort(p) * np.arange(len(p), 0, -1)), 1)
    return adjusted


def _rng(dataset: str) -> np.random.Generator:
    return np.random.default_rng(list(dataset.encode()))


def _blocks(rows: int, width: int) -> Iterator[slice]:
    """Parts of `rows` such that none has more than CELLS cells."""
    size = max(CELLS // max(width, 1), 1)
    return (slice(start, start + size) for start in range(0, rows, size))
