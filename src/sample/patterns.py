"""Floor 2. Printed and woven patterns for clothes and upholstery."""

import functools
import math
from collections.abc import Callable

from numpy.random import Generator
from PIL import Image, ImageDraw

from src.sample import drawing
from src.sample.chance import generator
from src.sample.drawing import Colour, blend, circle, opposite, shade

SIDE = 128  # pixels
Painter = Callable[[ImageDraw.ImageDraw, Generator, int, Colour, Colour], None]


def plain(_draw: ImageDraw.ImageDraw, _rng: Generator, _n: int, _colour: Colour, _second: Colour) -> None:
    """The ground colour alone."""


def striped(draw: ImageDraw.ImageDraw, _rng: Generator, n: int, _colour: Colour, second: Colour) -> None:
    step = SIDE / n
    for i in range(n):
        draw.rectangle((0, i * step, SIDE, (i + 0.4) * step), fill=second)


def pinstriped(draw: ImageDraw.ImageDraw, _rng: Generator, n: int, _colour: Colour, second: Colour) -> None:
    step = SIDE / n
    for i in range(n):
        draw.rectangle((i * step, 0, (i + 0.4) * step, SIDE), fill=second)


def dotted(draw: ImageDraw.ImageDraw, _rng: Generator, n: int, _colour: Colour, second: Colour) -> None:
    step = SIDE / n
    for column in range(n + 1):
        for row in range(n + 1):
            draw.ellipse(circle((column + row % 2 / 2) * step, row * step, step / 4), fill=second)


def checked(draw: ImageDraw.ImageDraw, _rng: Generator, n: int, colour: Colour, second: Colour) -> None:
    step, thread = SIDE / n, blend(colour, second)
    for i in range(n):
        draw.rectangle((i * step, 0, (i + 0.45) * step, SIDE), fill=thread)
        draw.rectangle((0, i * step, SIDE, (i + 0.45) * step), fill=thread)
    for x in range(n):
        for y in range(n):
            draw.rectangle((x * step, y * step, (x + 0.45) * step, (y + 0.45) * step), fill=second)


def camouflage(draw: ImageDraw.ImageDraw, rng: Generator, n: int, colour: Colour, second: Colour) -> None:
    third = opposite(shade(colour, 0.6))
    for i in range(3 * n):
        x, y = rng.uniform(0, SIDE, 2)
        patch = drawing.blob(rng, x, y, 0.45 * SIDE / n, corners=7, wobble=0.4)
        draw.polygon(patch, fill=second if i % 2 else third)


def floral(draw: ImageDraw.ImageDraw, rng: Generator, n: int, _colour: Colour, second: Colour) -> None:
    step = SIDE / n
    for _ in range(3 * n):
        x, y = rng.uniform(0, SIDE, 2)
        for petal in range(5):
            turn = petal * 2 * math.pi / 5
            at = x + 0.22 * step * math.cos(turn), y + 0.22 * step * math.sin(turn)
            draw.ellipse(circle(*at, 0.16 * step), fill=second)
        draw.ellipse(circle(x, y, 0.1 * step), fill=(250, 220, 80))


def diagonal(draw: ImageDraw.ImageDraw, _rng: Generator, n: int, _colour: Colour, second: Colour) -> None:
    step = SIDE / n
    for i in range(-n, 2 * n):
        draw.line([(i * step, 0), (i * step + SIDE, SIDE)], fill=second, width=max(1, int(0.35 * step)))


PATTERNS: dict[str, Painter] = {
    "plain": plain,
    "striped": striped,
    "dotted": dotted,
    "checked": checked,
    "camouflage": camouflage,
    "pinstriped": pinstriped,
    "floral": floral,
    "diagonal": diagonal,
}


@functools.lru_cache(maxsize=256)
def textile(pattern: str, colour: Colour, second: Colour, repeats: int, weave: int) -> Image.Image:
    """A piece of cloth [SIDE, SIDE]; `weave` is the seed of patterns that are strewn by hand."""
    image = Image.new("RGB", (SIDE, SIDE), colour)
    PATTERNS[pattern](ImageDraw.Draw(image), generator(weave, "textile"), repeats, colour, second)
    return image
