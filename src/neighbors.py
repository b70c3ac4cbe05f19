"""Floor 1. The neighbours file: for every query its nearest gallery rows, where its hits lie, its first hit."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from src import store
from src.errors import UserError

UNPACKED = 4 * 2**20  # bytes of one block of unpacked hits; the metrics' own arrays take some twenty times that


@dataclass(frozen=True)
class Neighbors:
    """What retrieval found for Q queries. Rows are manifest row numbers, best first."""

    query: NDArray[np.int32]  # [Q] who asked
    rows: NDArray[np.int32]  # [Q, depth] who was found, -1 where the gallery is shorter
    similarity: NDArray[np.float32]  # [Q, depth] cosine, -1 where the gallery is shorter
    hits: NDArray[np.uint8]  # [Q, ceil(K / 8)] packed bits of the first max(n_relevant, depth) ranks, 0 beyond
    n_relevant: NDArray[np.int32]  # [Q] relevant gallery images, the query and its excluded group not counted
    first_hit: NDArray[np.int32]  # [Q] rank of the first hit over the whole gallery, from 1; 0 where there is none

    @classmethod
    def blank(cls, query: NDArray[Any], n_relevant: NDArray[Any], depth: int) -> "Neighbors":
        """A record to fill: nobody found yet."""
        queries, bits = len(query), max(int(n_relevant.max(initial=0)), depth)
        return cls(
            query=query.astype(np.int32),
            rows=np.full((queries, depth), -1, np.int32),
            similarity=np.full((queries, depth), -1, np.float32),
            hits=np.zeros((queries, -(-bits // 8)), np.uint8),
            n_relevant=n_relevant.astype(np.int32),
            first_hit=np.zeros(queries, np.int32),
        )

    def unpacked(self) -> Iterator[tuple[slice, NDArray[np.bool_]]]:
        """Hits as bool [B, K], a block of queries at a time with its place among them."""
        size = max(UNPACKED // max(self.hits.shape[1] * 8, 1), 1)
        for start in range(0, len(self.query), size):
            block = slice(start, start + size)
            yield block, np.unpackbits(self.hits[block], axis=1).astype(bool)


def places(
    strategy: str, datasets: Sequence[str], methods: Sequence[str], merged: Sequence[str] = ()
) -> list[tuple[str, ...]]:
    """Where a strategy has embeddings: (dataset,) or, cross-tuned, (method, source, target); the last is searched.

    A dataset is the source for every other one, a merged source for all.
    """
    if strategy != "cross_tuned":
        return [(dataset,) for dataset in datasets]
    return [(method, a, b) for method in methods for a in (*datasets, *merged) for b in datasets if a != b]


def write(path: Path, found: Neighbors, about: dict[str, Any]) -> None:
    """Write one protocol's neighbours; `about` says what they were made from (model, weights_sha256, ...)."""
    tensors = {field.name: np.ascontiguousarray(getattr(found, field.name)) for field in fields(Neighbors)}
    # one metadata key: safetensors writes several in the random order of a hash map, and equal input must give
    # equal bytes
    metadata = {"about": json.dumps({"format_version": store.FORMAT_VERSION, **about}, sort_keys=True)}
    with store.whole(path) as part:
        part.write_bytes(save(tensors, metadata))


def read(path: Path, **expected: str) -> tuple[Neighbors, dict[str, Any]]:
    """The neighbours and what they were made from; a UserError where missing, damaged or not as `expected`."""
    try:
        with safe_open(path, "np") as file:
            about = json.loads((file.metadata() or {}).get("about", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run `dvc repro` (or `dvc pull`)") from None
    except SafetensorError as error:
        raise UserError(f"{path} is damaged ({error}); delete it and run `dvc repro`") from None
    for key, value in {"format_version": store.FORMAT_VERSION, **expected}.items():
        if about.get(key) != value:
            raise UserError(f"{path}: {key} is {about.get(key)!r}, expected {value!r}; run `dvc repro` to search again")
    return Neighbors(**tensors), about
