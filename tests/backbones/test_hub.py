import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from src.backbones import hub
from src.errors import UserError

COMMIT = "c" * 40
BODY = b"weights " * 1000

REFUSALS = {
    "/team/gated/": (403, "GatedRepo"),
    "/team/absent/": (404, "RepoNotFound"),
    "/team/open/resolve/gone/": (404, "RevisionNotFound"),
    "/team/open/resolve/main/other": (404, "EntryNotFound"),
    "/team/broken/": (500, "Internal"),
}


class Hub(BaseHTTPRequestHandler):
    """A hub that holds team/open with one file, says what it has been asked, and refuses the rest as the real one."""

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()
        self.wfile.write(BODY)

    def answer(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")  # type: ignore[attr-defined]
        status, code = next((what for start, what in REFUSALS.items() if self.path.startswith(start)), (200, ""))
        self.send_response(status)
        headers = {"X-Error-Code": code, "X-Repo-Commit": COMMIT, "ETag": '"e1"', "Content-Length": str(len(BODY))}
        for name, value in headers.items():
            self.send_header(name, value if status == 200 or name != "Content-Length" else "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """A hub on this machine, and an empty cache."""
    served = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    served.asked = []  # type: ignore[attr-defined]
    point_to(monkeypatch, served.server_port, tmp_path)
    threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True).start()
    yield served
    served.shutdown()
    served.server_close()


def point_to(monkeypatch: pytest.MonkeyPatch, port: int, cache: Path) -> None:
    """The hub's client reads its environment when it is imported; afterwards only this helps."""
    endpoint = f"http://127.0.0.1:{port}"
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))


def test_a_file_of_the_hub_comes_with_its_commit(server: ThreadingHTTPServer) -> None:
    file, repository, commit = hub.fetch("team/open", "model.safetensors", None)
    assert file.read_bytes() == BODY
    assert (repository, commit) == ("team/open", COMMIT)


def test_a_pinned_revision_is_the_one_asked_for(server: ThreadingHTTPServer) -> None:
    hub.fetch("team/open", "model.safetensors", "v2")
    asked = [line for line in server.asked if "/resolve/" in line]  # type: ignore[attr-defined]
    assert asked[0] == "HEAD /team/open/resolve/v2/model.safetensors"


def test_without_network_an_earlier_download_will_do(
    server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = hub.fetch("team/open", "model.safetensors", None)
    point_to(monkeypatch, 9, tmp_path)
    assert hub.fetch("team/open", "model.safetensors", None) == before
    assert hub.fetch("team/open", "model.safetensors", COMMIT) == before


@pytest.mark.parametrize(
    ("repository", "filename", "revision", "says"),
    [
        ("team/gated", "f", None, "team/gated on the hub is gated; accept its terms .*HF_TOKEN"),
        ("team/absent", "f", None, "team/absent is not on the hub, or is private; check `checkpoint`"),
        ("team/open", "f", "gone", "team/open@gone is not on the hub, the repository is; check `revision`"),
        ("team/open", "other", None, "team/open on the hub has no other"),
        ("team/broken", "f", None, "team/broken cannot be fetched from the hub .*try again"),
    ],
)
def test_each_refusal_of_the_hub_has_its_cure(
    server: ThreadingHTTPServer, repository: str, filename: str, revision: str | None, says: str
) -> None:
    with pytest.raises(UserError, match=says):
        hub.fetch(repository, filename, revision)


def test_an_unreachable_hub_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point_to(monkeypatch, 9, tmp_path)
    with pytest.raises(UserError, match=r"cannot be fetched from the hub \(.*refused.*\); try again, or bring"):
        hub.fetch("team/open", "model.safetensors", None)
