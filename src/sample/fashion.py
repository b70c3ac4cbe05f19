"""Floor 2. Fashion: ten kinds of garment, laid flat, in eight patterns; the cloth falls anew in every photo."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator
from PIL import Image, ImageDraw

from src.sample import drawing, flat, patterns
from src.sample.chance import happens, pick
from src.sample.drawing import ICONS, WHITE, Outline, colour_name, shade
from src.sample.flat import Pose
from src.sample.garments import KINDS, Cut, Garment
from src.sample.patterns import PATTERNS
from src.sample.shot import Shot

CLUTTERED = True
SLIP = 0.015  # how far a corner lies from where it lay in the last photo, half the garment being 1
LOGO_KINDS = ["tee", "hoodie", "bag", "hat"]
STRAP = 0.035  # width, of the picture


def design(rng: Generator) -> Garment:
    """A new garment; one in five is plain."""
    kind, logo = pick(rng, list(KINDS)), pick(rng, list(ICONS))
    return Garment(
        kind=kind,
        colour=drawing.any_colour(rng, (0.1, 0.9), (0.2, 0.95)),
        second=drawing.any_colour(rng, (0.1, 0.9), (0.2, 0.98)),
        pattern=pick(rng, ["plain", *PATTERNS]),
        repeats=int(rng.integers(4, 12)),
        weave=int(rng.integers(1 << 30)),
        wide=rng.uniform(0.8, 1.2),
        long=rng.uniform(0.75, 1.2),
        sleeve=rng.uniform(0.25, 1),
        flare=rng.uniform(0, 0.5),
        neck=int(rng.integers(3)),
        detail=int(rng.integers(4)),
        logo=logo if happens(rng, 0.35) and kind in LOGO_KINDS else None,
    )


def siblings(garment: Garment, rng: Generator) -> list[Garment]:
    """Every other garment also comes in a second colour, half of these in another pattern too."""
    if happens(rng, 0.5):
        return []
    other = replace(garment, colour=drawing.any_colour(rng, (0.1, 0.9), (0.2, 0.95)))
    if happens(rng, 0.5):
        second = drawing.any_colour(rng, (0.1, 0.9), (0.2, 0.95))
        other = replace(other, pattern=pick(rng, ["plain", "striped", "dotted", "checked"]), second=second)
    return [other]


def category(garment: Garment) -> str:
    """The kind of garment."""
    return garment.kind


def describe(garment: Garment) -> str:
    """What a shop would write under the photo."""
    text = f"{colour_name(garment.colour)} {garment.pattern} {garment.kind}"
    if garment.pattern != "plain":
        text += f" with {colour_name(garment.second)} pattern"
    return f"{text} and {garment.logo} logo" if garment.logo else text


def draw(canvas: Image.Image, garment: Garment, shot: Shot, rng: Generator, _pool: Sequence[Garment]) -> None:
    """The garment on a table, photographed from above."""
    mess = shot.messiness
    picture = paint(garment, rng, shot.side)
    if happens(rng, 0.3 * mess):
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    lean = rng.uniform(-0.12, 0.12, 2) * mess
    pose = Pose(
        turn=2.2 * shot.roll,
        zoom=rng.uniform(0.86, 1.0) * (1 - rng.uniform(0, 0.3) * mess),
        squash=1 - rng.uniform(0, 0.12) * mess,
        lean=(lean[0], lean[1]),
    )
    flat.lay(canvas, picture, shot, pose)


def paint(garment: Garment, rng: Generator, side: int) -> Image.Image:
    """The garment as a picture RGBA [side, side]: silhouette, cloth, trimmings, all folded by one light."""
    cut = KINDS[garment.kind](garment)
    mask, cloth = silhouette(cut, rng, side), fabric(garment, side)
    trim(cloth, garment, cut)
    shading = folds(rng, side // 2)
    light = Image.fromarray((255 * np.clip(shading / 2, 0, 1)).astype(np.uint8)).resize((side, side))
    factors = np.asarray(light, np.float32)[..., None] / 127.5
    picture = Image.fromarray(np.clip(np.asarray(cloth) * factors, 0, 255).astype(np.uint8))
    picture.putalpha(mask)
    return picture


def to_pixels(outline: Outline, side: int) -> Outline:
    return [((x + 1) * side / 2, (y + 1) * side / 2) for x, y in outline]


def silhouette(cut: Cut, rng: Generator, side: int) -> Image.Image:
    """Mask of the pieces, every corner a little out of place."""
    mask = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(mask)
    for piece in cut.pieces:
        slipped = np.array(piece) + rng.uniform(-SLIP, SLIP, (len(piece), 2))
        draw.polygon(to_pixels([(x, y) for x, y in slipped.tolist()], side), fill=255)
    for strap in cut.straps:
        draw.line(to_pixels(strap, side), fill=255, width=int(STRAP * side), joint="curve")
    return mask


def fabric(garment: Garment, side: int) -> Image.Image:
    """The garment's cloth, enlarged to the picture."""
    cloth = patterns.textile(garment.pattern, garment.colour, garment.second, garment.repeats, garment.weave)
    return cloth.resize((side, side), Image.Resampling.BILINEAR)


def trim(cloth: Image.Image, garment: Garment, cut: Cut) -> None:
    """Draw patches, seams, buttons and logo on the cloth."""
    draw, side, thread = ImageDraw.Draw(cloth), cloth.width, shade(garment.colour, 0.55)
    for patch in cut.patches:
        draw.polygon(to_pixels(patch, side), fill=shade(garment.second, 0.85), outline=thread)
    for seam in cut.seams:
        draw.line(to_pixels(seam, side), fill=thread, width=max(2, side // 110), joint="curve")
    for x, y in to_pixels(cut.buttons, side):
        draw.ellipse(drawing.circle(x, y, 0.0125 * side), fill=garment.second)
    if garment.logo and cut.logo_at:
        ((x, y),) = to_pixels([cut.logo_at], side)
        ICONS[garment.logo](draw, x, y, 0.08 * side, garment.second, WHITE)


def folds(rng: Generator, side: int) -> np.ndarray:
    """Light and shade of the cloth: factors around 1, [side, side] float32."""
    bumps = drawing.noise(rng, side, (3, 6, 14), (0.5, 0.35, 0.25))
    angle, across = rng.uniform(0, math.pi), np.linspace(-1, 1, side, dtype=np.float32)
    slope = across * np.float32(math.cos(angle)) + across[:, None] * np.float32(math.sin(angle))
    return 0.72 + 0.5 * bumps + 0.06 * np.sin(slope * np.float32(rng.uniform(5, 11)) + 6 * bumps)
