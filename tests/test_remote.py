import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from services.server import PATHS, Server, running

from src import images, remote, services
from src.embedding import Meter
from src.entries import ServiceModel
from src.errors import UserError
from src.images import Shards
from src.params import RuntimeParams, ServiceRuntime
from src.services import client

ROOT = Path(__file__).parents[1]
COLOURS = ["red", "lime", "blue", "yellow", "cyan", "magenta", "white"]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server, and an empty workspace as the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(client, "BACKOFF", 0.01)
    with running() as server:
        monkeypatch.setenv("MY_KEY", server.key)
        yield server


def picture(colour: str, size: tuple[int, int] = (20, 16)) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, "PNG")
    return data.getvalue()


def packed(folder: Path, blobs: list[bytes | int]) -> Shards:
    folder.mkdir()
    images.write_shards(folder, blobs)
    return Shards(folder)


def toys(folder: str = "toys") -> Shards:
    """Seven plain photos, an eighth byte-equal to the second, a ninth that only looks like the first."""
    blobs: list[bytes | int] = [picture(colour) for colour in COLOURS]
    again = io.BytesIO()
    Image.open(io.BytesIO(picture("red"))).save(again, "PNG", compress_level=1)
    return packed(Path(folder), [*blobs, 1, again.getvalue() + b"\0"])


def configure(server: Server, service: str = "openai", **more: object) -> dict[str, Any]:
    keys = {"library": "api", "service": service, "checkpoint": "m", "key": "MY_KEY", "size": 16}
    model = ServiceModel.model_validate({**keys, "endpoint": server.endpoint(service), **more})
    return services.write("m", model, Path("backbone"))


def runtime(max_images: int = 100, **more: object) -> RuntimeParams:
    service = ServiceRuntime.model_validate({"max_images": max_images, "timeout": 5, "retries": 1, **more})
    return RuntimeParams(device="cpu", workers=2, services=service)


def embed(config: dict[str, Any], shards: Shards, max_images: int = 100, **more: object) -> remote.Embeddings:
    return remote.embed_rows(config, shards, runtime(max_images, **more), "extract toys", Meter())


def colours(*names: str) -> remote.Embeddings:
    """[R, G, B, 1] of length 1 for each: what the server answers."""
    rows = np.array([[*Image.new("RGB", (1, 1), name).getpixel((0, 0)), 255] for name in names], np.float32) / 255
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("service", PATHS)
def test_row_i_is_the_vector_of_image_i(server: Server, service: str) -> None:
    vectors = embed(configure(server, service), toys())
    np.testing.assert_allclose(vectors, colours(*COLOURS, "lime", "red"), atol=0.02)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert vectors.dtype == np.float32


def test_equal_photos_are_paid_for_once(server: Server) -> None:
    vectors = embed(configure(server), toys())
    assert server.photos.total() == 7
    np.testing.assert_array_equal(vectors[[1, 0]], vectors[[7, 8]])


