"""Floor 1. What is sent to a service: the picture alone, no larger than asked for."""

import io

from PIL import Image

from src import images

QUALITY = 95
FORMAT = f"JPEG, quality {QUALITY}"


def encode(data: bytes, size: int) -> bytes:
    """Any image's bytes as an upright JPEG whose longer side has at most `size` pixels. Equal input, equal bytes.

    Nothing that came with the pixels goes along: no EXIF (a phone writes its position there), no comment.
    """
    image = images.decode(data)
    longer = max(image.size)
    if longer > size:
        width, height = (max(1, round(side * size / longer)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    image.info = {}  # Pillow would write the comment that it finds here
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=QUALITY)
    return jpeg.getvalue()
