"""Floor 2. Household goods: twelve kinds of furniture and homeware, some sold in a second colour or pattern."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from numpy.random import Generator
from PIL import Image

from src.sample import drawing, engine, furniture, homeware
from src.sample.chance import happens, pick
from src.sample.drawing import Colour, colour_name
from src.sample.item import Item
from src.sample.mesh import Mesh
from src.sample.shot import Shot

CLUTTERED = True
WOODS: list[Colour] = [(153, 110, 69), (89, 62, 36), (217, 191, 152), (40, 38, 38), (235, 233, 230)]
WOODEN = ["table", "cabinet"]  # where little or nothing else may show a colour
FURNITURE = ["chair", "table", "stool", "sofa", "cabinet"]
PRINTED = ["chair", "sofa", "lamp", "mug"]
PRINTS = ["plain", "striped", "dotted", "checked"]

KINDS: dict[str, Callable[[Mesh, Item], None]] = {
    "chair": furniture.chair,
    "table": furniture.table,
    "stool": furniture.stool,
    "sofa": furniture.sofa,
    "cabinet": furniture.cabinet,
    "lamp": homeware.lamp,
    "mug": homeware.mug,
    "vase": homeware.vase,
    "kettle": homeware.kettle,
    "pot": homeware.pot,
    "clock": homeware.clock,
    "toaster": homeware.toaster,
}


def design(rng: Generator) -> Item:
    """A new item."""
    return Item(
        kind=pick(rng, list(KINDS)),
        colour=drawing.any_colour(rng, (0.15, 0.9), (0.3, 0.95)),
        second=drawing.any_colour(rng, (0.0, 0.8), (0.3, 0.95)),
        wood=pick(rng, WOODS),
        tall=rng.uniform(0.7, 1.4),
        wide=rng.uniform(0.6, 1.3),
        style=int(rng.integers(3)),
        count=int(rng.integers(2, 6)),
        curve=tuple(rng.uniform(0.2, 0.6, 5).tolist()),
        leg=rng.uniform(0.03, 0.08),
        pattern=pick(rng, PRINTS),
        repeats=int(rng.integers(4, 10)),
        weave=int(rng.integers(1 << 30)),
    )


def siblings(item: Item, rng: Generator) -> list[Item]:
    """Every other item also comes in a second colour or wood, half of these with another print too."""
    if happens(rng, 0.5):
        return []
    other = replace(item, colour=drawing.any_colour(rng, (0.1, 0.9), (0.2, 0.95)))
    if item.kind in WOODEN:
        other = replace(other, wood=pick(rng, [wood for wood in WOODS if wood != item.wood]))
    if happens(rng, 0.5):
        second = drawing.any_colour(rng, (0.1, 0.9), (0.2, 0.95))
        other = replace(other, pattern=pick(rng, PRINTS), second=second)
    return [other]


def category(item: Item) -> str:
    """The kind of item."""
    return item.kind


def describe(item: Item) -> str:
    """What a shop would write under the photo."""
    print_name = f"{item.pattern} " if item.kind in PRINTED else ""
    text = f"{colour_name(item.colour)} {print_name}{item.kind} with {colour_name(item.second)} details"
    return f"{text} and {colour_name(item.wood)} wood" if item.kind in FURNITURE else text


def draw(canvas: Image.Image, item: Item, shot: Shot, rng: Generator, _pool: Sequence[Item]) -> None:
    """The item from the front, give or take a third of a turn by phone."""
    yaw = rng.uniform(-0.9, 0.9) * (0.35 + shot.messiness)
    pitch = rng.uniform(0.15, 0.45) + rng.uniform(0, 0.3) * shot.messiness
    mesh = Mesh()
    KINDS[item.kind](mesh, item)
    engine.render(canvas, mesh, shot.view(yaw, pitch, zoom=1.0), shot.light)
