"""Measures of a picture, on pictures whose answer is known beforehand."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter
from scipy.fft import dctn
from scipy.ndimage import laplace

from src import images, pictures
from src.images import GLANCE, Pixels

NOISE = np.random.default_rng(0).integers(0, 256, (5, GLANCE, GLANCE), dtype=np.uint8)


def photo(seed: int, width: int = 320, height: int = 240) -> Image.Image:
    """Soft blots of colour with some grain: large shapes and fine detail, as a photo has."""
    rng = np.random.default_rng(seed)
    blots = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    grain = rng.normal(0, 6, (height, width, 3))
    return Image.fromarray((np.asarray(blots) + grain).clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, quality: int = 90, format_: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **({"quality": quality} if format_ == "JPEG" else {}))
    return buffer.getvalue()


def measured(*greys: Pixels) -> list[dict[str, float]]:
    """The measures of each, by name."""
    found = pictures.describe(np.stack(greys))
    return [{name: found[name][i] for name in found} for i in range(len(greys))]


def distance(a: bytes, b: bytes) -> int:
    """Bits that the hashes of two files differ in."""
    first, second = pictures.describe(np.stack([images.glance(data)[1] for data in (a, b)]))["phash"]
    return int(np.bitwise_count(first ^ second))


def flat(value: int) -> Pixels:
    return np.full((GLANCE, GLANCE), value, np.uint8)


def test_a_plain_picture_has_its_brightness_and_nothing_else() -> None:
    black, grey, white = measured(flat(0), flat(51), flat(255))
    assert [one["brightness"] for one in (black, grey, white)] == pytest.approx([0, 0.2, 1])
    for one in (black, grey, white):
        assert (one["phash"], one["contrast"], one["sharpness"], one["clutter"]) == (0, 0, 0, 0)


def test_half_black_half_white_has_contrast_one_half() -> None:
    (found,) = measured(np.repeat([flat(0)[0], flat(255)[0]], GLANCE // 2, axis=0))
    assert (found["brightness"], found["contrast"]) == pytest.approx((0.5, 0.5), abs=1e-4)


def test_blur_takes_sharpness_away() -> None:
    image = photo(1).convert("L").resize((GLANCE, GLANCE))
    steps = [np.asarray(image.filter(ImageFilter.GaussianBlur(radius))) for radius in (0, 1, 2, 4)]
    found = [one["sharpness"] for one in measured(*steps)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 5 * found[-1]


def test_clutter_is_what_lies_around_the_middle() -> None:
    checks = (np.indices((GLANCE, GLANCE)).sum(0) // 2 % 2 * 255).astype(np.uint8)
    middle, around = flat(255), checks.copy()
    inner = slice(GLANCE // 4, -GLANCE // 4)
    middle[inner, inner], around[inner, inner] = checks[inner, inner], 255
    studio, busy, whole = (one["clutter"] for one in measured(middle, around, checks))
    assert studio == 0
    assert busy == whole > 0.9


def test_the_hash_survives_what_a_shop_does_to_a_photo() -> None:
    for seed in range(5):
        image = photo(seed)
        original = encoded(image, 95)
        for other in (
            encoded(image.resize((160, 120), Image.Resampling.BICUBIC)),
            encoded(image.resize((640, 480), Image.Resampling.BICUBIC)),
            encoded(image, 60),
            encoded(image, format_="PNG"),
            encoded(ImageEnhance.Brightness(image).enhance(1.1)),
        ):
            assert distance(original, other) <= 6


def test_the_hash_tells_other_photos_and_mirrored_ones_apart() -> None:
    files = [encoded(photo(seed)) for seed in range(8)]
    apart = [distance(files[i], files[j]) for i in range(8) for j in range(i)]
    assert min(apart) > 12
    assert distance(files[0], encoded(photo(0).transpose(Image.Transpose.FLIP_LEFT_RIGHT))) > 12


def test_a_photo_on_its_side_has_the_hash_of_the_upright_one() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    buffer = io.BytesIO()
    photo(3).transpose(Image.Transpose.ROTATE_90).save(buffer, "JPEG", quality=95, exif=exif)
    assert distance(encoded(photo(3), 95), buffer.getvalue()) <= 2


def test_hash_and_sharpness_agree_with_scipy() -> None:
    found = pictures.describe(NOISE)
    coefficients = dctn(NOISE.astype(float), axes=(1, 2), norm="ortho")[:, 1:9, 1:9].reshape(len(NOISE), 64)
    bits = ["".join("01"[int(c > 1)] for c in row) for row in coefficients]
    assert [f"{value:064b}" for value in found["phash"]] == bits
    expected = [laplace(grey.astype(float))[1:-1, 1:-1].var() for grey in NOISE]
    np.testing.assert_allclose(found["sharpness"], expected, rtol=1e-4)
    np.testing.assert_allclose(found["contrast"], NOISE.std((1, 2)) / 255, rtol=1e-4)


def test_a_picture_is_measured_alone_as_in_a_batch() -> None:
    together = pictures.describe(NOISE)
    assert {name: values.dtype.name for name, values in together.items()} == pictures.COLUMNS
    for row, grey in enumerate(NOISE):
        for name, values in pictures.describe(grey[None]).items():
            assert values[0] == together[name][row]