def test_what_is_kept_needs_neither_key_nor_network_nor_budget(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config, shards = configure(server), toys()
    first = embed(config, shards)
    monkeypatch.delenv("MY_KEY")
    server.always = (500, {}, {})
    np.testing.assert_array_equal(embed(config, shards, max_images=0), first)
    assert "all 7 answers are kept, nothing is sent" in capsys.readouterr().out


def test_a_missing_key_is_told_before_anything_is_sent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(UserError, match=r"^extract toys: MY_KEY is not set; .*export MY_KEY=\.\.\.; 0 of 7"):
        embed(configure(server), toys())
    assert not server.seen


def test_a_photo_in_two_datasets_is_paid_for_once(server: Server) -> None:
    config = configure(server)
    embed(config, toys())
    embed(config, packed(Path("more"), [picture("black"), picture("red")]))
    assert server.photos.total() == 8


def test_the_cost_is_told_before_anything_is_sent(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    shards = toys()
    with pytest.raises(UserError, match=r"max_images is 6; nothing was sent; .*-S runtime\.services\.max_images=7$"):
        embed(configure(server, price=250), shards, max_images=6)
    assert "extract toys: 7 photos to send to 127.0.0.1" in (told := capsys.readouterr().out)
    assert "about 1.75 at 250 for 1,000" in told and "(unencrypted)" in told
    with pytest.raises(UserError):
        embed(configure(server), shards, max_images=0)
    assert "price unknown: set models.m.price" in capsys.readouterr().out
    assert not server.seen


def test_no_more_requests_at_once_than_allowed(server: Server) -> None:
    server.delay = 0.05
    embed(configure(server, "cohere"), toys(), concurrency=3)
    assert 1 < server.most_at_once <= 3


def test_trouble_in_the_middle_keeps_what_came_and_says_so(server: Server) -> None:
    config, shards = configure(server, "cohere"), toys()
    server.replies.extend([None, None, None, (401, {}, {})])
    with pytest.raises(
        UserError, match=r"^extract toys: .*MY_KEY.*; 3 of 7 answers are kept, the same command goes on"
    ):
        embed(config, shards, concurrency=1)
    assert len(server.seen) == 4
    np.testing.assert_allclose(embed(config, shards, max_images=4), colours(*COLOURS, "lime", "red"), atol=0.02)
    assert set(server.photos.values()) == {1} and server.photos.total() == 7


def test_a_refused_photo_is_named(server: Server) -> None:
    server.replies.extend([None, None, (400, {}, {"message": "too yellow"})])
    with pytest.raises(UserError, match=r"image rows 2: 127.*\(400: too yellow\); 2 of 7 answers"):
        embed(configure(server, "cohere"), toys(), concurrency=1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"dim": 3}, r"a vector of 3 numbers came back where 4 were expected; set models\.m\.dim"),
        ({"lost": 1}, r"gave vectors of shape \[6, 4\] for 7 photos"),
    ],
)
def test_wrong_vectors_are_refused_and_not_kept(server: Server, change: dict[str, int], told: str) -> None:
    config, shards = configure(server, dim=4), toys()
    for name, value in change.items():
        setattr(server, name, value)
    with pytest.raises(UserError, match=told + ".*; 0 of 7 answers are kept"):
        embed(config, shards)


def test_a_vector_without_direction_is_refused_and_not_kept(server: Server) -> None:
    server.always = (200, {}, {"embeddings": {"float": [[0, 0, 0, 0]]}})
    with pytest.raises(UserError, match=r"the vector of image row \d is zero .*; 0 of 7 answers are kept"):
        embed(configure(server, "cohere"), toys())


def test_the_meter_counts_what_was_asked_for(server: Server) -> None:
    config, meter = configure(server), Meter()
    embed(config, packed(Path("some"), [picture("red")]))
    remote.embed_rows(config, toys(), runtime(), "extract toys", meter)
    assert meter.images == 6


def test_provenance_names_the_service_and_what_it_was_sent(server: Server) -> None:
    made = remote.provenance(configure(server))
    assert (made["model"], made["precision"], made["engine"]) == ("m", "service", "openai")
    assert made["preprocessing"] == {"size": 16, "format": "JPEG, quality 95"}
    assert set(made["versions"]) == {"pillow", "numpy"}


def test_the_key_is_in_nothing_written_or_printed(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    config, shards = configure(server), toys()
    server.replies.append((400, {}, {"message": f"echo {server.key}"}))
    with pytest.raises(UserError) as error:
        embed(config, shards, concurrency=1)
    made = remote.provenance(config), embed(config, shards)
    printed = "".join(capfd.readouterr()) + str(error.value) + repr(made)
    written = b"".join(path.read_bytes() for path in Path.cwd().rglob("*") if path.is_file())
    assert "extract toys" in printed and server.endpoint("openai").encode() in written
    assert server.key not in printed and server.key.encode() not in written


KILLED = """
import json, sys
from src import remote
from src.images import Shards
from src.params import RuntimeParams, ServiceRuntime
services = ServiceRuntime(max_images=100, concurrency=2)
runtime = RuntimeParams(device="cpu", workers=1, services=services)
remote.embed_rows(json.load(open("backbone/config.json")), Shards(__import__("pathlib").Path("many")), runtime, "toys")
"""


def test_a_run_that_was_killed_pays_nothing_twice_but_what_was_under_way(server: Server) -> None:
    shards = packed(Path("many"), [picture("red", (20 + number, 16)) for number in range(40)])
    config = configure(server, "cohere", size=100)
    server.delay = 0.05
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    run = subprocess.Popen([sys.executable, "-c", KILLED], env=environment)
    while server.photos.total() < 10:
        assert run.poll() is None
        time.sleep(0.005)
    run.send_signal(signal.SIGKILL)
    run.wait()
    server.delay = 0.0
    assert len(embed(config, shards, max_images=100)) == 40
    assert len(server.photos) == 40
    assert server.photos.total() <= 40 + 2  # two threads, a photo under way in each
    assert json.loads(Path("backbone/config.json").read_text()) == config
