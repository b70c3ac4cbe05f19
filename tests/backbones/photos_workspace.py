"""A repository root whose photos are prepared and whose model is fetched from a local hub; and how vectors compare."""

import io
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import yaml
from backbones.hub_server import Hub
from numpy.typing import NDArray
from PIL import Image

from src import images, manifest, paths, store
from src.entries import Model

ROOT = Path(__file__).parents[2]
SIDES = [(320, 240), (240, 320), (500, 333), (96, 96), (231, 470), (640, 200), (257, 257), (64, 300)]  # of photos
EXACT = 1e-5  # largest difference of two vectors, as a part of the largest number in them

Vectors = NDArray[np.float32]


def prepare(slug: str, model: Model, hub: Hub, photos: list[bytes]) -> None:
    """params.yaml with this model, and what the stage `prepare` leaves of the photos, in the current folder."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw["runtime"] |= {"device": "cpu", "threads": 1, "workers": 1, "batch_size": len(photos)}
    here = {"url": hub.url + urlsplit(model.url).path} if model.url else {}
    raw["models"][slug] = model.model_dump(mode="json", exclude_unset=True) | here
    Path("params.yaml").write_text(yaml.safe_dump(raw | {"model": slug, "strategies": ["pretrained"]}))
    numbers = [str(row) for row in range(len(photos))]
    table = pd.DataFrame({"image_id": numbers, "file": numbers, "sha256": numbers, "width": 8, "height": 8})
    for column in ("label", "category", "split", "tuning", "group", "caption"):
        table[column] = "x"
    manifest.write(paths.manifest("photos"), table)
    paths.shards("photos").mkdir(parents=True)
    images.write_shards(paths.shards("photos"), photos)


def photo(number: int) -> bytes:
    """A JPEG of coloured clouds: neither flat nor noise to the last pixel."""
    clouds = np.random.default_rng(number).integers(0, 256, (12, 9, 3), np.uint8)
    data = io.BytesIO()
    Image.fromarray(clouds).resize(SIDES[number], Image.Resampling.BICUBIC).save(data, "JPEG")
    return data.getvalue()


def embedded() -> tuple[Vectors, dict[str, Any]]:
    """What `extract` left in the current folder: vectors of length 1 and their sidecar."""
    _, manifest_sha256 = manifest.read(paths.manifest("photos"))
    return store.read_embeddings(paths.embeddings("pretrained", "photos"), manifest_sha256)


def unit(vectors: Vectors) -> Vectors:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def difference(found: Vectors, expected: Vectors) -> float:
    """The largest one of any number, as a part of the largest number."""
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected).max())
