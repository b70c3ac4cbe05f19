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

from src import images, pictures, store
from src.datasets.raw import Raw
from src.errors import UserError
from src.progress import bar

FACTS = ["sha256", "width", "height", *pictures.COLUMNS]
CHUNK = 1024  # images: what an interruption costs at most

Facts = tuple[Any, ...]  # FACTS of an image
Named = tuple[int, tuple[str, str]]  # the row of a record, its file, and what the table says against it


@dataclass(slots=True)
class Photo:
    """An image that can be used."""

    data: bytes
    facts: Facts  # until `grey` is measured without what `pictures` says
    grey: images.Pixels | None = None  # small, as `images.glance` gives it; None where all facts are known


class Intake(NamedTuple):
    """What came of a dataset's records."""

    kept: pd.DataFrame  # the usable records, with sha256, width and height (upright)
    pictures: pd.DataFrame  # row i measures the image of row i of `kept`
    quarantine: pd.DataFrame  # columns file, reason


@dataclass
class Ledger:
    """What came in so far."""

    rows: list[int] = field(default_factory=list)  # of the records that are kept
    facts: list[Facts] = field(default_factory=list)  # of each
    first: dict[str, int] = field(default_factory=dict)  # sha256 -> the first image with these bytes, among the kept
    refused: list[tuple[str, str]] = field(default_factory=list)  # file, reason

    def enter(self, row: int, photo: Photo) -> bytes | int:
        """Keep a record; its bytes, or the number of an earlier image with the same bytes."""
        earlier = self.first.setdefault(photo.facts[0], len(self.rows))
        self.rows.append(row)
        self.facts.append(photo.facts)
        return photo.data if earlier == len(self.rows) - 1 else earlier


class Looks:
    """What was seen of images, by their sha256: kept in a folder, where the next run finds an interrupted one's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        tables = [store.read_table(file) for file in sorted(folder.glob("*.parquet"))]
        self._known: dict[str, Facts] = {row[0]: row for table in tables for row in table.itertuples(False, None)}
        self._fresh: list[Facts] = []

    def get(self, sha256: str) -> Facts | None:
        """What an earlier run has seen, if it has."""
        return self._known.get(sha256)

    def add(self, facts: Facts) -> None:
        """Keep the facts of an image, CHUNK of them at a time."""
        if facts[0] not in self._known:
            self._fresh.append(facts)
        if len(self._fresh) == CHUNK:
            store.write_table(self._folder / f"{facts[0]}.parquet", pd.DataFrame(self._fresh, columns=FACTS))
            self._fresh.clear()


def pack(raw: Raw, records: pd.DataFrame, folder: Path, workers: int, title: str, scratch: Path) -> Intake:
    """Write the shards of `records` (datasets.read) into `folder`, in their order, byte-equal images once.

    What is seen of images is kept in `scratch` by their sha256, so that a run that was interrupted need not decode them
    again; what the folder is called must say all else that it depends on. Some sixteen images for each worker are in
    memory at a time.
    """
    ledger = Ledger()
    images.write_shards(folder, _usable(raw, records, ledger, Looks(scratch), workers, title))
    facts = pd.DataFrame(ledger.facts, columns=FACTS).astype(pictures.COLUMNS)
    quarantine = pd.DataFrame(ledger.refused, columns=["file", "reason"], dtype=str)
    kept = records.iloc[ledger.rows].reset_index(drop=True).join(facts[["sha256", "width", "height"]])
    return Intake(kept, facts[list(pictures.COLUMNS)], quarantine)


def refuse_broken(quarantine: pd.DataFrame, total: int, limit: float, place: str) -> None:
    """A UserError where more than a share `limit` of `total` images is in quarantine."""
    if len(quarantine) > limit * total:
        file, reason = quarantine.iloc[0]
        raise UserError(
            f"{place}: {len(quarantine):,} of {total:,} images cannot be used, first {file!r}: {reason}. "
            f"Mend or remove them, or raise prepare.max_quarantined ({limit}) in params.yaml"
        )


def _usable(
    raw: Raw, records: pd.DataFrame, ledger: Ledger, looks: Looks, workers: int, title: str
) -> Iterator[bytes | int]:
    """The bytes of every image that can be used, entered in the ledger."""
    named = enumerate(zip(records["file"], _objections(records), strict=True))
    batches = iter(lambda: list(islice(named, pictures.BATCH)), [])
    with bar(len(records), title) as progress:
        for batch in images.in_order(partial(_examine_all, raw, looks), batches, workers, waiting=workers + 1):
            for row, photo in batch:
                if isinstance(photo, str):
                    ledger.refused.append((str(records["file"].iat[row]), photo))
                else:
                    yield ledger.enter(row, photo)
                    looks.add(photo.facts)
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


def _examine_all(raw: Raw, looks: Looks, batch: list[Named]) -> list[tuple[int, Photo | str]]:
    """Each record's row, and its file as a Photo with all facts or the reason why not."""
    examined = [(row, _examine(raw, looks, *named)) for row, named in batch]
    fresh = [photo for _, photo in examined if isinstance(photo, Photo) and photo.grey is not None]
    for photo, measures in zip(fresh, _measures(fresh), strict=True):
        photo.facts, photo.grey = photo.facts + measures, None
    return examined


def _measures(photos: list[Photo]) -> list[Facts]:
    """What `pictures` says of each."""
    found = pictures.describe(np.array([photo.grey for photo in photos])) if photos else {}
    return list(zip(*(values.tolist() for values in found.values()), strict=True))


def _examine(raw: Raw, looks: Looks, file: str, objection: str) -> Photo | str:
    """A file as a Photo, known or yet to be measured, or the reason why not."""
    if objection:
        return objection
    try:
        data = raw.read(file)
        sha256 = hashlib.sha256(data).hexdigest()
        if facts := looks.get(sha256):
            return Photo(data, facts)
        size, grey = images.glance(data)
    except images.Unreadable as error:
        return " ".join(str(error).split())  # in one line: a message may hold the file's name, which may hold anything
    return Photo(data, (sha256, *size), grey)
