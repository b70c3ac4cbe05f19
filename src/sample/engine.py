"""Floor 2. A small 3-D engine: polygons, one camera, one light, the painter's algorithm on a Pillow image.

Space: x to the right, y away from the camera, z up; any unit, for a mesh is centred and scaled to radius 1.
Corners of a face run clockwise as seen from outside; a textured face starts at its top left corner.
"""

import itertools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from src.sample.drawing import Colour

Vector = tuple[float, float, float]

AMBIENT, DIFFUSE = 0.45, 0.65
GLOSS_POWER = 8
SHADOW_COLOUR: Colour = (12, 10, 14)
EDGE = 1.5  # pixels of a texture kept off its border, beyond which Pillow would sample black
SHADOW_GRAIN = 4  # shadows are soft: they are drawn at a quarter of the resolution

BOX_SIDES = {
    "front": [(-1, -1, 1), (1, -1, 1), (1, -1, -1), (-1, -1, -1)],
    "back": [(1, 1, 1), (-1, 1, 1), (-1, 1, -1), (1, 1, -1)],
    "left": [(-1, 1, 1), (-1, -1, 1), (-1, -1, -1), (-1, 1, -1)],
    "right": [(1, -1, 1), (1, 1, 1), (1, 1, -1), (1, -1, -1)],
    "top": [(-1, 1, 1), (1, 1, 1), (1, -1, 1), (-1, -1, 1)],
    "bottom": [(-1, -1, -1), (1, -1, -1), (1, 1, -1), (-1, 1, -1)],
}


class Part(NamedTuple):
    """Faces of one material. A texture is spread over them from left to right, an equal strip each."""

    corners: np.ndarray  # [faces, corners, 3]
    colour: Colour
    shine: float
    lift: float  # how much nearer than it is the part counts when faces are sorted: decals, lids
    two_sided: bool
    texture: Image.Image | None


class Strip(NamedTuple):
    """The vertical strip of a texture that one face shows."""

    image: Image.Image
    left: float  # as a share of the width
    right: float


class Mesh:
    """A growing list of parts."""

    def __init__(self) -> None:
        self.parts: list[Part] = []

    def add(
        self,
        corners: np.ndarray | list,
        colour: Colour,
        shine: float = 0.15,
        lift: float = 0.0,
        two_sided: bool = False,
        texture: Image.Image | None = None,
    ) -> None:
        """One face [corners, 3] or several alike [faces, corners, 3]."""
        array = np.asarray(corners, float)
        self.parts.append(Part(array.reshape(-1, *array.shape[-2:]), colour, shine, lift, two_sided, texture))

    def box(
        self,
        centre: Vector,
        size: Vector,
        colour: Colour,
        shine: float = 0.1,
        lift: float = 0.0,
        textures: dict[str, Image.Image] | None = None,
    ) -> None:
        """A box around its centre; `textures` by the names of BOX_SIDES."""
        corners = np.array(list(BOX_SIDES.values())) * np.array(size) / 2 + np.array(centre)
        textures = textures or {}
        for side, face in zip(BOX_SIDES, corners, strict=True):
            if side in textures:
                self.add(face, colour, shine, lift, texture=textures[side])
        plain = [face for side, face in zip(BOX_SIDES, corners, strict=True) if side not in textures]
        if plain:
            self.add(np.stack(plain), colour, shine, lift)

    def revolve(
        self,
        profile: list[tuple[float, float]],
        colours: Colour | list[Colour],
        segments: int = 20,
        shine: float = 0.3,
        at: Vector = (0.0, 0.0, 0.0),
        lift: float = 0.0,
        textures: dict[int, Image.Image] | None = None,
        closed: bool = True,
    ) -> None:
        """A profile of (radius, height), bottom to top, turned around the vertical axis at `at`.

        One colour, or one for each ring between two points of the profile; `textures` by ring.
        `closed` puts a lid on the last point.
        """
        rings = colours if isinstance(colours, list) else [colours] * (len(profile) - 1)
        angles = np.linspace(0, 2 * np.pi, segments + 1)
        unit = np.stack([np.cos(angles), np.sin(angles), np.zeros_like(angles)], axis=1)
        circles = [radius * unit + np.array([at[0], at[1], at[2] + height]) for radius, height in profile]
        for ring, (low, high) in enumerate(itertools.pairwise(circles)):
            faces = np.stack([high[:-1], high[1:], low[1:], low[:-1]], axis=1)
            self.add(faces, rings[ring], shine, lift, texture=(textures or {}).get(ring))
        if closed and profile[-1][0] > 1e-3:
            self.add(circles[-1][-2::-1], rings[-1], shine, lift)


