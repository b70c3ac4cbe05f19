import base64
import json
from pathlib import Path

import pytest

from src import services
from src.entries import ServiceModel
from src.errors import UserError
from src.services import SERVICES

PHOTOS = [b"one", b"two"]
ONE, TWO = (base64.b64encode(photo).decode() for photo in PHOTOS)
URI = "data:image/jpeg;base64,"


def model(service: str, **more: object) -> ServiceModel:
    return ServiceModel.model_validate({"library": "api", "service": service, "checkpoint": "m", **more})


def test_cohere_asks_as_documented() -> None:
    cohere = SERVICES["cohere"]
    assert cohere.request(PHOTOS[:1], {"checkpoint": "embed-v4.0", "dim": 256}) == {
        "model": "embed-v4.0",
        "input_type": "image",
        "images": [URI + ONE],
        "embedding_types": ["float"],
        "output_dimension": 256,
    }
    assert cohere.vectors({"id": "x", "embeddings": {"float": [[1.0, 2.0]]}}) == [[1.0, 2.0]]


def test_voyage_asks_as_documented() -> None:
    assert SERVICES["voyage"].request(PHOTOS, {"checkpoint": "voyage-multimodal-3.5", "dim": 512}) == {
        "model": "voyage-multimodal-3.5",
        "inputs": [
            {"content": [{"type": "image_base64", "image_base64": URI + ONE}]},
            {"content": [{"type": "image_base64", "image_base64": URI + TWO}]},
        ],
        "truncation": False,
        "output_dimension": 512,
    }


def test_vertex_asks_as_documented() -> None:
    vertex = SERVICES["vertex"]
    assert vertex.request(PHOTOS[:1], {"checkpoint": "multimodalembedding@001", "dim": 128}) == {
        "instances": [{"image": {"bytesBase64Encoded": ONE}}],
        "parameters": {"dimension": 128},
    }
    assert vertex.vectors({"predictions": [{"imageEmbedding": [3.0]}], "deployedModelId": "7"}) == [[3.0]]


def test_jina_is_asked_as_documented() -> None:
    assert SERVICES["openai"].request(PHOTOS, {"checkpoint": "jina-clip-v2", "dim": 64}) == {
        "model": "jina-clip-v2",
        "input": [{"image": ONE}, {"image": TWO}],
        "dimensions": 64,
    }


@pytest.mark.parametrize("name", ["openai", "voyage"])
def test_vectors_come_in_the_order_of_their_index(name: str) -> None:
    answer = {"data": [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]}
    assert SERVICES[name].vectors(answer) == [[1.0], [2.0]]


@pytest.mark.parametrize("indices", [(0, 0), (0, 2)])
def test_an_index_that_comes_twice_or_is_missing_is_no_answer(indices: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="index"):
        SERVICES["openai"].vectors({"data": [{"index": index, "embedding": [1.0]} for index in indices]})


@pytest.mark.parametrize("name", SERVICES)
def test_without_dim_none_is_asked_for(name: str) -> None:
    assert "dimension" not in json.dumps(SERVICES[name].request(PHOTOS[:1], {"checkpoint": "m", "dim": None}))


def test_params_offer_exactly_the_services_that_exist() -> None:
    assert set(SERVICES) == set(ServiceModel.model_fields["service"].annotation.__args__)  # type: ignore[union-attr]


def test_a_configuration_says_where_photos_go_and_not_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COHERE_API_KEY", "hidden-4711")
    made = services.write("cohere", model("cohere", price=0.1), tmp_path / "backbone")
    written = (tmp_path / "backbone/config.json").read_text()
    assert json.loads(written) == made
    assert (made["library"], made["model"], made["dim"]) == ("api", "cohere", None)
    assert (made["endpoint"], made["key"]) == ("https://api.cohere.com/v2/embed", "COHERE_API_KEY")
    assert "hidden-4711" not in written


@pytest.mark.parametrize("change", [{"checkpoint": "n"}, {"dim": 8}, {"size": 64}, {"endpoint": "https://x.test/"}])
def test_whatever_changes_a_vector_changes_the_fingerprint(tmp_path: Path, change: dict[str, object]) -> None:
    before, after = (services.write("m", model("cohere", **more), tmp_path / "x") for more in ({}, change))
    assert before["weights_sha256"] != after["weights_sha256"]


def test_price_and_name_change_no_fingerprint(tmp_path: Path) -> None:
    before = services.write("a", model("cohere"), tmp_path / "x")
    after = services.write("b", model("cohere", price=3, key="MY_KEY", licence="y"), tmp_path / "x")
    assert before["weights_sha256"] == after["weights_sha256"]


@pytest.mark.parametrize(
    ("service", "more", "told"),
    [
        ("vertex", {}, "models.m.endpoint is missing; vertex needs yours, like https://LOCATION-aiplatform"),
        ("openai", {"key": "MY_KEY"}, "models.m.endpoint is missing"),
        ("openai", {"endpoint": "https://x.test/v1"}, "models.m.key is missing; name the environment variable"),
        ("cohere", {"endpoint": "https://me:hush@x.test/"}, "models.m.endpoint holds a key or password"),
        ("cohere", {"endpoint": "https://x.test/?api_key=hush"}, "models.m.endpoint holds a key or password"),
    ],
)
def test_what_only_the_user_can_know_is_asked_for(
    tmp_path: Path, service: str, more: dict[str, object], told: str
) -> None:
    with pytest.raises(UserError, match=told) as error:
        services.write("m", model(service, **more), tmp_path / "x")
    assert "hush" not in str(error.value)
    assert not (tmp_path / "x").exists()
