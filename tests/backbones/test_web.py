import hashlib
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from src.backbones import disk, web
from src.errors import UserError

BODY = os.urandom(300_000)
SHA256 = hashlib.sha256(BODY).hexdigest()


class Site(ThreadingHTTPServer):
    """A web site of one file, whatever the path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.etag, self.status = BODY, '"one"', 200
        self.date = "Mon, 01 Jan 2024 00:00:00 GMT"  # of the last change
        self.cuts: list[int] = []  # after how many bytes each of the next answers breaks off
        self.ranges = True  # whether parts may be asked for
        self.asked: list[str | None] = []  # the Range of every request

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/folder/net.pth?version=1"


class Handler(BaseHTTPRequestHandler):
    """Answers from its site: ranges, also those that hold for one version only, and cuts."""

    server: Site

    def do_GET(self) -> None:
        site, asked = self.server, self.headers.get("Range")
        site.asked.append(asked)
        if site.status != 200:
            self.send_error(site.status)
            return
        start = int(re.findall(r"\d+", asked)[0]) if asked and site.ranges else 0
        if self.headers.get("If-Range", site.etag) not in (site.etag, site.date):
            start = 0
        if start >= len(site.body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(site.body) - 1}/{len(site.body)}")
        self.send_header("ETag", site.etag)
        self.send_header("Last-Modified", site.date)
        self.send_header("Content-Length", str(len(site.body) - start))
        self.end_headers()
        self.wfile.write(site.body[start:][: site.cuts.pop(0) if site.cuts else None])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A site, an empty scratch folder, and no waiting between tries."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setattr(web, "RETRY", 0)
    monkeypatch.setattr(web, "CHUNK", 10_000)  # the file is small, too
    made = Site()
    threading.Thread(target=made.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def test_a_file_is_fetched_once_under_its_own_name(site: Site) -> None:
    file = web.fetch(site.url, SHA256)
    assert file.name == "net.pth"
    assert file.read_bytes() == BODY
    assert web.fetch(site.url, SHA256) == file
    assert site.asked == [None]


def test_no_web_address_reaches_out_of_its_folder(site: Site) -> None:
    for end in ("", "/", "/..", "/%2e%2e", "/a%2f..%2f..", "/.", "/%2fetc%2fpasswd"):
        file = web.fetch(site.url.partition("/folder")[0] + end, SHA256)
        assert file.resolve().parent.parent == Path(".scratch/weights").resolve()


def test_a_line_that_drops_is_taken_up_where_it_was(site: Site) -> None:
    site.cuts = [100_000, 50_000]
    assert web.fetch(site.url, SHA256).read_bytes() == BODY
    assert site.asked == [None, "bytes=100000-", "bytes=150000-"]


def test_an_interrupted_program_goes_on_where_it_was(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.cuts = [100_000]
    monkeypatch.setattr(web, "TRIES", 0)
    with pytest.raises(UserError, match=r"net\.pth\?version=1 cannot be fetched .*100,000 bytes are kept; try again"):
        web.fetch(site.url, SHA256)
    assert not list(Path(".scratch").rglob("net.pth"))
    assert web.fetch(site.url, SHA256).read_bytes() == BODY
    assert site.asked == [None, "bytes=100000-"]


@pytest.mark.parametrize("etags", [('"one"', '"two"'), ('W/"weak"', 'W/"weak"')])
def test_a_part_of_another_version_is_dropped(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, etags: tuple[str, str]
) -> None:
    site.cuts, site.etag = [100_000], etags[0]
    monkeypatch.setattr(web, "TRIES", 0)
    with pytest.raises(UserError):
        web.download(site.url, tmp_path / "net")
    site.body, site.etag, site.date = BODY[::-1], etags[1], "Tue, 02 Jan 2024 00:00:00 GMT"
    web.download(site.url, tmp_path / "net")
    assert (tmp_path / "net").read_bytes() == BODY[::-1]


def test_a_server_that_knows_no_ranges_sends_it_all_again(site: Site) -> None:
    site.cuts, site.ranges = [100_000], False
    assert web.fetch(site.url, SHA256).read_bytes() == BODY
    assert site.asked == [None, "bytes=100000-"]


def test_a_part_longer_than_the_file_is_dropped(site: Site, tmp_path: Path) -> None:
    (tmp_path / "net.part").write_bytes(BODY * 2)
    web.download(site.url, tmp_path / "net")
    assert (tmp_path / "net").read_bytes() == BODY
    assert site.asked == [f"bytes={2 * len(BODY)}-", None]


def test_another_content_is_named_and_not_kept(site: Site) -> None:
    site.body = BODY[::-1]
    with pytest.raises(UserError, match=f"has sha256 {hashlib.sha256(site.body).hexdigest()}, expected {SHA256}"):
        web.fetch(site.url, SHA256)
    site.body = BODY
    assert web.fetch(site.url, SHA256).read_bytes() == BODY


def test_without_a_hash_a_warning_says_how_to_pin(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    web.fetch(site.url)
    assert capsys.readouterr().err == f"warning: {site.url} may change any day; pin it with `sha256: {SHA256}`\n"


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "answers 401 (it wants credentials); correct `url`, or bring a `file`"),
        (403, "answers 403 (it is not for everybody)"),
        (404, "answers 404 (nothing is there)"),
        (500, "answers 500 (Internal Server Error)"),
    ],
)
def test_each_refusal_has_its_line(site: Site, status: int, says: str) -> None:
    site.status = status
    with pytest.raises(UserError, match=re.escape(f"{site.url} {says}")):
        web.fetch(site.url)


def test_a_site_that_cannot_be_reached_is_said(site: Site) -> None:
    with pytest.raises(UserError, match=r"^http://127\.0\.0\.1:9/x cannot be fetched \(.*refused.*\); try again, or"):
        web.fetch("http://127.0.0.1:9/x")


def test_a_disk_without_room_is_said_before_anything_comes(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage)
    says = rf"the disk of {tmp_path} is full: 1\.0 kB are free, 300\.0 kB are needed; make room and run it again"
    with pytest.raises(UserError, match=says):
        web.download(site.url, tmp_path / "net")
    assert not (tmp_path / "net").exists()
