import io
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from PIL import Image
from server import PATHS, SLOW, Server, running

from src import services
from src.entries import ServiceModel
from src.errors import UserError
from src.params import ServiceRuntime
from src.services import client as module
from src.services.client import Client, Rejected

RUNTIME = ServiceRuntime(concurrency=2, timeout=0.3, retries=2)
HELLO: Any = (200, {}, {"embeddings": {"float": [[1, 2, 3]]}})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    monkeypatch.setattr(module, "BACKOFF", 0.01)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HOME", str(tmp_path))
    with running() as server:
        monkeypatch.setenv("MY_KEY", server.key)
        yield server


def config(server: Server, service: str = "cohere", folder: str = "x", **more: object) -> dict[str, Any]:
    keys = {"library": "api", "service": service, "checkpoint": "m", "key": "MY_KEY"}
    model = ServiceModel.model_validate({**keys, "endpoint": server.endpoint(service), **more})
    return services.write("m", model, Path.home() / folder)


def connect(server: Server, service: str = "cohere", runtime: ServiceRuntime = RUNTIME) -> Client:
    return Client(config(server, service), runtime)


def jpeg(colour: str) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(data, "JPEG", quality=95)
    return data.getvalue()


@pytest.mark.parametrize("service", PATHS)
def test_every_format_brings_the_vector_of_its_photo(server: Server, service: str) -> None:
    for colour, expected in {"red": [1, 0, 0, 1], "lime": [0, 1, 0, 1]}.items():
        vectors = connect(server, service).embed([jpeg(colour)])
        np.testing.assert_allclose(vectors, [expected], atol=0.02)
        assert vectors.dtype == np.float32


@pytest.mark.parametrize("service", ["openai", "voyage"])
def test_a_batch_comes_back_in_its_order(server: Server, service: str) -> None:
    vectors = connect(server, service).embed([jpeg(colour) for colour in ("red", "lime", "blue")])
    np.testing.assert_allclose(vectors[:, :3], np.eye(3), atol=0.02)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_tried_again(server: Server, status: int) -> None:
    server.replies.extend([(status, {}, {"message": "busy"})] * 2)
    assert connect(server).embed([jpeg("red")]).shape == (1, 4)
    assert len(server.seen) == 3


def test_retry_after_is_honoured(server: Server) -> None:
    server.replies.append((429, {"Retry-After": "1"}, {"message": "busy"}))
    start = time.monotonic()
    connect(server).embed([jpeg("red")])
    assert 1 <= time.monotonic() - start < 3


def test_a_service_that_asks_for_an_hour_is_not_waited_for(server: Server) -> None:
    server.replies.append((429, {"Retry-After": "3600"}, {"message": "busy"}))
    with pytest.raises(UserError, match=r"asks to come back in 3,600 s"):
        connect(server).embed([jpeg("red")])
    assert len(server.seen) == 1


def test_an_answer_that_comes_too_late_is_asked_for_again(server: Server) -> None:
    server.replies.append(SLOW)
    assert connect(server).embed([jpeg("red")]).shape == (1, 4)
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("reply", "told", "requests"),
    [
        (SLOW, "cannot be reached: no answer within 0.3 s", 3),
        ((429, {}, {"message": "quota"}), r"still answers 429 after 2 retries \(quota\)", 3),
        ((500, {}, b"<html>oops</html>"), r"still answers 500 after 2 retries \(<html>oops</html>\)", 3),
        ((403, {}, {"detail": "no balance"}), r"forbids it \(403: no balance\); check the key in MY_KEY", 1),
        ((400, {}, {"error": {"message": "bad image"}}), r"refuses the request \(400: bad image\)", 1),
        ((422, {}, {"detail": [{"loc": ["body"], "msg": "too small"}]}), r"refuses the request \(422: too small\)", 1),
        ((404, {}, {"message": "no model 'm'"}), r"refuses the request \(404: no model 'm'\)", 1),
        ((302, {"Location": "http://127.0.0.1:9/"}, {}), "redirects to http://127.0.0.1:9/; photos go only", 1),
        ((200, {}, b"<html>hello"), "not in the format of 'cohere' .*begins with '<html>hello'", 1),
        ((200, {}, {"data": []}), "not in the format of 'cohere'.*'embeddings'", 1),
        ((200, {}, {"embeddings": {"float": [[1, 2], [1]]}}), "not in the format of 'cohere'", 1),
        ((200, {}, {"embeddings": {"float": []}}), r"gave vectors of shape \[0\] for 1 photos", 1),
        ((200, {}, {"embeddings": {"float": [[1], [2]]}}), r"gave vectors of shape \[2, 1\] for 1 photos", 1),
    ],
)
def test_trouble_is_told_in_one_line(server: Server, reply: Any, told: str, requests: int) -> None:
    server.always = reply
    with pytest.raises(UserError, match=told) as error:
        connect(server).embed([jpeg("red")])
    assert "\n" not in str(error.value) and len(str(error.value)) < 400
    assert len(server.seen) == requests


