"""Floor 2. Exact retrieval: for every query the nearest gallery rows, where its hits lie, the rank of its first hit.

The order is defined by `similarity`: float64, one fixed sequence of operations for a pair of vectors, wherever in the
arrays they stand; larger first, equal ones by row number. Fast matrix products only propose. Their error has a proven
bound, and what they leave open within it `similarity` decides, so the result is the order of a double loop:

- `_shortlist`: faiss proposes a few more than `depth` gallery rows, all are scored again. A row that was not proposed
  scored at most the last proposal, in float32; where the depth-th kept one is better than that by more than the bound,
  nothing outside can belong in front of it, ties included.
- `_whole_order`: the rest (more relevant rows than `depth`, or a cut through a crowd of near-ties) sorts the whole
  gallery by float64 products. Neighbours in that order further apart than the bound are in their true order.
- `_first_hits`: a first hit beyond `depth` needs no sorting, only the number of rows that are better.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from src import indexes
from src.neighbors import Neighbors

Places = NDArray[np.int64]  # positions in the gallery arrays
FLOAT32, FLOAT64 = 2.0**-24, 2.0**-53  # unit roundoff
SLACK = 16  # proposals beyond `depth`: room for near-ties at the cut
QUERIES = 4096  # in a block, at most: what faiss itself multiplies at once
WORKSPACE = 128 * 2**20  # bytes of a block
CELL = 48  # bytes that one cell of a block, query x gallery place, takes at its peak


@dataclass(frozen=True)
class Side:
    """Who asks, or who is searched: n images."""

    vectors: NDArray[np.float32]  # [n, D] of length 1
    labels: NDArray[np.int64]  # [n] equal where relevant to each other
    rows: NDArray[np.int64]  # [n] manifest row numbers, each once
    groups: NDArray[np.int64]  # [n] a query ignores gallery images of its own group; `rows` for only itself

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, places: NDArray[Any]) -> "Side":
        return Side(**{field.name: getattr(self, field.name)[places] for field in fields(Side)})


def neighbors(
    query: Side, gallery: Side, depth: int, advance: Callable[[int], object] = lambda queries: None
) -> Neighbors:
    """The first `depth` gallery rows of every query and where its relevant ones lie, exactly; memory stays flat.

    A query never finds itself or its group; among equals the lower row is first. `advance` hears of finished queries.
    """
    if np.any(np.diff(gallery.rows) <= 0):
        gallery = gallery[np.argsort(gallery.rows)]  # from here on a lower place is a lower row
    n_relevant = count_relevant(query, gallery)
    found = Neighbors.blank(query.rows, n_relevant, depth)
    settled = np.zeros(len(query), bool)
    for block in _blocks(np.flatnonzero(n_relevant <= depth), 2 * depth):
        places, values, settled[block] = _shortlist(query[block], gallery, depth)
        _record(found, block, query, gallery, places, values)
        advance(int(settled[block].sum()))
    for block in _blocks(np.flatnonzero(~settled), len(gallery)):
        _record(found, block, query, gallery, *_whole_order(query[block], gallery, depth))
        advance(len(block))
    for block in _blocks(np.flatnonzero((found.first_hit == 0) & (n_relevant > 0)), len(gallery)):
        found.first_hit[block] = _first_hits(query[block], gallery)
    return found


def similarity(vector: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Inner products [D], [n, D] -> [n] in float64, each a function of its two vectors alone.

    A matrix product is not: BLAS treats the rows at a block's edge with another kernel, and equal vectors come out
    different in the last bit. Here every pair runs through the same loop of numpy's own. The copies come first because
    einsum would cast through a buffer, whose ends cut the sums in places that depend on the position.
    """
    wide = vector.astype(np.float64)
    parts = (others[start : start + 4096].astype(np.float64) for start in range(0, len(others), 4096))
    return np.concatenate([np.einsum("nd,d->n", part, wide) for part in parts] or [np.zeros(0)])


def product_error(query: NDArray[np.float32], gallery: NDArray[np.float32], roundoff: float) -> float:
    """How far an inner product summed in any order, fused or not, may lie from `similarity` of the same two vectors.

    Each lies within gamma |x| |y| of the true value, gamma = D u / (1 - D u): Higham, Accuracy and Stability of
    Numerical Algorithms, section 3.1, with Cauchy-Schwarz.
    """
    dim = query.shape[1]
    gamma = sum(dim * u / (1 - dim * u) for u in (roundoff, FLOAT64))
    lengths = [np.sqrt(np.einsum("nd,nd->n", side, side).max(initial=0)) for side in (query, gallery)]
    return 1.01 * gamma * float(lengths[0]) * float(lengths[1])  # 1.01: the lengths are rounded themselves


def count_relevant(query: Side, gallery: Side) -> NDArray[np.int64]:
    """Per query, gallery images of its label that are not of its group: [Q]."""
    labels, groups = int(gallery.labels.max(initial=0)) + 1, int(gallery.groups.max(initial=0)) + 1
    assert labels * groups < 2**63
    same_label = _count(query.labels, gallery.labels)
    known = query.groups < groups  # a group the gallery lacks must not be taken for another label's
    same_both = _count(query.labels * groups + query.groups, gallery.labels * groups + gallery.groups)
    return same_label - np.where(known, same_both, 0)


