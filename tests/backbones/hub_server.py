"""A model hub on this machine: it serves a folder as huggingface.co serves its repositories.

`<root>/<owner>/<name>/<file>` is a file of the repository `<owner>/<name>`, on its branch `main` or at its commit.
Weights lie where the real hub puts large files, one redirect away and named by their sha256. Any other path is a plain
file of the root, as on any web server. Not spoken: Xet, the hub's chunked transfer, which its client uses only where a
server offers it.
"""

import hashlib
import json
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

RESOLVE = re.compile(r"/(?P<repository>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")
MODEL = re.compile(r"/api/models/(?P<repository>[^/]+/[^/]+)(/revision/(?P<revision>[^/]+))?")
TREE = re.compile(r"/api/models/(?P<repository>[^/]+/[^/]+)/tree/(?P<revision>[^/]+)")
LARGE = {".safetensors", ".bin", ".pt", ".pth"}  # what git-lfs holds


@dataclass
class Hub:
    """What is served, and how it behaves."""

    root: Path
    url: str
    cdn: str  # where large files lie: another host, as the client follows redirects within one host to their end
    gated: set[str] = field(default_factory=set)  # repositories whose terms nobody has accepted
    tags: dict[str, set[str]] = field(default_factory=dict)  # more revisions of a repository, all the same files
    refusals: dict[str, int] = field(default_factory=dict)  # beginning of a path -> status without a reason
    cuts: dict[str, int] = field(default_factory=dict)  # name of a file -> bytes until the line drops, once
    asked: list[str] = field(default_factory=list)  # "METHOD path", and " bytes=..." where a range was asked for

    def commit(self, repository: str) -> str:
        """The one commit of a repository."""
        return hashlib.sha1(repository.encode()).hexdigest()

    def files(self, repository: str) -> list[str]:
        """Names of a repository's files."""
        folder = self.root / repository
        return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


