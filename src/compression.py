"""Floor 2. A catalogue in fewer bytes: what each way to store its vectors takes, and what mMP@5 it loses.

The gallery is stored, queries are not: they come as they are. Ranked is by the squared distance between the whole query
and what decoding leaves of a gallery vector, as faiss's own indexes do (asymmetric distance computation: Jégou, Douze
and Schmid, Product Quantization for Nearest Neighbor Search, 2011); of vectors of length 1 that is the cosine order.
All that is fitted is fitted on the images of tuning.

- float16, int8: every number in two bytes or one; int8 cuts the range of each dimension into 255 steps.
- centred: the mean taken away and the length made 1 again, in as many bytes as before. What PCA does before it drops
  anything: where a pca_<n> gains, this row says how much of the gain is due to that alone.
- pca_<n>: n principal components. pca_<n>_int8: these in a byte each.
- truncated_<n>: the first n numbers. Good where training put the most important first (Matryoshka, arXiv 2205.13147).
- pq_<n>: product quantisation, n parts of a vector in a byte each.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import faiss
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from src import metrics, retrieval, statistics
from src.retrieval import Side

Vectors = NDArray[np.float32]
Map = Callable[[Vectors], Vectors]

HEADLINE, DECIMALS = "mMP@5", 6
WHOLE = "float32"  # what all others are compared with
FIRST = 5  # ranks that the headline looks at
CENTROIDS = 256  # of a part in product quantisation: what a byte can tell apart
FEWEST = 2  # images to fit anything on
FITTED = 10_000  # images at most: faiss asks for 39 a centroid, and more cost minutes
COLUMNS = ["codec", "bytes", HEADLINE, "lost", "low", "high"]


@dataclass(frozen=True)
class Codec:
    """A way to store a vector."""

    bytes: int  # a stored vector takes
    shorten: Map  # [n, D] -> [n, d], for queries too
    keep: Map  # [n, d] -> [n, d], what encoding and decoding leave, for the gallery alone


def codecs(fitted: Vectors, dimensions: Sequence[int], parts: Sequence[int]) -> dict[str, Codec]:
    """Every codec by name, fitted on [n, D] vectors; those that n or D are too small for are left out.

    `dimensions` are kept by PCA and truncation, `parts` (which must divide D) by product quantisation.
    """
    fitted = np.ascontiguousarray(fitted[spread(len(fitted), FITTED)])
    rows, dim = fitted.shape
    found = {WHOLE: Codec(4 * dim, as_it_is, as_it_is)}
    found["float16"] = quantised(as_it_is, faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16), fitted)
    if rows >= FEWEST:
        found["int8"] = quantised(as_it_is, byte_each(dim), fitted)
        found["centred"] = Codec(4 * dim, partial(centred, fitted.mean(0)), as_it_is)
        found |= reduced(fitted, [n for n in dimensions if n < min(rows, dim)])
    found |= {f"truncated_{n}": Codec(4 * n, partial(first, n), as_it_is) for n in dimensions if n < dim}
    if rows >= CENTROIDS:
        found |= {f"pq_{n}": quantised(as_it_is, product(dim, n), fitted) for n in parts if dim % n == 0}
    return found


def reduced(fitted: Vectors, dimensions: Sequence[int]) -> dict[str, Codec]:
    """PCA to each of `dimensions`, of numbers in four bytes and in one."""
    if not dimensions:
        return {}
    found = {}
    matrix = faiss.PCAMatrix(fitted.shape[1], max(dimensions))
    matrix.train(fitted)
    for n in dimensions:
        found[f"pca_{n}"] = Codec(4 * n, partial(components, matrix, n), as_it_is)
        found[f"pca_{n}_int8"] = quantised(partial(components, matrix, n), byte_each(n), fitted)
    return found


def spread(count: int, most: int) -> NDArray[np.int64]:
    """At most so many of `count` places, at equal distances: of every label where they are in the order of labels."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))


def as_it_is(vectors: Vectors) -> Vectors:
    """[n, D] -> [n, D]."""
    return vectors


def first(n: int, vectors: Vectors) -> Vectors:
    """[N, D] -> [N, n], of length 1 again."""
    return unit(vectors[:, :n])


def centred(mean: Vectors, vectors: Vectors) -> Vectors:
    """[n, D] less their mean [D], of length 1 again."""
    return unit(vectors - mean)


