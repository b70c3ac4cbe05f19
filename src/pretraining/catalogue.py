"""Floor 2. Rendering what the sample backbones learn from: photos and cut-outs of products in no benchmark."""

from collections.abc import Mapping
from pathlib import Path

from src import progress, store
from src.pretraining.material import CUTOUTS, PHOTOS
from src.sample import catalogue
from src.sample.families import FAMILIES


def render(
    folder: Path,
    seed: int,
    products: int,
    photos: Mapping[str, int],
    cutouts: int,
    messiness: float,
    size: int,
    workers: int,
) -> int:
    """Write `photos/<family>/`, laid out like a sample dataset, and `cutouts/<family>/<sku>.png`; returns how many.

    A family has `products` products with so many `photos` a split, and one cut-out of each of the first `cutouts`.
    """
    taken = 0
    for family in FAMILIES:
        place = folder / PHOTOS / family
        taken += catalogue.write(place, family, seed, products, 0, photos, messiness, size, workers)
        taken += write_cutouts(folder / CUTOUTS / family, family, seed, cutouts, size)
    return taken


def write_cutouts(folder: Path, family: str, seed: int, count: int, size: int) -> int:
    """One PNG a product, its alpha the silhouette; the folder appears whole or not at all. Returns `count`."""
    pool = catalogue.products(family, count, seed)
    with store.whole_folder(folder) as part, progress.bar(count, f"cut-outs {family}") as bar:
        for product in pool:
            catalogue.cutout(product, pool, 0, seed, size).save(part / f"{product.sku}.png")
            bar.update()
    return count
