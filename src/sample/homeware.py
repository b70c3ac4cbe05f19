"""Floor 2. Things for table and wall: lamps, mugs, vases, kettles, pots, clocks, toasters. Standing on z = 0."""

import math

import numpy as np

from src.sample.chance import generator
from src.sample.drawing import WHITE, Colour, Point, shade
from src.sample.item import Item
from src.sample.mesh import Mesh

COFFEE: Colour = (70, 45, 30)
STALK: Colour = (60, 120, 50)
IRON: Colour = (30, 30, 30)
TOAST: Colour = (191, 146, 96)


def lamp(mesh: Mesh, item: Item) -> None:
    height = item.tall
    knot = [(0.5 * item.curve[0], 0.35), (0.05, 0.6)] if item.style == 1 else []
    foot = [(0.35 * item.wide, 0), (0.35 * item.wide, 0.06), (0.05, 0.1)]
    mesh.revolve([*foot, *knot, (0.04, 1.2 * height), (0.04, 1.25 * height)], item.second, segments=16, shine=0.5)
    low, high = (0.45, 0.45) if item.style == 2 else (0.55, 0.3)
    cover = [(low * item.wide, 1.1 * height), (high * item.wide, 1.7 * height)]
    mesh.revolve(cover, item.colour, segments=22, shine=0.1, lift=0.02, textures={0: item.fabric})


def mug(mesh: Mesh, item: Item) -> None:
    height, rim = item.tall, 0.4 if item.style == 2 else 0.5
    body = [(0.42, 0), (0.45 + 0.05 * item.style, height / 2), (rim, height)]
    mesh.revolve(body, item.colour, segments=24, shine=0.6, textures={0: item.fabric})
    mesh.revolve([(0.83 * rim, height + 0.01)], COFFEE, shine=0.2, lift=0.03)
    arch(mesh, (0.4, 0.5 * height), (0.35, 0.36 * height), (-1.2, 1.2), 0.7, shade(item.colour, 0.85))


def arch(mesh: Mesh, centre: Point, radii: Point, turn: Point, inner: float, colour: Colour) -> None:
    """A flat handle in the plane y = 0: part of an elliptic ring between two angles."""
    angles = np.linspace(turn[0], turn[1], 9)
    outer = np.stack([centre[0] + radii[0] * np.cos(angles), 0 * angles, centre[1] + radii[1] * np.sin(angles)], axis=1)
    core = np.array([centre[0], 0, centre[1]])
    inside = core + (outer - core) * inner
    mesh.add(np.stack([outer[:-1], outer[1:], inside[1:], inside[:-1]], axis=1), colour, 0.4, two_sided=True)


def vase(mesh: Mesh, item: Item) -> None:
    height = 1.6 * item.tall
    radii = [0.12 + item.wide * radius for radius in (0.3, *item.curve)]
    ringed = [item.colour if i % 2 == 0 or item.style else item.second for i in range(5)]
    mesh.revolve(list(zip(radii, np.linspace(0, height, 6).tolist(), strict=True)), ringed, segments=24, shine=0.7)
    if item.style == 2:
        for x, y in generator(item.weave, "flowers").uniform(-0.3, 0.3, (item.count, 2)).tolist():
            mesh.box((x / 2, y / 2, height + 0.2), (0.03, 0.03, 0.5), STALK, 0.0, 0.02)
            blossom = [(0.02, 0), (0.16, 0.1), (0.02, 0.22)]
            mesh.revolve(blossom, item.second, segments=9, shine=0.1, at=(x / 2, y / 2, height + 0.4), lift=0.02)


