"""Floor 1. From bytes to pixels: decoding, the preprocessing a backbone wants, and shards of original bytes."""

import io
import os
import tarfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from src import store

SHARD_BYTES = 256 * 2**20
MAX_PIXELS = 100_000_000  # larger is refused before it is decoded (a decompression bomb)
FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

Rows = NDArray[np.int64]
Pixels = NDArray[np.uint8]


class Unreadable(ValueError):
    """Bytes that are no image; the message is the reason."""


@dataclass(frozen=True)
class Preprocessing:
    """How a backbone wants its images. Resize the shorter side to size / crop and cut the centre, or squash to a square."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    crop: float = 1.0
    squash: bool = False
    interpolation: str = "bicubic"


def decode(data: bytes) -> Image.Image:
    """RGB, upright. Raises Unreadable with the reason."""
    try:
        image = Image.open(io.BytesIO(data))
        if image.width * image.height > MAX_PIXELS:
            raise Unreadable(f"{image.width} x {image.height} pixels, more than {MAX_PIXELS:,}")
        return ImageOps.exif_transpose(image).convert("RGB")
    except Unreadable:
        raise
    except Exception as error:  # Pillow's plug-ins raise many kinds on hostile bytes
        raise Unreadable(" ".join(str(error).split())[:200] or type(error).__name__) from None


def preprocess(image: Image.Image, how: Preprocessing) -> Pixels:
    """RGB image -> uint8 [size, size, 3]; equal to timm's and open_clip's evaluation transforms before normalisation."""
    filter_ = FILTERS[how.interpolation]
    if how.squash:
        return np.asarray(image.resize((how.size, how.size), filter_))
    shorter = int(how.size / how.crop)
    width, height = image.size
    scale = shorter / min(width, height)
    target = (shorter, int(shorter * height / width)) if width <= height else (int(shorter * width / height), shorter)
    assert scale > 0
    resized = image.resize(target, filter_) if target != image.size else image
    left, top = round((target[0] - how.size) / 2), round((target[1] - how.size) / 2)
    return np.asarray(resized.crop((left, top, left + how.size, top + how.size)))


def write_shards(folder: Path, blobs: Iterable[bytes | int], shard_bytes: int = SHARD_BYTES) -> None:
    """Pack image bytes, in row order, into tar files of about `shard_bytes`, and write `index.npy` [N, 3]: shard, offset, length.

    An int in `blobs` is the number of an earlier row with the same bytes: it is stored once. Equal input, equal bytes out.
    """
    index: list[tuple[int, int, int]] = []
    shard, tar = -1, None
    for row, blob in enumerate(blobs):
        if isinstance(blob, int):
            index.append(index[blob])
            continue
        if tar is None or tar.offset + len(blob) > shard_bytes:
            if tar is not None:
                tar.close()
            shard += 1
            tar = tarfile.open(folder / f"{shard:05d}.tar", "w", format=tarfile.USTAR_FORMAT)
        info = tarfile.TarInfo(f"{row:08d}")
        info.size = len(blob)
        tar.addfile(info, io.BytesIO(blob))
        index.append((shard, tar.offset - -(-len(blob) // 512) * 512, len(blob)))
    if tar is not None:
        tar.close()
    store.write_array(folder / "index.npy", np.array(index, np.int64).reshape(-1, 3))


class Shards:
    """Random access to the packed images: `shards[row]` gives the original bytes."""

    def __init__(self, folder: Path) -> None:
        self.index = store.read_array(folder / "index.npy")
        self._files = [path.open("rb") for path in sorted(folder.glob("*.tar"))]

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, row: int) -> bytes:
        shard, offset, length = (int(x) for x in self.index[row])
        return os.pread(self._files[shard].fileno(), length, offset)

    def unique(self, rows: Rows) -> tuple[Rows, Rows]:
        """First row of each distinct image among `rows`, and for each row its place in that list: [U], [len(rows)]."""
        _, first, place = np.unique(self.index[rows], axis=0, return_index=True, return_inverse=True)
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        return rows[first[order]], rank[place.reshape(-1)]


def batches(shards: Shards, rows: Rows, how: Preprocessing, batch_size: int, workers: int) -> Iterator[Pixels]:
    """The images of `rows`, in order, as uint8 [B, size, size, 3]; threads decode ahead (Pillow frees the GIL)."""
    return ahead(lambda row: preprocess(decode(shards[row]), how), rows, batch_size, workers)


def ahead(load: Callable[[int], Pixels], rows: Rows, batch_size: int, workers: int) -> Iterator[Pixels]:
    """Stacks of `load(row)` in order, at most two batches ahead of whoever consumes them."""
    parts = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        waiting: deque[list[Future[Pixels]]] = deque()
        try:
            for part in parts:
                waiting.append([pool.submit(load, int(row)) for row in part])
                if len(waiting) > 2:
                    yield np.stack([job.result() for job in waiting.popleft()])
            while waiting:
                yield np.stack([job.result() for job in waiting.popleft()])
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
