"""Floor 2. Garment patterns: the outline, seams and trimmings of each kind, in a square from -1 to 1, y down."""

from collections.abc import Callable
from dataclasses import dataclass, field

from src.sample.drawing import Colour, Outline, smooth


@dataclass(frozen=True)
class Garment:
    """One fashion product."""

    kind: str
    colour: Colour
    second: Colour
    pattern: str
    repeats: int
    weave: int
    wide: float  # factor on the width
    long: float  # factor on the length
    sleeve: float  # 0 to 1
    flare: float  # 0 to 0.5
    neck: int  # 0 round, 1 deep, 2 narrow
    detail: int  # 0 to 3: pockets, pleats, buttons, high shafts
    logo: str | None


@dataclass
class Cut:
    """How a garment is made: pieces of cloth, seams on it, patches in the second colour, straps beside it."""

    pieces: list[Outline]
    seams: list[Outline] = field(default_factory=list)
    patches: list[Outline] = field(default_factory=list)
    buttons: Outline = field(default_factory=list)
    straps: list[Outline] = field(default_factory=list)
    logo_at: tuple[float, float] | None = None


def mirrored(half: Outline) -> Outline:
    """Both halves of an outline whose right half is given."""
    return half + mirror(half)[::-1]


def mirror(outline: Outline) -> Outline:
    """The same on the other side."""
    return [(-x, y) for x, y in outline]


def both(outline: Outline) -> list[Outline]:
    """Once on each side."""
    return [outline, mirror(outline)]


def top(g: Garment) -> Cut:
    """What shirts, hoodies and jackets share: trunk, sleeves, hem."""
    waist, hem, neck = 0.42 * g.wide, 0.72 * g.long, (0.14, 0.18, 0.10)[g.neck]
    cuff = (waist + 0.28 + 0.21 * g.sleeve, 0.75 * g.sleeve - 0.42)
    under = (cuff[0] - 0.17, cuff[1] + 0.1)
    foot = waist + 0.1 * g.flare
    right = [(neck, -0.72), (waist + 0.05, -0.62), cuff, under, (waist, -0.3), (foot, hem)]
    seams = [*both([(waist, -0.3), (waist + 0.02, -0.55)]), [(-foot, hem - 0.06), (foot, hem - 0.06)]]
    return Cut([mirrored(right)], seams, logo_at=(0, -0.16))


def tee(g: Garment) -> Cut:
    cut, neck, depth = top(g), (0.14, 0.18, 0.10)[g.neck], (0.16, 0.3, 0.1)[g.neck]
    cut.patches.append([(-neck, -0.73), (0, depth - 0.72), (neck, -0.73)])
    return cut


def hoodie(g: Garment) -> Cut:
    cut = top(g)
    cut.pieces.append([(-0.24, -0.68), (-0.2, -0.95), (0.2, -0.95), (0.24, -0.68), (0, -0.5)])
    cut.patches.append([(-0.13, -0.72), (-0.1, -0.86), (0.1, -0.86), (0.13, -0.72), (0, -0.6)])
    cut.seams += [[(-0.25, 0.4), (-0.2, 0.12), (0.2, 0.12), (0.25, 0.4)], *both([(0.06, -0.58), (0.06, -0.22)])]
    return cut


def jacket(g: Garment) -> Cut:
    cut = top(g)
    cut.logo_at = None
    cut.patches += both([(0.18, -0.72), (0.13, -0.3), (0.0, -0.14), (0.06, -0.72)])
    cut.seams.append([(0, -0.7), (0, 0.72 * g.long)])
    if g.detail % 2:
        cut.seams += both([(0.34, 0.2), (0.12, 0.2)])
    if g.detail > 1:
        cut.buttons = [(0.06, -0.07 + 0.18 * i) for i in range(4)]
    return cut


def dress(g: Garment) -> Cut:
    waist, hem = 0.26 * g.wide, 0.85 * min(g.long, 1.05)
    bodice = [(0.12, -0.85), (0.22, -0.85), (0.26, -0.62), (waist + 0.04, -0.5), (waist - 0.04, -0.12)]
    pleats = [[(x, -0.1), (2.2 * x, 0.8 * g.long)] for x in (-0.12, 0, 0.12)]
    cut = Cut([mirrored([*bodice, (waist + 0.2 + 0.5 * g.flare, hem)])], pleats)
    cut.patches.append([(-waist, -0.15), (waist, -0.15), (waist, -0.08), (-waist, -0.08)])
    if g.detail % 2:
        elbow = -0.5 + 0.3 * g.sleeve
        cut.pieces += both([(0.2, -0.84), (0.5, elbow), (0.38, elbow + 0.1), (0.26, -0.55)])
    return cut