@dataclass(frozen=True)
class View:
    """Where the camera stands: angles in radians, radius and centre of the mesh in pixels."""

    yaw: float
    pitch: float
    roll: float
    radius: float
    centre: tuple[float, float]
    perspective: float  # 0 is parallel projection

    def turn(self, points: np.ndarray) -> np.ndarray:
        """Rotate around the vertical axis: [points, 3] -> [points, 3]."""
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        return points @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]).T

    def tilt(self, points: np.ndarray) -> np.ndarray:
        """Look down by the pitch: [points, 3] -> [points, 3]."""
        cos, sin = math.cos(self.pitch), math.sin(self.pitch)
        return points @ np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]).T

    def project(self, points: np.ndarray) -> np.ndarray:
        """Tilted points [points, 3] to pixels [points, 2], y down."""
        size = self.radius / (1 + points[:, 1] * self.perspective)
        x, y = points[:, 0] * size, -points[:, 2] * size
        cos, sin = math.cos(self.roll), math.sin(self.roll)
        return np.stack([self.centre[0] + x * cos - y * sin, self.centre[1] + x * sin + y * cos], axis=1)


@dataclass(frozen=True)
class Light:
    """One lamp: where it stands as seen from the product, how dark and how soft its shadow is."""

    towards: Vector
    shadow: float  # opacity, 0 for none
    softness: float  # blur radius in cells of SHADOW_GRAIN pixels

    @property
    def direction(self) -> np.ndarray:
        """`towards` with length 1."""
        vector = np.array(self.towards)
        return vector / np.linalg.norm(vector)


class Faces(NamedTuple):
    """All parts of a mesh as flat arrays, one entry a face, corners one after another."""

    corners: np.ndarray  # [corners, 3]
    starts: np.ndarray  # [faces] first corner
    counts: np.ndarray  # [faces]
    colours: np.ndarray  # [faces, 3]
    shine: np.ndarray
    lift: np.ndarray
    two_sided: np.ndarray
    strips: list[Strip | None]

    def total(self, values: np.ndarray) -> np.ndarray:
        """Sum over the corners of each face."""
        return np.add.reduceat(values, self.starts)

    @property
    def following(self) -> np.ndarray:
        """For each corner the next one of its face."""
        after = np.arange(len(self.corners)) + 1
        after[self.starts + self.counts - 1] = self.starts
        return after


def flatten(mesh: Mesh) -> Faces:
    """Lay the parts out in arrays, moved and scaled into the unit ball."""
    parts = mesh.parts
    sizes = [len(part.corners) for part in parts]
    corners = np.concatenate([part.corners.reshape(-1, 3) for part in parts])
    low, high = corners.min(axis=0), corners.max(axis=0)
    counts = np.repeat([part.corners.shape[1] for part in parts], sizes)
    strips: list[Strip | None] = []
    for part, size in zip(parts, sizes, strict=True):
        image = part.texture
        strips += [Strip(image, i / size, (i + 1) / size) if image else None for i in range(size)]
    return Faces(
        corners=(corners - (low + high) / 2) / (np.linalg.norm(high - low) / 2),
        starts=np.cumsum(counts) - counts,
        counts=counts,
        colours=np.repeat(np.array([part.colour for part in parts], float), sizes, axis=0),
        shine=np.repeat([part.shine for part in parts], sizes),
        lift=np.repeat([part.lift for part in parts], sizes),
        two_sided=np.repeat([part.two_sided for part in parts], sizes),
        strips=strips,
    )


def render(canvas: Image.Image, mesh: Mesh, view: View, light: Light) -> None:
    """Draw the mesh and its shadow; on a transparent RGBA canvas alpha becomes its silhouette."""
    faces = flatten(mesh)
    world = view.turn(faces.corners)
    if light.shadow:
        cast_shadow(canvas, faces, world, view, light)
    seen = view.tilt(world)
    pixels = view.project(seen)
    after = faces.following
    area = faces.total(pixels[:, 0] * pixels[after, 1] - pixels[:, 1] * pixels[after, 0])
    normals = -faces.total(np.cross(world, world[after]))  # Newell's method: exact for any flat polygon
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9
    brightness, gloss = illuminate(normals, -view.tilt(normals)[:, 1], faces, light)
    colours = np.clip(faces.colours * brightness[:, None] + gloss[:, None], 0, 255).astype(int).tolist()

    nearness = faces.lift - faces.total(seen[:, 1]) / faces.counts
    order = np.argsort(nearness, kind="stable")
    draw = ImageDraw.Draw(canvas)
    points = [(x, y) for x, y in pixels.tolist()]
    for face in order[(area > 0)[order] | faces.two_sided[order]].tolist():
        start = faces.starts[face]
        outline = points[start : start + faces.counts[face]]
        strip = faces.strips[face]
        if strip is not None and area[face] > 2:
            paste_strip(canvas, outline, strip, brightness[face], gloss[face])
        else:
            colour = tuple(colours[face])
            draw.polygon(outline, fill=colour, outline=colour)


