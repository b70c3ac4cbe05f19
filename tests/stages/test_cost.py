"""The stage cost: what other stages left of their times, in one place."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from scoring_workspace import build, write_embeddings

from src import store
from src.errors import UserError
from src.stages import cost

ENCODER = {"parameters": 1000, "gmacs": 0.5}
HARDWARE = {"device": "cpu", "threads": 2, "processor": "some processor", "peak_memory_mb": 300.0}


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write_cost(*place: str, **changes: Any) -> None:
    record = {"images": 80, "seconds": 4.0, "images_per_second": 20.0, **HARDWARE, **changes}
    store.write_json(Path("data/cost", *place, "cost.json"), record)


def build_costs(strategy: str, **params: Any) -> None:
    """Params, embeddings with what their sidecars say, and a cost file a dataset."""
    build(strategy, **params)
    for i, dataset in enumerate(("one", "two")):
        write_embeddings(strategy, dataset, trained_parameters=0 if strategy == "pretrained" else 200, **ENCODER)
        write_cost(strategy, dataset, seconds=4.0 + i)


def read(strategy: str) -> dict[str, Any]:
    found: dict[str, Any] = store.read_json(Path("metrics/cost") / f"{strategy}.json")
    return found


def test_pretrained_has_embedded_and_tuned_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    build_costs("pretrained")
    cost.main("pretrained")
    found = read("pretrained")
    assert list(found) == ["model", "strategy", "embedding", "encoder", "search", "datasets"]
    assert found["embedding"] == {"seconds": 9, "images": 160, "images_per_second": 17.78, "peak_memory_mb": 300}
    assert found["encoder"] == {
        "dimension": 2,
        "bytes_per_vector": 8,
        "parameters": 1000,
        "trained_parameters": 0,
        "gmacs": 0.5,
    }
    assert found["datasets"]["two"]["seconds"] == 5
    assert capsys.readouterr().out.startswith("cost pretrained: 9 s, 300 MB of memory, 8 bytes a vector, ")


@pytest.mark.parametrize(
    ("strategy", "parameters"), [("top_tuned", 1200), ("fine_tuned", 1000), ("hybrid_tuned", 1000)]
)
def test_a_tuned_strategy_has_its_trained_parameters_and_a_head_has_more_in_all(strategy: str, parameters: int) -> None:
    build_costs(strategy)
    cost.main(strategy)
    found = read(strategy)
    assert found["tuning"]["seconds"] == 9
    assert (found["encoder"]["parameters"], found["encoder"]["trained_parameters"]) == (parameters, 200)


def test_searches_are_measured_here_and_beyond_that_extrapolated() -> None:
    build_costs("pretrained")
    cost.main("pretrained")
    search = read("pretrained")["search"]
    assert list(search["measured"]) == ["1000", "10000", "100000"]
    assert list(search["extrapolated"]) == ["1000000", "10000000"]
    assert search["extrapolated"]["1000000"]["index_mb"] == 8  # a million vectors of two numbers


def test_cross_tuned_has_what_embedding_took_by_method() -> None:
    build("cross_tuned")
    for method, source in product(("top_tuned", "fine_tuned"), ("one", "two")):
        write_cost("cross_tuned", method, source, seconds=1.0 if method == "top_tuned" else 10.0)
    cost.main("cross_tuned")
    found = read("cross_tuned")
    assert list(found) == ["model", "strategy", "embedding"]
    assert {method: took["seconds"] for method, took in found["embedding"].items()} == {
        "top_tuned": 2,
        "fine_tuned": 20,
    }


def test_what_tuning_a_merged_source_took_stands_apart_and_a_source_of_before_goes() -> None:
    build("cross_tuned", cross_tune={"methods": ["top_tuned"], "merged": ["all"]})
    for source, more in {"one": {}, "two": {}, "all": {"tuning": {"images": 600, "seconds": 30.0}}, "old": {}}.items():
        write_cost("cross_tuned", "top_tuned", source, **more)
    cost.main("cross_tuned")
    assert read("cross_tuned")["tuning"] == {
        "top_tuned": {"all": {"seconds": 30, "images": 600, "images_per_second": 20}}
    }
    assert read("cross_tuned")["embedding"]["top_tuned"]["seconds"] == 8  # of the sources that are datasets
    assert sorted(path.name for path in Path("data/cost/cross_tuned/top_tuned").iterdir()) == ["all", "one", "two"]


def test_a_price_an_hour_prices_the_work() -> None:
    build_costs("top_tuned", runtime={"price_per_hour": 400})
    cost.main("top_tuned")
    assert read("top_tuned")["tuning"]["price"] == 1


def test_a_service_has_a_price_of_its_own_and_no_memory() -> None:
    models = {"toy": {"library": "api", "service": "cohere", "checkpoint": "embed-v4.0", "price": 0.4}}
    build_costs("pretrained", models=models, strategies=["pretrained", "top_tuned"], published=[])
    for dataset in ("one", "two"):
        write_embeddings("pretrained", dataset, parameters=None, gmacs=None)
        store.write_json(
            Path(f"data/cost/pretrained/{dataset}/cost.json"), {"images": 10, "seconds": 2.0, "service": "x"}
        )
    cost.main("pretrained")
    found = read("pretrained")
    assert found["embedding"]["price_per_million_images"] == 400
    assert "peak_memory_mb" not in found["embedding"]
    assert found["encoder"]["parameters"] is None


def test_another_models_sidecar_is_refused() -> None:
    build_costs("pretrained")
    write_embeddings("pretrained", "two", model="other", **ENCODER)
    with pytest.raises(UserError, match=r"model is 'other', params.yaml says 'toy'; run `dvc repro`"):
        cost.main("pretrained")


def test_a_cost_file_that_is_not_there_is_named() -> None:
    build_costs("pretrained")
    Path("data/cost/pretrained/two/cost.json").unlink()
    with pytest.raises(UserError, match=r"data/cost/pretrained/two/cost.json is missing; run `dvc repro`"):
        cost.main("pretrained")
