"""Floor 1. A folder a class, optionally below a folder a split: `hat/1.jpg`, or `train/hat/1.jpg`."""

import posixpath

import pandas as pd

from src.datasets.raw import Raw
from src.datasets.words import canonical
from src.entries import FolderDataset
from src.errors import UserError

# what a photo is called; .heic is here to be refused with a reason instead of being overlooked
EXTENSIONS = {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif"}


def read(raw: Raw, entry: FolderDataset, place: str) -> pd.DataFrame:
    """A row an image with file, label and, where there are split folders, split.

    The label is the first folder (below the split's); what lies deeper belongs to it. A folder that holds everything,
    as archives often have, is passed over. An image outside any class folder has label ''.
    """
    files = [name for name in raw.names if posixpath.splitext(name)[1].lower() in EXTENSIONS]
    if not files:
        raise UserError(f"{raw.place} holds no image; the folder reader expects <class>/<image>.jpg ({place})")
    start = _start(files, entry)
    parts = [name[start:].split("/") for name in files]
    by_split = _has_splits({names[0] for names in parts if len(names) > 1}, entry, raw.place, place)
    depth = 1 if by_split else 0
    records = {"file": files, "label": [names[depth] if len(names) > depth + 1 else "" for names in parts]}
    if by_split:
        records["split"] = [names[0] if len(names) > 1 else "" for names in parts]
    return pd.DataFrame(records)


def _start(files: list[str], entry: FolderDataset) -> int:
    """Length of the path that all files share, up to the first folder of classes or splits."""
    start = 0
    while True:
        tops = {name[start:].split("/")[0] for name in files}
        top = tops.pop()
        if tops or _is_split(top, entry) or not any("/" in name[start + len(top) + 1 :] for name in files):
            return start
        start += len(top) + 1


def _is_split(folder: str, entry: FolderDataset) -> bool:
    return folder in entry.splits or canonical(folder) is not None


def _has_splits(folders: set[str], entry: FolderDataset, found: str, place: str) -> bool:
    """Whether the top folders are splits; a UserError when some are and some are not."""
    splits = sorted(name for name in folders if _is_split(name, entry))
    others = sorted(folders - set(splits))
    if splits and others:
        raise UserError(
            f"{found}: {', '.join(splits)} look like splits and {', '.join(others[:3])} like classes; "
            f"rename one of them, or name every split folder in {place}.splits, e.g. {{{others[0]}: test}}"
        )
    return bool(splits)
