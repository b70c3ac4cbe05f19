"""Floor 1. Answers that were paid for: each is on disk before the next request, and none is asked for twice.

A SQLite file for each encoder, in .scratch/services of the repository (of the original one, in a copy that DVC makes
for an experiment). No stage removes it: deleting it means paying again. The journal is SQLite's default, not the faster
WAL: one file, sound on a network disk too, and still far quicker than any service.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from src import store
from src.errors import UserError
from src.services import identity

BUSY = 120.0  # seconds to wait while another run writes
SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (photo BLOB PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS encoder (name TEXT PRIMARY KEY, value TEXT);
"""


class Answers:
    """Vectors by the sha256 of the photo that was sent; any thread may keep one. A UserError where the file is broken.

    >>> with Answers(config) as answers:
    ...     answers.keep([name], vectors)
    """

    def __init__(self, config: dict[str, Any]) -> None:
        encoder = identity(config)
        self.path = place(config)
        self.dim: int | None = config["dim"]
        self._slug = config["model"]
        self._lock = Lock()
        with self._told():
            self._base = sqlite3.connect(self.path, timeout=BUSY, check_same_thread=False)
            self._base.executescript(SCHEMA)
            with self._base:
                rows = [(name, str(value)) for name, value in encoder.items()]  # for whoever opens the file
                self._base.executemany("INSERT OR IGNORE INTO encoder VALUES (?, ?)", rows)
            first = self._base.execute("SELECT length(vector) FROM answers LIMIT 1").fetchone()
        self.dim = self.dim or (first and first[0] // 4)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._base.close()

    def names(self) -> set[bytes]:
        """The photos whose vectors are here."""
        with self._told(), self._lock:
            return {name for (name,) in self._base.execute("SELECT photo FROM answers")}

    def keep(self, names: list[bytes], vectors: NDArray[np.float32]) -> None:
        """The vectors [B, D] of B photos, on disk when this returns. All answers must have one length."""
        self._check(vectors.shape[1])
        rows = [(name, vector.astype("<f4").tobytes()) for name, vector in zip(names, vectors, strict=True)]
        with self._told(), self._lock, self._base:
            self._base.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?)", rows)

    def _check(self, length: int) -> None:
        with self._lock:
            self.dim = self.dim or length
            if length != self.dim:
                raise UserError(
                    f"a vector of {length} numbers came back where {self.dim} were expected; set"
                    f" models.{self._slug}.dim to what the service offers or, if the service has changed, delete"
                    f" {self.path}"
                )

    def read(self, names: Iterable[bytes]) -> NDArray[np.float32]:
        """The vectors of photos that are all here: [N, D]."""
        with self._told(), self._lock:
            query = "SELECT vector FROM answers WHERE photo = ?"
            found = [self._base.execute(query, (name,)).fetchone()[0] for name in names]
        return np.stack([np.frombuffer(vector, "<f4") for vector in found]).astype(np.float32)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise UserError(
                f"{self.path}: {error}; make room if the disk is full; if the file is damaged, move it away"
                " (its answers will be paid for again)"
            ) from None


def place(config: dict[str, Any]) -> Path:
    """The file of an encoder."""
    return store.scratch("services") / f"{config['service']}-{store.fingerprint(identity(config))}.sqlite"
