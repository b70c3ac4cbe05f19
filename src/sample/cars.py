"""Floor 2. Cars: a hull from thirty measures, repainted between photos in one of its own two colours, mostly."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from numpy.random import Generator
from PIL import Image

from src.sample import bodywork, drawing, engine
from src.sample.bodywork import GRILLES, LAMPS, STRIPES, TRIMS, Car
from src.sample.chance import happens, pick, sign
from src.sample.drawing import Colour, colour_name
from src.sample.shot import Shot

CLUTTERED = True
OWN_PAINT = 0.85  # else resprayed in any street colour: paint helps, but does not identify
FROM_BEHIND = 0.15

STREET_PAINTS: list[Colour] = [
    (235, 235, 238),
    (40, 42, 48),
    (150, 152, 158),
    (180, 25, 30),
    (38, 64, 128),
    (64, 102, 51),
]
RIMS: list[Colour] = [(170, 172, 176), (60, 60, 64), (190, 160, 90), (225, 225, 228)]


class Body(NamedTuple):
    """Mean measures of a body type; lengths in metres, shares of the length from the nose on."""

    length: float
    height: float
    hood: float
    cabin: float
    trunk: float
    rear_slant: tuple[float, float]


BODIES = {
    "sedan": Body(4.4, 1.0, 0.3, 0.35, 0.3, (0.05, 0.5)),
    "hatchback": Body(3.7, 1.05, 0.3, 0.52, 0.1, (0.02, 0.25)),
    "suv": Body(4.3, 1.3, 0.28, 0.6, 0.08, (0.02, 0.25)),
    "pickup": Body(4.9, 1.25, 0.26, 0.26, 0.45, (0.05, 0.5)),
    "van": Body(4.5, 1.65, 0.16, 0.76, 0.05, (0.02, 0.25)),
    "coupe": Body(4.2, 0.88, 0.38, 0.32, 0.2, (0.05, 0.5)),
}


def design(rng: Generator) -> Car:
    """A new model."""
    kind = pick(rng, list(BODIES))
    body = BODIES[kind]

    def about(mean: float, tolerance: float) -> float:
        return mean * (1 + rng.uniform(-tolerance, tolerance))

    return Car(
        kind=kind,
        length=about(body.length, 0.08),
        width=rng.uniform(1.5, 1.8),
        height=about(body.height, 0.1),
        clearance=rng.uniform(0.14, 0.3),
        hood=about(body.hood, 0.2),
        cabin=about(body.cabin, 0.15),
        trunk=body.trunk,
        screen_slant=rng.uniform(0.15, 0.55),
        rear_slant=rng.uniform(*body.rear_slant),
        belt=rng.uniform(0.48, 0.6),
        wheel=rng.uniform(0.28, 0.4),
        wheelbase=rng.uniform(0.54, 0.66),
        spokes=int(rng.integers(3, 9)),
        rim=pick(rng, RIMS),
        windows=int(rng.integers(2, 4)),
        lamps=pick(rng, LAMPS),
        grille=pick(rng, GRILLES),
        trim=pick(rng, TRIMS),
        stripe=pick(rng, STRIPES),
        stripe_colour=drawing.hsv(rng.random(), 0.9, 0.9),
        two_tone=happens(rng, 0.25),
        roof_rack=kind in ("suv", "van") and happens(rng, 0.5),
        paints=(any_paint(rng), any_paint(rng)),
    )


def any_paint(rng: Generator) -> Colour:
    return drawing.any_colour(rng, (0.2, 0.95), (0.25, 0.9))


def siblings(_car: Car, _rng: Generator) -> list[Car]:
    """None: cars are told apart by shape, and each wears two paints."""
    return []


def category(car: Car) -> str:
    """The body type."""
    return car.kind


def describe(car: Car) -> str:
    """What a dealer would write under the photo."""
    features = ["roof rack"] * car.roof_rack + [f"{car.windows} side windows"]
    if car.stripe != "no":
        features.append(f"{colour_name(car.stripe_colour)} {car.stripe} stripe")
    paints = " or ".join(dict.fromkeys(map(colour_name, car.paints)))
    return f"{paints} {'two-tone ' * car.two_tone}{car.kind} with {' and '.join(features)}"


def draw(canvas: Image.Image, car: Car, shot: Shot, rng: Generator, _pool: Sequence[Car]) -> None:
    """Three quarters from the front or, on a phone, now and then from the other side or from behind."""
    paint = pick(rng, car.paints) if happens(rng, OWN_PAINT) else pick(rng, STREET_PAINTS)
    if shot.messy:
        yaw = rng.uniform(0.1, 0.7) * sign(rng, positive=0.8) + math.pi * happens(rng, FROM_BEHIND)
    else:
        yaw = 0.42 + 0.1 * rng.normal()
    # Cars are long and photographed from further away than they are large: fill the frame, mess or not.
    view = shot.steadied().view(yaw, rng.uniform(0.08, 0.35), zoom=1.12 + 0.2 * shot.messiness)
    engine.render(canvas, bodywork.build(car, paint), view, shot.light)
