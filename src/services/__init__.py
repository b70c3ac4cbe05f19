"""Floor 1. Embedding services: a photo goes to an HTTP API and a vector comes back.

A module of SERVICES knows the JSON of one service and nothing else; `client` sends it, `answers` keeps what came back.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from src import store
from src.entries import ServiceModel
from src.errors import UserError
from src.registry import lookup
from src.services import cohere, openai, photo, vertex, voyage

CONFIG = "config.json"
REQUESTS = 1  # version of what the modules ask for; a change that changes vectors raises it
SECRET = ("key", "token", "secret", "signature", "password")  # parts of a web address that say so in their names


class Service(Protocol):
    """What a module of SERVICES offers. All four take their key as `Authorization: Bearer <key>`."""

    @property
    def ENDPOINT(self) -> str: ...  # noqa: N802  where requests go

    @property
    def OWN_ENDPOINT(self) -> bool: ...  # noqa: N802  everybody has one of their own; ENDPOINT is an example

    @property
    def KEY(self) -> str | None: ...  # noqa: N802  the usual environment variable, where there is one

    @property
    def BATCH(self) -> int: ...  # noqa: N802  photos a request

    def request(self, photos: list[bytes], config: dict[str, Any]) -> dict[str, Any]:
        """The JSON body that asks for the vectors of some photos."""

    def vectors(self, answer: Any) -> list[list[float]]:
        """The vectors in an answer, in the order of the photos; any exception means that it has another form."""


SERVICES: dict[str, Service] = {"cohere": cohere, "openai": openai, "vertex": vertex, "voyage": voyage}


def write(slug: str, model: ServiceModel, folder: Path) -> dict[str, Any]:
    """Make `folder` of a params.yaml entry: its configuration alone, for nobody sees a service's weights. No network.

    Returns the configuration; a UserError names the entry and what is missing.
    """
    config = _config(slug, model)
    with store.whole_folder(folder) as part:
        store.write_json(part / CONFIG, config)
    return config


def _config(slug: str, model: ServiceModel) -> dict[str, Any]:
    """Keys as in the configuration of a backbone, with what only a service has."""
    service = lookup(SERVICES, model.service, "service", f"models.{slug}.service")
    key = model.key or service.KEY
    if not key:
        raise UserError(f"models.{slug}.key is missing; name the environment variable that holds the service's key")
    config: dict[str, Any] = {
        "model": slug,
        "library": "api",
        "service": model.service,
        "checkpoint": model.checkpoint,
        "endpoint": _endpoint(slug, model, service),
        "key": key,
        "dim": model.dim,
        "price": model.price,
        "preprocessing": {"size": model.size, "format": photo.FORMAT},
        "family": model.family,
        "licence": model.licence,
        "parameters": None,  # nobody outside knows
        "gmacs": None,
    }
    config["source"] = config["endpoint"]
    seen = [identity(config), config["preprocessing"]]
    return config | {"weights_sha256": hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()}


def _endpoint(slug: str, model: ServiceModel, service: Service) -> str:
    """Where requests go; a UserError where only the user can know, or where a key would stand in params.yaml."""
    if model.endpoint is None and service.OWN_ENDPOINT:
        raise UserError(f"models.{slug}.endpoint is missing; {model.service} needs yours, like {service.ENDPOINT}")
    endpoint = model.endpoint or service.ENDPOINT
    address = urlsplit(endpoint)
    names = [name.lower() for name, _ in parse_qsl(address.query)]
    if "@" in address.netloc or any(word in name for word in SECRET for name in names):
        raise UserError(
            f"models.{slug}.endpoint holds a key or password; leave it out, the key comes from the environment variable"
            f" {model.key or service.KEY} alone"
        )
    return endpoint


def identity(config: dict[str, Any]) -> dict[str, Any]:
    """What a vector depends on, besides the bytes of the photo."""
    return {name: config[name] for name in ("service", "endpoint", "checkpoint", "dim")} | {"requests": REQUESTS}
