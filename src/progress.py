"""Floor 0. Progress that helps on a terminal and stays quiet in a log."""

import sys
from typing import Any

from tqdm import tqdm

LOG_INTERVAL = 60.0  # seconds between two lines when nobody watches


def bar(total: int, title: str, unit: str = "images") -> "tqdm[Any]":
    """A progress bar on stderr with rate and time left; off a terminal it writes a line a minute at most.

    >>> with bar(len(rows), "extract sop") as progress:
    ...     progress.update(64)
    """
    watched = sys.stderr.isatty()
    return tqdm(
        total=total,
        desc=title,
        unit=f" {unit}",
        disable=None if watched else False,
        mininterval=0.2 if watched else LOG_INTERVAL,
        delay=0 if watched else LOG_INTERVAL,
        leave=False,
        dynamic_ncols=True,
    )


def duration(seconds: float) -> str:
    """A time, as exactly as an estimate deserves.

    >>> [duration(seconds) for seconds in (44.4, 600, 9000)]
    ['44 s', '10 min', '2 h 30 min']
    """
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
