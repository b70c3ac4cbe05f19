"""Floor 2. The bodywork of a car: from its measures to sheet metal, glass and wheels."""

import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from src.sample import drawing
from src.sample.drawing import Colour, Outline, Point, blend, shade
from src.sample.mesh import Mesh

GLASS: Colour = (45, 58, 70)
RUBBER: Colour = (32, 32, 34)
DARK: Colour = (30, 30, 32)
CHROME: Colour = (215, 215, 220)
CLADDING: Colour = (70, 70, 75)
HEADLAMP: Colour = (245, 245, 220)
TAIL_LAMP: Colour = (190, 20, 25)

LAMPS = [(0.28, 0.12), (0.2, 0.2), (0.38, 0.07), (0.16, 0.16)]  # width, height
GRILLES = [(0.5, 0), (0.4, 2), (0.3, 4), (0.55, 1)]  # half width over the car's, bars
TRIMS = ["bare", "chrome", "cladding", "blind windows"]
STRIPES = ["no", "side", "door", "bonnet"]


Edge = tuple[float, float, float]  # x, z, half of its width


@dataclass(frozen=True)
class Car:
    """One model of car."""

    kind: str
    length: float
    width: float
    height: float
    clearance: float
    hood: float
    cabin: float
    trunk: float
    screen_slant: float
    rear_slant: float
    belt: float  # height of the window line, share of the height
    wheel: float  # radius
    wheelbase: float  # share of the length
    spokes: int
    rim: Colour
    windows: int
    lamps: tuple[float, float]
    grille: tuple[float, int]
    trim: str
    stripe: str
    stripe_colour: Colour
    two_tone: bool
    roof_rack: bool
    paints: tuple[Colour, Colour]


class Hull(NamedTuple):
    """Where things are, from the measures: x from nose to tail, y to the side, z up."""

    nose: float
    tail: float
    half: float  # of the width
    roof_half: float
    sill: float
    hood: float
    belt: float
    roof: float
    screen_foot: float
    screen_top: float
    rear_top: float
    rear_foot: float


def hull(car: Car) -> Hull:
    """Resolve the shares into coordinates."""
    nose, tail = -car.length / 2, car.length / 2
    screen_foot = nose + car.length * car.hood
    longest = tail - (0.03 if car.kind == "van" else car.length * car.trunk * 0.55)
    rear_foot = min(screen_foot + car.length * (car.cabin + 0.15), longest)
    screen_top = screen_foot + car.screen_slant * car.height * 0.9
    belt = car.clearance + car.height * car.belt
    return Hull(
        nose=nose,
        tail=tail,
        half=car.width / 2,
        roof_half=0.4 * car.width,
        sill=car.clearance,
        hood=belt - 0.1 * car.height,
        belt=belt,
        roof=car.clearance + car.height,
        screen_foot=screen_foot,
        screen_top=screen_top,
        rear_top=max(rear_foot - car.rear_slant * car.height * 0.8, screen_top + 0.125 * car.length),
        rear_foot=rear_foot,
    )


def build(car: Car, paint: Colour) -> Mesh:
    """The car on its wheels, nose to the left."""
    mesh, h = Mesh(), hull(car)
    body(mesh, car, h, paint)
    cabin(mesh, car, h, paint)
    for side in (-1, 1):
        doors(mesh, car, h, paint, side)
        flank(mesh, car, h, side)
        for axle in (-0.5, 0.5):
            wheel(mesh, car, h, axle * car.wheelbase * car.length, side * h.half, side)
    ends(mesh, car, h)
    fittings(mesh, car, h)
    return mesh


def panel(mesh: Mesh, corners: list, colour: Colour, shine: float = 0.3, lift: float = 0.0) -> None:
    """Sheet metal: seen from both sides."""
    mesh.add(corners, colour, shine, lift, two_sided=True)


def mount(mesh: Mesh, y: float, outline: Outline, colour: Colour, shine: float, lift: float) -> None:
    """Something flat on the flank, its outline as (x, z)."""
    panel(mesh, [(x, y, z) for x, z in outline], colour, shine, lift)


def across(mesh: Mesh, start: Edge, end: Edge, colour: Colour, shine: float, lift: float = 0.0) -> None:
    """A panel over the width of the car between two edges."""
    (xa, za, wa), (xb, zb, wb) = start, end
    panel(mesh, [(xa, wa, za), (xa, -wa, za), (xb, -wb, zb), (xb, wb, zb)], colour, shine, lift)


