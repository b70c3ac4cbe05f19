"""Floor 2. The photographer's decisions that do not depend on the product: framing and light."""

from dataclasses import dataclass, replace

from numpy.random import Generator

from src.sample.engine import Light, View

MESSY_FROM = 0.05  # below this a photo is a studio photo: clean backdrop, nothing in the way


@dataclass(frozen=True)
class Shot:
    """One photo before the product is known. Lengths are pixels of the canvas, angles radians."""

    messiness: float  # 0 is the studio, 1 a careless phone photo
    side: int  # of the square canvas
    radius: float  # of the product
    centre: tuple[float, float]
    roll: float
    perspective: float
    light: Light

    @property
    def messy(self) -> bool:
        """Whether this is a phone photo."""
        return self.messiness > MESSY_FROM

    def view(self, yaw: float, pitch: float, zoom: float = 1.0) -> View:
        """The camera of this shot, from this side of the product."""
        return View(yaw, pitch, self.roll, self.radius * zoom, self.centre, self.perspective)

    def steadied(self) -> "Shot":
        """The same shot, half as far off centre and half as tilted."""
        middle = self.side / 2
        x, y = ((middle + place) / 2 for place in self.centre)
        return replace(self, centre=(x, y), roll=self.roll / 2)

    def without_shadow(self) -> "Shot":
        """The same shot with a light that casts no shadow."""
        return replace(self, light=replace(self.light, shadow=0.0))


def frame(rng: Generator, messiness: float, side: int) -> Shot:
    """Frame a product: centred and large in the studio, anywhere near the middle on a phone."""
    towards = (rng.uniform(-1, 1) * (0.4 + messiness), -rng.uniform(0.3, 1.2), rng.uniform(0.7, 1.5))
    return Shot(
        messiness=messiness,
        side=side,
        radius=0.5 * side * rng.uniform(0.8, 1.0) * (1 - rng.uniform(0, 0.35) * messiness),
        centre=(
            side * (0.5 + rng.uniform(-0.14, 0.14) * messiness),
            side * (0.5 + rng.uniform(-0.10, 0.12) * messiness),
        ),
        roll=rng.normal() * 0.16 * messiness,
        perspective=rng.uniform(0.1, 0.3),
        light=Light(towards, shadow=rng.uniform(0.2, 0.55), softness=rng.uniform(1, 4)),
    )
