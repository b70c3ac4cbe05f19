"""Floor 2. A contact sheet of the sample catalogue, to look at.  python -m src.sample.sheet OUT.png [--seed 7]

Two rows a family: studio and phone photos of the same products side by side, then more phone photos.
"""

import argparse
from pathlib import Path

from PIL import Image

from src.sample.catalogue import PHONE, STUDIO, Product, photograph, products
from src.sample.families import FAMILIES

COLUMNS = 10
CATALOGUE = 40  # products a family, as in the benchmark


def rows(family: str, seed: int, messiness: float, size: int) -> list[list[Image.Image]]:
    """The family's two rows."""
    pool = products(family, CATALOGUE, seed)

    def photo(product: Product, view: str, number: int) -> Image.Image:
        return photograph(product, pool, view, number, seed, messiness, size)[0]

    shown = pool[: COLUMNS // 2]
    pairs = [photo(product, view, 0) for product in shown for view in (STUDIO, PHONE)]
    return [pairs, [photo(product, PHONE, number) for product in shown for number in (1, 2)]]


def sheet(seed: int, messiness: float = 1.0, size: int = 128) -> Image.Image:
    """All families, one below the other."""
    strips = [row for family in FAMILIES for row in rows(family, seed, messiness, size)]
    canvas = Image.new("RGB", (COLUMNS * size, len(strips) * size))
    for y, strip in enumerate(strips):
        for x, photo in enumerate(strip):
            canvas.paste(photo, (x * size, y * size))
    return canvas


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--messiness", type=float, default=1.0)
    arguments = parser.parse_args()
    sheet(arguments.seed, arguments.messiness).save(arguments.out)
