"""Floor 1. OpenAI's embeddings format with images, as Jina and some servers of one's own speak it.

OpenAI itself embeds no images. Request and answer: https://api.jina.ai/openapi.json.
"""

from base64 import b64encode
from typing import Any

ENDPOINT = "https://api.jina.ai/v1/embeddings"
OWN_ENDPOINT = True
KEY = None  # a default would send one company's key to another
BATCH = 8  # no limit is stated; a refused request costs little


def request(photos: list[bytes], config: dict[str, Any]) -> dict[str, Any]:
    """JPEG bytes in base 64. Nothing but these keys: Jina refuses a request with one that it does not know."""
    body = {"model": config["checkpoint"], "input": [{"image": b64encode(photo).decode()} for photo in photos]}
    return body | ({"dimensions": config["dim"]} if config["dim"] else {})


def vectors(answer: Any) -> list[list[float]]:
    """{"data": [{"index": 0, "embedding": [...]}, ...], ...}, in any order."""
    ordered = sorted(answer["data"], key=lambda item: item["index"])
    if [item["index"] for item in ordered] != list(range(len(ordered))):
        raise ValueError("an index is missing or comes twice")
    return [item["embedding"] for item in ordered]
