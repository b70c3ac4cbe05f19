"""Floor 1. Every image read once: proved whole, hashed, measured, packed into shards; what is of no use quarantined."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from src import images, pictures
from src.datasets.raw import Raw
from src.errors import UserError
from src.progress import bar


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
    album: pictures.Album = field(default_factory=pictures.Album)  # the measures of each
    first: dict[str, int] = field(default_factory=dict)  # sha256 -> the first image with these bytes, among the kept
    refused: list[tuple[str, str]] = field(default_factory=list)  # file, reason

    def enter(self, row: int, photo: Photo) -> bytes | int:
        """Keep a record; its bytes, or the number of an earlier image with the same bytes."""
        earlier = self.first.setdefault(photo.sha256, len(self.rows))
        self.rows.append(row)
        self.facts.append((photo.sha256, photo.width, photo.height))
        self.album.add(photo.grey)
        return photo.data if earlier == len(self.rows) - 1 else earlier


def pack(raw: Raw, records: pd.DataFrame, folder: Path, workers: int, title: str) -> Intake:
    """Write the shards of `records` (datasets.read) into `folder`, in their order, byte-equal images once.

    A few images are in memory at a time.
    """
    ledger = Ledger()
    images.write_shards(folder, _usable(raw, records, ledger, workers, title))
    facts = pd.DataFrame(ledger.facts, columns=["sha256", "width", "height"])
    quarantine = pd.DataFrame(ledger.refused, columns=["file", "reason"], dtype=str)
    kept = records.iloc[ledger.rows].reset_index(drop=True).join(facts)
    return Intake(kept, ledger.album.table(), quarantine)


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
    named = zip(records["file"], _objections(records), strict=True)
    with bar(len(records), title) as progress:
        examined = images.in_order(partial(_examine, raw), named, workers, waiting=4 * workers)
        for row, photo in enumerate(examined):
            if isinstance(photo, str):
                ledger.refused.append((str(records["file"].iat[row]), photo))
            else:
                yield ledger.enter(row, photo)
            progress.update()


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


def _examine(raw: Raw, named: tuple[str, str]) -> Photo | str:
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
