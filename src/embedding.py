"""Floor 2. From pixels to embeddings: float32 vectors of length 1, row i for image i."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import chain, islice
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from src import device as devices
from src import engines, images, store
from src.backbones import PACKAGES, Backbone
from src.engines import Engine
from src.errors import UserError
from src.images import Preprocessing, Rows, Shards
from src.params import RuntimeParams
from src.progress import bar, duration
from src.runtime import workers

Embeddings = NDArray[np.float32]

CHUNK = 2048  # images, about: what an interruption costs at most
KNOWN = 10.0  # seconds of work after which its rate is known
LONG = 60.0  # seconds of work, in all, from which that is worth a line


@dataclass
class Meter:
    """What was embedded, and how long it took from the first byte read: kept chunks of an earlier run do not count."""

    images: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Images a second; 0 where there was nothing left to embed."""
        return self.images / self.seconds if self.seconds else 0.0

    def record(self) -> dict[str, Any]:
        """For a cost file."""
        return {
            "images": self.images,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.rate, 2) or None,
        }

    def __str__(self) -> str:
        return f"{self.rate:,.{0 if self.rate >= 10 else 1}f} images/s, {self.seconds:.1f} s"


def normalise(pixels: Tensor, how: Preprocessing) -> Tensor:
    """uint8 [B, H, W, 3] -> float32 [B, 3, H, W], (x / 255 - mean) / std; channels last in memory, as they came."""
    mean, std = (255 * torch.tensor(values, device=pixels.device) for values in (how.mean, how.std))
    return pixels.float().sub_(mean).div_(std).permute(0, 3, 1, 2)


class Eyes(nn.Module):
    """A network with its normalisation in front: uint8 [B, H, W, 3] -> float32 [B, D], as long as it makes them."""

    def __init__(self, network: nn.Module, how: Preprocessing) -> None:
        super().__init__()
        self.network, self.how = network, how

    def forward(self, pixels: Tensor) -> Tensor:
        """Through both."""
        return self.network(normalise(pixels, self.how))


def unit(vectors: Embeddings, rows: Rows, title: str) -> Embeddings:
    """[B, D] -> [B, D] of length 1; a UserError names the first of `rows` whose vector has no direction."""
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    bad = ~np.isfinite(largest[:, 0]) | (largest[:, 0] == 0)
    if bad.any():
        raise UserError(
            f"{title}: the vector of image row {rows[bad][0]} is zero or not finite ({bad.sum()} of {len(rows)} are);"
            " check that photo and the weights, and where extract.precision is bf16 try fp32"
        )
    vectors = vectors / largest  # so that no square overflows or vanishes
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def embed_rows(
    backbone: Backbone,
    shards: Shards,
    precision: str,
    runtime: RuntimeParams,
    title: str,
    scratch: Path | None = None,
    meter: Meter | None = None,
    engine: str = "torch",
    rows: Rows | None = None,
) -> Embeddings:
    """Every image of the shards, or those of `rows`: [N, D] of length 1. Byte-equal images get equal vectors.

    With a scratch folder every finished chunk is kept there, and one that is there already is not embedded again.
    The folder's name must say all that the vectors depend on.
    """
    device, how = devices.choose(runtime), backbone.preprocessing
    eyes = Eyes(backbone.network.to(device).eval(), how)
    distinct, place = shards.unique(np.arange(len(shards)) if rows is None else rows)
    embeddings = np.empty((len(place), backbone.config["dim"]), np.float32)
    with engines.opened(engine, eyes, how.size, precision, device, runtime) as running, ExitStack() as stack:
        chunks = spans(len(distinct), running.batch)
        files = {chunk: scratch / f"{chunk.start:09d}-{chunk.stop:09d}.npy" for chunk in chunks} if scratch else {}
        kept = {chunk for chunk, file in files.items() if file.exists()}
        left = {chunk: sliced(distinct[chunk], running.batch) for chunk in chunks if chunk not in kept}
        stream = stack.enter_context(encoded(running, shards, how, chain(*left.values()), workers(runtime)))
        done = stack.enter_context(watched(sum(map(len, left)), title, meter or Meter()))
        for chunk in chunks:
            if chunk in kept:
                vectors = store.read_array(files[chunk])
            else:
                vectors = unit(gathered(islice(stream, len(left[chunk])), done), distinct[chunk], title)
                if scratch:
                    store.write_array(files[chunk], vectors)
            here = (place >= chunk.start) & (place < chunk.stop)
            embeddings[here] = vectors[place[here] - chunk.start]
    return embeddings


def encoded(
    engine: Engine, shards: Shards, how: Preprocessing, parts: Iterable[Rows], workers: int
) -> AbstractContextManager[Iterator[Embeddings]]:
    """The vectors of each part, in order: threads take a part each from bytes to vectors.

    So no core waits for another, be it decoding or multiplying. A part is a batch or less.
    """

    def encode(rows: Rows) -> Embeddings:
        pixels = np.stack([images.preprocess(images.decode(shards[row]), how) for row in rows.tolist()])
        filled = np.resize(pixels, (engine.batch, *pixels.shape[1:]))  # with the same images again
        return engine.run(filled)[: len(rows)]

    pool = max(engine.at_once, workers)
    return closing(images.in_order(encode, parts, pool, 2 * pool))


def gathered(parts: Iterable[Embeddings], done: Callable[[int], None]) -> Embeddings:
    """All parts as one; `done` hears after each how many images it had."""
    vectors = []
    for part in parts:
        vectors.append(part)
        done(len(part))
    return np.concatenate(vectors)


def sliced(rows: Rows, size: int) -> list[Rows]:
    """The rows in parts of `size`; the last may be shorter."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def spans(count: int, batch_size: int) -> list[range]:
    """0..count in chunks of whole batches (the last may be cut), so that one stream of batches serves them all.

    >>> spans(5000, 1000)
    [range(0, 3000), range(3000, 5000)]
    """
    length = -(-CHUNK // batch_size) * batch_size
    return [range(start, min(start + length, count)) for start in range(0, count, length)]


@contextmanager
def watched(total: int, title: str, meter: Meter) -> Iterator[Callable[[int], None]]:
    """Progress of `total` images: gives the function to call with the number of images just done; keeps the meter.

    Once the rate is known, a line says how long it will take, if that is long.
    """
    start, told = perf_counter(), False
    with bar(total, title) as progress:

        def done(count: int) -> None:
            nonlocal told
            progress.update(count)
            meter.images += count
            meter.seconds = perf_counter() - start
            if not told and meter.seconds > KNOWN:
                told, seconds = True, total / meter.rate
                if seconds > LONG:
                    print(f"{title}: {total:,} images, about {duration(seconds)} here", file=sys.stderr)

        yield done


def provenance(backbone: Backbone, precision: str, engine: str = "torch") -> dict[str, Any]:
    """What a sidecar says about how vectors came about, besides strategy, manifest and encoder."""
    config = backbone.config
    packages = {"torch": None, engine: None, "pillow": None, "numpy": None} | dict.fromkeys(PACKAGES[config["library"]])
    return {
        "model": config["model"],
        "parameters": config["parameters"],  # of the backbone
        "gmacs": config["gmacs"],  # of the backbone, an image
        "precision": precision,
        "engine": engine,
        "preprocessing": config["preprocessing"],
        "versions": {name: version(name) for name in packages},
    }
