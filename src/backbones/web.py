"""Floor 1. Downloads that survive an interruption: a part that arrived is kept, and the next try asks for the rest."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

import requests
from filelock import FileLock
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from src import progress, store
from src.backbones import disk
from src.errors import UserError

TIMEOUT = (10, 60)  # seconds for the connection, and between two bytes
CHUNK = 2**16  # bytes; what came since the last whole one is lost with the line
MIB = 2**20
TRIES = 5  # without a new byte in between
RETRY = Retry(total=3, backoff_factor=0.5, status_forcelist=(429, 502, 503, 504), raise_on_status=False)
HINTS = {401: "it wants credentials", 403: "it is not for everybody", 404: "nothing is there", 410: "it is gone"}


def fetch(url: str, sha256: str | None = None) -> Path:
    """The file at a web address, kept in scratch for the next time; a UserError with a cure where it does not come.

    With `sha256` a file of another content is thrown away; without it, the one that came is taken for granted, and a
    warning says how to pin it.
    """
    folder = store.scratch("weights", store.fingerprint(url))
    name = Path(unquote(urlsplit(url).path)).name
    file = folder / (name if name.strip(".") else "weights")
    download(url, file)
    found = store.sha256(file)
    if not sha256:
        print(f"warning: {url} may change any day; pin it with `sha256: {found}`", file=sys.stderr)
    elif found != sha256:
        file.unlink()
        raise UserError(f"{url} has sha256 {found}, expected {sha256}; try again, or correct `sha256`")
    return file


def download(url: str, file: Path, headers: Mapping[str, str] | None = None, size: int | None = None) -> None:
    """Bring `url` to `file`, which appears when it is whole; nothing to do where it is there.

    Until then it is `<file>.part`, and its version at the server `<file>.etag`: a part of another version is dropped.
    `size` is how many bytes it must have in the end, where that is known beforehand.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.part")
    with FileLock(f"{file}.lock"), requests.Session() as session:  # queued experiments want the same file at once
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=RETRY))
        if not file.exists():
            _persist(session, url, part, dict(headers or {}), size)
            part.replace(file)
            _etag(part).unlink(missing_ok=True)


def _persist(session: requests.Session, url: str, part: Path, headers: dict[str, str], size: int | None) -> None:
    """Receive until `part` is whole: TRIES times in a row without a new byte, then a UserError."""
    tries = TRIES
    while True:
        before = _length(part)
        try:
            return _receive(session, url, part, headers, size)
        except requests.RequestException as error:
            tries = TRIES if _length(part) > before else tries - 1
            if error.response is not None or not tries or before == _length(part) == 0:
                raise UserError(_line(url, error, part)) from None


def _receive(session: requests.Session, url: str, part: Path, headers: dict[str, str], size: int | None) -> None:
    """Append to `part` what it lacks; raises a RequestException when the line drops before the end."""
    start = _length(part)
    if size is not None and start == size:
        return
    # compressed in transit, a range would count compressed bytes
    wanted = {**headers, "Accept-Encoding": "identity"}
    if start:
        wanted |= {"Range": f"bytes={start}-"}
        if _etag(part).exists():
            wanted["If-Range"] = _etag(part).read_text()
    with session.get(url, headers=wanted, stream=True, timeout=TIMEOUT) as answer:
        if answer.status_code == 416:  # the part is longer than the file, or the whole of it
            part.unlink()
            raise requests.ConnectionError("the server has another version now")
        answer.raise_for_status()
        start = _first_byte(answer)
        total = start + int(answer.headers["Content-Length"]) if "Content-Length" in answer.headers else size
        _remember(answer, part)
        with disk.room(part.parent, max((total or 0) - start, 0)), part.open("r+b" if start else "wb") as file:
            file.truncate(start)
            file.seek(start)
            _write(answer, file, total, urlsplit(url).path.rpartition("/")[2])
    if total is not None and _length(part) != total:
        raise requests.ConnectionError(f"{_length(part):,} of {total:,} bytes came")


def _write(answer: requests.Response, file: BinaryIO, total: int | None, title: str) -> None:
    with progress.bar((total or 0) // MIB, f"fetch {title}", "MiB") as bar:
        for chunk in answer.iter_content(CHUNK):
            file.write(chunk)
            bar.update(file.tell() // MIB - bar.n)


def _first_byte(answer: requests.Response) -> int:
    """Where in the file an answer begins: 0 where the server sends it from the start, whatever was asked."""
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
    return int(found[1]) if answer.status_code == 206 and found else 0


def _remember(answer: requests.Response, part: Path) -> None:
    """Which version a part is of, where the server says it in a way that `If-Range` may repeat: no weak etag."""
    tag = answer.headers.get("ETag", "")
    version = tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")
    _etag(part).write_text(version) if version else _etag(part).unlink(missing_ok=True)


def _etag(part: Path) -> Path:
    return part.with_suffix(".etag")


def _length(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _line(url: str, error: requests.RequestException, part: Path) -> str:
    """Why a file did not come, and what to do."""
    if error.response is not None:
        status = error.response.status_code
        return f"{url} answers {status} ({HINTS.get(status, error.response.reason)}); correct `url`, or bring a `file`"
    kept = f"; {_length(part):,} bytes are kept" if _length(part) else ""
    return f"{url} cannot be fetched ({_reason(error)}){kept}; try again, or bring a `file` and its `sha256`"


def _reason(error: requests.RequestException) -> str:
    """The heart of what requests wraps: connection refused, name unknown, line dropped."""
    inner = error.args[0] if error.args else error
    inner = getattr(inner, "reason", inner)
    first = inner.args[0] if isinstance(inner, Exception) and inner.args else inner
    return " ".join(str(first).split())[-200:] or type(error).__name__
