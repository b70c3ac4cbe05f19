"""Floor 1. Photos as their owner left them, listed and read where they lie: a folder, or one .zip or .tar in it.

Nothing is unpacked, and nothing outside the folder is read.
"""

import os
import re
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from src.errors import UserError
from src.images import Unreadable

ARCHIVES = (".zip", ".tar")
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MAX_BYTES = 2**29  # of one member of an archive; more is a decompression bomb
# DVC may lay out a folder as links into its cache; a file there is named by the hash of its content.
DVC_CACHE = re.compile(r"/files/md5/[0-9a-f]{2}/[0-9a-f]{30}$")


class Source(Protocol):
    """One place that holds files."""

    names: list[str]

    def read(self, name: str) -> bytes:
        """The bytes of one of `names`, from any thread; may raise anything."""


class Raw:
    """The files of a dataset by name: the path below the folder or inside the archive, '/' between its parts.

    Hidden files and folders are left out. A name that is not UTF-8 has its odd bytes written out (caf\\udce9.jpg).
    `names` is sorted. A UserError where there is nothing to read.
    """

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        self._source = {_utf8(name): (source, name) for source in _sources(path) for name in _visible(source.names)}
        self.names = sorted(self._source)
        if not self.names:
            raise UserError(f"{path} is empty; put the photos there, then `dvc add {path}`")

    def __contains__(self, name: str) -> bool:
        return name in self._source

    def read(self, name: str) -> bytes:
        """The bytes of a file. Raises Unreadable with the reason."""
        if name not in self._source:
            outside = name.startswith("/") or ".." in name.split("/")
            raise Unreadable("outside the dataset's folder" if outside else "missing")
        source, own_name = self._source[name]
        try:
            return source.read(own_name)
        except Unreadable:
            raise
        except Exception as error:  # zlib, CRC, encryption, permissions
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise Unreadable(f"cannot be read: {reason}") from None


class Folder:
    """A folder and everything below it."""

    def __init__(self, root: Path) -> None:
        self.root = os.path.realpath(root)
        self._links: set[str] = set()
        self.names = list(self._walk(""))

    def read(self, name: str) -> bytes:
        """A file's bytes; a link may lead to another file of the folder or into DVC's cache, not elsewhere."""
        path = f"{self.root}/{name}"
        if name in self._links:
            target = os.path.realpath(path)
            if not (target.startswith(self.root + os.sep) or DVC_CACHE.search(target)):
                raise Unreadable("a link that leaves the dataset's folder; put a copy there instead")
        with open(path, "rb") as file:  # noqa: PTH123 (once an image: pathlib is three times slower)
            return file.read()

    def _walk(self, below: str) -> Iterator[str]:
        with os.scandir(f"{self.root}/{below}") as entries:
            for entry in entries:
                name = below + entry.name
                if entry.is_symlink():
                    if entry.is_dir():
                        raise UserError(f"{self.root}: {name!r} is a link to a folder; put a copy there instead")
                    self._links.add(name)
                    yield name
                elif entry.is_dir():
                    yield from self._walk(name + "/")
                elif entry.is_file():  # no pipe or device, which might never end
                    yield name


class Zip:
    """A .zip file."""

    def __init__(self, path: Path) -> None:
        self._file = zipfile.ZipFile(path)
        self.names = [info.filename for info in self._file.infolist() if not info.is_dir()]

    def read(self, name: str) -> bytes:
        """A member's bytes, checked against their CRC."""
        if self._file.getinfo(name).file_size > MAX_BYTES:
            raise Unreadable(f"unpacks to more than {MAX_BYTES:,} bytes")
        return self._file.read(name)


class Tar:
    """An uncompressed .tar file, indexed once, then read at random."""

    def __init__(self, path: Path) -> None:
        self._place: dict[str, tuple[int, int]] = {}
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                name = member.name.removeprefix("./")
                if member.isreg() and not member.issparse():
                    self._place[name] = (member.offset_data, member.size)
                elif member.islnk() and (first := member.linkname.removeprefix("./")) in self._place:
                    self._place[name] = self._place[first]
        self._file = path.open("rb")
        self.names = list(self._place)

    def read(self, name: str) -> bytes:
        """A member's bytes."""
        offset, size = self._place[name]
        return os.pread(self._file.fileno(), size, offset)


def _sources(path: Path) -> list[Source]:
    """What `path` holds: itself if it is an archive, else the folder, with the archive in it if it is one archive
    beside nothing but loose files (a table, a licence)."""
    if path.is_file():
        return [_archive(path)]
    if not path.is_dir():
        raise UserError(f"{path} is missing; bring it by `dvc import-url <your folder> {path}`, or `dvc add` it there")
    folder = Folder(path)
    seen = _visible(folder.names)
    if any("/" in name for name in seen):
        return [folder]
    if unfit := [name for name in seen if name.lower().endswith(COMPRESSED)]:
        raise UserError(f"{path / unfit[0]} cannot be read at random; decompress it to a .tar (or pack a .zip)")
    archives = [name for name in seen if name.lower().endswith(ARCHIVES)]
    if len(archives) > 1:
        raise UserError(f"{path} holds {len(archives)} archives ({', '.join(archives)}); pack one, or unpack them")
    return [folder, *(_archive(path / name) for name in archives)]


def _archive(path: Path) -> Source:
    try:
        return Tar(path) if tarfile.is_tarfile(path) else Zip(path)
    except (tarfile.TarError, zipfile.BadZipFile, OSError, ValueError) as error:
        raise UserError(f"{path} is not a whole .zip or .tar ({error}); fetch or pack it again") from None


def _visible(names: list[str]) -> list[str]:
    return [name for name in names if not any(part[:1] == "." or part == "__MACOSX" for part in name.split("/"))]


def _utf8(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()
