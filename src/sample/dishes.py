"""Floor 2. Twelve dishes, cooked anew for every photo: the recipe is the product, the plate only its setting.

Each is drawn in a Kitchen: pixels from the centre of the plate, whose radius is `r`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import ImageDraw

from src.sample import drawing, ingredients
from src.sample.drawing import Colour, blend, circle, hsv, shade
from src.sample.ingredients import INGREDIENTS

DOUGH: Colour = hsv(0.09, 0.5, 0.8)
BUN: Colour = hsv(0.08, 0.65, 0.8)
PATTY: Colour = hsv(0.05, 0.6, 0.3)
CHAR: Colour = (50, 22, 14)
RICE: Colour = (248, 246, 238)
SEAWEED: Colour = (25, 35, 30)
SESAME: Colour = (250, 235, 190)
STRIPED_BY = 5  # layers of a cake


@dataclass(frozen=True)
class Dish:
    """One recipe."""

    kind: str
    toppings: tuple[tuple[str, float], ...]  # ingredient and how much of it, 0.3 to 1
    sauce: Colour
    dough: float  # hue of icing and cake
    bowl: bool
    size: float
    rolled: bool  # sushi: maki, else nigiri

    def topping_colour(self, i: int) -> Colour:
        """Colour of the i-th topping, starting over after the last one."""
        return INGREDIENTS[self.toppings[i % len(self.toppings)][0]].colour


@dataclass
class Kitchen:
    """A plate to draw on."""

    draw: ImageDraw.ImageDraw
    rng: Generator
    side: int  # of the picture, in pixels
    plate: Colour

    @property
    def r(self) -> float:
        """Radius of the plate."""
        return 0.46 * self.side

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Pixel of a point given from the centre of the plate."""
        return self.side / 2 + x, self.side / 2 + y

    def disc(self, radius: float, colour: Colour, x: float = 0, y: float = 0) -> None:
        """A round thing."""
        self.draw.ellipse(circle(*self.at(x, y), radius), fill=colour)

    def lump(
        self, radius: float, colour: Colour, wobble: float = 0.06, corners: int = 24, x: float = 0, y: float = 0
    ) -> None:
        """A roundish thing."""
        outline = drawing.blob(self.rng, *self.at(x, y), radius, corners, wobble)
        self.draw.polygon(outline, fill=colour)

    def bar(self, left: float, top: float, right: float, bottom: float, colour: Colour, radius: float = 0) -> None:
        """A box, with rounded corners if wanted."""
        box = (*self.at(left, top), *self.at(right, bottom))
        self.draw.rounded_rectangle(box, radius, fill=colour)

    def heap(self, count: int, spread: float) -> list[tuple[float, float]]:
        """Places heaped around the centre: normal, but what would roll off the heap stays at its edge."""
        places = self.rng.normal(0, spread, (count, 2))
        distance = np.linalg.norm(places, axis=1, keepdims=True)
        places *= self.r * np.minimum(1, 2 * spread / distance)
        return [(x, y) for x, y in places.tolist()]

    def strand(self, x: float, y: float, length: float, colour: Colour, width: int) -> None:
        """A straight bit in any direction."""
        angle = self.rng.uniform(0, math.pi)
        end = self.at(x + length * math.cos(angle), y + length * math.sin(angle))
        self.draw.line([self.at(x, y), end], fill=colour, width=width)

    def sprinkle(self, dish: Dish, generosity: float, inner: float, outer: float, scale: float = 1.0) -> None:
        """Strew the toppings over a ring."""
        for name, share in dish.toppings:
            count = ingredients.amount(self.rng, name, share * generosity)
            for x, y in ingredients.scatter(self.rng, count, inner, outer):
                ingredients.place(self.draw, self.rng, name, *self.at(x, y), self.side * scale)


def pizza(k: Kitchen, dish: Dish) -> None:
    k.lump(0.82 * k.r * dish.size, DOUGH, 0.03)
    k.lump(0.72 * k.r * dish.size, dish.sauce, 0.04)
    for x, y in k.heap(14, 0.3):
        k.lump(0.12 * k.r, hsv(0.13, 0.4, 0.95), 0.3, 8, x, y)
    k.sprinkle(dish, 1.0, 0, 0.66 * k.r * dish.size)


def soup(k: Kitchen, dish: Dish) -> None:
    k.lump(0.82 * k.r, dish.sauce, 0.01, 36)
    for x, y in k.heap(8, 0.3):
        k.lump(k.rng.uniform(0.05, 0.2) * k.r, shade(dish.sauce, k.rng.uniform(0.85, 1.15)), 0.2, 10, x, y)
    if dish.kind == "curry":
        k.lump(0.5 * k.r, RICE, 0.12, 14, x=-0.35 * k.r)
    k.sprinkle(dish, 1.0, 0, 0.66 * k.r * dish.size)


def salad(k: Kitchen, dish: Dish) -> None:
    for x, y in k.heap(40, 0.3):
        green = hsv(*k.rng.uniform((0.24, 0.5, 0.4), (0.36, 0.9, 0.85)))
        k.lump(0.22 * k.r, green, 0.4, 9, x, y)
    k.sprinkle(dish, 1.0, 0, 0.66 * k.r * dish.size)


