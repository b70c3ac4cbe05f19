"""A licence that forbids or limits commercial use is told, others pass in silence."""

from pathlib import Path

import pytest

from src.licences import LICENCES, warning
from src.params import load

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("licence", ["Apache-2.0", "MIT", "bsd-3-clause", "Apache 2.0", " mit ", "CC-BY-4.0"])
def test_a_licence_that_allows_commercial_use_is_passed_in_silence(licence: str) -> None:
    assert warning(licence) == ""


@pytest.mark.parametrize(
    "licence", ["CC-BY-NC-4.0", "cc by-nc 4.0", "CC-BY-NC-SA-3.0", "cc-by-nc-nd-4.0", "apple-amlr"]
)
def test_a_licence_that_forbids_it_is_told(licence: str) -> None:
    assert warning(licence).startswith(f"licence {licence}: ")
    assert "not for commercial use" in warning(licence)


@pytest.mark.parametrize("licence", ["DINOv3", "dinov3-license", "apple-ascl", "other"])
def test_a_licence_with_terms_of_its_own_is_to_be_read(licence: str) -> None:
    assert "terms of its own, read them" in warning(licence)


def test_an_unknown_licence_is_said_to_be_unknown() -> None:
    assert warning("unknown") == "licence unknown: the licence is not known, ask before commercial use"
    assert warning("GPL-5") == "licence GPL-5: not one known here, read it before commercial use"
    assert warning("") == "licence : not one known here, read it before commercial use"


def test_every_licence_of_the_shipped_models_is_known() -> None:
    models = load(ROOT / "params.yaml").models.values()
    assert not [model.licence for model in models if "not one known here" in warning(model.licence)]


def test_every_warning_is_one_line() -> None:
    assert all("\n" not in warning(licence) for licence in LICENCES)
    assert all(licence == licence.lower() and " " not in licence for licence in LICENCES)
