"""Floor 1. Google Vertex AI, multimodal embeddings.

https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/multimodal-embeddings
"""

from base64 import b64encode
from typing import Any

ENDPOINT = (
    "https://LOCATION-aiplatform.googleapis.com/v1/projects/PROJECT/locations/LOCATION"
    "/publishers/google/models/multimodalembedding@001:predict"
)
OWN_ENDPOINT = True
KEY = "GOOGLE_OAUTH_ACCESS_TOKEN"  # lives for an hour: gcloud auth print-access-token
BATCH = 1  # as Google's own client; more instances are documented for text models only


def request(photos: list[bytes], config: dict[str, Any]) -> dict[str, Any]:
    """JPEG bytes in base 64. The model's name stands in the address. `dim` can be 128, 256, 512 or 1408."""
    body: dict[str, Any] = {
        "instances": [{"image": {"bytesBase64Encoded": b64encode(photo).decode()}} for photo in photos]
    }
    return body | ({"parameters": {"dimension": config["dim"]}} if config["dim"] else {})


def vectors(answer: Any) -> list[list[float]]:
    """{"predictions": [{"imageEmbedding": [...]}], ...}, in the order of the request."""
    return [prediction["imageEmbedding"] for prediction in answer["predictions"]]
