"""Floor 2. What the sample backbones learn from: photos of products that are in no benchmark, and cut-outs of more."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from src import images, progress, store
from src.images import Pixels, Preprocessing
from src.sample import catalogue
from src.sample.families import FAMILIES

PHOTOS, CUTOUTS = "photos", "cutouts"


class Material(NamedTuple):
    """The whole pre-training catalogue in memory, at the backbones' size S."""

    photos: Pixels  # [N, S, S, 3]
    skus: list[str]  # [N]
    captions: list[str]  # [N]
    cutouts: Pixels  # [M, S, S, 4], alpha last


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


def read(folder: Path, how: Preprocessing) -> Material:
    """Everything that `render` wrote, families and files in the order of their names."""
    photos, skus, captions = [], [], []
    for table in sorted((folder / PHOTOS).glob(f"*/{catalogue.TABLE}")):
        with table.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                photos.append(images.preprocess(images.decode((table.parent / row["file"]).read_bytes()), how))
                skus.append(row["sku"])
                captions.append(row["caption"])
    cutouts = [images.preprocess(Image.open(path), how) for path in sorted((folder / CUTOUTS).glob("*/*.png"))]
    return Material(np.stack(photos), skus, captions, np.stack(cutouts))
