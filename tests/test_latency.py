"""Search times: what is measured, what is only reckoned."""

import numpy as np
import pytest
from numpy.typing import NDArray

from src import indexes, latency
from src.latency import Latency


def test_a_catalogue_that_fits_is_measured_and_a_larger_one_extrapolated() -> None:
    found = latency.measure(8, sizes=(100, 1000), beyond=(5000,))
    assert [(one.size, one.measured) for one in found] == [(100, True), (1000, True), (5000, False)]
    assert [one.index_mb for one in found] == pytest.approx([0.0032, 0.032, 0.16])
    assert found[2].p50_ms == pytest.approx(5 * found[1].p50_ms)
    assert all(0 < one.p50_ms <= one.p99_ms for one in found)


def test_what_does_not_fit_into_memory_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "FITS", 4 * 8 * 100)
    found = latency.measure(8, sizes=(100, 101), beyond=(1000,))
    assert [(one.size, one.measured) for one in found] == [(100, True), (101, False), (1000, False)]
    found = latency.measure(8, sizes=(1000, 200), beyond=())
    assert [(one.size, one.measured) for one in found] == [(100, True), (200, False), (1000, False)]


def test_half_of_the_searches_are_as_fast_as_p50_and_all_but_one_in_a_hundred_as_p99(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, clock = [], [0.0]

    def search(query: NDArray[np.float32], gallery: NDArray[np.float32], k: int) -> None:
        asked.append((query.shape, k))
        warm = len(asked) > latency.WARM_UP
        clock[0] += (0.02 if len(asked) % 20 == 0 else 0.001) if warm else 9.0

    monkeypatch.setattr(latency, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(indexes, "search", search)
    found = latency.timed(latency.draw(12, 4, seed=0))
    assert asked == [((1, 4), latency.FOUND)] * (latency.WARM_UP + latency.SEARCHES)  # one query at a time
    assert (found.p50_ms, found.p99_ms) == pytest.approx((1, 20))  # a slow one in twenty


def test_more_vectors_take_longer() -> None:
    small, large = latency.measure(64, sizes=(100, 100_000), beyond=())
    assert large.p50_ms > 10 * small.p50_ms


def test_a_record_has_three_digits_that_count() -> None:
    assert Latency(1, 0.0123456, 123456, 2.048, True).record() == {
        "p50_ms": 0.0123,
        "p99_ms": 123000,
        "index_mb": 2.05,
    }
