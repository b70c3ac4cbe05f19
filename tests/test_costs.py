"""What strategies cost, from the records of their stages."""

import pytest

from src import costs
from src.latency import Latency

ONE = {"seconds": 10.0, "images": 100, "peak_memory_mb": 300.0, "device": "cpu"}
TWO = {"seconds": 30.0, "images": 700, "peak_memory_mb": 500.0, "peak_gpu_memory_mb": 80.0, "device": "cuda"}


def test_runs_add_up_and_the_highest_peak_counts() -> None:
    assert costs.total([ONE, TWO]) == {
        "seconds": 40,
        "images": 800,
        "images_per_second": 20,
        "peak_memory_mb": 500,
        "peak_gpu_memory_mb": 80,
    }


def test_a_price_an_hour_is_a_price_of_the_work_and_of_a_million_images() -> None:
    found = costs.total([ONE, TWO], price_per_hour=3.6)
    assert found["price"] == pytest.approx(0.04)  # 40 s at 0.001 a second
    assert found["price_per_million_images"] == pytest.approx(50)  # at 20 images a second 50,000 s


def test_work_that_was_kept_has_no_speed() -> None:
    found = costs.total([{"seconds": 0.0, "images": 0, "images_per_second": None}], price_per_hour=1)
    assert found == {
        "seconds": 0,
        "images": 0,
        "images_per_second": None,
        "price": 0,
        "price_per_million_images": None,
    }


def test_a_head_comes_on_top_of_the_backbone_and_a_fine_tuned_network_is_the_backbone() -> None:
    sidecar = {"dim": 512, "parameters": 1_000_000, "gmacs": 0.5, "trained_parameters": 200_000_000}
    assert costs.encoder([sidecar], is_head=True) == {
        "dimension": 512,
        "bytes_per_vector": 2048,
        "parameters": 201_000_000,
        "trained_parameters": 200_000_000,
        "gmacs": 0.7,
    }
    assert costs.encoder([sidecar], is_head=False)["parameters"] == 1_000_000
    assert costs.encoder([sidecar], is_head=False)["gmacs"] == 0.5


def test_of_encoders_that_differ_the_largest_counts() -> None:
    sidecars = [{"dim": dim, "parameters": 10, "gmacs": 1.0, "trained_parameters": dim} for dim in (64, 256, 128)]
    found = costs.encoder(sidecars, is_head=True)
    assert (found["dimension"], found["bytes_per_vector"], found["parameters"]) == (256, 1024, 266)


def test_of_a_services_network_nothing_is_known_and_nothing_trained() -> None:
    assert costs.encoder([{"dim": 4, "parameters": None, "gmacs": None}] * 2, is_head=False) == {
        "dimension": 4,
        "bytes_per_vector": 16,
        "parameters": None,
        "trained_parameters": 0,
        "gmacs": None,
    }


def test_a_head_on_a_service_is_all_that_is_known_of_its_training() -> None:
    sidecar = {"dim": 4, "parameters": None, "gmacs": None, "trained_parameters": 20}
    found = costs.encoder([sidecar], is_head=True)
    assert (found["parameters"], found["trained_parameters"], found["gmacs"]) == (None, 20, None)


def test_measured_and_extrapolated_searches_stand_apart() -> None:
    found = costs.search([Latency(10, 1, 2, 3, True), Latency(20, 2, 4, 6, False)], "some processor")
    assert found == {
        "processor": "some processor",
        "threads": 1,
        "measured": {"10": {"p50_ms": 1, "p99_ms": 2, "index_mb": 3}},
        "extrapolated": {"20": {"p50_ms": 2, "p99_ms": 4, "index_mb": 6}},
    }


def test_a_line_for_people() -> None:
    search = costs.search([Latency(10, 9, 9, 9, True), Latency(1000, 1.25, 2, 3, True)], "some processor")
    found = {"tuning": costs.total([ONE]), "encoder": {"bytes_per_vector": 1024}, "search": search}
    assert costs.describe(found) == "10 s, 300 MB of memory, 1,024 bytes a vector, 1.25 ms a search among 1,000"
    assert costs.describe({"embedding": {"top_tuned": ONE, "fine_tuned": TWO}}) == (
        "embedding by top_tuned 10 s, fine_tuned 30 s"
    )
