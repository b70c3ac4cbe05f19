"""Floor 1. From bytes to pixels: decoding, the preprocessing a backbone wants, and shards of original bytes."""

import io
import os
import tarfile
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from src import store
from src.errors import UserError

SHARD_BYTES = 256 * 2**20
HEADER = tarfile.TarInfo().tobuf(tarfile.USTAR_FORMAT)
GLANCE = 80  # pixels a side of the small image that hashes and measures are taken from
MAX_PIXELS = 100_000_000  # larger is refused before it is decoded (a decompression bomb)
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")  # no EPS: Pillow starts Ghostscript for it
SIDEWAYS = {5, 6, 7, 8}  # EXIF orientations that exchange width and height
FILTERS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

# Pillow warns of broken EXIF blocks, which harm no pixel, and from 89 million pixels on; `_open` has its own limit.
warnings.filterwarnings("ignore", module=r"PIL\.")

Rows = NDArray[np.int64]
Pixels = NDArray[np.uint8]
S = TypeVar("S")
T = TypeVar("T")


class Unreadable(ValueError):
    """Bytes that are no image; the message is the reason."""


@dataclass(frozen=True)
class Preprocessing:
    """How a backbone wants its images: resized to size / crop, then the centre cut out.

    The resize brings the shorter side to size / crop, or squashes both sides to it.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    crop: float = 1.0
    squash: bool = False
    interpolation: str = "bicubic"


def decode(data: bytes) -> Image.Image:
    """The first frame as RGB, upright, on white where it is transparent. Raises Unreadable with the reason."""
    with _reasons():
        return _rgb(_open(data))


def glance(data: bytes) -> tuple[tuple[int, int], Pixels]:
    """Width and height, upright, of an image that `decode` will read to its end, and the image itself, small and grey.

    The small one is upright and squeezed to uint8 [GLANCE, GLANCE]. A JPEG is decoded at as little as an eighth of its
    size: that reads all its bytes and leaves out most of the arithmetic. Raises Unreadable with the reason.
    """
    with _reasons():
        image = _open(data)
        width, height = image.size
        image.draft("L", (GLANCE, GLANCE))
        image.load()  # before asking for EXIF: a PNG decodes itself for that, and says only once that it is broken
        sideways = _orientation(image) in SIDEWAYS
        plain = _plain(image)
        grey = plain if plain.mode == "L" else plain.convert("RGB").convert("L")
        small = grey.resize((GLANCE, GLANCE), Image.Resampling.BILINEAR)
        return (height, width) if sideways else (width, height), np.asarray(small)


@contextmanager
def _reasons() -> Iterator[None]:
    """Whatever Pillow raises on hostile bytes, as Unreadable with a one-line reason that is the same in every run."""
    try:
        yield
    except Unreadable:
        raise
    except UnidentifiedImageError:  # its own message holds a memory address
        raise Unreadable(f"not an image Pillow reads here ({', '.join(FORMATS)}); save it as JPEG") from None
    except Exception as error:  # Pillow's plug-ins raise many kinds
        raise Unreadable(" ".join(str(error).split())[:200] or type(error).__name__) from None


def _open(data: bytes) -> Image.Image:
    """The header, before any pixel is decoded."""
    if not data:
        raise Unreadable("the file is empty")
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise Unreadable(f"{image.width:,} x {image.height:,} pixels are more than {MAX_PIXELS:,}")
    return image


def _orientation(image: Image.Image) -> int:
    with suppress(Exception):  # a broken EXIF block says nothing about the pixels
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    return 1


def _rgb(image: Image.Image) -> Image.Image:
    """The decoded pixels, whatever the mode they came in."""
    image = _plain(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _plain(image: Image.Image) -> Image.Image:
    """The decoded pixels upright, of 8 bits, on white where they are transparent; in the mode they came in."""
    image.load()
    with suppress(Exception):  # as in `_orientation`
        ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits a pixel as grey of 8: Pillow itself would cut it at 255."""
    pixels = np.asarray(image)
    if pixels.dtype.kind == "f" or pixels.max() > 0xFFFF:
        raise Unreadable("32 bits a pixel do not say what white is; save it as JPEG")
    return Image.fromarray((pixels >> 8).clip(0, 255).astype(np.uint8))


