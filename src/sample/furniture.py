"""Floor 2. Furniture: chairs, tables, stools, sofas, cabinets. Metres, feet on z = 0, front towards -y."""

from src.sample.drawing import blend, shade
from src.sample.item import Item
from src.sample.mesh import Mesh


def legs(mesh: Mesh, item: Item, width: float, depth: float, height: float) -> None:
    """Four legs at the corners of a rectangle; turned ones in style 1."""
    for x in (item.leg - width / 2, width / 2 - item.leg):
        for y in (item.leg - depth / 2, depth / 2 - item.leg):
            if item.style == 1:
                profile = [(0.5 * item.leg, 0), (item.leg, height)]
                mesh.revolve(profile, item.wood, segments=8, shine=0.2, at=(x, y, 0), closed=False)
            else:
                mesh.box((x, y, height / 2), (2 * item.leg, 2 * item.leg, height), item.wood)


def chair(mesh: Mesh, item: Item) -> None:
    width = 0.9 * item.wide
    legs(mesh, item, width, width, 0.8)
    mesh.box((0, 0, 0.85), (width, width, 0.1), item.colour, textures={"top": item.fabric})
    BACKS[item.style](mesh, item, width, 0.9 * item.tall)


def upholstered_back(mesh: Mesh, item: Item, width: float, height: float) -> None:
    cover = {"front": item.fabric, "back": item.fabric}
    mesh.box((0, width / 2 - 0.05, 0.9 + height / 2), (width, 0.08, height), item.colour, textures=cover)


def barred_back(mesh: Mesh, item: Item, width: float, height: float) -> None:
    y = width / 2 - 0.05
    for i in range(item.count):
        x = (width - 0.1) * (i / (item.count - 1) - 0.5)
        mesh.box((x, y, 0.9 + height / 2), (0.06, 0.06, height), item.wood)
    mesh.box((0, y, 0.9 + height), (width, 0.08, 0.14), item.wood)


def ladder_back(mesh: Mesh, item: Item, width: float, height: float) -> None:
    y, rung = width / 2 - 0.05, height / item.count
    for i in range(item.count):
        mesh.box((0, y, 0.95 + (i + 0.5) * rung), (width, 0.06, 0.55 * rung), item.wood)
    for x in (0.04 - width / 2, width / 2 - 0.04):
        mesh.box((x, y, 0.9 + height / 2), (0.07, 0.07, height), item.wood)


BACKS = [upholstered_back, barred_back, ladder_back]


def table(mesh: Mesh, item: Item) -> None:
    height, width = 0.8 * item.tall, 1.8 * item.wide
    if item.style == 2:
        top = [(width / 2, height), (width / 2, height + 0.07)]
        mesh.revolve([(0.5 * item.wide, 0), (0.06, 0.08), (0.06, height), *top], item.wood, segments=22, shine=0.2)
    else:
        legs(mesh, item, width, 1.0, height)
        plate = item.wood if item.style == 0 else item.colour
        mesh.box((0, 0, height + 0.04), (width, 1.0, 0.08), plate, shine=0.25)


def stool(mesh: Mesh, item: Item) -> None:
    seat = [
        (0.45 * item.wide, 0.75 * item.tall),
        (0.5 * item.wide, 0.8 * item.tall),
        (0.48 * item.wide, 0.9 * item.tall),
    ]
    legs(mesh, item, 0.7 * item.wide, 0.7 * item.wide, 0.75 * item.tall)
    mesh.revolve(seat, item.colour, shine=0.2)


def sofa(mesh: Mesh, item: Item) -> None:
    width, seats = 2.0 * item.wide, max(2, item.count - 2)
    cover = {"front": item.fabric, "back": item.fabric}
    mesh.box((0, 0, 0.3), (width, 0.9, 0.35), item.colour, 0.05, textures={"front": item.fabric})
    mesh.box((0, 0.4, 0.65 * item.tall), (width, 0.2, 0.8 * item.tall), item.colour, 0.05, -0.05, cover)
    for side in (-1, 1):
        arm = (side * (width / 2 + 0.1), 0, 0.4 * item.tall)
        mesh.box(arm, (0.2, 0.9, 0.65 * item.tall), shade(item.colour, 0.9), 0.05, 0.02)
    cushion = item.second if item.style == 2 else item.colour
    for seat in range(seats):
        x = width * ((seat + 0.5) / seats - 0.5)
        mesh.box((x, -0.03, 0.52), (0.94 * width / seats, 0.82, 0.14), cushion, 0.05, 0.03)
    legs(mesh, item, width, 0.9, 0.12)


def cabinet(mesh: Mesh, item: Item) -> None:
    width, height = 1.2 * item.wide, 1.1 * item.tall
    mesh.box((0, 0, height / 2 + 0.15), (width, 0.5, height), item.wood)
    legs(mesh, item, width, 0.5, 0.15)
    rows, columns = (1 if item.style == 1 else item.count), (1 if item.style == 0 else 2)
    painted = item.pattern in ("dotted", "checked")
    door = item.colour if painted else blend(item.wood, (255, 255, 255), 0.12)
    knob = (0.04, 0.04, 0.2) if item.style == 1 else (0.14, 0.04, 0.04)
    half, rise = 0.44 * width / columns, 0.42 * height / rows
    for row in range(rows):
        for column in range(columns):
            x, z = width * ((column + 0.5) / columns - 0.5), 0.15 + height * (row + 0.5) / rows
            corners = [(x - half, z + rise), (x + half, z + rise), (x + half, z - rise), (x - half, z - rise)]
            mesh.add([(across, -0.26, up) for across, up in corners], door, 0.1, 0.03)
            mesh.box((x, -0.28, z), knob, item.second, 0.5, 0.06)
