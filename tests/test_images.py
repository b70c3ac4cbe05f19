"""Pixels are what timm would give a network; bytes come back from shards as they went in; bad bytes are told."""

import io
import tarfile
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from src import images
from src.errors import UserError
from src.images import Preprocessing, Unreadable

MEAN = STD = (0.5, 0.5, 0.5)
NOISE = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
SIZES = [
    (224, 224),
    (301, 200),
    (200, 301),
    (64, 480),
    (33, 97),
    (1, 1),
    (249, 248),
    (500, 224),
    (224, 500),
    (160, 213),
]


def photo(width: int, height: int) -> Image.Image:
    """Smooth colour with some noise."""
    ramp = np.linspace(0, 200, width)[None, :, None] + np.linspace(0, 50, height)[:, None, None]
    noise = np.random.default_rng(width).integers(0, 6, (height, width, 3))
    return Image.fromarray((ramp + noise).astype(np.uint8))


def saved(image: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def colours(data: bytes) -> list[tuple[int, ...]]:
    """The colours of the decoded image, most frequent first."""
    counts = images.decode(data).getcolors()
    assert counts
    return [colour for _, colour in sorted(counts, reverse=True)]  # type: ignore[misc]


@pytest.mark.parametrize("squash", [False, True])
@pytest.mark.parametrize(("size", "crop"), [(224, 0.9), (224, 0.875), (64, 1.0), (97, 0.95)])
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear", "lanczos"])
def test_preprocess_gives_timms_pixels(size: int, crop: float, squash: bool, interpolation: str) -> None:
    import src.backbones.torchvision_ops  # noqa: F401, I001 (before timm)
    from timm.data import create_transform

    theirs = create_transform(
        input_size=size,
        crop_pct=crop,
        crop_mode="squash" if squash else "center",
        interpolation=interpolation,
        use_prefetcher=True,
    )
    how = Preprocessing(size, MEAN, STD, crop, squash, interpolation)
    for width, height in SIZES:
        image = photo(width, height)
        expected = np.asarray(theirs(image)).transpose(1, 2, 0)
        np.testing.assert_array_equal(images.preprocess(image, how), expected, err_msg=f"{width} x {height}")


def test_a_ribbon_is_preprocessed_without_its_whole_length_in_memory() -> None:
    how = Preprocessing(224, MEAN, STD)
    ribbon = Image.new("RGB", (30_000, 2), (10, 20, 30))
    tracemalloc.start()
    pixels = images.preprocess(ribbon, how)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    assert pixels.shape == (224, 224, 3)
    assert np.unique(pixels.reshape(-1, 3), axis=0).tolist() == [[10, 20, 30]]


def test_the_centre_of_a_ribbon_is_the_centre_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    image, how = photo(900, 100), Preprocessing(64, MEAN, STD)
    whole = images.preprocess(image, how).astype(int)
    monkeypatch.setattr(images, "MAX_PIXELS", 1000)
    assert abs(images.preprocess(image, how) - whole).max() <= 1


def test_a_photo_taken_sideways_comes_upright() -> None:
    image = Image.new("RGB", (40, 20), "red")
    image.paste("blue", (0, 0, 20, 20))  # left half
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: left becomes top
    data = saved(image, "JPEG", exif=exif, quality=95)
    upright = images.decode(data)
    assert upright.size == (20, 40) == images.glance(data)[0]
    top, bottom = upright.getpixel((10, 8)), upright.getpixel((10, 32))
    assert isinstance(top, tuple) and isinstance(bottom, tuple)
    assert top[2] > 200 > 50 > top[0]
    assert bottom[0] > 200 > 50 > bottom[2]


def test_a_glance_is_small_grey_and_upright() -> None:
    image = Image.new("RGB", (800, 400), "white")
    image.paste("black", (0, 0, 400, 400))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise: left becomes top
    size, grey = images.glance(saved(image, "JPEG", exif=exif))
    assert size == (400, 800)
    assert (grey.shape, grey.dtype) == ((images.GLANCE, images.GLANCE), np.uint8)
    assert grey[: images.GLANCE // 2 - 4].max() < 10
    assert grey[images.GLANCE // 2 + 4 :].min() > 245


def test_a_broken_exif_block_does_not_cost_the_photo() -> None:
    data = saved(Image.new("RGB", (8, 8), "red"), "JPEG", exif=b"Exif\x00\x00nonsense")
    assert images.glance(data)[0] == (8, 8) == images.decode(data).size


def test_cmyk_comes_as_rgb() -> None:
    (colour,) = colours(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "TIFF"))
    assert colour == (255, 0, 0)


def test_a_palette_comes_as_its_colours() -> None:
    image = Image.new("RGB", (8, 8), (12, 34, 56)).quantize(4)
    assert image.mode == "P"
    assert colours(saved(image)) == [(12, 34, 56)]


def test_sixteen_bits_keep_their_brightness() -> None:
    image = Image.fromarray(np.full((8, 8), 0x80FF, np.uint16))
    assert colours(saved(image)) == [(0x80, 0x80, 0x80)]


@pytest.mark.parametrize("pixels", [np.full((8, 8), 0.5, np.float32), np.full((8, 8), 70_000, np.int32)])
def test_grey_without_a_known_white_is_refused_instead_of_coming_black_or_white(pixels: np.ndarray) -> None:
    for read in (images.decode, images.glance):
        with pytest.raises(Unreadable, match="do not say what white is; save it as JPEG"):
            read(saved(Image.fromarray(pixels), "TIFF"))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_becomes_white(mode: str) -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 8, 2))
    assert colours(saved(image.convert(mode))) == [(255, 255, 255), (0, 0, 0)]


