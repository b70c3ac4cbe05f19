import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from src.services import photo


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def saved(image: Image.Image, form: str = "PNG", **more: object) -> bytes:
    data = io.BytesIO()
    image.save(data, form, **more)
    return data.getvalue()


@pytest.mark.parametrize(
    ("before", "after"),
    [((400, 200), (100, 50)), ((200, 400), (50, 100)), ((100, 30), (100, 30)), ((7, 3), (7, 3)), ((3000, 2), (100, 1))],
)
def test_the_longer_side_is_cut_to_size_and_never_enlarged(before: tuple[int, int], after: tuple[int, int]) -> None:
    sent = opened(photo.encode(saved(Image.new("RGB", before, "red")), 100))
    assert (sent.size, sent.format) == (after, "JPEG")


def test_equal_photos_give_equal_bytes() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    data = saved(Image.fromarray(noise))
    assert photo.encode(data, 64) == photo.encode(data, 64)


def test_a_photo_is_sent_upright() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # a quarter turn
    data = saved(Image.new("RGB", (40, 20), "red"), "JPEG", exif=exif)
    assert opened(photo.encode(data, 100)).size == (20, 40)


def test_neither_position_nor_comment_leaves_the_machine() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "NamedCamera"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSAreaInformation] = "at home"
    data = saved(Image.new("RGB", (40, 20), "red"), "JPEG", exif=exif, comment=b"for my eyes")
    private = (b"NamedCamera", b"at home", b"for my eyes")
    assert [word in data for word in private] == [True, True, True]
    assert [word in photo.encode(data, 100) for word in private] == [False, False, False]
