"""A local server that speaks the four request formats and fails as it is told to.

A photo's vector is made of its mean colours, so that a test sees whose vector came back. Requests in another form than
the documented one are refused with 400, as the services do.
"""

import base64
import io
import json
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import numpy as np
from PIL import Image

PATHS = {
    "cohere": "/v2/embed",
    "openai": "/v1/embeddings",
    "vertex": "/v1/projects/p/locations/l/publishers/google/models/multimodalembedding@001:predict",
    "voyage": "/v1/multimodalembeddings",
}
URI = "data:image/jpeg;base64,"
SLOW = "slow"  # an answer that comes too late


class Refused(Exception):
    """A request that is not in the documented form."""


class Server(ThreadingHTTPServer):
    """`replies` holds what the next requests get instead of vectors: (status, headers, body) or SLOW."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.replies: deque[Any] = deque()
        self.always: Any = None  # the reply to every request, where set
        self.dim, self.lost, self.delay, self.key = 4, 0, 0.0, "secret-key-0123456789"
        self.photos: Counter[str] = Counter()  # how often the vector of each was sent, by sha256
        self.seen: list[tuple[str, dict[str, str], Any]] = []  # path, headers, body of every request
        self.at_once = self.most_at_once = 0
        self.lock = Lock()

    def handle_error(self, *_: Any) -> None:
        """A client that went away, killed or out of patience, is what some tests are about."""

    def endpoint(self, service: str) -> str:
        return self.url + PATHS[service]

    def vector(self, photo: bytes) -> list[float]:
        """[red, green, blue, 1, 0, ...] of a JPEG, cut or filled to `dim`."""
        colours = np.asarray(Image.open(io.BytesIO(photo)).convert("RGB")).mean((0, 1)) / 255
        return [*colours.tolist(), 1.0, *[0.0] * self.dim][: self.dim]


@contextmanager
def running() -> Iterator[Server]:
    with Server() as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # 40 ms an answer otherwise
    server: Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            server.seen.append((self.path, dict(self.headers), body))
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
            reply = server.replies.popleft() if server.replies else server.always
        try:
            time.sleep(server.delay)
            self.answer(body, reply)
        finally:
            with server.lock:
                server.at_once -= 1

    def answer(self, body: Any, reply: Any) -> None:
        if reply == SLOW:
            time.sleep(0.6)
            reply = None
        if reply:
            return self.send(*reply)
        if self.headers.get("Authorization") != f"Bearer {self.server.key}":
            return self.send(401, {}, {"message": f"invalid api token {self.headers.get('Authorization')}"})
        try:
            photos = READ[next(name for name, path in PATHS.items() if path == self.path)](body)
        except (Refused, KeyError, StopIteration) as error:
            return self.send(400, {}, {"message": f"{error!r} in {json.dumps(body)}"})
        with self.server.lock:
            self.server.photos.update(sha256(photo).hexdigest() for photo in photos)
        vectors = [self.server.vector(photo) for photo in photos[: len(photos) - self.server.lost]]
        return self.send(200, {}, WRITE[self.path](vectors))

    def send(self, status: int, headers: dict[str, str], body: Any) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def only(body: dict[str, Any], required: set[str], optional: set[str]) -> None:
    if not required <= body.keys() <= required | optional:
        raise Refused(f"keys {sorted(body)}")


def uri(text: str) -> bytes:
    if not text.startswith(URI):
        raise Refused("not a data URI")
    return base64.b64decode(text.removeprefix(URI), validate=True)


def read_cohere(body: Any) -> list[bytes]:
    only(body, {"model", "input_type", "images", "embedding_types"}, {"output_dimension"})
    if body["input_type"] != "image" or body["embedding_types"] != ["float"] or len(body["images"]) != 1:
        raise Refused("input_type, embedding_types or number of images")
    return [uri(image) for image in body["images"]]


def read_openai(body: Any) -> list[bytes]:
    only(body, {"model", "input"}, {"dimensions"})
    return [base64.b64decode(item["image"], validate=True) for item in body["input"]]


def read_vertex(body: Any) -> list[bytes]:
    only(body, {"instances"}, {"parameters"})
    only(body.get("parameters", {}), set(), {"dimension"})
    if len(body["instances"]) != 1:
        raise Refused("one instance is allowed")
    return [base64.b64decode(item["image"]["bytesBase64Encoded"], validate=True) for item in body["instances"]]


def read_voyage(body: Any) -> list[bytes]:
    only(body, {"model", "inputs"}, {"input_type", "truncation", "output_dimension"})
    parts = [part for item in body["inputs"] for part in item["content"]]
    if any(part["type"] != "image_base64" for part in parts):
        raise Refused("type")
    return [uri(part["image_base64"]) for part in parts]


def data(vectors: list[list[float]]) -> dict[str, Any]:
    """OpenAI's form, deliberately not in order."""
    items = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return {"object": "list", "data": items[::-1], "usage": {"total_tokens": 1}}


READ = {"cohere": read_cohere, "openai": read_openai, "vertex": read_vertex, "voyage": read_voyage}
WRITE = {
    PATHS["cohere"]: lambda vectors: {
        "id": "0",
        "embeddings": {"float": vectors},
        "response_type": "embeddings_by_type",
    },
    PATHS["openai"]: data,
    PATHS["voyage"]: data,
    PATHS["vertex"]: lambda vectors: {
        "predictions": [{"imageEmbedding": vector} for vector in vectors],
        "deployedModelId": "0",
    },
}