def skirt(g: Garment) -> Cut:
    waist, hem, pleats = 0.28 * g.wide, 0.75 * g.long, 2 + 2 * g.detail
    cut = Cut([mirrored([(waist, -0.6), (0.45 * g.wide + 0.6 * g.flare, hem)])])
    for i in range(pleats):
        x = 0.5 * i / (pleats - 1) - 0.25
        cut.seams.append([(x, -0.5), (2.2 * x, 0.7 * g.long)])
    cut.patches.append([(-waist, -0.62), (waist, -0.62), (1.04 * waist, -0.5), (-1.04 * waist, -0.5)])
    return cut


def legs(g: Garment, hem: float) -> Cut:
    """What trousers and shorts share."""
    width = 0.16 * g.wide + 0.2 * g.flare
    outer, inner = (0.2 + width, hem), (0.2 - 0.6 * width, hem)
    hips = [(0.32 * g.wide, -0.9), (0.4 * g.wide, -0.3)]
    cut = Cut([mirrored([*hips, outer, inner, (0.03, -0.2)])])
    cut.seams = [[(0, -0.9), (0, -0.25)], *both([(0.3 * g.wide, -0.75), (0.38 * g.wide, -0.5)])]
    band = 0.32 * g.wide
    cut.patches.append([(-band, -0.91), (band, -0.91), (1.03 * band, -0.81), (-1.03 * band, -0.81)])
    return cut


def trousers(g: Garment) -> Cut:
    return legs(g, 0.95)


def shorts(g: Garment) -> Cut:
    return legs(g, 0.05 + 0.3 * g.long)


def shoe(g: Garment) -> Cut:
    shaft, tip = (-0.7 if g.detail == 2 else -0.45), 0.8 * min(g.wide, 1.05)
    upper = [(-0.75, 0.25), (-0.72, shaft), (-0.32, shaft), (-0.15, -0.12), (0.4, 0.0), (tip, 0.14), (tip + 0.02, 0.3)]
    sole = [(-0.77, 0.22), (tip + 0.03, 0.22), (tip + 0.03, 0.34), (-0.77, 0.34)]
    cut = Cut([[*smooth(upper, closed=False), (-0.75, 0.3)], sole], patches=[sole])
    cut.seams = [[(0.12 * i - 0.3, 0.1 * i - 0.28), (0.12 * i - 0.12, 0.13 * i - 0.38)] for i in range(4)]
    cut.patches.append([(-0.74, 0.05), (-0.73, -0.2), (-0.55, -0.12), (-0.5, 0.22), (-0.74, 0.22)])
    return cut


def bag(g: Garment) -> Cut:
    width, low = 0.55 * g.wide, 0.65 * g.wide - 0.3 * g.flare
    cut = Cut([mirrored([(width, -0.15), (low, 0.6 * g.long)])], logo_at=(0, 0.3))
    half = [(0.3 * g.wide, -0.12), (0.26, -0.6), (0.1, -0.78)]
    cut.straps.append(smooth(mirrored(half), closed=False))
    if g.detail % 2:
        cut.patches.append([(-width, -0.16), (width, -0.16), (0.8 * width, 0.2), (-0.8 * width, 0.2)])
    else:
        cut.seams.append([(-width, 0.05), (width, 0.05)])
    return cut


def hat(g: Garment) -> Cut:
    width, crown = 0.5 * g.wide, -0.5 * g.long
    dome = smooth(mirrored([(0.2, crown), (0.9 * width, 0.6 * crown), (width, 0.15)]))
    peak = [(-width, 0.1), (width, 0.1), (0.95, 0.25), (0.5, 0.32), (-width, 0.2)]
    brim = [(-0.9, 0.2), (-0.5, 0.08), (0.5, 0.08), (0.9, 0.2), (0.5, 0.32), (-0.5, 0.32)]
    band = [(-width, 0.02), (width, 0.02), (width, 0.12), (-width, 0.12)]
    return Cut([dome, peak if g.detail % 2 else brim], patches=[band], logo_at=(0, -0.16))


KINDS: dict[str, Callable[[Garment], Cut]] = {
    "tee": tee,
    "hoodie": hoodie,
    "jacket": jacket,
    "dress": dress,
    "skirt": skirt,
    "trousers": trousers,
    "shorts": shorts,
    "shoe": shoe,
    "bag": bag,
    "hat": hat,
}
