"""Floor 1. Photos as their owner left them, listed and read where they lie: a folder, and .zip and .tar files in it.

Nothing is unpacked, and nothing outside the folder is read.
"""

import shlex
import tarfile
import zipfile
from pathlib import Path

from src.datasets.sources import Folder, Source, Tar, Zip
from src.errors import UserError
from src.images import Unreadable

ARCHIVES = (".zip", ".tar")
# What can only be read from its beginning, and what decompresses it. The original is kept: DVC may have linked it.
COMPRESSED = {".tar.gz": "gunzip", ".tgz": "gunzip", ".tar.bz2": "bunzip2", ".tbz2": "bunzip2", ".tar.xz": "unxz"}


class Raw:
    """The files of a dataset by name: the path below the folder or inside an archive, '/' between its parts.

    Hidden files and folders are left out, and members of an archive that would leave the folder. A name that is not
    UTF-8 has its odd bytes written out (caf\\udce9.jpg). `names` is sorted. A UserError where there is nothing to read,
    and where two sources give the same name to different files.
    """

    def __init__(self, path: Path) -> None:
        self.place = str(path)
        self._own_name: dict[str, str] = {}  # where it is not the name itself
        self._source: dict[str, Source] = {}
        for source in _sources(path):
            self._add(source)
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
        try:
            return self._source[name].read(self._own_name.get(name, name))
        except Unreadable:
            raise
        except Exception as error:  # zlib, CRC, encryption, permissions
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise Unreadable(f"cannot be read: {reason}") from None

    def _add(self, source: Source) -> None:
        """Its files, beside those of earlier sources; a file that two of them hold in the same bytes is one file."""
        for own_name in source.names:
            name = _name(own_name)
            if name in self._source:
                self._same(name, source, own_name)
            elif name:
                self._source[name] = source
                if name != own_name:
                    self._own_name[name] = own_name

    def _same(self, name: str, source: Source, own_name: str) -> None:
        places = f"{self._source[name].place} and {source.place}"
        try:
            same = self.read(name) == source.read(own_name)
        except Exception as error:
            raise UserError(f"{name!r} is in {places}, and one cannot be read ({error}); keep one") from None
        if not same:
            raise UserError(f"{name!r} is in {places}, and they differ; keep the right one of them")


def _sources(path: Path) -> list[Source]:
    """What `path` holds: itself if it is an archive, else the folder and the archives that lie in it.

    An archive that holds a folder which also lies beside it is left alone: somebody has unpacked it.
    """
    if path.is_file():
        return [_archive(path)]
    if not path.is_dir():
        raise UserError(f"{path} is missing; bring it by `dvc import-url <your folder> {path}`, or `dvc add` it there")
    folder = Folder(path)
    seen = [name for name in folder.names if _name(name)]
    loose = sorted(name for name in seen if "/" not in name)
    unpacked = {name.partition("/")[0] for name in seen if "/" in name}
    if not unpacked:
        _refuse_compressed(path, loose)
    archives = [_inner(folder, path / name) for name in loose if name.lower().endswith(ARCHIVES)]
    return [folder, *(archive for archive in archives if unpacked.isdisjoint(_tops(archive)))]


def _refuse_compressed(path: Path, names: list[str]) -> None:
    """A UserError where an archive can only be read from its beginning and its decompressed copy is not beside it."""
    for name in names:
        ending = next((ending for ending in COMPRESSED if name.lower().endswith(ending)), None)
        if ending and f"{name[: -len(ending)]}.tar" not in names:
            command = f"{COMPRESSED[ending]} -k {shlex.quote(str(path / name))}"
            raise UserError(f"{path / name} cannot be read at random; decompress it by `{command}`, or pack a .zip")


def _inner(folder: Folder, path: Path) -> Source:
    """An archive in the folder."""
    try:
        folder.path(path.name)
    except Unreadable as error:
        raise UserError(f"{path} is {error}") from None
    return _archive(path)


def _archive(path: Path) -> Source:
    try:
        return Tar(path) if tarfile.is_tarfile(path) else Zip(path)
    except (tarfile.TarError, zipfile.BadZipFile, OSError, ValueError) as error:
        raise UserError(f"{path} is not a whole .zip or .tar ({error}); fetch or pack it again") from None


def _tops(archive: Source) -> set[str]:
    """The folders that it begins with."""
    return {name.partition("/")[0] for name in map(_name, archive.names) if "/" in name}


def _name(own_name: str) -> str:
    """What a source's file is called here: '' where it is hidden or would leave the folder."""
    parts = [part for part in own_name.split("/") if part not in ("", ".")]
    if any(part[0] == "." or part == "__MACOSX" for part in parts):
        return ""
    name = "/".join(parts).encode("utf-8", "backslashreplace").decode()
    return own_name if name == own_name else name  # a million names are not kept twice
