"""Floor 2. Printed packaging: brands, their flavours, and the artwork that the two make together."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from numpy.random import Generator
from PIL import Image, ImageDraw

from src.sample import drawing
from src.sample.chance import happens, pick
from src.sample.drawing import ICONS, INK, WHITE, Colour

BEGINNINGS = "zor ver lum kal miro pexa tavo brin solu neko ardo qui hexa oru fenn wim dova jul sar ecco"
ENDINGS = "va lo tta nix ra co mi la sy don ko ria zen pa bo lex na que"
FLAVOURS = "mild hot lemon cocoa mint berry oat rice salt honey peach cola herb nut rose soy"

LABEL_WIDTH = 160
ICON_PLACES = {
    1: [(0.5, 0.74)],
    2: [(0.35, 0.72), (0.65, 0.76)],
    3: [(0.3, 0.7), (0.5, 0.8), (0.7, 0.7)],
}


@dataclass(frozen=True)
class Brand:
    """What all products of a brand share."""

    name: str
    main: Colour
    accent: Colour
    layout: str
    logo: str
    text_size: float


@dataclass(frozen=True)
class Flavour:
    """What tells the products of a brand apart."""

    name: str
    band: Colour
    ink: Colour
    icon: str
    icons: int


def invent_brand(rng: Generator) -> Brand:
    """A new brand with a pronounceable name and a house style."""
    hue = rng.random()
    name = pick(rng, BEGINNINGS.split()) + pick(rng, ENDINGS.split())
    return Brand(
        name=name.upper() if happens(rng, 0.5) else name.title(),
        main=drawing.hsv(hue, rng.uniform(0.5, 0.95), rng.uniform(0.4, 0.9)),
        accent=pick(rng, [WHITE, INK, drawing.hsv(hue + pick(rng, [0.08, 0.33, 0.5]), 0.8, 0.9)]),
        layout=pick(rng, list(LAYOUTS)),
        logo=pick(rng, list(ICONS)),
        text_size=rng.uniform(0.8, 1.1),
    )


def invent_flavour(rng: Generator) -> Flavour:
    """A new flavour with its band colour and its icon."""
    return Flavour(
        name=pick(rng, FLAVOURS.split()),
        band=drawing.any_colour(rng, (0.3, 0.95), (0.5, 0.98)),
        ink=drawing.hsv(rng.random(), 0.85, 0.9),
        icon=pick(rng, list(ICONS)),
        icons=int(rng.integers(1, 4)),
    )


def lower_band(draw: ImageDraw.ImageDraw, w: int, h: int, brand: Brand, band: Colour) -> None:
    draw.rectangle((0, h * 0.55, w, h), fill=band)
    draw.rectangle((0, h * 0.52, w, h * 0.56), fill=brand.accent)


def stripes(draw: ImageDraw.ImageDraw, w: int, h: int, brand: Brand, band: Colour) -> None:
    for i in range(0, 9, 2):
        draw.rectangle((i * w / 9, 0, (i + 1) * w / 9, h), fill=band)
    draw.rectangle((w * 0.08, h * 0.12, w * 0.92, h * 0.5), fill=brand.main)


def hill(draw: ImageDraw.ImageDraw, w: int, h: int, _brand: Brand, band: Colour) -> None:
    draw.ellipse((-w * 0.2, h * 0.35, w * 1.2, h * 1.4), fill=band)


def slope(draw: ImageDraw.ImageDraw, w: int, h: int, brand: Brand, band: Colour) -> None:
    draw.polygon([(0, h * 0.75), (w, h * 0.35), (w, h), (0, h)], fill=band)
    draw.line([(0, h * 0.75), (w, h * 0.35)], fill=brand.accent, width=int(h * 0.03))


def frame(draw: ImageDraw.ImageDraw, w: int, h: int, brand: Brand, band: Colour) -> None:
    draw.rectangle((w * 0.07, h * 0.06, w * 0.93, h * 0.94), fill=brand.accent)
    draw.rectangle((w * 0.07, h * 0.7, w * 0.93, h * 0.94), fill=band)


def borders(draw: ImageDraw.ImageDraw, w: int, h: int, _brand: Brand, band: Colour) -> None:
    draw.rectangle((0, 0, w, h * 0.2), fill=band)
    draw.rectangle((0, h * 0.85, w, h), fill=band)


LAYOUTS: dict[str, Callable[[ImageDraw.ImageDraw, int, int, Brand, Colour], None]] = {
    "lower band": lower_band,
    "stripes": stripes,
    "hill": hill,
    "slope": slope,
    "frame": frame,
    "borders": borders,
}


def fitting_font(text: str, size: float, width: float) -> drawing.Font:
    """The font of this size, or the smaller one in which the text is as wide as this."""
    return drawing.font(int(size * min(1, width / drawing.font(int(size)).getlength(text))))


@functools.lru_cache(maxsize=128)
def front(brand: Brand, flavour: Flavour, height: int) -> Image.Image:
    """The label that faces the customer, LABEL_WIDTH wide: name, logo, flavour, icons, small print."""
    w, h = LABEL_WIDTH, height
    image = Image.new("RGB", (w, h), brand.main)
    draw = ImageDraw.Draw(image)
    LAYOUTS[brand.layout](draw, w, h, brand, flavour.band)

    text = brand.main if brand.layout == "frame" else brand.accent
    large = fitting_font(brand.name, 0.28 * w * brand.text_size, 0.86 * w)
    draw.text((w / 2, h * 0.3), brand.name, fill=text, font=large, anchor="mm", stroke_width=1)
    ICONS[brand.logo](draw, w * 0.5, h * 0.13, h * 0.075, text, brand.main)
    for x, y in ICON_PLACES[flavour.icons]:
        ICONS[flavour.icon](draw, w * x, h * y, h * 0.1, flavour.ink, drawing.opposite(flavour.ink))
    small = drawing.font(int(w * 0.13))
    draw.text((w / 2, h * 0.53), flavour.name, fill=drawing.readable_on(flavour.band), font=small, anchor="mm")
    for i in range(3):
        draw.line([(w * 0.2, h * (0.9 + 0.03 * i)), (w * (0.6 + 0.08 * i), h * (0.9 + 0.03 * i))], fill=text)
    return image


@functools.lru_cache(maxsize=128)
def wrap(brand: Brand, flavour: Flavour, height: int) -> Image.Image:
    """The label of a round package: the front twice, so that one is seen from every side."""
    label = front(brand, flavour, height)
    image = Image.new("RGB", (2 * LABEL_WIDTH, height))
    image.paste(label, (0, 0))
    image.paste(label, (LABEL_WIDTH, 0))
    return image


@functools.lru_cache(maxsize=128)
def side(brand: Brand, flavour: Flavour) -> Image.Image:
    """The narrow side of a carton: a patch of the band colour, a list of ingredients, a bar code."""
    image = Image.new("RGB", (60, 120), brand.main)
    draw = ImageDraw.Draw(image)
    draw.rectangle((8, 10, 52, 40), fill=flavour.band)
    for i in range(8):
        draw.line([(8, 50 + 6 * i), (45 - (i * 7) % 15, 50 + 6 * i)], fill=brand.accent)
    draw.rectangle((20, 100, 50, 115), fill=WHITE)
    for x in range(22, 48, 4):
        draw.line([(x, 101), (x, 114)], fill=INK)
    return image
