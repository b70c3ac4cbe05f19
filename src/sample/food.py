"""Floor 2. Food: dishes of twelve kinds on whatever plate is at hand, the toppings strewn anew in every photo."""

import math
from collections.abc import Sequence

from numpy.random import Generator
from PIL import Image, ImageDraw

from src.sample import drawing, flat
from src.sample.chance import happens, pick
from src.sample.dishes import DISHES, Dish, Kitchen
from src.sample.drawing import Colour, shade
from src.sample.flat import Pose
from src.sample.ingredients import INGREDIENTS
from src.sample.shot import Shot

CLUTTERED = True
UPRIGHT = ["burger", "cake"]  # seen from the side: the plate is behind them and does not turn
IN_BOWLS = ["soup", "salad", "rice", "curry", "pasta"]
PLATES: list[Colour] = [(245, 245, 242), (235, 232, 225), (50, 52, 58), (107, 140, 178), (128, 95, 64), (163, 204, 187)]


def design(rng: Generator) -> Dish:
    """A new recipe with two to four toppings."""
    kind = pick(rng, list(DISHES))
    names = rng.choice(list(INGREDIENTS), int(rng.integers(2, 5)), replace=False).tolist()
    return Dish(
        kind=kind,
        toppings=tuple((name, rng.uniform(0.3, 1)) for name in names),
        sauce=drawing.hsv(rng.uniform(-0.05, 0.16), rng.uniform(0.4, 0.9), rng.uniform(0.35, 0.95)),
        dough=rng.random(),
        bowl=happens(rng, 0.7) and kind in IN_BOWLS,
        size=rng.uniform(0.8, 1.1),
        rolled=happens(rng, 0.6),
    )


def siblings(_dish: Dish, _rng: Generator) -> list[Dish]:
    """None: two helpings differ enough."""
    return []


def category(dish: Dish) -> str:
    """The kind of dish."""
    return dish.kind


def describe(dish: Dish) -> str:
    """What a menu would write under the photo."""
    toppings = " and ".join(name for name, _ in dish.toppings)
    return f"{dish.kind} with {toppings}" + (" in a bowl" if dish.bowl else "")


def draw(canvas: Image.Image, dish: Dish, shot: Shot, rng: Generator, _pool: Sequence[Dish]) -> None:
    """A helping on a plate, seen from the chair in front of it or from straight above."""
    upright, mess = dish.kind in UPRIGHT, shot.messiness
    lean = rng.uniform(-0.12, 0.12, 2) * mess
    pose = Pose(
        turn=shot.roll + (0 if upright else rng.uniform(0, 2 * math.pi)),
        zoom=rng.uniform(0.86, 1.0) * (1 - rng.uniform(0, 0.3) * mess),
        squash=1.0 if upright else rng.uniform(0.6, 1) if shot.messy else 0.85,
        lean=(lean[0], lean[1]),
    )
    flat.lay(canvas, serve(dish, rng, shot.side), shot, pose)


def serve(dish: Dish, rng: Generator, side: int) -> Image.Image:
    """A helping as a picture RGBA [side, side]."""
    image = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    kitchen = Kitchen(ImageDraw.Draw(image), rng, side, plate=pick(rng, PLATES))
    kitchen.disc(kitchen.r, shade(kitchen.plate, 0.8))
    kitchen.disc(0.97 * kitchen.r, kitchen.plate)
    kitchen.disc((0.92 if dish.bowl else 0.8) * kitchen.r, shade(kitchen.plate, 0.9))
    DISHES[dish.kind](kitchen, dish)
    return image
