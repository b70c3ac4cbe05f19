import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file
from torch import nn

from src.backbones import checkpoint
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
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """A hub on this machine, and an empty cache."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.asked = []  # type: ignore[attr-defined]
    point_to(monkeypatch, server.server_port, tmp_path)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def point_to(monkeypatch: pytest.MonkeyPatch, port: int, cache: Path) -> None:
    """The hub's client reads its environment when it is imported; afterwards only this helps."""
    endpoint = f"http://127.0.0.1:{port}"
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))


def test_a_file_of_the_hub_comes_with_its_commit(hub: ThreadingHTTPServer) -> None:
    file, repository, commit = checkpoint.fetch("team/open", "model.safetensors", None)
    assert file.read_bytes() == BODY
    assert (repository, commit) == ("team/open", COMMIT)


def test_a_pinned_revision_is_the_one_asked_for(hub: ThreadingHTTPServer) -> None:
    checkpoint.fetch("team/open", "model.safetensors", "v2")
    asked = [line for line in hub.asked if "/resolve/" in line]  # type: ignore[attr-defined]
    assert asked[0] == "HEAD /team/open/resolve/v2/model.safetensors"


def test_without_network_an_earlier_download_will_do(
    hub: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = checkpoint.fetch("team/open", "model.safetensors", None)
    point_to(monkeypatch, 9, tmp_path)
    assert checkpoint.fetch("team/open", "model.safetensors", None) == before
    assert checkpoint.fetch("team/open", "model.safetensors", COMMIT) == before


@pytest.mark.parametrize(
    ("repository", "filename", "revision", "says"),
    [
        ("team/gated", "f", None, "team/gated on the hub is gated; accept its terms .*HF_TOKEN"),
        ("team/absent", "f", None, "team/absent is not on the hub, or is private; check `checkpoint`"),
        ("team/open", "f", "gone", "team/open@gone is not on the hub, the repository is; check `revision`"),
        ("team/open", "other", None, "team/open on the hub has no other"),
        ("team/broken", "f", None, "team/broken: the hub cannot be reached .*try again"),
    ],
)
def test_each_refusal_of_the_hub_has_its_cure(
    hub: ThreadingHTTPServer, repository: str, filename: str, revision: str | None, says: str
) -> None:
    with pytest.raises(UserError, match=says):
        checkpoint.fetch(repository, filename, revision)


def test_an_unreachable_hub_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point_to(monkeypatch, 9, tmp_path)
    with pytest.raises(UserError, match=r"the hub cannot be reached \(.*refused.*\); try again, or bring"):
        checkpoint.fetch("team/open", "model.safetensors", None)


def test_a_missing_file_and_another_file_are_named(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    with pytest.raises(UserError, match=r"w\.safetensors is missing"):
        checkpoint.verify(file, "0" * 64)
    file.write_bytes(BODY)
    found = hashlib.sha256(BODY).hexdigest()
    with pytest.raises(UserError, match=f"has sha256 {found}, expected {'0' * 64}"):
        checkpoint.verify(file, "0" * 64)
    checkpoint.verify(file, found)


def test_bytes_that_are_no_safetensors_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(BODY)
    with pytest.raises(UserError, match=r"w\.safetensors is not a safetensors file"):
        checkpoint.read(tmp_path / "w.safetensors")


def test_weights_are_stored_as_float32_whatever_their_kind_layout_and_ties(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 4), nn.Linear(4, 4))
    network[3].weight = network[2].weight
    checkpoint.write(tmp_path / "plain", network)
    checkpoint.write(tmp_path / "channels_last", network.to(memory_format=torch.channels_last))
    assert (tmp_path / "plain").read_bytes() == (tmp_path / "channels_last").read_bytes()
    checkpoint.write(tmp_path / "half", network.half())
    read = load_file(tmp_path / "half")
    assert read.pop("1.num_batches_tracked").dtype == torch.int64
    assert {tensor.dtype for tensor in read.values()} == {torch.float32}
    assert torch.equal(read["3.weight"], read["2.weight"])
