"""Floor 1. The places that hold a dataset's files: a folder, a .zip, a .tar. Nothing is unpacked."""

import os
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from src.errors import UserError
from src.images import Unreadable

MAX_BYTES = 2**29  # of one member of a .zip; more is a decompression bomb
# DVC may lay out a folder as links into its cache; a file there is named by the hash of its content.
DVC_CACHE = re.compile(r"/files/md5/[0-9a-f]{2}/[0-9a-f]{30}$")


class Source(Protocol):
    """One place that holds files."""

    place: str
    names: list[str]

    def read(self, name: str) -> bytes:
        """The bytes of one of `names`, from any thread; may raise anything."""


class Folder:
    """A folder and everything below it."""

    def __init__(self, root: Path) -> None:
        self.place = str(root)
        self._root = os.path.realpath(root)
        self._links: set[str] = set()
        self.names = list(self._walk(""))

    def read(self, name: str) -> bytes:
        """A file's bytes."""
        with open(self.path(name), "rb") as file:  # noqa: PTH123 (once an image: pathlib is three times slower)
            return file.read()

    def path(self, name: str) -> str:
        """Where a file is; a link may lead to another file of the folder or into DVC's cache, not elsewhere."""
        path = f"{self._root}/{name}"
        if name in self._links:
            target = os.path.realpath(path)
            if not (target.startswith(self._root + os.sep) or DVC_CACHE.search(target)):
                raise Unreadable("a link that leaves the dataset's folder; put a copy there instead")
        return path

    def _walk(self, below: str) -> Iterator[str]:
        with os.scandir(f"{self._root}/{below}") as entries:
            for entry in entries:
                name = below + entry.name
                if entry.is_symlink():
                    if entry.is_dir():
                        raise UserError(f"{self.place}: {name!r} is a link to a folder; put a copy there instead")
                    self._links.add(name)
                    yield name
                elif entry.is_dir():
                    yield from self._walk(name + "/")
                elif entry.is_file():  # no pipe or device, which might never end
                    yield name


class Zip:
    """A .zip file."""

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        try:  # names without a declared encoding are UTF-8 from most tools of today, cp437 by the standard
            self._file = zipfile.ZipFile(path, metadata_encoding="utf-8")
        except UnicodeDecodeError:
            self._file = zipfile.ZipFile(path)
        self.names = [name for name in self._file.namelist() if not name.endswith("/")]

    def read(self, name: str) -> bytes:
        """A member's bytes, checked against their CRC."""
        if self._file.getinfo(name).file_size > MAX_BYTES:
            raise Unreadable(f"unpacks to more than {MAX_BYTES:,} bytes")
        return self._file.read(name)


class Tar:
    """An uncompressed .tar file, indexed once, then read at random."""

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        self._where: dict[str, tuple[int, int]] = {}
        with tarfile.open(path, "r:") as tar:
            while member := tar.next():
                tar.members = []  # type: ignore[attr-defined]  # a kilobyte each, kept only to be listed
                name = member.name.removeprefix("./")
                if member.isreg() and not member.issparse():
                    self._where[name] = (member.offset_data, member.size)
                elif member.islnk() and (first := member.linkname.removeprefix("./")) in self._where:
                    self._where[name] = self._where[first]
        self._file = path.open("rb")
        self.names = list(self._where)

    def read(self, name: str) -> bytes:
        """A member's bytes."""
        offset, size = self._where[name]
        return os.pread(self._file.fileno(), size, offset)