def rectangle(left: float, right: float, bottom: float, top: float) -> Outline:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def body(mesh: Mesh, car: Car, h: Hull, paint: Colour) -> None:
    """Everything below the windows: a profile with rounded edges, as wide as the car."""
    nose, tail, length = h.nose, h.tail, car.length
    corners = [(nose - 0.02 * length, h.hood - 0.08), (nose + 0.03 * length, h.hood), (h.screen_foot, h.belt)]
    corners += [(h.rear_foot, h.belt), (tail - 0.02 * length, h.belt - 0.03), (tail, h.belt - 0.14)]
    profile = drawing.smooth([(nose, h.sill + 0.05), *corners, (tail, h.sill + 0.05)], closed=False)
    for (xa, za), (xb, zb) in itertools.pairwise(profile):
        across(mesh, (xa, za, h.half), (xb, zb, h.half), paint, 0.5)
    for side in (-1, 1):
        mount(mesh, side * h.half, profile, paint, 0.35, 0.0)


def cabin(mesh: Mesh, car: Car, h: Hull, paint: Colour) -> None:
    """Roof, pillars and the two screens."""
    roof = shade(paint, 0.35) if car.two_tone else paint
    foot, top = (h.screen_foot, h.belt, h.half), (h.screen_top, h.roof, h.roof_half)
    rear_top, rear_foot = (h.rear_top, h.roof, h.roof_half), (h.rear_foot, h.belt, h.half)
    across(mesh, foot, top, roof, 0.4, 0.005)
    across(mesh, top, rear_top, roof, 0.5, 0.01)
    across(mesh, rear_foot, rear_top, roof, 0.3)
    for side in (-1, 1):
        pillars = [(x, side * half, z) for x, z, half in (foot, top, rear_top, rear_foot)]
        panel(mesh, pillars, roof, 0.3, 0.01)
    low, high = (
        (h.screen_foot + 0.04, h.belt + 0.03, 0.9 * h.half),
        (h.screen_top - 0.02, h.roof - 0.05, 0.92 * h.roof_half),
    )
    across(mesh, low, high, GLASS, 0.9, 0.03)
    low, high = (h.rear_foot, h.belt + 0.05, 0.85 * h.half), (h.rear_top + 0.02, h.roof - 0.07, 0.88 * h.roof_half)
    across(mesh, low, high, GLASS, 0.7, 0.03)


def doors(mesh: Mesh, car: Car, h: Hull, paint: Colour, side: int) -> None:
    """Side windows with a door gap and a handle behind each."""
    y, step = side * (h.half + 0.012), 0.88 / car.windows

    def on_glass(u: float, v: float) -> tuple[float, float, float]:
        """u from windscreen to rear window, v from belt to roof."""
        front = h.screen_foot + (h.screen_top - h.screen_foot) * v
        rear = h.rear_foot + (h.rear_top - h.rear_foot) * v
        lean = side * (h.half + (h.roof_half - h.half) * v + 0.012)
        return front + (rear - front) * u, lean, h.belt + (h.roof - h.belt) * v

    for i in range(car.windows):
        left, right = 0.07 + i * step, 0.02 + (i + 1) * step
        if not (car.kind == "van" and i > 0 and car.trim == "blind windows"):
            glass = [on_glass(left, 0.1), on_glass(left, 0.85), on_glass(right, 0.85), on_glass(right, 0.1)]
            panel(mesh, glass, GLASS, 0.6, 0.03)
        x = h.screen_foot + (h.rear_foot - h.screen_foot) * (right + 0.03)
        mount(mesh, y, rectangle(x, x + 0.025, h.sill + 0.1, h.belt), shade(paint, 0.45), 0.0, 0.04)
        handle = rectangle(x - 0.2, x - 0.06, h.belt - 0.15, h.belt - 0.1)
        mount(mesh, y, handle, blend(paint, drawing.WHITE, 0.3), 0.3, 0.045)


def flank(mesh: Mesh, car: Car, h: Hull, side: int) -> None:
    """Sill, trim and stripe."""
    y, length, belt = side * (h.half + 0.012), car.length, h.belt
    front, rear, foot = h.nose + 0.05 * length, h.tail - 0.03 * length, h.screen_foot
    sill = rectangle(h.nose + 0.1 * length, h.tail - 0.1 * length, h.sill, h.sill + 0.12)
    mount(mesh, y, sill, DARK, 0.1, 0.03)
    if car.trim == "chrome":
        strip = [(front, belt - 0.22), (rear, belt - 0.18), (rear, belt - 0.24), (front, belt - 0.28)]
        mount(mesh, y, strip, CHROME, 0.4, 0.04)
    elif car.trim == "cladding":
        mount(mesh, y, rectangle(front, rear, h.sill + 0.1, h.sill + 0.25), CLADDING, 0.1, 0.035)
    if car.stripe == "side":
        stripe = [(front, h.hood - 0.1), (rear, belt - 0.1), (rear, belt - 0.26), (front, h.hood - 0.26)]
        mount(mesh, y, stripe, car.stripe_colour, 0.3, 0.038)
    elif car.stripe == "door":
        top = [(foot + 0.1 * length, belt - 0.02), (foot + 0.22 * length, belt - 0.02)]
        bottom = [(foot + 0.12 * length, h.sill + 0.1), (foot, h.sill + 0.1)]
        mount(mesh, y, top + bottom, car.stripe_colour, 0.3, 0.038)


