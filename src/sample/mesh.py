"""Floor 2. Solid shapes as polygons: boxes, bodies of revolution, free faces, with colours and textures.

Space: x to the right, y away from the camera, z up; any unit.
Corners of a face run clockwise as seen from outside; a textured face starts at its top left corner.
"""

import itertools
from typing import NamedTuple

import numpy as np
from PIL import Image

from src.sample.drawing import Colour

Vector = tuple[float, float, float]

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
        `closed` puts a lid on the last point; a profile of one point is a disc.
        """
        rings = colours if isinstance(colours, list) else [colours] * len(profile)
        angles = np.linspace(0, 2 * np.pi, segments + 1)
        unit = np.stack([np.cos(angles), np.sin(angles), np.zeros_like(angles)], axis=1)
        circles = [radius * unit + np.array([at[0], at[1], at[2] + height]) for radius, height in profile]
        for ring, (low, high) in enumerate(itertools.pairwise(circles)):
            faces = np.stack([high[:-1], high[1:], low[1:], low[:-1]], axis=1)
            self.add(faces, rings[ring], shine, lift, texture=(textures or {}).get(ring))
        if closed and profile[-1][0] > 1e-3:
            self.add(circles[-1][-2::-1], rings[-1], shine, lift)


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
