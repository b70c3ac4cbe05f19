"""Floor 2. The camera: what happens between a scene and its JPEG, all of it scaled by one knob, messiness."""

import io

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageFilter

from src.sample.chance import happens, pick

STUDIO_QUALITY, LOWEST_QUALITY = 92, 10
SHAKES = [
    ImageFilter.Kernel((5, 5), np.outer([0, 0, 1, 0, 0], np.ones(5)).ravel().tolist()),
    ImageFilter.Kernel((5, 5), np.outer(np.ones(5), [0, 0, 1, 0, 0]).ravel().tolist()),
]


def expose(scene: Image.Image, rng: Generator, messiness: float, size: int) -> tuple[Image.Image, int]:
    """The photo [size, size] of a rendered scene, and the JPEG quality to store it with."""
    photo = focus(scene, rng, messiness, size)
    pixels = develop(np.asarray(photo, np.uint8), rng, messiness)
    quality = STUDIO_QUALITY - int(rng.uniform(20, 62) * messiness)
    return Image.fromarray(pixels), max(quality, LOWEST_QUALITY)


def focus(scene: Image.Image, rng: Generator, messiness: float, size: int) -> Image.Image:
    """Reduce to the photo's size; out of focus, shaken or of low resolution now and then."""
    if happens(rng, 0.5 * messiness):
        scene = scene.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3.2) * messiness * scene.width / 256))
    photo = scene.resize((size, size), Image.Resampling.BOX)
    if happens(rng, 0.25 * messiness):
        photo = photo.filter(pick(rng, SHAKES))
    if happens(rng, 0.35 * messiness):
        coarse = int(size * rng.uniform(0.3, 0.7))
        photo = photo.resize((coarse, coarse), Image.Resampling.BILINEAR)
        photo = photo.resize((size, size), Image.Resampling.BICUBIC)
    return photo


def develop(pixels: np.ndarray, rng: Generator, messiness: float) -> np.ndarray:
    """Tone curve, white balance, contrast, uneven light and sensor noise: [H, W, 3] uint8 -> the same."""
    tone = tone_curves(rng, messiness)
    photo = np.stack([tone[channel][pixels[..., channel]] for channel in range(3)], axis=-1)
    if messiness > 0:
        photo *= falloff(rng, messiness, len(pixels))[..., None]
    grain = rng.uniform(0.002, 0.008 + 0.05 * messiness)
    photo += np.float32(grain) * rng.standard_normal(photo.shape, dtype=np.float32)
    return (np.clip(photo, 0, 1) * 255).astype(np.uint8)


def tone_curves(rng: Generator, messiness: float) -> np.ndarray:
    """What each of the 256 values becomes in red, green and blue: [3, 256] float32, 1 is white."""
    gamma = rng.uniform(1 - 0.35 * messiness, 1 + 0.35 * messiness)
    balance = 1 + rng.uniform(-0.12, 0.12, 3) * messiness
    contrast = rng.uniform(1 - 0.3 * messiness, 1 + 0.15 * messiness)
    brightness = 0.5 + rng.uniform(-0.12, 0.10) * messiness
    curve = balance[:, None] * np.linspace(0, 1, 256) ** gamma
    return ((curve - 0.5) * contrast + brightness).astype(np.float32)


def falloff(rng: Generator, messiness: float, size: int) -> np.ndarray:
    """Darker corners and light from one side: factors [size, size] float32."""
    across = np.linspace(-1, 1, size, dtype=np.float32)
    vignette = np.float32(rng.uniform(0, 0.15) * messiness) * (across[:, None] ** 2 + across**2)
    return 1 - vignette + np.float32(rng.uniform(-0.3, 0.3) * messiness) * across


def encode(photo: Image.Image, quality: int) -> bytes:
    """The photo as JPEG."""
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
