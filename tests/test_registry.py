"""Looking names up."""

import pytest

from src.errors import UserError
from src.registry import lookup


def test_a_known_name_gives_its_entry() -> None:
    assert lookup({"siglip": 1}, "siglip", "model") == 1


def test_an_unknown_name_is_answered_with_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(UserError) as caught:
        lookup({"clip": 0, "siglip": 1}, "siglp", "model")
    assert str(caught.value) == ("unknown model 'siglp' in params.yaml; known: clip, siglip. Did you mean 'siglip'?")


def test_nothing_is_suggested_when_nothing_is_near() -> None:
    with pytest.raises(UserError) as caught:
        lookup({"clip": 0}, "zzz", "model")
    assert "Did you mean" not in str(caught.value)
