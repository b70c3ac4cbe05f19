"""Photos that anybody can make: JPEGs with large and small structure, all of them different bytes."""

import io

import numpy as np
from PIL import Image

CONTENTS = 8  # different ones; beyond, a photo differs by its comment alone


def jpegs(count: int, pixels: int) -> list[bytes]:
    """`count` square JPEGs of `pixels` a side; 9 kB at 160, 100 kB at 800, 1 MB at 3,000."""
    contents = [_scene(number, pixels) for number in range(min(count, CONTENTS))]
    return [_jpeg(contents[number % CONTENTS], str(number)) for number in range(count)]


def _scene(seed: int, pixels: int) -> Image.Image:
    """Noise at three scales: patches of colour, details, a little grain."""
    rng = np.random.default_rng(seed)
    total = np.zeros((pixels, pixels, 3), np.float32)
    for cells, strength in ((8, 0.7), (80, 0.25), (pixels, 0.05)):
        noise = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), np.uint8))
        total += strength * np.asarray(noise.resize((pixels, pixels), Image.Resampling.BICUBIC))
    return Image.fromarray(total.astype(np.uint8))


def _jpeg(scene: Image.Image, comment: str) -> bytes:
    file = io.BytesIO()
    scene.save(file, "JPEG", quality=85, comment=comment)
    return file.getvalue()
