"""Floor 1. Which gallery rows can be among the nearest, told from fast products with a proven bound on their error.

From gallery vectors their mean is taken, y = v - m, which moves all products of a query x alike and makes them smaller.
The arithmetic reads x, y as x', y', and its product differs from x y by at most

    E = |x - x'| |y| + |x'| |y - y'| + gamma |x'| |y'|,    gamma = D u / (1 - D u),  u = 2^-24

(Cauchy-Schwarz, and summing in float32 in any order: Higham, Accuracy and Stability of Numerical Algorithms, section
3.1). What rounding takes from a vector is measured, not estimated. The k rows with the k largest products are all at
least as near as the k-th product less E, so what has a product smaller than that by more than 2 E is not among the k
nearest. Everything else is shortlisted, ties included.

The gallery passes in tiles, so that memory does not grow with it. Rows are cut early: the k-th product so far is at
least the k-th of the largest in small groups, and of these there are few.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from src.products import Float32, Keys, Values, Vectors

T = TypeVar("T")
Places = NDArray[np.int64]
Mask = NDArray[np.bool_]
Pairs = tuple[Places, Places, Keys]  # a query, a gallery place, their key, each [n]

FLOAT32, FLOAT64 = 2.0**-24, 2.0**-53  # unit roundoff
TILE = 4096  # gallery rows multiplied at once
KEY_BYTES = 8 * 2**20  # of their products: more would leave the cache, and memory in pieces
PART = 512  # queries whose candidates are in memory at once
LOWEST = -np.finfo(np.float64).max  # where there is no product
CROWD = 16  # times k: with more candidates a query is left open; passing by, four times k are usual


class Shortlist:
    """A gallery [G, D] and the arithmetic it is multiplied in; `threads` share what numpy does by itself."""

    def __init__(self, gallery: Vectors, arithmetic: Float32, threads: int = 1) -> None:
        self.gallery, self.arithmetic, self.threads = gallery, arithmetic, threads
        self.queries = KEY_BYTES // (TILE * arithmetic.itemsize)  # best asked at once
        self.deepest = min(TILE, len(gallery))  # k, at most
        self.mean = gallery.mean(axis=0)
        norms = [self._norms(part) for _, part in self._parts()]
        self._longest = np.concatenate(norms, axis=1).max(axis=1)

    def nearest(self, query: Vectors, k: int) -> Iterator[tuple[slice, Places, Values, Mask]]:
        """What can be among the k nearest of each query, for a part of the queries at a time.

        Which part of them; places [B, n], then -1; their products [B, n], falling; and who is settled: [B]. A query is
        left open, with nobody found, where too much lies too close together for this arithmetic.
        """
        assert 0 < k <= self.deepest, (k, self.deepest)
        error = self.error(query)
        watches = [_Nearest(self.arithmetic, rows, error[rows], k) for rows in self._rows(query)]
        self._look(query, watches)
        for watch in watches:
            places, keys = table(len(watch.settled), watch.chosen())
            products = self.arithmetic.value(keys) + self._shift(query[watch.rows])[:, None]
            products[places < 0] = LOWEST
            order = np.argsort(-products, axis=1)
            places, products = np.take_along_axis(places, order, 1), np.take_along_axis(products, order, 1)
            yield watch.rows, places, products, watch.settled

    def closer(
        self, query: Vectors, values: Values, ignored: Callable[[slice, slice], Mask], most: int
    ) -> tuple[Places, Places, Mask]:
        """How many rows are surely nearer than `values` [B]: [B]; which may be: places [B, n], then -1; who is done.

        `ignored` says which pairs of queries and gallery places do not count. Left open is who has more than `most`
        that may be nearer.
        """
        values, error = values - self._shift(query), self.error(query)
        watches = [
            _Closer(self.arithmetic, rows, values[rows], error[rows], ignored, most) for rows in self._rows(query)
        ]
        self._look(query, watches)
        found = [watch.chosen() for watch in watches]
        firsts = [watch.rows.start for watch in watches]
        whole = join([(one + first, place, keys) for first, (one, place, keys) in zip(firsts, found, strict=True)])
        counts, settled = (np.concatenate([getattr(each, name) for each in watches]) for name in ("counts", "settled"))
        return counts, table(len(query), whole)[0], settled

    def error(self, query: Vectors, products: Values | None = None) -> Values:
        """How far a query's product with any gallery row may lie from `retrieval.similarity` of the two: [B].

        Of `products` [B, n] as `nearest` gives them, which have been rounded once more: [B, n].
        """
        length, read, lost = self._norms(query)
        longest, longest_read, most_lost = self._longest
        gamma, gamma64 = (query.shape[1] * u / (1 - query.shape[1] * u) for u in (FLOAT32, FLOAT64))
        bound = lost * longest + read * most_lost + gamma * read * longest_read
        bound += FLOAT32 * length * longest  # y itself is rounded
        bound += gamma64 * length * (longest + 2 * np.linalg.norm(self.mean))  # and what it is compared with
        bound *= 1.01  # the norms are rounded themselves
        if products is None:
            return bound
        return bound[:, None] + self.arithmetic.lost * np.abs(products - self._shift(query)[:, None])

    def _shift(self, query: Vectors) -> Values:
        """What the mean adds to all products of a query: [B]."""
        return query.astype(np.float64) @ self.mean.astype(np.float64)

    def _parts(self) -> Iterator[tuple[int, Vectors]]:
        """The gallery less its mean, tile by tile, each with its first place."""
        for start in range(0, len(self.gallery), TILE):
            yield start, self.gallery[start : start + TILE] - self.mean

    def _norms(self, vectors: Vectors) -> Values:
        """[3, n]: lengths, lengths as read, lengths of the difference."""
        read = self.arithmetic.widen(self.arithmetic.narrow(vectors))
        squares = [np.einsum("nd,nd->n", each, each) for each in (vectors, read, vectors - read)]
        return np.sqrt(np.array(squares, np.float64))

    def _rows(self, query: Vectors) -> list[slice]:
        """The queries in parts, of which every thread has one to look after, or several."""
        return parts(len(query), max(self.threads, -(-len(query) // PART)))

    def _look(self, query: Vectors, watches: "Sequence[_Nearest | _Closer]") -> None:
        """Show every watch its queries' keys, tile by tile of the gallery."""
        narrow, multiply = self.arithmetic.narrow, self.arithmetic.multiply
        asking = narrow(query)
        for start, part in self._parts():
            keys = multiply(asking, narrow(part))
            share(lambda watch: watch.look(start, keys[watch.rows]), watches, self.threads)  # noqa: B023  done at once


