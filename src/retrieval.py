"""Floor 2. Exact retrieval: for every query the nearest gallery rows, where its hits lie, the rank of its first hit.

The order is defined by `similarity`: float64, one fixed sequence of operations for a pair of vectors, wherever in the
arrays they stand; larger first, equal ones by row number. Fast matrix products only propose. Their error has a proven
bound, and what they leave open within it `similarity` decides, so the result is the order of a double loop:

- `_nearest`: a shortlist holds all that can be among the first `depth`, or as far down as a query's relevant images
  may reach; all of it is scored again. Large galleries are shortlisted in bf16, which leaves a query open where too
  many are too close together, then in float32.
- `_whole_order`: the rest (a crowd of near-ties, or relevant images by the thousand) sorts the whole gallery by float64
  products. Neighbours in that order further apart than the bound are in their true order.
- `_first_hits`: a first hit beyond needs no sorting, only the number of rows that are better.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from src import indexes
from src.neighbors import Neighbors
from src.products import Float32
from src.shortlist import FLOAT32 as FLOAT32
from src.shortlist import FLOAT64, Shortlist, parts, share, table

Places = NDArray[np.int64]  # positions in the gallery arrays
DEEP = 1000  # ranks: to know more of them, a sorted gallery is cheaper
LARGE = 2**38  # multiplications, 20,000 x 20,000 x 768 about, from which it pays to start torch: it takes 1.5 s
PART = 128  # vectors scored at once: they stay in the cache
QUERIES = 4096  # in a block, at most
WORKSPACE = 128 * 2**20  # bytes of a block
UNSURE = 4096  # rows that may be better than a first hit: a query with more takes a more exact product
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

    def __getitem__(self, places: NDArray[Any] | slice) -> "Side":
        return Side(**{field.name: getattr(self, field.name)[places] for field in fields(Side)})


def neighbors(
    query: Side,
    gallery: Side,
    depth: int,
    advance: Callable[[int], object] = lambda queries: None,
    precision: str | None = None,
) -> Neighbors:
    """The first `depth` gallery rows of every query and where its relevant ones lie, exactly; memory stays flat.

    A query never finds itself or its group; among equals the lower row is first. `advance` hears of finished queries.
    `precision` of the products that shortlist, fp32 or bf16, changes speed alone; None takes what is fastest here.
    """
    if np.any(np.diff(gallery.rows) <= 0):
        gallery = gallery[np.argsort(gallery.rows)]  # from here on a lower place is a lower row
    n_relevant = count_relevant(query, gallery)
    ranks = np.maximum(n_relevant, depth)  # to be known of each query
    found = Neighbors.blank(query.rows, n_relevant, depth)
    settled = np.zeros(len(query), bool)
    shortlists = _shortlists(query, gallery, precision)
    for shortlist in shortlists:
        reachable = np.minimum(ranks, len(gallery)) <= min(max(depth, DEEP), shortlist.deepest)
        left = np.flatnonzero(~settled & reachable)
        left = left[np.argsort(ranks[left], kind="stable")]
        for block in _blocks(left, 2 * ranks[left].max(initial=1), shortlist.queries):
            for rows, places, values, done in _nearest(query[block], gallery, int(ranks[block].max()), shortlist):
                part = block[rows][done]
                _record(found, part, query, gallery, places[done], values[done])
                settled[part] = True
                advance(len(part))
    for block in _blocks(np.flatnonzero(~settled), len(gallery)):
        _record(found, block, query, gallery, *_whole_order(query[block], gallery, depth))
        advance(len(block))
    _find_first_hits(found, query, gallery, shortlists)
    return found


def _shortlists(query: Side, gallery: Side, precision: str | None) -> list[Shortlist]:
    """The gallery as it is searched, the fastest arithmetic first."""
    threads = indexes.threads()
    if precision is None and len(query) * gallery.vectors.size < LARGE:
        return [Shortlist(gallery.vectors, Float32(), threads)]
    from src import fast_products

    return [Shortlist(gallery.vectors, each, threads) for each in fast_products.choose(precision, threads)]


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


def _blocks(queries: Places, width: int, most: int = QUERIES) -> Iterator[Places]:
    """The queries in parts of at most `most`, whose `width` cells each fit the workspace."""
    size = min(max(WORKSPACE // (CELL * width), 1), most)
    for start in range(0, len(queries), size):
        yield queries[start : start + size]


def _nearest(
    query: Side, gallery: Side, ranks: int, shortlist: Shortlist
) -> Iterator[tuple[slice, Places, NDArray[np.float64], NDArray[np.bool_]]]:
    """For parts of the queries: which, places and similarities of the first `ranks` [B, <= ranks], is that proven: [B].

    Best first. The first `reach` candidates decide which of the others need to be scored.
    """
    ignored = int(_count(query.groups, gallery.groups).max(initial=0))
    reach = min(ranks + min(ignored, ranks), shortlist.deepest)
    for rows, places, products, settled in shortlist.nearest(query.vectors, reach):
        if not settled.any():
            continue
        asking = query[rows]
        error = shortlist.error(asking.vectors, products)
        first = _scored(asking.vectors, gallery.vectors, places[:, :reach], shortlist.threads)
        places[:, reach:][products[:, reach:] + error[:, reach:] < first.min(axis=1)[:, None]] = -1
        rest = _scored(asking.vectors, gallery.vectors, places[:, reach:], shortlist.threads)
        values = np.concatenate([first, rest], axis=1)
        settled &= ((np.abs(products - values) <= error) | (places < 0)).all(axis=1)
        outside = np.partition(values, -reach, axis=1)[:, -reach]  # at most; ignored images are among the `reach`
        values[gallery.groups[places] == asking.groups[:, None]] = -np.inf
        order = np.lexsort((places, -values))[:, :ranks]
        places, values = np.take_along_axis(places, order, 1), np.take_along_axis(values, order, 1)
        yield rows, places, values, settled & ((values[:, -1] >= outside) | (reach == len(gallery)))


def _scored(
    query: NDArray[np.float32], gallery: NDArray[np.float32], places: Places, threads: int
) -> NDArray[np.float64]:
    """`similarity` of each query and its places [B, n]: [B, n], -inf for place -1, of which each row's end may be full.

    Parts of a gallery's rows fit the cache and go through the same memory again and again: half the time.
    """
    values = np.full(places.shape, -np.inf)
    many = np.count_nonzero(places >= 0, axis=1)

    def score(rows: slice) -> None:
        narrow, wide = np.empty((PART, query.shape[1]), np.float32), np.empty((PART, query.shape[1]))
        for one in range(rows.start, rows.stop):
            asking = query[one].astype(np.float64)
            for start in range(0, many[one], PART):
                at = slice(start, min(start + PART, many[one]))
                size = at.stop - at.start
                gallery.take(places[one, at], axis=0, out=narrow[:size], mode="clip")  # other modes copy once more
                np.copyto(wide[:size], narrow[:size])
                np.einsum("nd,d->n", wide[:size], asking, out=values[one, at])

    share(score, parts(len(query), threads), threads)
    return values


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


def _find_first_hits(found: Neighbors, query: Side, gallery: Side, shortlists: list[Shortlist]) -> None:
    """Enter those that lie beyond what was found: by each arithmetic in turn, by the last one whatever it takes."""
    for shortlist, most in [*((each, UNSURE) for each in shortlists), (shortlists[-1], len(gallery))]:
        for block in _blocks(np.flatnonzero((found.first_hit == 0) & (found.n_relevant > 0)), most):
            found.first_hit[block] = _first_hits(query[block], gallery, shortlist, most)


def _first_hits(query: Side, gallery: Side, shortlist: Shortlist, most: int) -> NDArray[np.int64]:
    """1 + the number of gallery images better than a query's best relevant one: [B]; 0 where it is left open."""
    relevant = _relevant(query, gallery)
    values = _scored(query.vectors, gallery.vectors, relevant, shortlist.threads)
    values[gallery.groups[relevant] == query.groups[:, None]] = -np.inf
    best = values.max(axis=1)[:, None]
    where = np.take_along_axis(relevant, values.argmax(1)[:, None], 1)  # argmax: the first of equals
    counts, unsure, settled = shortlist.closer(
        query.vectors, best[:, 0], lambda asking, at: query.groups[asking, None] == gallery.groups[at], most
    )
    values = _scored(query.vectors, gallery.vectors, unsure, shortlist.threads)
    better = (values > best) | ((values == best) & (unsure < where))
    return np.where(settled, 1 + counts + better.sum(1), 0)


def _relevant(query: Side, gallery: Side) -> Places:
    """Gallery places with each query's label, rising, then -1: [B, n]."""
    order = np.argsort(gallery.labels, kind="stable")
    ordered = gallery.labels[order]
    first, last = (np.searchsorted(ordered, query.labels, side) for side in ("left", "right"))
    many = last - first
    asking = np.repeat(np.arange(len(query)), many)
    step = np.arange(len(asking)) - np.repeat(many.cumsum() - many, many)
    places = order[first[asking] + step]
    return table(len(query), (asking, places, places))[0]
