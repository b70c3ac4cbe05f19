"""Every model of params.yaml, from a hub with its checkpoint through the stages `weights` and `extract` to vectors.

Two blocks deep here; `make test-models` gives each its full depth (--full-depth). The weights are random: no file of a
library or of the hub is needed.
"""

import io
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest
import yaml
from backbones.hub_server import Hub
from numpy.typing import NDArray
from PIL import Image

from backbones import documented, repositories
from src import backbones, embedding, images, manifest, params, paths, store
from src.backbones import Backbone
from src.images import Shards
from src.params import Model
from src.stages import extract, weights

ROOT = Path(__file__).parents[2]
MODELS = {slug: model for slug, model in params.load(ROOT / "params.yaml").models.items() if isinstance(model, Model)}
SLUGS = [slug for slug, model in MODELS.items() if model.library != "sample"]
SIDES = [(320, 240), (240, 320), (500, 333), (96, 96), (231, 470), (640, 200), (257, 257), (64, 300)]  # of photos
EXACT = 1e-5  # largest difference of two vectors, as a part of the largest number in them

Vectors = NDArray[np.float32]


@pytest.fixture
def workspace(tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A repository root, removed when it has served: what it holds of one model may be gigabytes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    yield tmp_path
    monkeypatch.undo()
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("slug", SLUGS)
def test_the_stages_give_the_vectors_that_the_library_documents_in_batches_of_any_size(
    slug: str, workspace: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    whole, start, model = request.config.getoption("--full-depth"), perf_counter(), MODELS[slug]
    photos = [photo(number) for number in range(2 if whole else len(SIDES))]
    if not whole:
        repositories.shallow(monkeypatch)
    repositories.write(hub.root, model)
    expected = documented.embed(model, photos[:2], hub.root)

    prepare(slug, model, hub, photos)
    weights.main()
    extract.main("photos")
    _, manifest_sha256 = manifest.read(paths.manifest("photos"))
    stored, sidecar = store.read_embeddings(paths.embeddings("pretrained", "photos"), manifest_sha256)

    backbone, shards = backbones.load(paths.BACKBONE), Shards(paths.shards("photos"))
    some, one = (encode(backbone, shards, size) for size in (min(3, len(photos)), 1))
    from_documented = difference(some[:2], expected)
    from_batches = max(difference(unit(some), stored[: len(some)]), difference(unit(one), stored[:1]))
    if whole:
        told = f"from its library {from_documented:.1e}, batches {from_batches:.1e}"
        print(f"\n{slug:16} {size(sidecar)}; {told}; {perf_counter() - start:.0f} s, {memory():.1f} GB")
    assert from_documented <= EXACT
    assert from_batches <= EXACT
    assert difference(stored[:1], stored[1:2]) > 1000 * EXACT  # another photo, or the lines above say nothing


def prepare(slug: str, model: Model, hub: Hub, photos: list[bytes]) -> None:
    """params.yaml with this model, and what the stage `prepare` leaves of the photos, in the current folder."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw["runtime"] |= {"device": "cpu", "threads": 1, "workers": 1, "batch_size": len(photos)}
    if model.url:
        raw["models"][slug]["url"] = hub.url + urlsplit(model.url).path
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


def encode(backbone: Backbone, shards: Shards, count: int) -> Vectors:
    """What the network itself says of the first photos, as one batch: [count, D], not of length 1."""
    how = backbone.preprocessing
    batch = images.batches(shards, np.arange(count), how, count, workers=1)
    return embedding.encode(backbone.network, batch, how, "fp32", "cpu", lambda _: None)


def unit(vectors: Vectors) -> Vectors:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def difference(found: Vectors, expected: Vectors) -> float:
    """The largest one of any number, as a part of the largest number."""
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def size(sidecar: dict) -> str:
    """Length of the vectors, and cost of an image."""
    return f"{sidecar['dim']:4}-d, {sidecar['parameters'] / 1e6:.1f} M, {sidecar['gmacs']:.1f} GMACs"


def memory() -> float:
    """The most that this process has held: the library's own model, ours, and files that are being read. In GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