def test_a_wrong_key_is_told_at_once_by_the_name_of_its_variable(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "wrong-key-987654321")
    with pytest.raises(UserError, match=r"does not accept the key in MY_KEY \(401\)"):
        connect(server).embed([jpeg("red")])
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("value", "told"),
    [("", "MY_KEY is not set; put your key for 127.0.0.1"), ("hush hush", "spaces"), ("hüsh", "no key has")],
)
def test_a_key_that_cannot_be_one_is_told_without_repeating_it(
    server: Server, monkeypatch: pytest.MonkeyPatch, value: str, told: str
) -> None:
    monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(UserError, match=told) as error:
        connect(server)
    assert not value or value not in str(error.value)
    assert not server.seen


def test_a_line_break_at_the_end_of_a_key_does_no_harm(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", server.key + "\n")
    assert connect(server).embed([jpeg("red")]).shape == (1, 4)


def test_no_message_holds_six_letters_of_the_key(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    key = server.key
    leaks = [key, f"Bearer {key}", key[:9] + "*******", f"...{key[-7:]}", f'"Authorization":"Bearer {key}"']
    for status in (400, 401, 403, 404, 429, 500, 302, 200):
        for leak in leaks:
            server.always = (status, {"Location": f"http://x.test/{key}"}, {"message": f"echo {leak} end"})
            with pytest.raises(UserError) as error:
                connect(server, runtime=RUNTIME.model_copy(update={"retries": 0})).embed([jpeg("red")])
            told = str(error.value) + repr(error.value.__cause__) + caplog.text
            assert not [key[at : at + 6] for at in range(len(key) - 5) if key[at : at + 6] in told], told
    assert all(headers["Authorization"] == f"Bearer {key}" for _, headers, _ in server.seen)


def test_an_error_that_echoes_the_request_shows_no_photo(server: Server) -> None:
    server.key = "another-0123456789"
    photo = jpeg("red")
    connecting = connect(server)
    server.always = (400, {}, {"message": f"cannot read {photo.hex()} in request"})
    with pytest.raises(Rejected) as error:
        connecting.embed([photo])
    assert photo.hex()[:100] not in str(error.value) and "in request" in str(error.value)


def test_an_entry_in_netrc_does_not_replace_the_key(server: Server) -> None:
    (Path.home() / ".netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    assert connect(server).embed([jpeg("red")]).shape == (1, 4)


def test_nobody_listening_is_told_in_one_line(server: Server) -> None:
    client = Client(config(server, endpoint="http://127.0.0.1:9/v2/embed"), RUNTIME)
    with pytest.raises(UserError, match=r"127.0.0.1:9 cannot be reached: NewConnectionError.*refused"):
        client.embed([jpeg("red")])


def test_waiting_ends_when_the_run_does(server: Server) -> None:
    server.always = (429, {"Retry-After": "60"}, {})
    client, told = connect(server), []

    def ask() -> None:
        with pytest.raises(UserError, match="stopped") as error:
            client.embed([jpeg("red")])
        told.append(error)

    thread = Thread(target=ask)
    thread.start()
    while not server.seen:
        time.sleep(0.01)
    client.stop()
    thread.join(5)
    assert told and not thread.is_alive()