class Handler(BaseHTTPRequestHandler):
    """Answers in the hub's words; `server.hub` says what there is."""

    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> Hub:
        return self.server.hub  # type: ignore[attr-defined]

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        path, range_ = self.path.partition("?")[0], self.headers.get("Range")
        self.hub.asked.append(f"{self.command} {path}{f' {range_}' if range_ else ''}")
        status = next((code for start, code in self.hub.refusals.items() if path.startswith(start)), None)
        if status:
            self.say(status, {}, b"refused")
        elif found := RESOLVE.fullmatch(path):
            self.resolve(**found.groupdict())
        elif found := TREE.fullmatch(path):
            self.tree(**found.groupdict())
        elif found := MODEL.fullmatch(path):
            self.model(**found.groupdict())
        else:
            self.file(self.hub.root / path.lstrip("/"), {})

    def resolve(self, repository: str, revision: str, file: str) -> None:
        """A file of a repository, or for a large one the way to it."""
        if not self.allowed(repository, revision):
            return
        path, commit = self.hub.root / repository / file, {"X-Repo-Commit": self.hub.commit(repository)}
        if not path.is_file():
            self.refuse(404, "EntryNotFound", commit)
        elif path.suffix in LARGE:
            linked = {"X-Linked-Size": str(path.stat().st_size), "X-Linked-Etag": f'"{digest(path)}"'}
            place = f"{self.hub.cdn}/{path.relative_to(self.hub.root).as_posix()}"
            self.say(302, {**commit, **linked, "Location": place}, b"")
        else:
            self.file(path, commit)

    def model(self, repository: str, revision: str | None) -> None:
        """What `HfApi.model_info` asks for."""
        if self.allowed(repository, revision or "main", with_files=False):
            files = [{"rfilename": name} for name in self.hub.files(repository)]
            about = {"id": repository, "modelId": repository, "sha": self.hub.commit(repository), "siblings": files}
            self.json({**about, "private": False, "gated": repository in self.hub.gated, "disabled": False, "tags": []})

    def tree(self, repository: str, revision: str) -> None:
        """What `HfApi.list_repo_tree` asks for."""
        if self.allowed(repository, revision, with_files=False):
            self.json([self.leaf(repository, name) for name in self.hub.files(repository)])

    def leaf(self, repository: str, name: str) -> dict[str, object]:
        path = self.hub.root / repository / name
        lfs = {"oid": digest(path), "size": path.stat().st_size, "pointerSize": 134}
        about = {"type": "file", "path": name, "size": path.stat().st_size, "oid": git_blob(path)}
        return about | ({"lfs": lfs} if path.suffix in LARGE else {})

    def allowed(self, repository: str, revision: str, with_files: bool = True) -> bool:
        """Whether the repository and its revision are there, and the asker may have it; says so where not."""
        known = {"main", self.hub.commit(repository)} | self.hub.tags.get(repository, set())
        if not (self.hub.root / repository).is_dir():
            self.refuse(401, "RepoNotFound")  # the real one keeps secret whether it is private
        elif with_files and repository in self.hub.gated:
            self.refuse(403 if self.headers.get("Authorization") else 401, "GatedRepo")
        elif revision not in known:
            self.refuse(404, "RevisionNotFound")
        else:
            return True
        return False

    def file(self, path: Path, headers: dict[str, str]) -> None:
        """A file's bytes, from where the asker wants them."""
        if not path.is_file():
            self.say(404, headers, b"not found")
            return
        size, tag = path.stat().st_size, digest(path) if path.suffix in LARGE else git_blob(path)
        same = self.headers.get("If-Range") in (None, f'"{tag}"')
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")) if same else None
        start = int(asked[1]) if asked else 0
        if start >= size > 0:
            self.say(416, {"Content-Range": f"bytes */{size}"}, b"")
            return
        self.send_response(206 if asked else 200)
        partial = {"Content-Range": f"bytes {start}-{size - 1}/{size}"} if asked else {}
        self.send_headers({**headers, **partial, "ETag": f'"{tag}"', "Content-Length": str(size - start)})
        if self.command == "GET":
            self.send_bytes(path, start)

    def send_bytes(self, path: Path, start: int) -> None:
        with path.open("rb") as file, suppress(ConnectionError):
            file.seek(start)
            if path.name in self.hub.cuts:
                self.wfile.write(file.read(self.hub.cuts.pop(path.name)))
                self.close_connection = True
            else:
                shutil.copyfileobj(file, self.wfile, 2**20)

    def refuse(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        self.say(status, {**(headers or {}), "X-Error-Code": code, "X-Error-Message": code}, b"")

    def json(self, value: object) -> None:
        self.say(200, {"Content-Type": "application/json"}, json.dumps(value).encode())

    def say(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        self.send_headers({**headers, "Content-Length": str(len(body))})
        if self.command == "GET":
            self.wfile.write(body)

    def send_headers(self, headers: dict[str, str]) -> None:
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def digest(path: Path) -> str:
    """sha256 of a file, which is how git-lfs names it."""
    return _digest(path, path.stat().st_size, path.stat().st_mtime_ns)


@lru_cache
def _digest(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_blob(path: Path) -> str:
    """sha1 of a file as git counts it, which is how the hub names small ones."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@contextmanager
def served(root: Path) -> Iterator[Hub]:
    """A hub that serves `root` while the block runs; for other processes, HF_ENDPOINT is its `url`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    urls = (f"http://{host}:{server.server_port}" for host in ("127.0.0.1", "localhost"))
    server.hub = Hub(root, *urls)  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server.hub  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()


def point_to(monkeypatch: pytest.MonkeyPatch, url: str, cache: Path) -> None:
    """Let this process's client of the hub ask `url` and keep what it gets in `cache`.

    The client reads its environment when it is imported; afterwards only this helps.
    """
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub of the folder tmp_path/hub, to be filled by the test, and an empty cache."""
    (tmp_path / "hub").mkdir()
    with served(tmp_path / "hub") as made:
        point_to(monkeypatch, made.url, tmp_path / "cache")
        yield made
