"""Floor 2. The same kinds of packages, photographed on a shop's shelf between their neighbours."""

from collections.abc import Sequence

from numpy.random import Generator
from PIL import Image

from src.sample import drawing, engine, packaged
from src.sample.chance import happens, pick
from src.sample.drawing import Colour
from src.sample.engine import View
from src.sample.mesh import Mesh
from src.sample.packaged import Package
from src.sample.shot import Shot

CLUTTERED = False  # the neighbours are clutter enough
PITCH = 1.12  # distance between two facings, in widths of a carton
BOARD: Colour = (200, 200, 205)
PRICE_TAGS: list[Colour] = [(250, 240, 90), (250, 250, 250), (240, 90, 80)]

design = packaged.design
siblings = packaged.siblings
category = packaged.category


def describe(package: Package) -> str:
    """What a shop would write under the photo."""
    return packaged.describe(package) + " on a shelf"


def draw(canvas: Image.Image, package: Package, shot: Shot, rng: Generator, pool: Sequence[Package]) -> None:
    """The package in the middle of a shelf with four neighbours from the pool; alone in the studio."""
    if not shot.messy:
        engine.render(canvas, packaged.build(package), shot.view(rng.normal() * 0.06, 0.06, 1.08), shot.light)
        return
    wall = rng.uniform(60, 215)
    canvas.paste(drawing.rgb([wall] * 3), (0, 0, *canvas.size))
    view = View(
        yaw=rng.normal() * 0.16 * shot.messiness,
        pitch=0.02 + rng.uniform(-0.12, 0.3) * shot.messiness,
        roll=0.4 * shot.roll,
        radius=shot.radius * rng.uniform(2.6, 3.5),
        centre=(shot.side * rng.uniform(0.43, 0.57), shot.side * rng.uniform(0.44, 0.58)),
        perspective=shot.perspective,
    )
    engine.render(canvas, stock(package, rng, pool), view, shot.light)


def stock(package: Package, rng: Generator, pool: Sequence[Package]) -> Mesh:
    """A shelf board with five facings; every other time the product itself stands there twice."""
    neighbours = [pick(rng, pool) for _ in range(4)]
    if happens(rng, 0.5):
        neighbours[1] = package
    mesh = Mesh()
    for place, neighbour in zip((-2, -1, 1, 2), neighbours, strict=True):
        packaged.stand(mesh, neighbour, (place * PITCH, rng.uniform(-0.05, 0.1), 0))
    packaged.stand(mesh, package, (rng.uniform(-0.05, 0.05), -0.02, 0))
    mesh.box((0, 0.1, -0.12), (7, 1.0, 0.22), BOARD, lift=-0.4)
    for place in (-1, 0, 1):
        x, colour = place * PITCH + rng.uniform(-0.2, 0.2), pick(rng, PRICE_TAGS)
        left, right, top, bottom = x - 0.25, x + 0.25, -0.03, -0.2
        tag = [(left, -0.42, top), (right, -0.42, top), (right, -0.42, bottom), (left, -0.42, bottom)]
        mesh.add(tag, colour, shine=0, lift=0.6, two_sided=True)
    return mesh
