"""Photos as training inputs."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from src import images
from src.embedding import normalise
from src.images import Preprocessing, Shards
from src.tuning.photos import Photos

HOW = Preprocessing(size=8, mean=(0.5, 0.4, 0.3), std=(0.2, 0.25, 0.5))


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    """Ten photos of 8 x 12 pixels."""
    rng = np.random.default_rng(0)
    blobs = []
    for _ in range(10):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (8, 12, 3), np.uint8)).save(file, "PNG")
        blobs.append(file.getvalue())
    images.write_shards(tmp_path, blobs)
    return Shards(tmp_path)


def parts(*rows: list[int]) -> list[np.ndarray]:
    return [np.array(part) for part in rows]


def test_unvaried_photos_are_what_embedding_sees(shards: Shards) -> None:
    first, second = Photos(shards, HOW, workers=2)(parts([3, 1, 4], [1]), None)
    assert first.shape == (3, 3, 8, 8) and second.shape == (1, 3, 8, 8)
    for row, found in [(3, first[0]), (1, first[1]), (4, first[2]), (1, second[0])]:
        pixels = images.preprocess(images.decode(shards[row]), HOW)
        assert torch.equal(found, normalise(torch.tensor(pixels[None]), HOW)[0])


def test_varied_photos_differ_by_generator_and_stay_in_range(shards: Shards) -> None:
    photos = Photos(shards, HOW, workers=1)

    def varied(seed: int) -> torch.Tensor:
        return next(photos(parts([0, 1, 2]), torch.Generator().manual_seed(seed)))

    plain = next(photos(parts([0, 1, 2]), None))
    assert torch.equal(varied(1), varied(1))
    assert not torch.equal(varied(1), varied(2)) and not torch.equal(varied(1), plain)
    lowest, highest = normalise(torch.tensor([[[[0, 0, 0]], [[255, 255, 255]]]]), HOW)[0].flatten(1).T
    assert (varied(1) >= lowest[:, None, None] - 1e-5).all() and (varied(1) <= highest[:, None, None] + 1e-5).all()


def test_what_fits_is_decoded_once_and_the_rest_every_time(shards: Shards, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded, decode = [], images.decode
    monkeypatch.setattr(images, "decode", lambda data: decoded.append(data) or decode(data))
    for budget, times in [(10 * 192, 10), (4 * 192, 16), (0, 20)]:
        decoded.clear()
        photos = Photos(shards, HOW, workers=1, budget=budget)
        passes = [torch.cat(list(photos(parts(list(range(10))), None))) for _ in (1, 2)]
        assert torch.equal(*passes)
        assert len(decoded) == times
