"""Every model of params.yaml, from a hub with its checkpoint through the stages `weights` and `extract` to vectors.

Two blocks deep here; `make test-models` gives each its full depth (--full-depth). The weights are random: no file of a
library or of the hub is needed.
"""

import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest
import torch
from backbones.hub_server import Hub
from backbones.photos_workspace import EXACT, ROOT, SIDES, Vectors, difference, embedded, photo, prepare, unit

from backbones import documented, repositories
from src import backbones, embedding, images, params, paths
from src.backbones import Backbone
from src.entries import Model
from src.images import Shards
from src.stages import extract, weights

MODELS = {slug: model for slug, model in params.load(ROOT / "params.yaml").models.items() if isinstance(model, Model)}
SLUGS = [slug for slug, model in MODELS.items() if model.library != "sample"]


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
    stored, sidecar = embedded()
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


def encode(backbone: Backbone, shards: Shards, count: int) -> Vectors:
    """What the network itself says of the first photos, as one batch: [count, D], not of length 1."""
    how = backbone.preprocessing
    pixels = np.stack([images.preprocess(images.decode(shards[row]), how) for row in range(count)])
    with torch.inference_mode():
        return backbone.network(embedding.normalise(torch.from_numpy(pixels), how)).numpy()


def size(sidecar: dict) -> str:
    """Length of the vectors, and cost of an image."""
    return f"{sidecar['dim']:4}-d, {sidecar['parameters'] / 1e6:.1f} M, {sidecar['gmacs']:.1f} GMACs"


def memory() -> float:
    """The most that this process has held: the library's own model, ours, and files that are being read. In GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
