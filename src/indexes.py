"""Floor 1. Doors to search engines. Today one: exact search by faiss."""

import faiss
import numpy as np
from numpy.typing import NDArray


def search(
    query: NDArray[np.float32], gallery: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k largest inner products of each query: [Q, D], [G, D] -> values [Q, k], best first, and places [Q, k].

    Exact up to the rounding of a float32 product; among equal values the choice and the order are faiss's own.
    The gallery is read where it lies (an IndexFlatIP would copy it).
    """
    assert 0 < k <= len(gallery), (k, len(gallery))
    return faiss.knn(query, gallery, k, metric=faiss.METRIC_INNER_PRODUCT)


def threads() -> int:
    """How many a search may use: what threadpoolctl, or OMP_NUM_THREADS, allows faiss."""
    return int(faiss.omp_get_max_threads())
