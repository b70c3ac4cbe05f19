"""Copies of a photo are found, other photos are not."""

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageEnhance

from src import duplicates, images, pictures

Change = Callable[[Image.Image], Image.Image]
SHOP = {  # what happens to a photo on its way through a shop
    "half the size": lambda image: image.resize((160, 120), Image.Resampling.BICUBIC),
    "twice the size": lambda image: image.resize((640, 480), Image.Resampling.BICUBIC),
    "three quarters": lambda image: image.resize((240, 180), Image.Resampling.LANCZOS),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
    "less contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.85),
    "another format": lambda image: image.convert("RGBA"),
}


def shelf(seed: int, left: int = 0, width: int = 320, height: int = 240) -> Image.Image:
    """A shelf full of round things, seen from a place `left` pixels further to the right."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (width, height), tuple(rng.integers(0, 256, 3).tolist()))
    draw = ImageDraw.Draw(image)
    for _ in range(80):
        x, y, radius = rng.integers((-20, 0, 8), (width + 60, height, 40)).tolist()
        draw.ellipse(
            (x - radius - left, y - radius, x + radius - left, y + radius), tuple(rng.integers(0, 256, 3).tolist())
        )
    return image


def package(mark: str) -> Image.Image:
    """The same carton on white for every flavour; only a small mark on it differs."""
    image = Image.new("RGB", (320, 240), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((100, 20, 220, 220), "navy")
    draw.rectangle((110, 40, 210, 80), "gold")
    draw.ellipse((140, 130, 190, 180), mark)
    return image


def encoded(image: Image.Image, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, *(("PNG",) if image.mode == "RGBA" else ("JPEG",)), quality=quality)
    return buffer.getvalue()


def found(*files: bytes) -> list[tuple[int, int]]:
    """Which of these files are copies of each other, as the audit finds it."""
    hashes = pictures.describe(np.stack([images.glance(data)[1] for data in files]))["phash"]
    pairs = duplicates.candidates(hashes)
    alike = duplicates.compare(np.stack([duplicates.glimpse(data) for data in files]), pairs)
    return [(int(a), int(b)) for a, b in pairs[duplicates.same(*alike)]]


@pytest.mark.parametrize("change", SHOP.values(), ids=SHOP)
@pytest.mark.parametrize("quality", [90, 60])
def test_a_photo_that_went_through_a_shop_is_found(change: Change, quality: int) -> None:
    for seed in range(4):
        assert found(encoded(shelf(seed), 95), encoded(change(shelf(seed)), quality)) == [(0, 1)]


def test_the_next_shot_of_the_same_shelf_is_no_copy() -> None:
    for seed in range(4):
        assert found(*(encoded(shelf(seed, left)) for left in (0, 10, 20, 40))) == []


def test_another_photo_or_a_mirrored_one_is_no_copy() -> None:
    mirrored = shelf(0).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert found(*(encoded(image) for image in (shelf(0), shelf(1), shelf(2), mirrored))) == []


def test_another_flavour_in_the_same_package_is_no_copy() -> None:
    flavours = [encoded(package(mark)) for mark in ("red", "green", "yellow")]
    hashes = pictures.describe(np.stack([images.glance(data)[1] for data in flavours]))["phash"]
    assert len(duplicates.candidates(hashes)) > 0  # the hash alone takes some for copies
    assert found(*flavours) == []
    assert found(flavours[0], encoded(package("red").resize((200, 150)), 70)) == [(0, 1)]


def test_one_place_that_differs_is_enough() -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, duplicates.SHAPE, dtype=np.uint8)
    other = photo.copy()
    other[4:6, 8:10] = 255 - other[4:6, 8:10]
    correlation, worst = duplicates.compare(np.stack([photo, other]), np.array([[0, 1]]))
    assert correlation[0] > 0.95
    assert worst[0] > 4 * duplicates.WORST
    assert duplicates.same(*duplicates.compare(np.stack([photo, photo]), np.array([[0, 1]]))).all()


def test_brightness_and_contrast_do_not_count() -> None:
    photo = np.random.default_rng(0).integers(100, 150, duplicates.SHAPE, dtype=np.uint8)
    dimmer = (photo // 2 + 20).astype(np.uint8)
    correlation, worst = duplicates.compare(np.stack([photo, dimmer]), np.array([[0, 1]]))
    assert correlation[0] > 0.99
    assert worst[0] < 0.1


def test_plain_pictures_do_not_divide_by_zero() -> None:
    plain = np.full((2, *duplicates.SHAPE), 9, np.uint8)
    correlation, worst = duplicates.compare(plain, np.array([[0, 1]]))
    assert (correlation[0], worst[0]) == (0, 0)


def test_comparing_in_blocks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    glimpses = rng.integers(0, 256, (20, *duplicates.SHAPE), dtype=np.uint8)
    pairs = rng.integers(0, 20, (50, 2))
    whole = duplicates.compare(glimpses, pairs)
    for (a, b), correlation in zip(pairs, whole[0], strict=True):
        expected = np.corrcoef(glimpses[a].ravel(), glimpses[b].ravel())[0, 1]
        assert correlation == pytest.approx(expected, abs=1e-4)
    monkeypatch.setattr(duplicates, "BLOCK", 7)
    np.testing.assert_allclose(duplicates.compare(glimpses, pairs), whole, rtol=1e-5)


def planted(rng: np.random.Generator, count: int) -> np.ndarray:
    """Random hashes; every third differs from the one before it in 0 to 12 bits."""
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64)
    for i in range(2, count, 3):
        flips = rng.choice(64, int(rng.integers(0, 13)), replace=False)
        hashes[i] = hashes[i - 1] ^ np.bitwise_or.reduce(np.uint64(1) << flips.astype(np.uint64), initial=np.uint64(0))
    return hashes


@pytest.mark.parametrize("cells", [duplicates.CELLS, 16])
def test_candidates_agree_with_a_double_loop(monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    monkeypatch.setattr(duplicates, "CELLS", cells)
    hashes = planted(np.random.default_rng(1), 400)
    values = [int(value) for value in hashes]
    slow = [
        [i, j]
        for i in range(len(values))
        for j in range(i + 1, len(values))
        if (values[i] ^ values[j]).bit_count() <= duplicates.DISTANCE
    ]
    assert len(slow) > 50
    assert duplicates.candidates(hashes).tolist() == slow


def test_no_hash_and_one_hash_make_no_pair() -> None:
    assert duplicates.candidates(np.empty(0, np.uint64)).shape == (0, 2)
    assert duplicates.candidates(np.ones(1, np.uint64)).shape == (0, 2)


def test_byte_equal_photos_are_paired_with_the_first_of_their_kind() -> None:
    pairs = duplicates.equal(pd.Series(["a", "b", "a", "c", "b", "a"]))
    assert pairs.tolist() == [[0, 2], [1, 4], [0, 5]]
    assert duplicates.equal(pd.Series([], dtype=str)).shape == (0, 2)
