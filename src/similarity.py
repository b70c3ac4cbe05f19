"""Floor 2. How alike two datasets are to one pretrained backbone: cheap figures known before anything is tuned.

All compare the images that tuning may see, of a source (to tune on) with those of a target (to use the tuned on):

- `cka`: linear CKA, |Ys' Yt|^2 / (|Ys' Ys| |Yt' Yt|), of arXiv 1905.00414 (equation 3). It asks for paired rows, which
  two datasets do not have; what they share is the backbone's D dimensions. So the dimensions are the paired examples:
  the cosine between the two covariance matrices. 0 to 1, 1 where both vary along the same directions.
- `frechet`: |ms - mt|^2 + tr(Cs + Ct - 2 (Cs Ct)^(1/2)), the squared Fréchet distance of two Gaussians (Dowson and
  Landau 1982; FID of arXiv 1706.08500). 0 where mean and covariance agree. Biased upwards with few images.
- `transfer`: the one that knows labels, and direction. A linear head fitted on the source's labels in closed form is
  used on the target; the change of the target's own mMP@5, each image searching all the others. It plays cross-tuning
  of the smallest head there is, so it is in the units of the change that it foretells.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from src import metrics

Vectors = NDArray[np.float64]
Labels = NDArray[np.int64]

MOST_LABELS, MOST_IMAGES = 500, 5000  # of a dataset; more cost minutes and move the figures little
DECIMALS = 6


@dataclass(frozen=True)
class Space:
    """A dataset as its backbone sees it: n embeddings of D dimensions, and what is needed of them again and again."""

    vectors: Vectors  # [n, D] of length 1
    labels: Labels  # [n]
    factor: Vectors  # [D, r] whose product with its transpose is the covariance
    head: Vectors | None  # [D, d] as `linear_head`
    quality: float  # leave-one-out mMP@5, NaN where no label has two images

    @property
    def mean(self) -> Vectors:
        """[D]"""
        return self.vectors.mean(0)


def describe(embeddings: NDArray[np.float32], labels: NDArray[Any]) -> Space | None:
    """The space of a dataset's embeddings [n, D] with labels [n]; None of fewer than two images."""
    rows = choose(labels, MOST_LABELS, MOST_IMAGES)
    if len(rows) < 2:
        return None
    vectors = embeddings[rows].astype(np.float64)
    codes = np.unique(labels[rows], return_inverse=True)[1].astype(np.int64)
    return Space(vectors, codes, factor(vectors), linear_head(vectors, codes), leave_one_out(vectors, codes))


def choose(labels: NDArray[Any], most_labels: int, most_images: int) -> NDArray[np.int64]:
    """Rows of at most so many labels and images, ascending; every label's first image before any label's second."""
    rng = np.random.default_rng(0)  # not the seed of tuning: another tuning must not change what is foretold of it
    known = rng.permutation(np.unique(labels))[:most_labels]
    order = rng.permutation(len(labels))
    order = order[np.isin(labels[order], known)]
    turn = pd.Series(labels[order]).groupby(labels[order]).cumcount().to_numpy()
    return np.sort(order[np.argsort(turn, kind="stable")][:most_images])


def factor(vectors: Vectors) -> Vectors:
    """[n, D] -> [D, r], r the rank: factor @ factor.T is the covariance (divided by n)."""
    centred = vectors - vectors.mean(0)
    values, axes = np.linalg.eigh(centred.T @ centred / len(vectors))
    real = values > 1e-12 * values[-1]
    return axes[:, real] * np.sqrt(values[real])


def overlap(source: Space, target: Space) -> Vectors:
    """Singular values of factor' factor: their squares sum to tr(Cs Ct), they themselves to tr((Cs Ct)^(1/2))."""
    return np.asarray(np.linalg.svd(source.factor.T @ target.factor, compute_uv=False), np.float64)


def cka(source: Space, target: Space, shared: Vectors) -> float:
    """The cosine between the covariance matrices; `shared` is their `overlap`. NaN where one does not vary."""
    sizes = [np.linalg.norm((space.factor**2).sum(0)) for space in (source, target)]  # the columns are orthogonal
    return float((shared**2).sum() / (sizes[0] * sizes[1])) if min(sizes) > 0 else float("nan")


def frechet(source: Space, target: Space, shared: Vectors) -> float:
    """The squared Fréchet distance of the two Gaussians; `shared` is their `overlap`."""
    spread = (source.factor**2).sum() + (target.factor**2).sum() - 2 * shared.sum()
    return float(((source.mean - target.mean) ** 2).sum() + max(spread, 0.0))