class _Nearest:
    """Collects what can be among the k nearest of some queries, by all the tiles seen so far."""

    def __init__(self, arithmetic: Float32, rows: slice, error: Values, k: int) -> None:
        self.arithmetic, self.rows, self.error, self.k = arithmetic, rows, error, k
        self.settled = np.ones(len(error), bool)
        self.many = np.zeros(len(error), np.int64)
        self.best: list[Keys] = []  # the k largest so far, [B, k]
        self.found: list[Pairs] = []

    def look(self, start: int, keys: Keys) -> None:
        """At the keys [B, n] of the gallery from `start` on."""
        self.best = [largest(self.best, keys, self.k)]
        kth = self.arithmetic.value(self.best[0][:, 0])
        reach = (1 - self.arithmetic.lost) * kth - 2 * self.error
        self.settled &= reach > self.arithmetic.least
        self.cut = self.arithmetic.below(reach)
        near = keys >= self.cut[:, None]
        near[~self.settled] = False
        if np.count_nonzero(near) > CROWD * self.k * len(near):
            self.settled &= np.count_nonzero(near, axis=1) <= CROWD * self.k
            near[~self.settled] = False
        self.found.append(pairs(near, start, keys))
        self.many += np.bincount(self.found[-1][0], minlength=len(self.many))
        self.settled &= self.many <= CROWD * self.k

    def chosen(self) -> Pairs:
        """Those found that reach the last cut."""
        one, place, keys = join(self.found)
        last = (keys >= self.cut[one]) & self.settled[one]
        return one[last], place[last], keys[last]