def pasta(k: Kitchen, dish: Dish) -> None:
    noodle = blend(hsv(0.12, 0.45, 0.9), dish.sauce, 0.35)
    for x, y in k.heap(45, 0.25):
        start, bend = k.rng.uniform(0, 360), k.rng.uniform(100, 250)
        box = circle(*k.at(x, y), k.rng.uniform(0.15, 0.45) * k.r)
        k.draw.arc(box, start, start + bend, fill=shade(noodle, k.rng.uniform(0.75, 1.05)), width=max(2, k.side // 45))
    k.sprinkle(dish, 1.0, 0, 0.66 * k.r * dish.size)


def rice(k: Kitchen, dish: Dish) -> None:
    grain = blend((245, 238, 215), dish.sauce, 0.4)
    k.lump(0.7 * k.r * dish.size, shade(grain, 0.92), 0.08)
    for x, y in k.heap(150, 0.27):
        k.strand(x, y, 0.02 * k.side, shade(grain, k.rng.uniform(0.8, 1.05)), max(1, k.side // 128))
    k.sprinkle(dish, 1.0, 0, 0.66 * k.r * dish.size)


def cake(k: Kitchen, dish: Dish) -> None:
    """A slice from the side, topped along its upper edge."""
    height, width, icing = 0.75 * k.r * dish.size, 0.65 * k.r, hsv(dish.dough, 0.5, 0.9)
    layer = height / STRIPED_BY
    for i in range(STRIPED_BY):
        filling = hsv(dish.dough, 0.25, 0.95) if i % 2 else dish.sauce
        k.bar(-width, i * layer - height / 2, width, (i + 1) * layer - height / 2, filling)
    k.bar(-width, -height / 2 - 0.12 * k.r, width, -height / 2, icing, 4)
    for name, share in dish.toppings:
        for _ in range(ingredients.amount(k.rng, name, share)):
            x, y = k.rng.uniform(-0.6, 0.6) * k.r, k.rng.normal(-height / 2 - 0.14 * k.r, 3)
            ingredients.place(k.draw, k.rng, name, *k.at(x, y), 0.6 * k.side)


def burger(k: Kitchen, dish: Dish) -> None:
    """From the side: a layer of each topping between the buns."""
    w = 0.7 * k.r * dish.size
    k.draw.pieslice((*k.at(-w, -0.9 * w), *k.at(w, 0.7 * w)), 180, 360, fill=BUN)
    for x, y in k.rng.uniform((-0.6, -0.6), (0.6, -0.25), (14, 2)).tolist():
        k.disc(0.01 * k.side, SESAME, x * w, y * w)
    y = -0.1 * w
    for i in range(len(dish.toppings)):
        k.bar(-1.03 * w, y, 1.03 * w, y + 0.13 * w, dish.topping_colour(i), 6)
        y += 0.13 * w
    k.bar(-w, y, w, y + 0.22 * w, PATTY, 8)
    k.bar(-0.96 * w, y + 0.22 * w, 0.96 * w, y + 0.5 * w, shade(BUN, 0.94), 10)


def sushi(k: Kitchen, dish: Dish) -> None:
    """Six pieces in two rows, two kinds in turn."""
    r = k.r
    for piece in range(6):
        x, y = k.rng.normal(((piece % 3 - 1) * 0.45 * r, (piece // 3 - 0.5) * 0.55 * r), 3).tolist()
        fish = dish.topping_colour(piece % 2)
        if dish.rolled:
            for radius, colour in ((0.19, SEAWEED), (0.15, RICE), (0.08, fish)):
                k.disc(radius * r, colour, x, y)
        else:
            k.bar(x - 0.2 * r, y - 0.14 * r, x + 0.2 * r, y + 0.16 * r, RICE, 8)
            k.bar(x - 0.2 * r, y - 0.17 * r, x + 0.2 * r, y + 0.05 * r, fish, 8)


def donut(k: Kitchen, dish: Dish) -> None:
    k.disc(0.7 * k.r * dish.size, hsv(0.08, 0.6, 0.75))
    k.lump(0.63 * k.r * dish.size, hsv(dish.dough, 0.45, 0.92))
    k.sprinkle(dish, 1.0, 0.27 * k.r, 0.6 * k.r * dish.size, scale=0.6)
    k.disc(0.2 * k.r, shade(k.plate, 0.9))


def steak(k: Kitchen, dish: Dish) -> None:
    r = k.r
    k.lump(0.5 * r, hsv(0.04, 0.6, 0.35), 0.2, 10, x=-0.2 * r)
    for i in range(5):
        x = (0.15 * i - 0.5) * r
        k.draw.line([k.at(x, -0.25 * r), k.at(x + 0.1 * r, 0.25 * r)], fill=CHAR, width=3)
    for x, y in k.rng.normal((0.4 * r, 0), (0.12 * r, 0.25 * r), (14, 2)).tolist():
        k.strand(x, y, 0.25 * r, shade(hsv(0.12, 0.6, 0.9), k.rng.uniform(0.8, 1)), max(3, k.side // 32))
    k.sprinkle(dish, 0.4, 0, 0.66 * r * dish.size)


def pancake(k: Kitchen, dish: Dish) -> None:
    for i in range(3):
        k.disc(0.6 * k.r * dish.size, hsv(0.09, 0.6, 0.6), 0, 8 - 6 * i)
        k.disc(0.57 * k.r * dish.size, hsv(0.1, 0.5, 0.85), 0, 6 - 6 * i)
    k.lump(0.35 * k.r, dish.sauce, 0.3, 12)
    k.sprinkle(dish, 1.0, 0, 0.6 * k.r * dish.size)


DISHES: dict[str, Callable[[Kitchen, Dish], None]] = {
    "pizza": pizza,
    "soup": soup,
    "curry": soup,
    "salad": salad,
    "pasta": pasta,
    "rice": rice,
    "cake": cake,
    "burger": burger,
    "sushi": sushi,
    "donut": donut,
    "steak": steak,
    "pancake": pancake,
}
