"""The words of progress."""

import pytest

from src.progress import duration


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (89, "89 s"), (600, "10 min"), (5970, "1 h 40 min"), (9000, "2 h 30 min")]
)
def test_a_duration_is_as_exact_as_an_estimate_deserves(seconds: float, words: str) -> None:
    assert duration(seconds) == words
