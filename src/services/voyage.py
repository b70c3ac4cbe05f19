"""Floor 1. Voyage AI, multimodal embeddings: https://docs.voyageai.com/reference/multimodal-embeddings-api."""

from base64 import b64encode
from typing import Any

from src.services import openai

ENDPOINT = "https://api.voyageai.com/v1/multimodalembeddings"
OWN_ENDPOINT = False
KEY = "VOYAGE_API_KEY"
BATCH = 8  # of the largest images allowed (16 million pixels, 560 of them a token) 11 fit into 320,000 tokens


def request(photos: list[bytes], config: dict[str, Any]) -> dict[str, Any]:
    """JPEG bytes as data URIs, an input each.

    Truncation is off: of an image that is too long it would leave nothing, and say nothing. `output_dimension` is
    known to voyage-multimodal-3.5 and newer.
    """
    uris = ["data:image/jpeg;base64," + b64encode(photo).decode() for photo in photos]
    body: dict[str, Any] = {
        "model": config["checkpoint"],
        "inputs": [{"content": [{"type": "image_base64", "image_base64": uri}]} for uri in uris],
        "truncation": False,
    }
    return body | ({"output_dimension": config["dim"]} if config["dim"] else {})


def vectors(answer: Any) -> list[list[float]]:
    """The form of OpenAI's answers."""
    return openai.vectors(answer)
