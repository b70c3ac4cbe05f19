"""Floor 2. What surrounds a product: backdrop, clutter at the edge of the frame, things in the way."""

import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from src.sample import drawing, engine, packaged
from src.sample.chance import happens, pick, sign
from src.sample.drawing import INK, WHITE, Colour
from src.sample.engine import Light, View
from src.sample.mesh import Mesh

GRAIN = 128  # pixels of a surface before it is enlarged to the canvas
CLUTTER = 2.2  # objects in the mean, at messiness 1
STICKERS: list[Colour] = [(250, 220, 40), (240, 60, 50), (250, 250, 250)]


def backdrop(rng: Generator, side: int, messy: bool) -> Image.Image:
    """A table, a floor, a cloth; white paper in the studio."""
    return furnished(rng, side) if messy else paper(rng, side)


def paper(rng: Generator, side: int) -> Image.Image:
    """The studio: white, a little darker towards the bottom."""
    top, drop = rng.uniform(225, 255), rng.uniform(5, 35)
    column = np.clip(top - np.linspace(0, drop, 64), 0, 255).astype(np.uint8)
    gradient = Image.fromarray(np.repeat(column[:, None], 64, axis=1))
    return gradient.resize((side, side), Image.Resampling.BILINEAR).convert("RGB")


def furnished(rng: Generator, side: int) -> Image.Image:
    """A surface seen from above, half of the time with a wall behind it, half of the time at an angle."""
    colour = surface_colour(rng)
    texture = pick(rng, SURFACES)(rng)[..., None] * np.array(colour, np.float32)
    if happens(rng, 0.5):
        horizon = int(rng.integers(30, 75))
        wall = np.array(drawing.any_colour(rng, (0, 0.4), (0.4, 0.9)), np.float32)
        light = 0.8 + 0.3 * drawing.noise(rng, GRAIN, (2, 4, 8), (0.5, 0.3, 0.2))
        texture[:horizon] = wall * light[:horizon, :, None]
    image = Image.fromarray(np.clip(texture, 0, 255).astype(np.uint8))
    if happens(rng, 0.5):
        image = image.rotate(rng.uniform(-40, 40), Image.Resampling.BILINEAR, fillcolor=colour)
    return image.resize((side, side), Image.Resampling.BILINEAR)


def surface_colour(rng: Generator) -> Colour:
    """Woods, paints, cloths and stone."""
    hue = rng.random()
    painted = [(hue, 0.3, 0.6), (hue, 0.15, 0.8), (hue, 0.45, 0.4)]
    return drawing.hsv(*pick(rng, [(0.08, 0.5, 0.55), (0.07, 0.4, 0.75), (0.12, 0.04, 0.78), *painted]))


def wood(rng: Generator) -> np.ndarray:
    grain = drawing.noise(rng, GRAIN, (4, 16, 64), (0.3, 0.3, 0.4))
    return 0.8 + 0.2 * np.sin(np.linspace(0, rng.uniform(20, 60), GRAIN)[:, None] + 5 * grain)


def checks(rng: Generator) -> np.ndarray:
    y, x = np.mgrid[:GRAIN, :GRAIN] // int(rng.integers(10, 32))
    return np.where((x + y) % 2, 1, rng.uniform(0.7, 0.95))


def carpet(rng: Generator) -> np.ndarray:
    return 0.6 + 0.8 * drawing.noise(rng, GRAIN, (8, 32, 128), (0.2, 0.3, 0.5))


def tiles(rng: Generator) -> np.ndarray:
    y, x = np.mgrid[:GRAIN, :GRAIN] % int(rng.integers(12, 34))
    return np.where((x < 2) | (y < 2), 0.7, 1)


def cloth(rng: Generator) -> np.ndarray:
    return 0.7 + 0.6 * drawing.noise(rng, GRAIN, (3, 5, 9), (0.5, 0.3, 0.2))


# Each gives brightness factors [GRAIN, GRAIN].
SURFACES: list[Callable[[Generator], np.ndarray]] = [wood, checks, carpet, tiles, cloth]