def kettle(mesh: Mesh, item: Item) -> None:
    width, height = item.wide, item.tall
    body = [(0.5, 0), (0.58 * width + 0.05, 0.25), (0.55 * width, 0.6 * height), (0.3, 0.85 * height)]
    lid = [(0.28, 0.88 * height), (0.08, 0.95 * height), (0.1, 1.05 * height)]
    mesh.revolve(body + lid, [item.colour] * 4 + [item.second] * 2, segments=24, shine=0.8)
    tip, spout = (0.95 * width, 0.85 * height), shade(item.colour, 0.85)
    top = [(0.5 * width, -0.08, 0.5), (tip[0], -0.04, tip[1]), (tip[0], 0.04, tip[1]), (0.5 * width, 0.08, 0.5)]
    mesh.add(top, spout, 0.4, 0.03, two_sided=True)
    for y in (-1, 1):
        cheek = [(0.5 * width, 0.08 * y, 0.5), (tip[0], 0.04 * y, tip[1]), (0.5 * width, 0.08 * y, 0.2)]
        mesh.add(cheek, spout, 0.4, 0.03, two_sided=True)
    arch(mesh, (0, 0.8 * height), (0.45, 0.5), (0.2, 2.9), 0.86, shade(item.second, 0.6))


def pot(mesh: Mesh, item: Item) -> None:
    height = item.tall
    body = [(0.55, 0), (0.62, 0.08), (0.62, 0.7 * height), (0.64, 0.7 * height), (0.3, 0.82 * height)]
    knob = [(0.08, 0.84 * height), (0.1, 0.95 * height)]
    mesh.revolve(body + knob, [item.colour] * 4 + [item.second] * 2, segments=24, shine=0.8)
    for side in (-1, 1):
        mesh.box((0.74 * side, 0, 0.55 * height), (0.24, 0.2, 0.06), shade(item.second, 0.5))


def clock(mesh: Mesh, item: Item) -> None:
    dial = WHITE if item.pattern in ("striped", "checked") else item.second
    clock_disc(mesh, item, 0.8, -0.06, item.colour, 0.0)
    clock_disc(mesh, item, 0.68, -0.08, dial, 0.02)
    for hour in range(12):
        right, up = math.cos(hour * math.pi / 6), math.sin(hour * math.pi / 6)
        mesh.box((0.57 * right, -0.09, 1 + 0.57 * up), (0.07, 0.01, 0.07), IRON, 0.0, 0.03)
    for length, angle in ((0.32, 0.6), (0.48, 2.0)):
        right, up = math.cos(angle), math.sin(angle)
        base = [(-0.03 * up, -0.1, 1 + 0.03 * right), (0.03 * up, -0.1, 1 - 0.03 * right)]
        mesh.add([base[0], (length * right, -0.1, 1 + length * up), base[1]], IRON, 0.0, 0.05, two_sided=True)
    mesh.box((0, 0, 0.15), (0.5, 0.3, 0.1), item.colour)


def clock_disc(mesh: Mesh, item: Item, radius: float, y: float, colour: Colour, lift: float) -> None:
    """A dial, square in style 2."""
    angles = -np.linspace(0, 2 * np.pi, 26, endpoint=False)
    outline = list(zip(np.cos(angles).tolist(), np.sin(angles).tolist(), strict=True))
    if item.style == 2:
        outline = [(-1, 1), (1, 1), (1, -1), (-1, -1)]
    mesh.add([(radius * x, y, 1 + radius * z) for x, z in outline], colour, 0.2, lift)


def toaster(mesh: Mesh, item: Item) -> None:
    width, height = 1.2 * item.wide, item.tall
    mesh.box((0, 0, 0.45 * height), (width, 0.6, 0.8 * height), item.colour, 0.6)
    mesh.box((0, 0, 0.05), (0.95 * width, 0.55, 0.1), IRON)
    for slot in range(max(1, item.count - 3)):
        y = 0.24 * slot - 0.12
        mesh.box((0, y, 0.86 * height), (0.7 * width, 0.1, 0.03), IRON, 0.0, 0.02)
        if item.style:
            mesh.box((0, y, 0.95 * height), (0.6 * width, 0.07, 0.2), TOAST, 0.0, 0.04)
    mesh.box((width / 2 + 0.04, 0, 0.4 * height), (0.08, 0.12, 0.1), shade(item.second, 0.4))
    half, low, high = 0.1 * width, 0.3 * height, 0.5 * height
    plate = [(-half, -0.31, high), (half, -0.31, high), (half, -0.31, low), (-half, -0.31, low)]
    mesh.add(plate, item.second, 0.3, 0.04)