def transfer(source: Space, target: Space) -> float:
    """Change of the target's leave-one-out mMP@5 by the source's linear head; NaN where there is no such head."""
    if source.head is None:
        return float("nan")
    return leave_one_out((target.vectors - source.mean) @ source.head, target.labels) - target.quality


def linear_head(vectors: Vectors, labels: Labels) -> Vectors | None:
    """[n, D], [n] -> [D, d]: linear discriminant analysis, the within-label covariance shrunk and whitened away.

    Labels count from 0 without gaps; d is at most their number less one. Apply it to vectors less the mean of
    `vectors`. None where all images have one label, or no label has two of them.
    """
    sizes = np.bincount(labels)
    if len(sizes) < 2 or sizes.max() < 2:
        return None
    sums = np.zeros((len(sizes), vectors.shape[1]))
    np.add.at(sums, labels, vectors)
    centroids = sums / sizes[:, None]
    values, axes = np.linalg.eigh(shrunk(vectors - centroids[labels]))
    if values[0] <= 0:  # the images of each label are all the same one
        return None
    whiten = axes / np.sqrt(values)
    between = np.sqrt(sizes)[:, None] * (centroids - vectors.mean(0)) @ whiten
    _, lengths, directions = np.linalg.svd(between, full_matrices=False)
    return whiten @ directions[lengths > 1e-9 * lengths[0]].T


def shrunk(centred: Vectors) -> Vectors:
    """[n, D] of mean 0 -> covariance [D, D], pulled towards a multiple of the identity as far as n and D ask for.

    Source: Ledoit and Wolf, A well-conditioned estimator for large-dimensional covariance matrices, 2004.
    """
    n, dim = centred.shape
    covariance = centred.T @ centred / n
    identity = np.trace(covariance) / dim * np.eye(dim)
    distance = ((covariance - identity) ** 2).sum()
    noise = (((centred**2).sum(1) ** 2).sum() / n - (covariance**2).sum()) / n
    weight = min(noise / distance, 1.0) if distance > 0 else 1.0
    return (1 - weight) * covariance + weight * identity


def leave_one_out(vectors: Vectors, labels: Labels, block: int = 1024) -> float:
    """mMP@5 where each image [n, D] searches all others by cosine; NaN where no label has two images."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = vectors / np.maximum(lengths, np.finfo(float).tiny)
    relevant = (np.bincount(labels)[labels] - 1).astype(np.int32)
    asked, depth = np.flatnonzero(relevant), min(5, len(labels) - 1)
    scores = []
    for start in range(0, len(asked), block):
        rows = asked[start : start + block]
        similarity = vectors[rows] @ vectors.T
        similarity[np.arange(len(rows)), rows] = -np.inf
        nearest = np.argpartition(-similarity, depth - 1, axis=1)[:, :depth]
        best_first = np.argsort(-np.take_along_axis(similarity, nearest, 1), axis=1, kind="stable")
        hits = labels[np.take_along_axis(nearest, best_first, 1)] == labels[rows, None]
        hits = np.pad(hits, ((0, 0), (0, 5 - depth)))
        scores.append(metrics.mmp_at(5, hits, relevant[rows], relevant[rows]))  # the last one is not looked at
    return float(np.concatenate(scores).mean()) if scores else float("nan")


def compare(spaces: Mapping[str, Space | None]) -> pd.DataFrame:
    """A row an ordered pair: source, target, cka, frechet, transfer; NaN where images or labels are too few."""
    shared: dict[frozenset[str], Vectors] = {}
    rows = []
    for a, b in permutations(spaces, 2):
        source, target = spaces[a], spaces[b]
        if source is None or target is None:
            rows.append((a, b, *[float("nan")] * 3))
            continue
        pair = frozenset((a, b))
        if pair not in shared:
            shared[pair] = overlap(source, target)
        measured = cka(source, target, shared[pair]), frechet(source, target, shared[pair]), transfer(source, target)
        rows.append((a, b, *measured))
    return pd.DataFrame(rows, columns=["source", "target", "cka", "frechet", "transfer"]).round(DECIMALS)


def lines(table: pd.DataFrame) -> list[str]:
    """For people: a line a target with the change that each source's linear head brings, the best source first."""
    if not len(table):
        return []
    found = ["  change of mMP@5 that a linear head of each source brings, in points (transfer):"]
    width = max(map(len, table["target"]))
    for target, rows in table.groupby("target", sort=False):
        best = rows.sort_values("transfer", ascending=False, kind="stable")
        sources = [f"{name} {100 * value:+.1f}" for name, value in zip(best["source"], best["transfer"], strict=True)]
        found.append(f"  {target:<{width}}  {'  '.join(sources)}")
    return found
