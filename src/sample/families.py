"""Floor 2. The product families of the sample catalogue: one module each, all with the same five functions."""

from collections.abc import Sequence
from typing import Any, Protocol

from numpy.random import Generator
from PIL import Image

from src.sample import cars, fashion, food, household, packaged, shelf
from src.sample.shot import Shot


class Family(Protocol):
    """What the module of a family offers; `design` is its own record of what a product looks like."""

    CLUTTERED: bool  # whether a phone photo has other things lying around

    def design(self, rng: Generator) -> Any:
        """A new product, unlike the ones before."""

    def siblings(self, design: Any, rng: Generator) -> list[Any]:
        """Products of the same shape that differ in colour, pattern or print; often none."""

    def category(self, design: Any) -> str:
        """The product type."""

    def describe(self, design: Any) -> str:
        """A caption without article."""

    def draw(self, canvas: Image.Image, design: Any, shot: Shot, rng: Generator, pool: Sequence[Any]) -> None:
        """Draw the product; `pool` are the designs that may stand beside it."""


FAMILIES: dict[str, Family] = {
    "cars": cars,
    "household": household,
    "fashion": fashion,
    "packaged": packaged,
    "shelf": shelf,
    "food": food,
}
