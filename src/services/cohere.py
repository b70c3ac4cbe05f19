"""Floor 1. Cohere's embed, version 2 of the API: https://docs.cohere.com/reference/embed."""

from base64 import b64encode
from typing import Any

ENDPOINT = "https://api.cohere.com/v2/embed"
OWN_ENDPOINT = False
KEY = "COHERE_API_KEY"
BATCH = 1  # "Maximum number of images per call is 1"


def request(photos: list[bytes], config: dict[str, Any]) -> dict[str, Any]:
    """JPEG bytes as data URIs. `output_dimension` is known to embed-v4 and newer."""
    body: dict[str, Any] = {
        "model": config["checkpoint"],
        "input_type": "image",
        "images": ["data:image/jpeg;base64," + b64encode(photo).decode() for photo in photos],
        "embedding_types": ["float"],
    }
    return body | ({"output_dimension": config["dim"]} if config["dim"] else {})


def vectors(answer: Any) -> list[list[float]]:
    """{"embeddings": {"float": [[...], ...]}, ...}, in the order of the request."""
    return answer["embeddings"]["float"]