class _Closer:
    """Counts what is surely nearer to some queries than a value, and collects what may be."""

    def __init__(
        self,
        arithmetic: Float32,
        rows: slice,
        values: Values,
        error: Values,
        ignored: Callable[[slice, slice], Mask],
        most: int,
    ) -> None:
        self.rows, self.ignored, self.most = rows, ignored, most
        self.low, self.high = arithmetic.below(values - error), arithmetic.above(values + error)
        self.settled = values - error > arithmetic.least
        self.counts, self.unsure = np.zeros((2, len(values)), np.int64)
        self.found: list[Pairs] = []

    def look(self, start: int, keys: Keys) -> None:
        """At the keys [B, n] of the gallery from `start` on."""
        near = keys >= self.low[:, None]
        near[self.ignored(self.rows, slice(start, start + TILE))] = False
        near[~self.settled] = False
        one, place, keys = pairs(near, start, keys)
        sure = keys > self.high[one]
        self.counts += np.bincount(one[sure], minlength=len(self.counts))
        self.unsure += np.bincount(one[~sure], minlength=len(self.counts))
        self.settled &= self.unsure <= self.most
        self.found.append((one[~sure], place[~sure], keys[~sure]))

    def chosen(self) -> Pairs:
        """Those found that may be nearer."""
        one, place, keys = join(self.found)
        last = self.settled[one]
        return one[last], place[last], keys[last]


def largest(best: Sequence[Keys], keys: Keys, k: int) -> Keys:
    """Keys [B, k] that k different gallery rows reach, the least of them first: of `best` and of groups of `keys`."""
    width = max(keys.shape[1] // (4 * k), 1)
    even = keys.shape[1] // width * width
    groups = keys[:, :even].reshape(len(keys), width, -1).max(axis=1)
    together = np.concatenate([*best, groups, keys[:, even:]], axis=1)
    return np.partition(together, -k, axis=1)[:, -k:]


def pairs(marked: Mask, start: int, keys: Keys) -> Pairs:
    """Query, place and key of all that is marked [B, n], in this order; places are counted from `start`."""
    flat = np.flatnonzero(marked)
    one = flat // marked.shape[1]
    return one, flat - one * marked.shape[1] + start, keys.ravel()[flat]


def join(found: Sequence[Pairs]) -> Pairs:
    """One after another."""
    query, place, keys = (np.concatenate(each) for each in zip(*found, strict=True))
    return query, place, keys


def table(count: int, found: Pairs) -> tuple[Places, Keys]:
    """Places and keys of `count` queries, [count, n], each filled up with place -1."""
    order = np.argsort(found[0], kind="stable")
    query, place, keys = (each[order] for each in found)
    each = np.bincount(query, minlength=count)
    column = np.arange(len(query)) - np.repeat(each.cumsum() - each, each)
    places, values = np.full((count, each.max(initial=0)), -1), np.zeros((count, each.max(initial=0)), keys.dtype)
    places[query, column], values[query, column] = place, keys
    return places, values


def share(work: Callable[[T], object], items: Sequence[T], threads: int) -> None:
    """`work` of every item, by so many threads."""
    if min(len(items), threads) == 1:  # starting one costs more than small work
        for item in items:
            work(item)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, items))


def parts(count: int, number: int) -> list[slice]:
    """0..count in about equal parts."""
    edges = np.linspace(0, count, min(number, count) + 1).astype(int).tolist()
    return [slice(*edge) for edge in pairwise(edges)]
