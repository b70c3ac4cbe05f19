"""Floor 2. Which photos are one and the same: byte-equal, or the same picture resized, re-encoded or made brighter.

A perceptual hash proposes pairs, pixels decide. The limits come from looking at the nearest pairs of 13,000 photos
(groceries and garments by phone, rendered products) and at degraded copies of 480 of them: copies at half, three
quarters or twice the size, at JPEG quality 30 or 60, or a tenth brighter are found in 99 of 100 cases (96 of 100 of
rendered ones). Of different products none was taken for a copy; of shots in quick succession only those in which
nothing moved. Not found: copies that are cropped, mirrored or turned.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from src import images
from src.images import Pixels

Hashes = NDArray[np.uint64]
Pairs = NDArray[np.int64]  # [P, 2] row numbers, the lower one first
Floats = NDArray[np.float32]

DISTANCE = 8  # bits of 64 that hashes of copies differ in at most
PLAIN = 0.02  # contrast below which a picture has nothing to compare
CORRELATION = 0.996  # of the pixels of copies, at least
WORST = 0.25  # standard deviations that copies differ by in their worst place: another flavour on the same package
SIDE, CELL = 16, 2  # pixels of a glimpse, and of a place in it
SHAPE = (SIDE, SIDE, 3)
CELLS = 2**22  # hashes compared at a time
BLOCK = 4096  # pairs of glimpses compared at a time


def glimpse(data: bytes) -> Pixels:
    """An image as uint8 [SIDE, SIDE, 3]: small enough to forget its encoding, in colour to see another variant."""
    return np.asarray(images.decode(data).resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0))


def equal(sha256: pd.Series) -> Pairs:
    """Each byte-equal photo with the first of its kind, so that a placeholder used 10,000 times makes 9,999 pairs."""
    first = pd.Series(np.arange(len(sha256))).groupby(sha256.to_numpy()).transform("min").to_numpy()
    later = np.flatnonzero(first != np.arange(len(sha256)))
    return np.stack([first[later], later], axis=1)


def candidates(phash: Hashes) -> Pairs:
    """Pairs of hashes [N] that differ in DISTANCE bits at most, sorted.

    Such two agree in one of DISTANCE + 1 bands of their bits, so only hashes that share a band are compared
    (Norouzi et al., Fast search in Hamming space with multi-index hashing, 2012): 120,000 in three seconds.
    """
    found = [np.empty(0, np.int64)]
    for low, high in pairwise(np.linspace(0, 64, DISTANCE + 2).astype(np.uint64)):
        band = phash >> low & (np.uint64(1) << (high - low)) - np.uint64(1)
        order = np.argsort(band, kind="stable")
        for rows in np.split(order, np.flatnonzero(np.diff(band[order])) + 1):
            found += _close(phash, rows)
    return np.stack(np.divmod(np.unique(np.concatenate(found)), max(len(phash), 1)), axis=1)


def _close(phash: Hashes, rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Pairs among `rows` (ascending), each as one number: first * N + second."""
    size = max(CELLS // max(len(rows), 1), 1)
    for start in range(0, len(rows), size):
        block, rest = rows[start : start + size], rows[start:]
        near = np.bitwise_count(phash[block, None] ^ phash[None, rest]) <= DISTANCE
        first, second = np.nonzero(np.triu(near, 1))
        yield block[first] * len(phash) + rest[second]


def compare(glimpses: Pixels, pairs: Pairs) -> tuple[Floats, Floats]:
    """How alike the glimpses [M, SIDE, SIDE, 3] of pairs [P, 2] are, brightness and contrast put aside.

    Returns the correlation of their pixels, and the largest mean difference in one place in standard deviations: [P].
    """
    correlation, worst = np.empty(len(pairs), np.float32), np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), BLOCK):
        block = slice(start, start + BLOCK)
        first, second = (_standardised(glimpses[column]) for column in pairs[block].T)
        correlation[block] = (first * second).mean((1, 2, 3))
        places = np.abs(first - second).reshape(-1, SIDE // CELL, CELL, SIDE // CELL, CELL * 3)
        worst[block] = places.mean((2, 4)).max((1, 2))
    return correlation, worst


def _standardised(glimpses: Pixels) -> Floats:
    """[P, SIDE, SIDE, 3] with mean 0 and standard deviation 1 over pixels and colours."""
    levels = glimpses.astype(np.float32)
    centred = levels - levels.mean((1, 2, 3), keepdims=True)
    return centred / np.maximum(centred.std((1, 2, 3), keepdims=True), 1e-6)


def same(correlation: Floats, worst: Floats) -> NDArray[np.bool_]:
    """Which pairs are copies, by `compare`."""
    return (correlation >= CORRELATION) & (worst <= WORST)
