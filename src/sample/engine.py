"""Floor 2. A small 3-D engine: one camera, one light, the painter's algorithm on a Pillow image.

A mesh may use any unit: it is centred and scaled to radius 1 before it is drawn.
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from src.sample.drawing import Colour
from src.sample.mesh import Faces, Mesh, Strip, Vector, flatten

AMBIENT, DIFFUSE = 0.45, 0.65
GLOSS_POWER = 8
SHADOW_COLOUR: Colour = (12, 10, 14)
EDGE = 1.5  # pixels of a texture kept off its border, beyond which Pillow would sample black
SHADOW_GRAIN = 4  # shadows are soft: they are drawn at a quarter of the resolution


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
