"""Floor 2. The record of a household item: one set of measures that every kind reads in its own way."""

from dataclasses import dataclass

from PIL import Image

from src.sample import patterns
from src.sample.drawing import Colour


@dataclass(frozen=True)
class Item:
    """One household product."""

    kind: str
    colour: Colour
    second: Colour
    wood: Colour
    tall: float  # factor on the height
    wide: float  # factor on the width
    style: int  # 0, 1 or 2: the shape of backs, legs, shades, handles
    count: int  # 2 to 5: bars, drawers, flowers
    curve: tuple[float, ...]  # five radii of a turned body
    leg: float  # half thickness of a leg
    pattern: str
    repeats: int
    weave: int

    @property
    def fabric(self) -> Image.Image:
        """Its cloth or print."""
        return patterns.textile(self.pattern, self.colour, self.second, self.repeats, self.weave)
