"""Floor 2. What every picture is made of: colours, fonts, icons, wobbly outlines, noise."""

import colorsys
import functools
import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Span = tuple[float, float]
Point = tuple[float, float]
Outline = list[Point]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

WHITE: Colour = (250, 250, 248)
INK: Colour = (22, 22, 26)

# Where a colour of the wheel ends and the next one begins; hues are 0 to 1.
HUES = [
    (0.03, "red"),
    (0.11, "orange"),
    (0.19, "yellow"),
    (0.42, "green"),
    (0.53, "teal"),
    (0.70, "blue"),
    (0.82, "purple"),
    (0.94, "pink"),
    (1.00, "red"),
]


def rgb(values: Iterable[float]) -> Colour:
    """Three numbers, rounded down and clipped to 0-255."""
    r, g, b = (int(min(max(value, 0), 255)) for value in values)
    return r, g, b


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Colour from hue (wraps around), saturation and value (clipped), all 0-1."""
    unit = colorsys.hsv_to_rgb(hue % 1, min(max(saturation, 0), 1), min(max(value, 0), 1))
    return rgb(255 * channel for channel in unit)


def any_colour(rng: Generator, saturation: Span = (0.4, 0.95), value: Span = (0.4, 0.95)) -> Colour:
    """Any hue, with saturation and value in these ranges."""
    return hsv(rng.random(), rng.uniform(*saturation), rng.uniform(*value))


def shade(colour: Sequence[float], factor: float) -> Colour:
    """Darker (factor < 1) or brighter."""
    return rgb(channel * factor for channel in colour)


def blend(first: Colour, second: Colour, share: float = 0.5) -> Colour:
    """Mixture with `share` of the second colour."""
    return rgb(a + (b - a) * share for a, b in zip(first, second, strict=True))


def opposite(colour: Colour) -> Colour:
    """The colour's negative."""
    return rgb(255 - channel for channel in colour)


def readable_on(colour: Colour) -> Colour:
    """White or ink, whichever can be read on this colour."""
    return WHITE if sum(colour) < 380 else INK


def colour_name(colour: Colour) -> str:
    """An everyday word for the colour: by its hue, but for greys, browns and beiges."""
    hue, saturation, value = colorsys.rgb_to_hsv(*(channel / 255 for channel in colour))
    if value < 0.2:
        return "black"
    if saturation < 0.15:
        return "white" if value > 0.8 else "grey"
    name = next(name for end, name in HUES if hue <= end)
    if name == "orange" and value < 0.65:
        return "brown"
    return "beige" if name in ("orange", "yellow") and saturation < 0.45 else name


@functools.lru_cache(maxsize=64)
def font(size: int) -> Font:
    """Pillow's embedded font, so that no system font is needed."""
    return ImageFont.load_default(size)


def blob(rng: Generator, x: float, y: float, radius: float, corners: int = 9, wobble: float = 0.25) -> Outline:
    """A lump around (x, y): corners at `radius` give or take `wobble` of it."""
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(0, 2 * np.pi)
    reach = radius * (1 + rng.uniform(-wobble, wobble, corners))
    return list(zip((x + reach * np.cos(angles)).tolist(), (y + reach * np.sin(angles)).tolist(), strict=True))


def star(x: float, y: float, radius: float, points: int = 5, waist: float = 0.45) -> Outline:
    """A star standing on two points; `waist` is the inner radius over the outer one."""
    steps = [(i * math.pi / points - math.pi / 2, radius * (waist if i % 2 else 1)) for i in range(2 * points)]
    return [(x + reach * math.cos(angle), y + reach * math.sin(angle)) for angle, reach in steps]


def circle(x: float, y: float, radius: float) -> tuple[float, float, float, float]:
    """Bounding box of a circle, as ImageDraw wants it."""
    return x - radius, y - radius, x + radius, y + radius


def smooth(outline: Outline, closed: bool = True) -> Outline:
    """Cut every corner once at a quarter of its edges (Chaikin 1974)."""
    points = np.array(outline)
    after = np.roll(points, -1, axis=0) if closed else points[1:]
    before = points if closed else points[:-1]
    cut = np.stack([0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after], axis=1).reshape(-1, 2)
    if not closed:
        cut = np.concatenate([points[:1], cut, points[-1:]])
    return [(x, y) for x, y in cut.tolist()]


def noise(rng: Generator, size: int, cells: Sequence[int], weights: Sequence[float]) -> np.ndarray:
    """Smooth noise [size, size] float32: random grids of these cell counts, enlarged and summed."""
    total = np.zeros((size, size), np.float32)
    for count, weight in zip(cells, weights, strict=True):
        grid = Image.fromarray(rng.random((count, count), dtype=np.float32))
        total += weight * np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC))
    return total


Icon = Callable[[ImageDraw.ImageDraw, float, float, float, Colour, Colour], None]


def dot(draw: ImageDraw.ImageDraw, x: float, y: float, r: float, ink: Colour, _paper: Colour) -> None:
    draw.ellipse(circle(x, y, r), fill=ink)


def five_star(draw: ImageDraw.ImageDraw, x: float, y: float, r: float, ink: Colour, _paper: Colour) -> None:
    draw.polygon(star(x, y, r), fill=ink)


def diamond(draw: ImageDraw.ImageDraw, x: float, y: float, r: float, ink: Colour, _paper: Colour) -> None:
    draw.polygon([(x, y - r), (x + r, y), (x, y + r), (x - r, y)], fill=ink)


def apple(draw: ImageDraw.ImageDraw, x: float, y: float, r: float, ink: Colour, paper: Colour) -> None:
    draw.ellipse((x - r, y - 0.6 * r, x + r, y + r), fill=ink)
    draw.ellipse((x - 0.1 * r, y - 1.2 * r, x + 0.7 * r, y - 0.6 * r), fill=paper)


def triangle(draw: ImageDraw.ImageDraw, x: float, y: float, r: float, ink: Colour, _paper: Colour) -> None:
    draw.polygon([(x, y - r), (x + 0.9 * r, y + 0.7 * r), (x - 0.9 * r, y + 0.7 * r)], fill=ink)


def ring(draw: ImageDraw.ImageDraw, x: float, y: float, r: float, ink: Colour, paper: Colour) -> None:
    draw.ellipse(circle(x, y, r), fill=ink)
    draw.ellipse(circle(x, y, 0.55 * r), fill=paper)


def badge(draw: ImageDraw.ImageDraw, x: float, y: float, r: float, ink: Colour, _paper: Colour) -> None:
    draw.polygon(star(x, y, r, points=9, waist=0.75), fill=ink)


def moon(draw: ImageDraw.ImageDraw, x: float, y: float, r: float, ink: Colour, paper: Colour) -> None:
    draw.pieslice(circle(x, y, r), 20, 200, fill=ink)
    draw.pieslice(circle(x, y, r), 200, 380, fill=paper)


ICONS: dict[str, Icon] = {
    "dot": dot,
    "star": five_star,
    "diamond": diamond,
    "apple": apple,
    "triangle": triangle,
    "ring": ring,
    "badge": badge,
    "moon": moon,
}