def test_a_transparent_colour_becomes_white() -> None:
    assert colours(saved(Image.new("RGB", (8, 8), (1, 2, 3)), transparency=(1, 2, 3))) == [(255, 255, 255)]


def test_of_an_animation_the_first_frame_counts() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    assert colours(saved(frames[0], "GIF", save_all=True, append_images=frames[1:])) == [(255, 0, 0)]


def test_the_ending_of_a_name_does_not_matter_but_the_format_does() -> None:
    with pytest.raises(Unreadable, match="save it as JPEG"):
        images.decode(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(Unreadable, match="empty"):
        images.glance(b"")


def test_a_bomb_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved(Image.new("1", (12_000, 10_000)))
    larger = saved(Image.new("1", (20_000, 20_000)))  # Pillow refuses it by itself
    for read in (images.decode, images.glance):
        with pytest.raises(Unreadable, match="12,000 x 10,000"):
            read(data)
        with pytest.raises(Unreadable, match="bomb"):
            read(larger)
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(Unreadable):
        images.glance(data)


@pytest.mark.parametrize(
    ("format_", "mode", "options"),
    [
        ("JPEG", "RGB", {}),
        ("JPEG", "L", {}),
        ("JPEG", "RGB", {"progressive": True}),
        ("JPEG", "CMYK", {}),
        ("PNG", "RGB", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "P", {}),
        ("WEBP", "RGB", {}),
        ("GIF", "P", {}),
        ("BMP", "RGB", {}),
        ("TIFF", "RGB", {}),
    ],
)
def test_what_a_glance_passes_decode_reads_and_the_sizes_agree(
    format_: str, mode: str, options: dict[str, bool]
) -> None:
    data = saved(Image.fromarray(NOISE[:40, :61]).convert(mode), format_, **options)
    assert images.glance(data)[0] == images.decode(data).size == (61, 40)
    for damaged in damages(data):
        outcome = outcome_of(lambda data: images.glance(data)[0], damaged)
        assert isinstance(outcome, str) == isinstance(outcome_of(images.decode, damaged), str)
        if isinstance(outcome, str):
            assert "\n" not in outcome
            assert "0x" not in outcome  # a memory address would differ from run to run
        else:
            assert images.decode(damaged).size == outcome
    with pytest.raises(Unreadable):
        images.glance(data[: len(data) // 2])


def outcome_of(read: Callable[[bytes], object], data: bytes) -> object:
    """What it returns, or the reason why it does not."""
    try:
        return read(data)
    except Unreadable as error:
        return str(error)


def damages(data: bytes) -> Iterator[bytes]:
    """Cut short anywhere, or with some bytes changed."""
    rng = np.random.default_rng(0)
    for cut in rng.integers(0, len(data), 20):
        yield data[:cut]
    for _ in range(20):
        changed = bytearray(data)
        for place in rng.integers(0, len(data), 4):
            changed[place] ^= int(rng.integers(1, 256))
        yield bytes(changed)


BLOBS: list[bytes | int] = [b"a" * 700, b"b" * 10, 0, b"c" * 512, 1, b"d" * 5000]
CONTENT = [b"a" * 700, b"b" * 10, b"a" * 700, b"c" * 512, b"b" * 10, b"d" * 5000]


@pytest.mark.parametrize("shard_bytes", [1, 4096, 2**20])
def test_shards_give_back_the_bytes_of_every_row(tmp_path: Path, shard_bytes: int) -> None:
    images.write_shards(tmp_path, iter(BLOBS), shard_bytes)
    shards = images.Shards(tmp_path)
    assert [shards[row] for row in range(len(shards))] == CONTENT
    assert len(list(tmp_path.glob("*.tar"))) == {1: 4, 4096: 2, 2**20: 1}[shard_bytes]


def test_equal_images_make_equal_shards(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        images.write_shards(tmp_path / name, BLOBS)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_unique_names_each_distinct_image_once(tmp_path: Path) -> None:
    images.write_shards(tmp_path, BLOBS, shard_bytes=1)
    rows, place = images.Shards(tmp_path).unique(np.array([4, 5, 2, 1, 0, 2]))
    assert (rows.tolist(), place.tolist()) == ([4, 5, 2], [0, 1, 2, 0, 2, 2])


def test_a_missing_shard_is_told(tmp_path: Path) -> None:
    images.write_shards(tmp_path, BLOBS, shard_bytes=1)
    (tmp_path / "00001.tar").unlink()
    with pytest.raises(UserError, match="a shard is missing"):
        images.Shards(tmp_path)


def test_no_images_make_empty_shards(tmp_path: Path) -> None:
    images.write_shards(tmp_path, [])
    assert len(images.Shards(tmp_path)) == 0


def test_batches_come_in_order_and_whole(tmp_path: Path) -> None:
    data = [saved(Image.new("RGB", (9, 5), (row, 0, 0))) for row in range(11)]
    images.write_shards(tmp_path, data)
    rows, how, shards = np.array([10, 3, 3, 0, 7]), Preprocessing(4, MEAN, STD), images.Shards(tmp_path)
    load = lambda row: images.preprocess(images.decode(shards[row]), how)  # noqa: E731
    parts = list(images.ahead(load, rows, batch_size=2, workers=3))
    assert [part.shape for part in parts] == [(2, 4, 4, 3), (2, 4, 4, 3), (1, 4, 4, 3)]
    assert np.concatenate(parts)[:, 0, 0, 0].tolist() == rows.tolist()


def test_threads_stay_a_bounded_number_of_items_ahead() -> None:
    started: list[int] = []
    lock = threading.Lock()

    def work(item: int) -> int:
        with lock:
            started.append(item)
        return item

    results = images.in_order(work, iter(range(1000)), workers=4, waiting=10)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    assert len(started) <= 3 + 10
    results.close()  # type: ignore[attr-defined]
    assert len(started) <= 3 + 10


def test_an_error_in_a_thread_reaches_the_consumer() -> None:
    with pytest.raises(ZeroDivisionError):
        list(images.in_order(lambda item: 1 // item, [1, 0, 2], workers=2, waiting=4))


@pytest.mark.parametrize(("row", "size"), [(0, 0), (7, 511), (12_345_678, 2**31), (123_456_789, 8**11 - 1)])
def test_a_shards_header_is_the_one_of_tarfile(row: int, size: int) -> None:
    member = tarfile.TarInfo(f"{row:08d}")
    member.size = size
    assert images._header(row, size) == member.tobuf(tarfile.USTAR_FORMAT)
