"""Floor 2. Packaged goods: cartons, bottles, cans, jars, pouches with printed labels, in brand families."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from numpy.random import Generator
from PIL import Image

from src.sample import drawing, engine, labels
from src.sample.chance import pick
from src.sample.drawing import Colour, colour_name, shade
from src.sample.labels import LABEL_WIDTH, Brand, Flavour
from src.sample.mesh import Mesh, Vector
from src.sample.shot import Shot

KINDS = ["carton", "carton", "carton", "bottle", "can", "jar", "pouch", "tube"]
GLASS: list[Colour] = [(45, 89, 52), (89, 53, 27), (225, 232, 235), (245, 245, 245), (40, 40, 45)]
TIN: Colour = (190, 190, 195)
CLUTTERED = True
MOST_SIBLINGS = 3
# Siblings differ in the band, in the icon, or in both; always in the printed word.
SIBLING_CHANGES = [("band", "name"), ("icon", "ink", "icons", "name"), ("band", "icon", "name")]


@dataclass(frozen=True)
class Package:
    """One product: its body and its print."""

    kind: str
    brand: Brand
    flavour: Flavour
    height: float  # over the width of a carton
    depth: float
    cap: Colour
    glass: Colour
    neck: float

    @property
    def label_height(self) -> int:
        """Pixels of the label, so that its print keeps its proportions on the body."""
        return int(LABEL_WIDTH * min(max(self.height, 0.7), 1.5))


def design(rng: Generator) -> Package:
    """A new product of a new brand."""
    return Package(
        kind=pick(rng, KINDS),
        brand=labels.invent_brand(rng),
        flavour=labels.invent_flavour(rng),
        height=rng.uniform(0.9, 1.7),
        depth=rng.uniform(0.2, 0.6),
        cap=drawing.any_colour(rng, (0, 0.9), (0.2, 0.95)),
        glass=pick(rng, GLASS),
        neck=rng.uniform(0.18, 0.4),
    )


def siblings(package: Package, rng: Generator) -> list[Package]:
    """Near-duplicates of the same brand: same body, same layout, another flavour."""
    family = []
    for _ in range(int(rng.integers(MOST_SIBLINGS + 1))):
        other = labels.invent_flavour(rng)
        changes = {field: getattr(other, field) for field in pick(rng, SIBLING_CHANGES)}
        family.append(replace(package, flavour=replace(package.flavour, **changes)))
    return family


def category(package: Package) -> str:
    """The kind of package."""
    return package.kind


def describe(package: Package) -> str:
    """What a shop would write under the photo."""
    brand, flavour = package.brand, package.flavour
    return (
        f"{colour_name(brand.main)} {package.kind} of {brand.name.lower()} {flavour.name} with "
        f"{colour_name(flavour.band)} band and {colour_name(flavour.ink)} {flavour.icon}"
    )


def draw(canvas: Image.Image, package: Package, shot: Shot, rng: Generator, _pool: Sequence[Package]) -> None:
    """The package alone, turned by up to 40 degrees in the studio's favour and more by hand."""
    mess = shot.messiness
    yaw = rng.uniform(-0.75, 0.75) * (0.3 + 0.9 * mess)
    pitch = rng.uniform(0.05, 0.25) + rng.uniform(0, 0.45) * mess
    engine.render(canvas, build(package), shot.view(yaw, pitch, zoom=1.04), shot.light)


def build(package: Package) -> Mesh:
    """The package standing on the origin."""
    mesh = Mesh()
    stand(mesh, package, (0, 0, 0))
    return mesh


def stand(mesh: Mesh, package: Package, at: Vector) -> None:
    """Add the package to a mesh, its foot at this place."""
    BODIES[package.kind](mesh, package, at)


def carton(mesh: Mesh, package: Package, at: Vector) -> None:
    cuboid(mesh, package, at, (1, package.depth, package.height))


def tube(mesh: Mesh, package: Package, at: Vector) -> None:
    cuboid(mesh, package, at, (0.5, 0.3, 1.5))


def cuboid(mesh: Mesh, package: Package, at: Vector, size: Vector) -> None:
    label = labels.front(package.brand, package.flavour, package.label_height)
    side = labels.side(package.brand, package.flavour)
    centre = (at[0], at[1], at[2] + size[2] / 2)
    print_on = {"front": label, "back": label, "left": side, "right": side}
    mesh.box(centre, size, package.brand.main, textures=print_on)


def pouch(mesh: Mesh, package: Package, at: Vector) -> None:
    (x, y, z), h = at, package.height
    label = labels.front(package.brand, package.flavour, package.label_height)
    colour, left, right, top, bulge = package.brand.main, x - 0.5, x + 0.5, z + h, 0.13
    front = [(left, y, top), (right, y, top), (right, y - bulge, z), (left, y - bulge, z)]
    back = [(right, y, top), (left, y, top), (left, y + bulge, z), (right, y + bulge, z)]
    mesh.add(front, colour, 0.4, texture=label)
    mesh.add(back, colour, 0.4)
    for edge in (left, right):
        gusset = [(edge, y, top), (edge, y - bulge, z), (edge, y + bulge, z)]
        mesh.add(gusset, shade(colour, 0.8), two_sided=True)
    mesh.box((x, y, top + 0.04), (1, 0.02, 0.08), package.flavour.band, 0.4)


def can(mesh: Mesh, package: Package, at: Vector) -> None:
    h = package.height
    turn(mesh, package, at, [(0.44, 0), (0.5, 0.06), (0.5, h), (0.44, h + 0.06)], [TIN] * 3, label=1)


def jar(mesh: Mesh, package: Package, at: Vector) -> None:
    h = package.height
    glass = [(0.48, 0), (0.5, 0.05), (0.5, 0.12), (0.5, h * 0.75), (0.5, h * 0.82), (0.42, h * 0.9)]
    lid = [(0.44, h * 0.9), (0.44, h * 1.05)]
    turn(mesh, package, at, glass + lid, [package.glass] * 6 + [package.cap], label=2)


def bottle(mesh: Mesh, package: Package, at: Vector) -> None:
    h, neck = package.height, package.neck
    glass = [(0.36, 0), (0.38, 0.1), (0.38, h * 0.75), (0.38, h * 0.95), (neck * 0.45, h * 1.25)]
    cap = [(neck * 0.4, h * 1.5), (neck * 0.45, h * 1.5), (neck * 0.45, h * 1.62)]
    turn(mesh, package, at, glass + cap, [package.glass] * 5 + [package.cap] * 2, label=1)


def turn(mesh: Mesh, package: Package, at: Vector, profile: list, colours: list[Colour], label: int) -> None:
    """A round body with the label wrapped around one ring of its profile."""
    print_on = {label: labels.wrap(package.brand, package.flavour, package.label_height)}
    mesh.revolve(profile, colours, segments=18, at=at, textures=print_on)


BODIES: dict[str, Callable[[Mesh, Package, Vector], None]] = {
    "carton": carton,
    "tube": tube,
    "pouch": pouch,
    "can": can,
    "jar": jar,
    "bottle": bottle,
}
