"""Floor 2. Where a label fits beside a mark, for charts whose marks have names."""

from collections.abc import Sequence
from itertools import product

CHARACTER, LINE = 6.2, 13  # a label's width by its characters, and its height, in the page's 11 px

Box = tuple[float, float, float, float]  # left, top, right, bottom
Label = tuple[float, float, str]  # x, baseline and text-anchor


def room(
    x: float, y: float, text: str, taken: Sequence[Box], field: Box, radius: float
) -> tuple[Label | None, Box | None]:
    """Where a label fits in a field, and the box it takes: right or left of a mark, level, above or below."""
    width, gap = CHARACTER * len(text), radius + 3
    for drop, (anchor, left) in product((0, -LINE, LINE), (("start", x + gap), ("end", x - gap - width))):
        box = (left, y + drop - LINE / 2, left + width, y + drop + LINE / 2)
        inside = box[0] >= field[0] and box[1] >= field[1] and box[2] <= field[2] and box[3] <= field[3]
        if inside and not any(overlap(box, other) for other in taken):
            return (round(left if anchor == "start" else left + width, 1), round(y + drop + 4, 1), anchor), box
    return None, None


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share an area."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
