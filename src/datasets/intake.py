"""Floor 1. Every image read once: proved whole, hashed, measured, packed into shards; what is of no use quarantined."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from src import images, pictures
from src.datasets.raw import Raw
from src.errors import UserError
from src.progress import bar

Named = tuple[str, str]  # a file, and what the table says against it
Measures = dict[str, NDArray[Any]]  # as `pictures.describe` gives them


class Photo(NamedTuple):
    """An image that can be used."""

    data: bytes
    sha256: str
    width: int
    height: int
    grey: images.Pixels  # small, as `images.glance` gives it


class Intake(NamedTuple):
    """What came of a dataset's records."""

    kept: pd.DataFrame  # the usable records, with sha256, width and height (upright)
    pictures: pd.DataFrame  # row i measures the image of row i of `kept`
    quarantine: pd.DataFrame  # columns file, reason


@dataclass
class Ledger:
    """What came in so far."""

    rows: list[int] = field(default_factory=list)  # of the records that are kept
    facts: list[tuple[str, int, int]] = field(default_factory=list)  # sha256, width, height of each
    measured: list[Measures] = field(default_factory=list)  # of each, in batches
    first: dict[str, int] = field(default_factory=dict)  # sha256 -> the first image with these bytes, among the kept
    refused: list[tuple[str, str]] = field(default_factory=list)  # file, reason

    def enter(self, row: int, photo: Photo) -> bytes | int:
        """Keep a record; its bytes, or the number of an earlier image with the same bytes."""
        earlier = self.first.setdefault(photo.sha256, len(self.rows))
        self.rows.append(row)
        self.facts.append((photo.sha256, photo.width, photo.height))
        return photo.data if earlier == len(self.rows) - 1 else earlier


def pack(raw: Raw, records: pd.DataFrame, folder: Path, workers: int, title: str) -> Intake:
    """Write the shards of `records` (datasets.read) into `folder`, in their order, byte-equal images once.

    Some sixteen images for each worker are in memory at a time.
    """
    ledger = Ledger()
    images.write_shards(folder, _usable(raw, records, ledger, workers, title))
    facts = pd.DataFrame(ledger.facts, columns=["sha256", "width", "height"])
    quarantine = pd.DataFrame(ledger.refused, columns=["file", "reason"], dtype=str)
    kept = records.iloc[ledger.rows].reset_index(drop=True).join(facts)
    return Intake(kept, pictures.table(ledger.measured), quarantine)


def refuse_broken(quarantine: pd.DataFrame, total: int, limit: float, place: str) -> None:
    """A UserError where more than a share `limit` of `total` images is in quarantine."""
    if len(quarantine) > limit * total:
        file, reason = quarantine.iloc[0]
        raise UserError(
            f"{place}: {len(quarantine):,} of {total:,} images cannot be used, first {file!r}: {reason}. "
            f"Mend or remove them, or raise prepare.max_quarantined ({limit}) in params.yaml"
        )


def _usable(raw: Raw, records: pd.DataFrame, ledger: Ledger, workers: int, title: str) -> Iterator[bytes | int]:
    """The bytes of every image that can be used, entered in the ledger."""
    named = enumerate(zip(records["file"], _objections(records), strict=True))
    batches = iter(lambda: list(islice(named, pictures.BATCH)), [])
    with bar(len(records), title) as progress:
        for batch, measured in images.in_order(partial(_examine_all, raw), batches, workers, waiting=workers + 1):
            ledger.measured += measured
            for row, photo in batch:
                if isinstance(photo, str):
                    ledger.refused.append((str(records["file"].iat[row]), photo))
                else:
                    yield ledger.enter(row, photo)
            progress.update(len(batch))


def _objections(records: pd.DataFrame) -> Iterator[str]:
    """What the table alone says against each image, '' where nothing."""
    ids: set[str] = set()
    texts: Any = zip(*(records[column] for column in ("image_id", "file", "label")), strict=True)
    for image_id, file, label in texts:
        if not label:
            yield "no label"
        elif image_id in ids:
            yield "listed before" if image_id == file else f"image_id {image_id} is listed before"
        else:
            yield ""
        ids.add(image_id)


def _examine_all(raw: Raw, batch: list[tuple[int, Named]]) -> tuple[list[tuple[int, Photo | str]], list[Measures]]:
    """Files with their rows, each as a Photo or the reason why not, and the photos' measures, if there are any."""
    examined = [(row, _examine(raw, named)) for row, named in batch]
    greys = [photo.grey for _, photo in examined if isinstance(photo, Photo)]
    return examined, [pictures.describe(np.stack(greys))] if greys else []


def _examine(raw: Raw, named: Named) -> Photo | str:
    """A file as a Photo, or the reason why not."""
    file, objection = named
    if objection:
        return objection
    try:
        data = raw.read(file)
        (width, height), grey = images.glance(data)
    except images.Unreadable as error:
        return " ".join(str(error).split())  # in one line: a message may hold the file's name, which may hold anything
    return Photo(data, hashlib.sha256(data).hexdigest(), width, height, grey)