def unit(vectors: Vectors) -> Vectors:
    """[n, D] of length 1; a zero stays one."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def components(matrix: faiss.PCAMatrix, n: int, vectors: Vectors) -> Vectors:
    """[N, D] -> [N, n] along the first n of its components, of length 1 again."""
    return first(n, matrix.apply(np.ascontiguousarray(vectors)))


def byte_each(dim: int) -> faiss.Index:
    """A byte for each number, from the smallest to the largest that its dimension has."""
    return faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_8bit)


def product(dim: int, parts: int) -> faiss.Index:
    """A byte for each part of a vector: which of 256 centroids of such parts is nearest."""
    index = faiss.IndexPQ(dim, parts, 8)
    index.pq.cp.min_points_per_centroid = 1  # faiss would warn of few; the table says how many there were
    return index


def quantised(shorten: Map, index: faiss.Index, fitted: Vectors) -> Codec:
    """What an index of faiss stores of shortened vectors."""
    index.train(shorten(fitted))
    return Codec(index.sa_code_size(), shorten, lambda vectors: index.sa_decode(index.sa_encode(vectors)))


def quality(query: Side, gallery: Side, codec: Codec) -> NDArray[np.float64]:
    """mMP@5 of every query, NaN where nothing is relevant: [Q]. The gallery's rows ascend."""
    relevant = retrieval.count_relevant(query, gallery).astype(np.int32)
    rows = nearest(query, gallery, codec)
    places = np.searchsorted(gallery.rows, rows).clip(max=len(gallery) - 1)
    hits = (gallery.labels[places] == query.labels[:, None]) & (rows >= 0)
    scores, asked = np.full(len(query), np.nan), relevant > 0
    scores[asked] = metrics.mmp_at(FIRST, hits[asked], relevant[asked], relevant[asked])  # the last is not looked at
    return scores


def nearest(query: Side, gallery: Side, codec: Codec) -> NDArray[np.int32]:
    """The first FIRST gallery rows of every query, -1 where the gallery is shorter: [Q, FIRST].

    No query has a label here: then the search need not look further than FIRST for whatever else is relevant.
    """
    asked, stored = codec.shorten(query.vectors), codec.keep(codec.shorten(gallery.vectors))
    if codec.keep is not as_it_is:  # no longer of length 1: with 1 beside x and -|y|^2 / 2 beside y, inner products
        asked = np.pad(asked, ((0, 0), (0, 1)), constant_values=1)  # order as the distances |x - y| do
        stored = np.column_stack([stored, -np.einsum("nd,nd->n", stored, stored) / 2])
    nobody = replace(query, vectors=asked, labels=np.full(len(query), -1))
    return retrieval.neighbors(nobody, replace(gallery, vectors=stored), FIRST).rows


@dataclass(frozen=True)
class Outcome:
    """What each of C codecs does, the whole vectors first."""

    names: list[str]
    bytes: list[int]
    quality: NDArray[np.float64]  # [C] mean mMP@5
    lost: statistics.Resamples  # of mMP@5 of whole vectors less that of each codec; below 0 is a gain


def play(query: Side, gallery: Side, found: Mapping[str, Codec], clusters: NDArray[np.int64], dataset: str) -> Outcome:
    """Every codec on the same queries, which all have something to find; `clusters` [Q] are drawn together."""
    scores = np.column_stack([quality(query, gallery, codec) for codec in found.values()])
    lost = statistics.resample(scores[:, :1] - scores, clusters, dataset)
    return Outcome(list(found), [codec.bytes for codec in found.values()], scores.mean(0), lost)


def over_datasets(outcomes: Sequence[Outcome]) -> Outcome:
    """The mean, for codecs that all have; bytes where vectors are longest."""
    names = [name for name in outcomes[0].names if all(name in each.names for each in outcomes)]
    places = [[each.names.index(name) for name in names] for each in outcomes]
    pairs = list(zip(outcomes, places, strict=True))
    quality = np.mean([each.quality[at] for each, at in pairs], 0)
    lost = [replace(each.lost, means=each.lost.means[:, at]) for each, at in pairs]
    sizes = np.max([np.array(each.bytes)[at] for each, at in pairs], 0)
    return Outcome(names, sizes.tolist(), quality, statistics.over_datasets(lost))


def table(found: Outcome) -> pd.DataFrame:
    """COLUMNS, a row a codec: low to high is a 95 % interval of what is lost, NaN where one cluster is all there is."""
    measured = [found.quality, found.quality[0] - found.quality, *found.lost.interval()]
    columns = [found.names, found.bytes, *(np.round(values, DECIMALS) + 0.0 for values in measured)]  # -0.0 is 0.0
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def lines(table: pd.DataFrame) -> list[str]:
    """For people: a line a codec of the mean over datasets."""
    if not len(table):
        return []
    told = ["  bytes a vector, mMP@5 in %, points lost (95 % interval), mean over datasets"]
    for row in table.to_dict("records"):
        line = f"  {row['codec']:<14} {row['bytes']:>6,}  {100 * row[HEADLINE]:5.1f}"
        ends = f"({100 * row['low']:+z.1f} to {100 * row['high']:+z.1f})" if pd.notna(row["low"]) else ""
        told.append(line if row["codec"] == WHOLE else f"{line}  {100 * row['lost']:+z.1f} {ends}".rstrip())
    return told