def wheel(mesh: Mesh, car: Car, h: Hull, x: float, y: float, side: int) -> None:
    """Wheel arch, tyre, rim and its dark spokes, one disc before the other."""
    radius = min(car.wheel, 0.46 * h.hood)  # low cars have small wheels
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False).tolist()

    def disc(size: float, out: float, colour: Colour, shine: float, lift: float) -> None:
        ring = [(x + size * math.cos(a), radius + size * math.sin(a)) for a in angles]
        mount(mesh, y + side * out, ring, colour, shine, lift)

    disc(1.14 * radius, 0.015, DARK, 0.0, 0.05)
    disc(radius, 0.03, RUBBER, 0.05, 0.06)
    disc(0.64 * radius, 0.04, car.rim, 0.5, 0.07)
    for turn in np.linspace(0, 2 * np.pi, car.spokes, endpoint=False).tolist():
        reach = [(math.cos(a), math.sin(a)) for a in (turn + 0.2, turn - 0.2)]
        tips = [(x + 0.58 * radius * right, radius + 0.58 * radius * up) for right, up in reach]
        mount(mesh, y + side * 0.05, [*tips, (x, radius)], CLADDING, 0.1, 0.08)


def ends(mesh: Mesh, car: Car, h: Hull) -> None:
    """Lamps, grille, number plates."""
    front, rear = h.nose - 0.03 * car.length, h.tail + 0.01

    def plate(x: float, y: float, z: float, half: Point, colour: Colour, shine: float, lift: float) -> None:
        outline = rectangle(y - half[0], y + half[0], z - half[1], z + half[1])
        panel(mesh, [(x, across, up) for across, up in outline], colour, shine, lift)

    lamp = car.lamps[0] / 2, car.lamps[1] / 2
    for side in (-1, 1):
        y = side * (h.half - 0.08 - lamp[0])
        plate(front, y, h.hood - 0.16, lamp, HEADLAMP, 0.9, 0.05)
        plate(rear, y, h.belt - 0.22, lamp, TAIL_LAMP, 0.5, 0.05)
    width, bars = car.grille[0] * h.half, car.grille[1]
    plate(front, 0, h.hood - 0.2, (width, 0.1), DARK, 0.1, 0.045)
    for bar in range(bars):
        plate(front - 0.01, 0, h.hood - 0.3 + 0.2 * (bar + 0.5) / bars, (width, 0.015), CHROME, 0.5, 0.055)
    plate(front - 0.01, 0, h.sill + 0.2, (0.24, 0.06), drawing.WHITE, 0.1, 0.06)
    plate(rear + 0.01, 0, h.sill + 0.3, (0.24, 0.06), drawing.WHITE, 0.1, 0.06)


def fittings(mesh: Mesh, car: Car, h: Hull) -> None:
    """Bonnet stripe, loading bed, roof rack."""
    if car.stripe == "bonnet":
        bonnet = (h.nose + 0.05 * car.length, h.hood + 0.012, 0.25), (h.screen_foot, h.belt + 0.012, 0.25)
        roof = (h.screen_top, h.roof + 0.012, 0.25), (h.rear_top, h.roof + 0.012, 0.25)
        across(mesh, *bonnet, car.stripe_colour, 0.3, 0.03)
        across(mesh, *roof, car.stripe_colour, 0.3, 0.03)
    if car.kind == "pickup":
        bed = (h.rear_foot + 0.08, h.belt + 0.01, 0.85 * h.half), (h.tail - 0.1, h.belt - 0.02, 0.85 * h.half)
        across(mesh, *bed, DARK, 0.0, 0.03)
    if car.roof_rack:
        middle, length = (h.screen_top + h.rear_top) / 2, 0.9 * (h.rear_top - h.screen_top)
        for side in (-1, 1):
            at = (middle, side * 0.85 * h.roof_half, h.roof + 0.05)
            mesh.box(at, (length, 0.05, 0.06), CLADDING, 0.2, 0.05)
