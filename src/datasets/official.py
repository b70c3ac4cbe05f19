"""Floor 1. What readers of public datasets share: finding a layout's files, reading its lists, checking its counts.

Each takes the layout as its authors hand it out. A folder that an archive adds on top is passed over.
"""

import io
from collections.abc import Collection, Mapping
from typing import NamedTuple

import pandas as pd

from src.datasets.raw import Raw
from src.errors import UserError
from src.images import Unreadable


class Official(NamedTuple):
    """What a split of the whole dataset holds."""

    images: int
    labels: int | None = None  # None where nobody states it


def find(raw: Raw, name: str, reader: str, *others: str) -> str:
    """The full name of the file called `name` ('train.txt', 'Eval/list.txt'), the least deep; a UserError if none.

    `others` are names it has elsewhere, looked for in this order.
    """
    for each in (name, *others):
        if found := [full for full in raw.names if f"/{full}".endswith(f"/{each}")]:
            return _least_deep(found)
    raise _absent(raw, name, reader)


def root(raw: Raw, name: str, reader: str) -> str:
    """Where the layout begins, given a file of it: '' if that is the raw folder itself, else 'dataset/' or the like."""
    return find(raw, name, reader).removesuffix(name)


def folder(raw: Raw, name: str, reader: str) -> str:
    """The folder called `name` that itself holds files, with a '/' at its end: the least deep one. A UserError if none.

    Raw names 'cars/cars_train/cars_train/1.jpg' -> 'cars/cars_train/cars_train/' for `name` cars_train.
    """
    folders = {full.rpartition("/")[0] for full in raw.names}
    found = [path for path in folders if path == name or path.endswith(f"/{name}")]
    if not found:
        raise _absent(raw, f"folder {name}/ with photos", reader)
    return _least_deep(found) + "/"


def contents(raw: Raw, name: str, reader: str) -> bytes:
    """The bytes of a file that the reader cannot do without; `name` is a full one."""
    if name not in raw:
        raise _absent(raw, name, reader)
    try:
        return raw.read(name)
    except Unreadable as error:
        raise UserError(f"{raw.place}: {name} is broken ({error}); fetch the dataset again") from None


def lines(raw: Raw, name: str, reader: str) -> list[str]:
    """The lines of a text file that are not blank."""
    text = _text(raw, name, reader).replace("\r\n", "\n")
    return [line for line in text.split("\n") if line.strip()]  # splitlines() would also cut at U+2028 and the like


def table(raw: Raw, name: str, columns: Collection[str], reader: str, separator: str = ",") -> pd.DataFrame:
    """A csv file with a header, cells as they are written. A UserError where a row or one of `columns` is not whole."""
    text = _text(raw, name, reader)
    try:
        rows = pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False)
    except ValueError as error:  # pandas' parser errors: an empty file, a row with more cells than the header
        raise UserError(f"{raw.place}: {name} is not the official one ({' '.join(str(error).split())})") from None
    if not isinstance(rows.index, pd.RangeIndex):  # pandas takes what the first line has too much for an index
        cells = separator.join(map(str, rows.reset_index().iloc[0]))
        raise UserError(f"{raw.place}: {name} has the line {cells!r}; expected: {separator.join(columns)}")
    if missing := [column for column in columns if column not in rows]:
        known = f"its columns: {', '.join(map(str, rows))}; docs/datasets/{reader}.md shows the official ones"
        raise UserError(f"{raw.place}: {name} has no column '{missing[0]}', {known}")
    if not (whole := (rows[list(columns)].fillna("") != "").all(axis=1)).all():
        cells = separator.join(rows[~whole].iloc[0].fillna(""))
        raise UserError(f"{raw.place}: {name} has the line {cells!r}; expected: {separator.join(columns)}")
    return rows


def check(records: pd.DataFrame, official: Mapping[str, Official], raw: Raw, place: str) -> None:
    """A UserError where a split has other counts than in the whole dataset; readers of a strict entry call it."""
    differences = []
    for split, whole in official.items():
        labels = records["label"][records["split"] == split]
        counts = Official(len(labels), None if whole.labels is None else labels.nunique())
        if counts != whole:
            differences.append(f"{split} has {_line(counts, 'images')}, the official dataset {_line(whole)}")
    if differences:
        raise UserError(
            f"{raw.place}: {'; '.join(differences)}. Fetch it again, or accept a subset by {place}.strict: false"
        )


def _line(counts: Official, unit: str = "") -> str:
    """'8,144 images of 196 labels', or '8,144 of 196' without a unit."""
    images = f"{counts.images:,} {unit}".strip()
    labels = "" if counts.labels is None else f" of {counts.labels:,} {'labels' if unit else ''}".rstrip()
    return images + labels


def _text(raw: Raw, name: str, reader: str) -> str:
    try:
        return contents(raw, name, reader).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{raw.place}: {name} is not UTF-8 as the official one is; fetch the dataset again") from None


def _least_deep(names: Collection[str]) -> str:
    return min(names, key=lambda name: (name.count("/"), name))


def _absent(raw: Raw, what: str, reader: str) -> UserError:
    return UserError(f"{raw.place} holds no {what}; docs/datasets/{reader}.md shows what belongs there")