def preprocess(image: Image.Image, how: Preprocessing) -> Pixels:
    """RGB image -> uint8 [size, size, 3]; what timm's and open_clip's evaluation transforms give before normalisation.

    Rounding as in torchvision: the longer side is cut to whole pixels, the crop's corner rounded half to even.
    """
    size, filter_ = how.size, FILTERS[how.interpolation]
    side, (width, height) = int(size / how.crop), image.size
    across, down = (side, side) if how.squash else _scaled(width, height, side)
    left, top = round((across - size) / 2), round((down - size) / 2)
    if across * down > MAX_PIXELS:  # a ribbon: resize its centre alone (equal up to rounding)
        box = (left * width / across, top * height / down, (left + size) * width / across, (top + size) * height / down)
        return np.asarray(image.resize((size, size), filter_, box))
    resized = image if (across, down) == image.size else image.resize((across, down), filter_)
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def _scaled(width: int, height: int, shorter: int) -> tuple[int, int]:
    """Width and height with the shorter one brought to `shorter`."""
    return (shorter, shorter * height // width) if width <= height else (shorter * width // height, shorter)


def write_shards(folder: Path, blobs: Iterable[bytes | int], shard_bytes: int = SHARD_BYTES) -> None:
    """Pack image bytes, in row order, into tar files of about `shard_bytes`.

    `index.npy` [N, 3] says where each row's are: shard, offset, length. An int in `blobs` is the number of an earlier
    row with the same bytes, which are stored once. Equal input gives equal files.
    """
    index: list[tuple[int, int, int]] = []
    tar, shard = None, -1
    try:
        for row, blob in enumerate(blobs):
            if isinstance(blob, int):
                index.append(index[blob])
                continue
            if tar is None or tar.tell() + len(blob) > shard_bytes:
                _close(tar)
                shard += 1
                tar = (folder / f"{shard:05d}.tar").open("wb", buffering=2**20)
            index.append((shard, tar.tell() + tarfile.BLOCKSIZE, len(blob)))  # the bytes follow a header of one block
            tar.write(b"".join((_header(row, len(blob)), blob, bytes(-len(blob) % tarfile.BLOCKSIZE))))
    finally:
        _close(tar)
    store.write_array(folder / "index.npy", np.array(index, np.int64).reshape(-1, 3))


def _header(row: int, size: int) -> bytes:
    """What `tarfile` itself writes before a file of `size` bytes, without its 40 us and a memory of every file."""
    name, header = b"%08d" % row, bytearray(HEADER)
    header[: len(name)] = name
    header[124:135] = b"%011o" % size
    header[148:155] = b"%06o\0" % (sum(header[:148]) + sum(b" " * 8) + sum(header[156:]))
    return bytes(header)


def _close(tar: BinaryIO | None) -> None:
    """End a tar file as every reader expects it: two empty blocks, then zeros up to a whole record."""
    if tar is not None:
        tar.write(bytes(2 * tarfile.BLOCKSIZE))
        tar.write(bytes(-tar.tell() % tarfile.RECORDSIZE))
        tar.close()


class Shards:
    """Random access to the packed images, from any thread: `shards[row]` gives the original bytes."""

    def __init__(self, folder: Path) -> None:
        self.index = store.read_array(folder / "index.npy")
        self._files = [path.open("rb") for path in sorted(folder.glob("*.tar"))]
        if len(self._files) != self.index[:, 0].max(initial=-1) + 1:
            raise UserError(f"{folder}: a shard is missing; delete the folder and run `dvc checkout` or `dvc repro`")

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, row: int) -> bytes:
        shard, offset, length = (int(x) for x in self.index[row])
        return os.pread(self._files[shard].fileno(), length, offset)

    def unique(self, rows: Rows) -> tuple[Rows, Rows]:
        """First row of each distinct image among `rows`, and for each row its place in that list: [U], [len(rows)]."""
        shard, offset = self.index[rows, 0], self.index[rows, 1]
        _, first, place = np.unique(shard << 40 | offset, return_index=True, return_inverse=True)
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        return rows[first[order]], rank[place]


def ahead(load: Callable[[int], Pixels], rows: Rows, batch_size: int, workers: int) -> Iterator[Pixels]:
    """Stacks of `load(row)` in order, at most two batches ahead of whoever consumes them."""
    loaded = in_order(load, rows.tolist(), workers, 2 * batch_size)
    while batch := list(islice(loaded, batch_size)):
        yield np.stack(batch)


def in_order(work: Callable[[S], T], items: Iterable[S], workers: int, waiting: int) -> Generator[T, None, None]:
    """`work` of each item, in order, done by threads; at most `waiting` results are under way or not yet consumed."""
    jobs: deque[Future[T]] = deque()
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        try:
            for item in items:
                jobs.append(pool.submit(work, item))
                if len(jobs) >= waiting:
                    yield jobs.popleft().result()
            while jobs:
                yield jobs.popleft().result()
        finally:
            for job in jobs:
                job.cancel()