def illuminate(normals: np.ndarray, facing: np.ndarray, faces: Faces, light: Light) -> tuple[np.ndarray, np.ndarray]:
    """Factor on the colour and white added to it, both [faces]; `facing` is 1 towards the camera."""
    diffuse = normals @ light.direction
    diffuse = np.where(faces.two_sided, np.abs(diffuse), np.maximum(diffuse, 0))
    highlight = np.maximum(0, 0.6 * diffuse + 0.4 * facing) ** GLOSS_POWER
    return AMBIENT + DIFFUSE * diffuse, 255 * faces.shine * highlight


def cast_shadow(canvas: Image.Image, faces: Faces, world: np.ndarray, view: View, light: Light) -> None:
    """Darken the ground where the mesh stands between it and the light."""
    direction, ground = light.direction, world[:, 2].min()
    height = world[:, 2] - ground
    fallen = world - 0.6 * height[:, None] * direction / max(direction[2], 0.35)
    fallen[:, 2] = ground
    points = [(x, y) for x, y in (view.project(view.tilt(fallen)) / SHADOW_GRAIN).tolist()]
    mask = Image.new("L", (canvas.width // SHADOW_GRAIN, canvas.height // SHADOW_GRAIN), 0)
    draw = ImageDraw.Draw(mask)
    for start, count in zip(faces.starts.tolist(), faces.counts.tolist(), strict=True):
        draw.polygon(points[start : start + count], fill=255)
    darken(canvas, mask, light)


def darken(canvas: Image.Image, mask: Image.Image, light: Light) -> None:
    """Blur a small mask by the light's softness and lay it over the canvas as a shadow."""
    soft = mask.filter(ImageFilter.GaussianBlur(light.softness)).resize(canvas.size)
    opacity = [int(value * light.shadow) for value in range(256)]
    canvas.paste(SHADOW_COLOUR, (0, 0, *canvas.size), soft.point(opacity))


def homography(target: np.ndarray, source: np.ndarray) -> tuple[float, ...]:
    """What Image.transform(PERSPECTIVE) needs to show source corners [4, 2] at target corners [4, 2]."""
    matrix = np.zeros((8, 8))
    matrix[0::2, 0:2] = matrix[1::2, 3:5] = target
    matrix[0::2, 2] = matrix[1::2, 5] = 1
    matrix[0::2, 6:8] = -target * source[:, :1]
    matrix[1::2, 6:8] = -target * source[:, 1:]
    return tuple(np.linalg.solve(matrix, source.reshape(8)).tolist())


def paste_strip(
    canvas: Image.Image, outline: list[tuple[float, float]], strip: Strip, brightness: float, gloss: float
) -> None:
    """Draw a quad that shows a strip of a texture, lit like any face."""
    corners = np.array(outline)
    origin = np.floor(corners.min(axis=0))
    width, height = (int(side) + 2 for side in corners.max(axis=0) - origin)
    if max(width, height) > 2 * canvas.width:  # so close that only a blur of it would be seen
        return
    size = np.array(strip.image.size)
    source = size * [(strip.left, 0), (strip.right, 0), (strip.right, 1), (strip.left, 1)]
    source = np.clip(source, EDGE, size - EDGE)
    lit = np.minimum(255, np.arange(256) * brightness + gloss).astype(int).tolist()
    picture = strip.image.transform(
        (width, height),
        Image.Transform.PERSPECTIVE,
        homography(corners - origin, source),
        Image.Resampling.BILINEAR,
    ).point(lit * 3)
    mask = Image.new("1", (width, height), 0)
    ImageDraw.Draw(mask).polygon([(x, y) for x, y in (corners - origin).tolist()], fill=1, outline=1)
    canvas.paste(picture, (int(origin[0]), int(origin[1])), mask)
