"""Floor 1. Requests to a service: retried when that can help, one line when it cannot, and the key in neither.

Retries are urllib3's: back-off, Retry-After honoured. What it cannot know is how to stop waiting early.
"""

import logging
import os
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import requests
from numpy.typing import NDArray
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import BaseHTTPResponse, Retry
from urllib3.exceptions import ReadTimeoutError

from src.errors import UserError
from src.params import ServiceRuntime
from src.services import SERVICES

PASSING = (408, 429, 500, 502, 503, 504)  # may be well again in a while
UNFIT = (400, 413, 415, 422)  # it is about this very request
BACKOFF = 1.0  # seconds: 0, 2, 4, 8, ... between attempts where the service names no time
LONGEST = 300.0  # seconds that a service may ask us to wait
SAID = 200  # characters of a service's own message
TOLD = 6  # so many characters of the key in a row give it away

VECTORS = NDArray[np.float32]


class Rejected(UserError):
    """The service will not have these photos; others may be fine."""


class Client:
    """One service, for many threads."""

    def __init__(self, config: dict[str, Any], runtime: ServiceRuntime) -> None:
        self.host = urlsplit(config["endpoint"]).netloc
        self.concurrency = runtime.concurrency
        self._config, self._runtime, self._service = config, runtime, SERVICES[config["service"]]
        self._key = _key(config, self.host)
        self._stopped = Event()
        self._session = requests.Session()
        self._session.auth = _Bearer(self._key)  # as a header it would lose against an entry in ~/.netrc
        adapter = HTTPAdapter(pool_maxsize=runtime.concurrency, max_retries=_retries(runtime, self.host, self._stopped))
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, adapter)
        logging.getLogger("urllib3.connectionpool").setLevel(
            logging.ERROR
        )  # a line for each retry; the last one counts

    def stop(self) -> None:
        """Whoever waits between two attempts gives up, and nothing new is sent."""
        self._stopped.set()

    def embed(self, photos: list[bytes]) -> VECTORS:
        """Vectors [B, D] of B photos, not of length 1. A UserError says in one line why there are none."""
        if self._stopped.is_set():
            raise UserError(f"{self.host}: stopped")
        body = self._service.request(photos, self._config)
        try:
            response = self._session.post(
                self._config["endpoint"], json=body, timeout=self._runtime.timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            raise UserError(f"{self.host} cannot be reached: {self._reason(error)}; check the network") from None
        if response.status_code != 200:
            raise self._refusal(response)
        return self._vectors(response, len(photos))

    def _vectors(self, response: requests.Response, count: int) -> VECTORS:
        try:
            vectors = np.asarray(self._service.vectors(response.json()), np.float32)
        except Exception as error:  # a malformed answer can break its reading in any way
            what = f"{type(error).__name__}: {self._clean(str(error))}"
            raise UserError(
                f"{self.host} answers, but not in the format of '{self._config['service']}' ({what}); it begins with"
                f" '{self._clean(response.text, 60)}'; check the model's service and endpoint"
            ) from None
        if vectors.ndim != 2 or len(vectors) != count:
            raise UserError(f"{self.host} gave vectors of shape {list(vectors.shape)} for {count} photos")
        return vectors

    def _refusal(self, response: requests.Response) -> UserError:
        """What to tell of an answer that holds no vectors."""
        status, name, said = response.status_code, self._config["key"], self._clean(_message(response))
        if status == 401:  # its own message likes to repeat a part of the key
            return UserError(f"{self.host} does not accept the key in {name} (401); put a valid one there")
        if status == 403:
            return UserError(f"{self.host} forbids it (403: {said}); check the key in {name} and what it is allowed")
        if status in PASSING:
            again = f"after {self._runtime.retries} retries"
            return UserError(
                f"{self.host} still answers {status} {again} ({said}); try later, or with less concurrency"
            )
        if 300 <= status < 400:
            place = self._clean(response.headers.get("Location", "nowhere"))
            return UserError(f"{self.host} redirects to {place}; photos go only where the model's endpoint says")
        kind = Rejected if status in UNFIT else UserError
        return kind(f"{self.host} refuses the request ({status}: {said})")

    def _reason(self, error: requests.RequestException) -> str:
        """The innermost reason of an exception that wraps others."""
        reason = getattr(error.args[0], "reason", error) if error.args else error
        if isinstance(reason, ReadTimeoutError | requests.Timeout):
            return f"no answer within {self._runtime.timeout:g} s"
        return f"{type(reason).__name__}, {self._clean(str(reason))}"

    def _clean(self, text: str, length: int = SAID) -> str:
        """One short line without the key, or a part of it, or an image that a message repeats."""
        parts = {self._key[at : at + TOLD] for at in range(max(1, len(self._key) - TOLD + 1))}
        words = ["***" if any(part in word for part in parts) else word for word in text[:100_000].split()]
        line = " ".join(word if len(word) <= 100 else f"{word[:20]}..." for word in words)
        return line if len(line) <= length else f"{line[: length - 3]}..."


class _Bearer(AuthBase):
    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def _key(config: dict[str, Any], host: str) -> str:
    """From the environment variable, and only from there."""
    name = config["key"]
    key = os.environ.get(name, "").strip()
    if not key:
        raise UserError(f"{name} is not set; put your key for {host} there: export {name}=...")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UserError(f"{name} holds spaces, line breaks or letters that no key has; put the key alone there")
    return key


def _retries(runtime: ServiceRuntime, host: str, stopped: Event) -> Retry:
    """urllib3's retries, with waiting that ends when the run ends and with a bound on what a service may ask for."""

    class Patience(Retry):
        def sleep(self, response: BaseHTTPResponse | None = None) -> None:
            asked = self.get_retry_after(response) if response else None
            if asked and asked > LONGEST:
                raise UserError(f"{host} asks to come back in {asked:,.0f} s; do so")
            if stopped.wait(asked or self.get_backoff_time()):
                raise UserError(f"{host}: stopped")

    return Patience(
        total=runtime.retries,
        allowed_methods={"POST"},
        status_forcelist=PASSING,
        backoff_factor=BACKOFF,
        backoff_jitter=BACKOFF / 2,  # threads that were sent away together do not come back together
        raise_on_status=False,
    )


def _message(response: requests.Response) -> str:
    """A service's own words: {"message"}, {"detail"}, {"error": {"message"}}, [{"msg"}], or the text."""
    try:
        return _words(response.json()) or response.text
    except ValueError:
        return response.text


def _words(value: Any) -> str:
    if isinstance(value, list) and value:
        return _words(value[0])
    if isinstance(value, dict):
        return next((_words(value[name]) for name in ("message", "msg", "detail", "error") if name in value), "")
    return value if isinstance(value, str) else ""
