"""Floor 2. What dishes are topped with: eighteen ingredients, each a colour and a shape."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from PIL import ImageDraw

from src.sample import drawing
from src.sample.drawing import WHITE, Colour, circle, shade

YOLK: Colour = (250, 190, 40)
Shape = Callable[[ImageDraw.ImageDraw, Generator, float, float, float, Colour], None]


def disc(draw: ImageDraw.ImageDraw, _rng: Generator, x: float, y: float, r: float, colour: Colour) -> None:
    draw.ellipse(circle(x + 0.2 * r, y + 0.2 * r, r), fill=shade(colour, 0.55))
    draw.ellipse(circle(x, y, r), fill=colour)
    draw.ellipse(circle(x, y, 0.6 * r), fill=shade(colour, 1.2))


def leaf(draw: ImageDraw.ImageDraw, rng: Generator, x: float, y: float, r: float, colour: Colour) -> None:
    angle = rng.uniform(0, 2 * math.pi)
    along, aside = r * math.cos(angle), r * math.sin(angle)
    tips = [(x - 1.4 * along, y - 1.4 * aside), (x + 1.4 * along, y + 1.4 * aside)]
    sides = [(x - 0.6 * aside, y + 0.6 * along), (x + 0.6 * aside, y - 0.6 * along)]
    draw.polygon([tips[0], sides[0], tips[1], sides[1]], fill=colour)
    draw.line(tips, fill=shade(colour, 0.55))


def ring(draw: ImageDraw.ImageDraw, _rng: Generator, x: float, y: float, r: float, colour: Colour) -> None:
    draw.ellipse(circle(x, y, 0.8 * r), outline=colour, width=max(2, int(0.4 * r)))


def lump(draw: ImageDraw.ImageDraw, rng: Generator, x: float, y: float, r: float, colour: Colour) -> None:
    outline = drawing.blob(rng, x, y, r, corners=8, wobble=0.3)
    draw.polygon([(u + 0.2 * r, v + 0.2 * r) for u, v in outline], fill=shade(colour, 0.55))
    draw.polygon(outline, fill=colour)


def stick(draw: ImageDraw.ImageDraw, rng: Generator, x: float, y: float, r: float, colour: Colour) -> None:
    angle, width, low = rng.uniform(0, math.pi), max(2, int(0.6 * r)), 0.2 * r
    along, aside = 1.3 * r * math.cos(angle), 1.3 * r * math.sin(angle)
    shadow = (x - along + low, y - aside + low, x + along + low, y + aside + low)
    draw.line(shadow, fill=shade(colour, 0.55), width=width)
    draw.line((x - along, y - aside, x + along, y + aside), fill=colour, width=width)


def dot(draw: ImageDraw.ImageDraw, _rng: Generator, x: float, y: float, r: float, colour: Colour) -> None:
    draw.ellipse(circle(x + 0.1 * r, y + 0.1 * r, 0.45 * r), fill=shade(colour, 0.55))
    draw.ellipse(circle(x, y, 0.45 * r), fill=colour)


def arc(draw: ImageDraw.ImageDraw, rng: Generator, x: float, y: float, r: float, colour: Colour) -> None:
    start = rng.uniform(0, 360)
    draw.arc(circle(x, y, r), start, start + 220, fill=colour, width=max(3, int(0.6 * r)))


def fried_egg(draw: ImageDraw.ImageDraw, rng: Generator, x: float, y: float, r: float, _colour: Colour) -> None:
    draw.polygon(drawing.blob(rng, x, y, 1.5 * r, wobble=0.2), fill=WHITE)
    draw.ellipse(circle(x, y, 0.6 * r), fill=YOLK)


class Ingredient(NamedTuple):
    """Hue, saturation and value around which pieces vary, their shape, radius (of the picture) and number."""

    hsv: tuple[float, float, float]
    shape: Shape
    radius: float = 0.05
    pieces: int = 14

    @property
    def colour(self) -> Colour:
        """Its mean colour."""
        return drawing.hsv(*self.hsv)


INGREDIENTS = {
    "tomato": Ingredient((0.0, 0.85, 0.8), disc, 0.06, 9),
    "strawberry": Ingredient((0.98, 0.8, 0.85), disc, 0.06, 9),
    "basil": Ingredient((0.33, 0.7, 0.45), leaf),
    "olive": Ingredient((0.2, 0.2, 0.15), ring),
    "onion": Ingredient((0.85, 0.3, 0.75), ring),
    "cheese": Ingredient((0.13, 0.35, 0.97), lump),
    "mushroom": Ingredient((0.09, 0.25, 0.8), lump),
    "meat": Ingredient((0.05, 0.6, 0.35), lump),
    "nut": Ingredient((0.08, 0.5, 0.55), lump),
    "cream": Ingredient((0.1, 0.06, 0.98), lump),
    "pepper": Ingredient((0.33, 0.8, 0.7), stick),
    "carrot": Ingredient((0.07, 0.9, 0.95), stick),
    "chocolate": Ingredient((0.06, 0.6, 0.25), stick),
    "corn": Ingredient((0.14, 0.8, 0.95), dot, 0.045, 32),
    "pea": Ingredient((0.28, 0.7, 0.7), dot, 0.045, 32),
    "blueberry": Ingredient((0.65, 0.7, 0.4), dot, 0.045, 32),
    "shrimp": Ingredient((0.05, 0.5, 0.95), arc),
    "egg": Ingredient((0.12, 0.05, 1.0), fried_egg, 0.07, 3),
}


def place(draw: ImageDraw.ImageDraw, rng: Generator, name: str, x: float, y: float, size: float) -> None:
    """Draw one piece at (x, y); `size` is the side of the picture in pixels."""
    ingredient = INGREDIENTS[name]
    hue, saturation, value = ingredient.hsv
    vary = rng.uniform((-0.02, 0.85, 0.8), (0.02, 1.1, 1.08))
    colour = drawing.hsv(hue + vary[0], saturation * vary[1], value * vary[2])
    ingredient.shape(draw, rng, x, y, ingredient.radius * size * rng.uniform(0.8, 1.2), colour)


def amount(rng: Generator, name: str, generosity: float) -> int:
    """How many pieces a cook takes: at least one."""
    return 1 + int(INGREDIENTS[name].pieces * generosity * rng.uniform(0.7, 1.3))


def scatter(rng: Generator, count: int, inner: float, outer: float) -> list[tuple[float, float]]:
    """Places spread evenly over a disc, none nearer to its centre than `inner`."""
    angles, reach = rng.uniform(0, 2 * np.pi, count), outer * np.sqrt(rng.random(count))
    reach = np.maximum(reach, inner)
    return list(zip((reach * np.cos(angles)).tolist(), (reach * np.sin(angles)).tolist(), strict=True))
