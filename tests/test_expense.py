"""What a strategy costs who uses it."""

from typing import Any

from src import expense
from src.expense import Expense

SEARCH = {
    "measured": {"1000": {"p50_ms": 0.1}, "100000": {"p50_ms": 5.0}},
    "extrapolated": {"1000000": {"p50_ms": 50.0}},
}
TUNING = {"tuning": {"seconds": 240}, "datasets": {"cars": {}, "food": {}}}
COSTS: dict[str, Any] = {
    "pretrained": {"embedding": {"images_per_second": 200.0}, "encoder": {"bytes_per_vector": 1024}, "search": SEARCH},
    "top_tuned": {**TUNING, "encoder": {"bytes_per_vector": 512}, "search": SEARCH},
}


def test_a_tuning_is_the_mean_over_datasets_and_an_answer_is_an_embedding_and_a_search() -> None:
    assert expense.of(COSTS, "top_tuned") == Expense(minutes=2, milliseconds=10, bytes=512)


def test_pretrained_is_not_tuned() -> None:
    assert expense.of(COSTS, "pretrained").minutes == 0


def test_a_cross_tuned_encoder_costs_what_its_method_costs_and_a_merged_source_its_one_tuning() -> None:
    assert expense.of(COSTS, "cross_tuned.top_tuned") == expense.of(COSTS, "top_tuned")
    assert expense.of(COSTS, "cross_tuned.top_tuned.all").minutes is None  # nobody wrote it down
    merged = COSTS | {"cross_tuned": {"tuning": {"top_tuned": {"all": {"seconds": 600}}}}}
    assert expense.of(merged, "cross_tuned.top_tuned.all") == Expense(minutes=10, milliseconds=10, bytes=512)


def test_searches_are_those_of_the_smallest_catalogue_that_is_large_enough() -> None:
    assert expense.of(COSTS, "pretrained", catalogue=1000).milliseconds == 5.1
    assert expense.of(COSTS, "pretrained", catalogue=1001).milliseconds == 10
    assert expense.of(COSTS, "pretrained", catalogue=500_000).milliseconds == 55
    assert expense.of(COSTS, "pretrained", catalogue=2_000_000).milliseconds is None


def test_what_nobody_measured_is_not_known() -> None:
    assert expense.of({}, "fine_tuned") == Expense(None, None, None)
    assert expense.of({}, "pretrained") == Expense(0, None, None)


def test_the_price_is_that_of_embedding() -> None:
    priced = COSTS | {
        "pretrained": COSTS["pretrained"] | {"embedding": {"images_per_second": 1, "price_per_million_images": 100}}
    }
    assert expense.of(priced, "top_tuned").price == 100
