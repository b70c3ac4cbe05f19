"""Floor 2. Things that lie flat: a picture with transparency, seen in perspective, with its shadow beside it."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from src.sample import engine
from src.sample.engine import SHADOW_GRAIN
from src.sample.shot import Shot

SHADOW_REACH = 0.03  # of the canvas, where the light is low


@dataclass(frozen=True)
class Pose:
    """How the picture lies: radians, share of the canvas, height over width, and a perspective that leans."""

    turn: float
    zoom: float
    squash: float = 1.0
    lean: tuple[float, float] = (0.0, 0.0)


def corners(shot: Shot, pose: Pose) -> np.ndarray:
    """Where the corners of the picture come to lie on the canvas: [4, 2], clockwise from the top left."""
    cos, sin = np.cos(pose.turn), np.sin(pose.turn)
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], float)
    turned = square @ np.array([[cos, sin], [-sin, cos]]) * (1, pose.squash)
    nearness = 1 + turned @ np.array(pose.lean)
    return np.array(shot.centre) + turned * nearness[:, None] * pose.zoom * shot.side / 2


def lay(canvas: Image.Image, picture: Image.Image, shot: Shot, pose: Pose) -> None:
    """Put an RGBA picture on the canvas."""
    side = picture.width
    source = np.array([(0, 0), (side, 0), (side, side), (0, side)], float)
    warp = engine.homography(corners(shot, pose), source)
    placed = picture.transform(canvas.size, Image.Transform.PERSPECTIVE, warp, Image.Resampling.BILINEAR)
    if shot.light.shadow:
        mask = placed.getchannel("A").reduce(SHADOW_GRAIN)
        away = -SHADOW_REACH * np.array(shot.light.towards[:2]) * mask.width
        mask = mask.transform(mask.size, Image.Transform.AFFINE, (1, 0, -away[0], 0, 1, -abs(away[1])))
        engine.darken(canvas, mask, shot.light)
    if canvas.mode == "RGBA":
        canvas.alpha_composite(placed)
    else:
        canvas.paste(placed, (0, 0), placed)
