"""Floor 2. From pixels to embeddings: float32 vectors of length 1, row i for image i."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from src import device as devices
from src import images, store
from src.backbones import PACKAGES, Backbone
from src.errors import UserError
from src.images import Pixels, Preprocessing, Rows, Shards
from src.params import RuntimeParams
from src.progress import bar, duration
from src.runtime import workers

Embeddings = NDArray[np.float32]

CHUNK = 2048  # images, about: what an interruption costs at most
TRIED = 4  # images by which the time is estimated
LONG = 30.0  # seconds of work from which the estimate is worth a line


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


def encode(
    network: nn.Module,
    batches: Iterable[Pixels],
    how: Preprocessing,
    precision: str,
    device: torch.device | str,
    done: Callable[[int], None] = lambda count: None,
) -> Embeddings:
    """Batches of uint8 [B, H, W, 3] through the network: float32 [N, D], as long as the network makes them.

    `done` hears after each batch how many images it had.
    """
    vectors = []
    with torch.inference_mode(), torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bf16"):
        for pixels in batches:
            found = network(normalise(torch.from_numpy(pixels).to(device), how))
            vectors.append(found.float().cpu().numpy())
            done(len(pixels))
    return np.concatenate(vectors)


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
) -> Embeddings:
    """Every image of the shards: [N, D] of length 1. Byte-equal images are embedded once and get equal vectors.

    With a scratch folder every finished chunk is kept there, and one that is there already is not embedded again.
    The folder's name must say all that the vectors depend on.
    """
    device, size = devices.choose(runtime), runtime.batch_size
    network, how = backbone.network.to(device).eval(), backbone.preprocessing
    distinct, place = shards.unique(np.arange(len(shards)))
    chunks = spans(len(distinct), size)
    files = {chunk: scratch / f"{chunk.start:09d}-{chunk.stop:09d}.npy" for chunk in chunks} if scratch else {}
    kept = {chunk for chunk, file in files.items() if file.exists()}
    left = np.concatenate([distinct[:0], *(distinct[chunk] for chunk in chunks if chunk not in kept)])
    stream = images.batches(shards, left, how, size, workers(runtime))

    def run(rows: Rows) -> Embeddings:
        return encode(network, images.batches(shards, rows, how, TRIED, workers(runtime)), how, precision, device)

    if len(left) > 16 * TRIED and (seconds := estimate(run, left)) > LONG:
        print(f"{title}: {len(left):,} images, about {duration(seconds)} here", file=sys.stderr)
    embeddings = np.empty((len(shards), backbone.config["dim"]), np.float32)
    with watched(len(left), title, meter or Meter()) as done:
        for chunk in chunks:
            if chunk in kept:
                vectors = store.read_array(files[chunk])
            else:
                batches = islice(stream, -(-len(chunk) // size))
                vectors = unit(encode(network, batches, how, precision, device, done), distinct[chunk], title)
                if scratch:
                    store.write_array(files[chunk], vectors)
            here = (place >= chunk.start) & (place < chunk.stop)
            embeddings[here] = vectors[place[here] - chunk.start]
    return embeddings


def estimate(run: Callable[[Rows], Embeddings], rows: Rows) -> float:
    """Seconds that `run` will take for all of `rows`, by a few of them, tried after one that warms up."""
    run(rows[:1])
    start = perf_counter()
    run(rows[:TRIED])
    return (perf_counter() - start) / TRIED * len(rows)


def spans(count: int, batch_size: int) -> list[range]:
    """0..count in chunks of whole batches (the last may be cut), so that one stream of batches serves them all.

    >>> spans(5000, 1000)
    [range(0, 3000), range(3000, 5000)]
    """
    length = -(-CHUNK // batch_size) * batch_size
    return [range(start, min(start + length, count)) for start in range(0, count, length)]


@contextmanager
def watched(total: int, title: str, meter: Meter) -> Iterator[Callable[[int], None]]:
    """Progress of `total` images: gives the function to call with the number of images just done; keeps the meter."""
    start = perf_counter()
    with bar(total, title) as progress:

        def done(count: int) -> None:
            progress.update(count)
            meter.images += count
            meter.seconds = perf_counter() - start

        yield done


def provenance(backbone: Backbone, precision: str) -> dict[str, Any]:
    """What a sidecar says about how vectors came about, besides strategy, manifest and encoder."""
    config = backbone.config
    packages = ["torch", "pillow", "numpy", *PACKAGES[config["library"]]]
    return {
        "model": config["model"],
        "parameters": config["parameters"],  # of the backbone
        "gmacs": config["gmacs"],  # of the backbone, an image
        "precision": precision,
        "engine": "torch",
        "preprocessing": config["preprocessing"],
        "versions": {name: version(name) for name in packages},
    }
