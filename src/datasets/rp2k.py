"""Floor 1. RP2K (Peng et al., arXiv 2006.12634) in its official layout: photos in all/{train,test}/<product>/."""

import re

import pandas as pd

from src.datasets import official
from src.datasets.official import Official
from src.datasets.raw import Raw
from src.entries import OfficialDataset
from src.errors import UserError

PHOTO = re.compile(r"(?:.*/)?all/(train|test)/([^/]+)/[^/]+\.(?i:jpe?g|png)", re.DOTALL)
OFFICIAL = {"train": Official(344_854, 2_388), "test": Official(39_457)}


def read(raw: Raw, entry: OfficialDataset, place: str) -> pd.DataFrame:
    """A row an image: file, label (product, named in Chinese or English) and split.

    A UserError where counts are not the official ones and `entry.strict` is set.
    """
    photos = [(name, *found.groups()) for name in raw.names if (found := PHOTO.fullmatch(name))]
    if not photos:
        raise UserError(
            f"{raw.place} holds no all/train/<product>/<photo>.jpg; docs/datasets/rp2k.md shows what belongs there"
        )
    records = pd.DataFrame(photos, columns=["file", "split", "label"])
    if entry.strict:
        official.check(records, OFFICIAL, raw, place)
    return records
