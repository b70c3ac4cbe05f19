"""Floor 2. What the sample backbones learn from, read into memory."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from src import images
from src.images import Pixels, Preprocessing

PHOTOS, CUTOUTS = "photos", "cutouts"  # folders of the pre-training catalogue


class Material(NamedTuple):
    """The whole pre-training catalogue in memory, at the backbones' size S."""

    photos: Pixels  # [N, S, S, 3]
    skus: list[str]  # [N]
    captions: list[str]  # [N]
    cutouts: Pixels  # [M, S, S, 4], alpha last


def read(folder: Path, how: Preprocessing) -> Material:
    """A rendered catalogue: photos in the order of their family and its table, cut-outs in the order of their names."""
    photos, skus, captions = [], [], []
    for table in sorted((folder / PHOTOS).glob("*/*.csv")):
        with table.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                photos.append(images.preprocess(images.decode((table.parent / row["file"]).read_bytes()), how))
                skus.append(row["sku"])
                captions.append(row["caption"])
    cutouts = [images.preprocess(Image.open(path), how) for path in sorted((folder / CUTOUTS).glob("*/*.png"))]
    return Material(np.stack(photos), skus, captions, np.stack(cutouts))