def _count(wanted: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each of `wanted` occurs in `values`."""
    ordered = np.sort(values)
    return np.searchsorted(ordered, wanted, "right") - np.searchsorted(ordered, wanted, "left")


def _blocks(queries: Places, width: int) -> Iterator[Places]:
    """The queries in parts whose `width` cells each fit the workspace."""
    size = min(max(WORKSPACE // (CELL * width), 1), QUERIES)
    for start in range(0, len(queries), size):
        yield queries[start : start + size]


def _shortlist(query: Side, gallery: Side, depth: int) -> tuple[Places, NDArray[np.float64], NDArray[np.bool_]]:
    """Places and similarities of the first `depth` [B, <= depth], best first, and whether that is proven: [B]."""
    ignored = int(_count(query.groups, gallery.groups).max(initial=0))
    reach = min(depth + SLACK + min(ignored, depth), len(gallery))
    proposed, places = indexes.search(query.vectors, gallery.vectors, reach)
    values = np.stack([similarity(one, gallery.vectors[at]) for one, at in zip(query.vectors, places, strict=True)])
    values[gallery.groups[places] == query.groups[:, None]] = -np.inf
    order = np.lexsort((places, -values))[:, :depth]
    places, values = np.take_along_axis(places, order, 1), np.take_along_axis(values, order, 1)
    if reach == len(gallery):
        return places, values, np.ones(len(query), bool)
    outside = proposed[:, -1] + product_error(query.vectors, gallery.vectors, FLOAT32)
    return places, values, values[:, -1] > outside


def _whole_order(query: Side, gallery: Side, depth: int) -> tuple[Places, NDArray[np.float64]]:
    """All gallery places [B, G], best first, and the similarities of the first `depth`; ignored ones are last."""
    rough = np.empty((len(query), len(gallery)))
    wide = query.vectors.astype(np.float64)
    for start in range(0, len(gallery), 8192):
        part = slice(start, start + 8192)
        rough[:, part] = wide @ gallery.vectors[part].astype(np.float64).T
    ignored = gallery.groups == query.groups[:, None]
    rough[ignored] = -np.inf
    order = np.argsort(-rough, axis=1)
    rough = np.take_along_axis(rough, order, 1)
    margin = 2 * product_error(query.vectors, gallery.vectors, FLOAT64)
    close = rough[:, 1:] >= rough[:, :-1] - margin
    close &= np.isfinite(rough[:, 1:])
    for one in np.flatnonzero(close.any(1)):
        _settle(order[one], close[one], query.vectors[one], gallery.vectors)
    first = order[:, :depth]
    values = np.stack([similarity(one, gallery.vectors[at]) for one, at in zip(query.vectors, first, strict=True)])
    values[np.take_along_axis(ignored, first, 1)] = -np.inf
    return order, values


def _settle(order: Places, close: NDArray[np.bool_], vector: NDArray[np.float32], gallery: NDArray[np.float32]) -> None:
    """Sort, in place, each run of neighbours that are `close` [G - 1] to the next one by (similarity, place)."""
    chained = np.append(close, False) | np.insert(close, 0, False)
    run = np.insert(~close, 0, True).cumsum()[chained]
    places = order[chained]
    order[chained] = places[np.lexsort((places, -similarity(vector, gallery[places]), run))]


def _record(
    found: Neighbors, block: Places, query: Side, gallery: Side, places: Places, values: NDArray[np.float64]
) -> None:
    """Enter the queries `block` into `found`: places [B, n], best first, the similarities of the first of them."""
    kept = min(found.rows.shape[1], values.shape[1])
    real = np.isfinite(values[:, :kept])
    found.rows[block, :kept] = np.where(real, gallery.rows[places[:, :kept]], -1)
    found.similarity[block, :kept] = np.where(real, values[:, :kept], -1)
    same = gallery.labels[places] == query.labels[block, None]
    same &= gallery.groups[places] != query.groups[block, None]
    found.first_hit[block] = np.where(same.any(1), same.argmax(1) + 1, 0)
    cut = np.maximum(found.n_relevant[block], found.rows.shape[1])
    same &= np.arange(same.shape[1]) < cut[:, None]
    bits = np.packbits(same, axis=1)[:, : found.hits.shape[1]]
    found.hits[block, : bits.shape[1]] = bits


def _first_hits(query: Side, gallery: Side) -> NDArray[np.int64]:
    """1 + the number of gallery images better than a query's best relevant one: [B]."""
    relevant = (gallery.labels == query.labels[:, None]) & (gallery.groups != query.groups[:, None])
    best = np.empty(len(query))
    where = np.empty(len(query), np.int64)
    for one, vector in enumerate(query.vectors):
        places = np.flatnonzero(relevant[one])
        values = similarity(vector, gallery.vectors[places])
        where[one], best[one] = places[values.argmax()], values.max()  # argmax: the first of equals
    rough = query.vectors @ gallery.vectors.T
    rough[gallery.groups == query.groups[:, None]] = -np.inf
    error = product_error(query.vectors, gallery.vectors, FLOAT32)
    rank = 1 + (rough > (best + error)[:, None]).sum(1)
    unsure = np.abs(rough - best[:, None]) <= error
    for one, vector in enumerate(query.vectors):
        places = np.flatnonzero(unsure[one])
        values = similarity(vector, gallery.vectors[places])
        rank[one] += ((values > best[one]) | ((values == best[one]) & (places < where[one]))).sum()
    return rank
