"""Floor 2. Calibration: whether vectors in bf16 are near enough to those in fp32, tried on part of a dataset.

Neighbours are found by a plain product here, and mMP@5 is written out again: were retrieval and metrics imported, a new
metric would embed every photo anew.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from src.backbones import Backbone
from src.embedding import Embeddings, Meter, embed_rows
from src.images import Rows, Shards
from src.params import RuntimeParams

# a precision, some rows -> their vectors
Tried = Callable[[str, Rows], Embeddings]

IMAGES = 4000  # tried, every one of which asks all others: in a larger gallery a few neighbours more would change
CROWD = 50  # of a label, that are tried before any label gives more
FIRST = 5  # neighbours compared
KEPT, MOVED = 0.995, 0.002  # least share of them that bf16 must keep, and how far mMP@5 may move


def embed(
    backbone: Backbone,
    shards: Shards,
    made: dict[str, Any],
    labels: Sequence[str],
    runtime: RuntimeParams,
    title: str,
    scratch: Path,
    meter: Meter | None = None,
) -> tuple[Embeddings, dict[str, Any]]:
    """Every image [N, D] in the precision and by the engine that `made`, a sidecar, names; and `made` as it came to be.

    Precision `auto` is settled first, by images of the labels [N], and what was measured goes into the sidecar.
    """
    work = partial(embed_rows, backbone, shards, runtime=runtime, engine=made["engine"])
    if made["precision"] == "auto":

        def tried(precision: str, rows: Rows) -> Embeddings:
            folder = scratch / "calibration" / precision
            folder.mkdir(parents=True, exist_ok=True)
            return work(precision, title=f"{title}, {precision} tried", scratch=folder, rows=rows)

        made = made | settle(tried, np.asarray(labels, dtype=str), title)
    folder = scratch / made["precision"]
    folder.mkdir(exist_ok=True)
    return work(made["precision"], title=title, scratch=folder, meter=meter), made


def settle(tried: Tried, labels: NDArray[np.str_], title: str = "auto") -> dict[str, Any]:
    """The `precision` to take, and the `calibration` that says why. bf16 must pass both tests, KEPT and MOVED."""
    rows = sample(labels, IMAGES)
    found = compare(tried("fp32", rows), tried("bf16", rows), labels[rows])
    passed = found["kept"] is not None and found["kept"] >= KEPT
    passed &= found["mMP@5_change"] is not None and abs(found["mMP@5_change"]) < MOVED
    precision = "bf16" if passed else "fp32"
    print(f"{title}: {precision}; {describe(found)}", flush=True)
    return {"precision": precision, "calibration": {**found, "least_kept": KEPT, "most_change": MOVED}}


def sample(labels: NDArray[np.str_], count: int) -> Rows:
    """`count` row numbers, or all, ascending: up to CROWD images of one label after another, in a random order.

    Images of a label stay together, as in the whole dataset, so that there is somebody to find.
    """
    rng = np.random.default_rng(0)
    rows, codes = rng.permutation(len(labels)), np.unique(labels, return_inverse=True)[1]
    turn = pd.Series(codes[rows]).groupby(codes[rows]).cumcount().to_numpy()
    order = rng.permutation(len(np.unique(codes)))[codes[rows]]
    return np.sort(rows[np.lexsort((order, turn // CROWD))[:count]])


def compare(exact: Embeddings, rough: Embeddings, labels: NDArray[np.str_]) -> dict[str, Any]:
    """How the first neighbours of [N, D] change, each image asking all others: share kept, mMP@5 before, its change.

    A value is None where nobody has a neighbour, or a relevant one.
    """
    before, after = nearest(exact), nearest(rough)
    kept = (before[:, :, None] == after[:, None, :]).any(axis=2)
    scores = [mean_mmp5(neighbours, labels) for neighbours in (before, after)]
    change = None if scores[0] is None or scores[1] is None else round(scores[1] - scores[0], 6)
    return {
        "images": len(labels),
        "kept": round(float(kept.mean()), 6) if kept.size else None,
        "mMP@5": None if scores[0] is None else round(scores[0], 6),
        "mMP@5_change": change,
    }


def nearest(vectors: Embeddings) -> Rows:
    """The first neighbours of each among the others, best first, ties to the lower row: [N, D] -> [N, up to FIRST]."""
    products = vectors @ vectors.T
    np.fill_diagonal(products, -np.inf)
    return np.argsort(-products, axis=1, kind="stable")[:, : min(FIRST, len(vectors) - 1)]


def mean_mmp5(neighbours: Rows, labels: NDArray[np.str_]) -> float | None:
    """The mean of `metrics.mmp_at(5)` for neighbours [N, k], over images whose label another one has."""
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    cut = np.minimum(counts[codes] - 1, FIRST)
    hits = (codes[neighbours] == codes[:, None]) & (np.arange(neighbours.shape[1]) < cut[:, None])
    asked = cut > 0
    return float((hits.sum(axis=1)[asked] / cut[asked]).mean()) if asked.any() else None


def describe(found: dict[str, Any]) -> str:
    """What was measured, in a line."""
    if found["kept"] is None or found["mMP@5_change"] is None:
        return f"{found['images']:,} images do not tell what bf16 changes"
    kept = f"bf16 keeps {found['kept']:.2%} of the first {FIRST} neighbours (least {KEPT:.1%})"
    moved = f"moves mMP@5 by {found['mMP@5_change']:+.4f} (less than {MOVED})"
    return f"tried on {found['images']:,} images {kept} and {moved}"
