"""Floor 2. How long one exact search takes, and how large its index is, as a catalogue grows.

Exact search compares a query with every vector, whatever is in them: so they are drawn by chance, and time grows with
their number. One query at a time, as a shop's visitors come, on one thread, which is all that faiss gives one query.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from src import indexes

Vectors = NDArray[np.float32]

FITS = 2**30  # bytes of vectors; a larger catalogue is extrapolated
SEARCHES, WARM_UP = 200, 5
FOUND = 10  # neighbours asked for


@dataclass(frozen=True)
class Latency:
    """Of one exact search among `size` vectors."""

    size: int
    p50_ms: float  # half of all searches are as fast
    p99_ms: float  # 99 of 100 are
    index_mb: float  # 4 bytes a number
    measured: bool  # or in proportion to the largest catalogue that was

    def record(self) -> dict[str, float]:
        """For a metrics file: three digits that count."""
        numbers = {"p50_ms": self.p50_ms, "p99_ms": self.p99_ms, "index_mb": self.index_mb}
        return {name: float(f"{value:.3g}") for name, value in numbers.items()}


def measure(dim: int, sizes: Sequence[int], beyond: Sequence[int]) -> list[Latency]:
    """Searches among so many vectors of `dim` numbers, fewest first: measured for `sizes` that fit, else extrapolated.

    Where none fits, the largest catalogue that does is measured.
    """
    largest = FITS // (4 * dim)
    fit = [size for size in sorted(sizes) if size <= largest] or [largest]
    catalogue = draw(fit[-1], dim, seed=0)
    found = [timed(catalogue[:size]) for size in fit]
    return found + [extrapolate(found[-1], size) for size in sorted({*sizes, *beyond} - {*fit})]


def draw(count: int, dim: int, seed: int) -> Vectors:
    """Directions by chance: [count, dim] of length 1."""
    vectors = np.random.default_rng(seed).standard_normal((count, dim), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def timed(catalogue: Vectors) -> Latency:
    """SEARCHES queries, one by one, after a few that only warm up."""
    seconds = []
    for query in draw(WARM_UP + SEARCHES, catalogue.shape[1], seed=1):
        start = perf_counter()
        indexes.search(query[None], catalogue, min(FOUND, len(catalogue)))
        seconds.append(perf_counter() - start)
    p50, p99 = 1e3 * np.percentile(seconds[WARM_UP:], [50, 99])
    return Latency(len(catalogue), float(p50), float(p99), catalogue.nbytes / 1e6, measured=True)


def extrapolate(largest: Latency, size: int) -> Latency:
    """Time and bytes of a catalogue of another size, in proportion."""
    times = size / largest.size
    return Latency(size, times * largest.p50_ms, times * largest.p99_ms, times * largest.index_mb, measured=False)