def clutter(canvas: Image.Image, rng: Generator, messiness: float) -> None:
    """Put a few things around the middle of the frame, cut by its edge or not."""
    side = canvas.width
    for _ in range(int(rng.poisson(CLUTTER * messiness))):
        mesh = Mesh()
        pick(rng, THINGS)(mesh, rng)
        angle, distance = rng.uniform(0, 2 * math.pi), rng.uniform(0.42, 0.62) * side
        view = View(
            yaw=rng.uniform(0, 2 * math.pi),
            pitch=rng.uniform(0.1, 0.7),
            roll=rng.uniform(-0.3, 0.3),
            radius=side * rng.uniform(0.10, 0.22),
            centre=(side / 2 + distance * math.cos(angle), side / 2 + distance * math.sin(angle)),
            perspective=0.15,
        )
        engine.render(canvas, mesh, view, Light((rng.normal(), -1, 1.2), shadow=0.3, softness=2))


def block(mesh: Mesh, rng: Generator) -> None:
    width, depth, height = rng.uniform(0.3, 1.2, 3)
    mesh.box((0, 0, 0), (width, depth, height), any_thing_colour(rng))


def beaker(mesh: Mesh, rng: Generator) -> None:
    low, middle, high = rng.uniform(0.2, 0.5), rng.uniform(0.2, 0.5), rng.uniform(0.1, 0.4)
    mesh.revolve([(low, 0), (middle, 0.5), (high, 1)], any_thing_colour(rng), segments=12, shine=0.4)


def fruit(mesh: Mesh, rng: Generator) -> None:
    profile = [(0.1, 0), (0.45, 0.2), (0.5, 0.5), (0.35, 0.8), (0.02, 0.95)]
    mesh.revolve(profile, any_thing_colour(rng), segments=12)


def package(mesh: Mesh, rng: Generator) -> None:
    packaged.stand(mesh, packaged.design(rng), (0, 0, 0))


def any_thing_colour(rng: Generator) -> Colour:
    return drawing.any_colour(rng, (0.1, 0.8), (0.2, 0.95))


THINGS: list[Callable[[Mesh, Generator], None]] = [block, beaker, fruit, package]


def occlude(canvas: Image.Image, rng: Generator) -> None:
    """Put one thing in front of the product."""
    pick(rng, OBSTACLES)(canvas, ImageDraw.Draw(canvas), rng)


def fingers(canvas: Image.Image, draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    side, hand = canvas.width, sign(rng)
    skin = drawing.hsv(0.06, rng.uniform(0.3, 0.6), rng.uniform(0.35, 0.95))
    root, top = side * (0.5 + 0.52 * hand), side * rng.uniform(0.5, 0.8)
    for finger in range(int(rng.integers(2, 5))):
        y, tip = top + finger * 0.085 * side, root - hand * side * rng.uniform(0.2, 0.34)
        draw.line([(root, y + 8), (tip, y)], fill=drawing.shade(skin, 0.8), width=int(side * 0.085))
        draw.line([(root, y + 6), (tip, y - 2)], fill=skin, width=int(side * 0.07))
        draw.ellipse(drawing.circle(tip, y - 2, side * 0.035), fill=skin)


def price_sticker(canvas: Image.Image, draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    side = canvas.width
    (x, y), width = side * rng.uniform(0.25, 0.75, 2), side * rng.uniform(0.1, 0.2)
    draw.rectangle((x - width / 2, y - width * 0.3, x + width / 2, y + width * 0.3), fill=pick(rng, STICKERS))
    price = f"{rng.integers(1, 20)}.99"
    draw.text((x, y), price, fill=INK, font=drawing.font(int(width * 0.3)), anchor="mm")


def glare(canvas: Image.Image, _draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    quarter = canvas.width // 4
    mask = Image.new("L", (quarter, quarter), 0)
    (x, y), width = quarter * rng.uniform(0.2, 0.8, 2), quarter * rng.uniform(0.06, 0.2)
    spot = (x - width, y - width * 0.6, x + width, y + width * 0.6)
    ImageDraw.Draw(mask).ellipse(spot, fill=int(rng.uniform(120, 230)))
    mask = mask.filter(ImageFilter.GaussianBlur(3)).resize(canvas.size)
    canvas.paste(WHITE, (0, 0, *canvas.size), mask)


def bystander(canvas: Image.Image, draw: ImageDraw.ImageDraw, rng: Generator) -> None:
    side = canvas.width
    edge, height, radius = pick(rng, [0, side]), side * rng.uniform(0.2, 0.8), side * rng.uniform(0.1, 0.3)
    outline = drawing.blob(rng, edge, height, radius, wobble=0.3)
    draw.polygon(outline, fill=drawing.any_colour(rng, (0.1, 0.8), (0.1, 0.7)))


OBSTACLES: list[Callable[[Image.Image, ImageDraw.ImageDraw, Generator], None]] = [
    fingers,
    price_sticker,
    glare,
    bystander,
]
