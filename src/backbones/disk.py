"""Floor 1. Room on the disk: asked for before something large is written, and one line when it runs out."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from src.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def room(folder: Path, needed: int = 0) -> Iterator[None]:
    """Around writing about `needed` bytes into `folder`: a UserError where there is no room, or no more of it."""
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < needed:
        raise UserError(_line(folder, needed))
    try:
        yield
    except Exception as error:  # safetensors tells it in words only
        if getattr(error, "errno", None) not in FULL and "No space left" not in str(error):
            raise
        raise UserError(_line(folder, needed)) from None


def _line(folder: Path, needed: int) -> str:
    free = _size(shutil.disk_usage(folder).free)
    wanted = f"{_size(needed)} are needed" if needed else "twice the size of the checkpoint is needed"
    return f"the disk of {folder} is full: {free} are free, {wanted}; make room and run it again"


def _size(count: float) -> str:
    """Bytes as people say them.

    >>> _size(344_400_000)
    '344.4 MB'
    """
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"
