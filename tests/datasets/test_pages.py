"""The pages of docs/datasets agree with params.yaml, with each other and with what the readers check."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from src import params
from src.datasets import READERS
from src.datasets.official import Official

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/datasets"
CATALOGUE = yaml.safe_load((ROOT / "params.yaml").read_text())["catalogue"]
PUBLIC = sorted(set(READERS) - {"folder", "table"})
HEADINGS = ["Get it", "Bring it under DVC", "What the reader expects", "Protocols and counts", "Worth knowing"]


def page(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text()


def entries(text: str) -> dict[str, Any]:
    """The catalogue entries that a page shows; of two with one name the last."""
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    return {name: entry for block in blocks for name, entry in yaml.safe_load(block).items()}


def officials(value: Any) -> Iterator[Official]:
    """Every Official in nested dicts."""
    if isinstance(value, Official):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from officials(inner)


@pytest.mark.parametrize("name", [*PUBLIC, "own"])
def test_a_page_has_the_same_headings_as_the_others(name: str) -> None:
    assert re.findall(r"^## (.*)$", page(name), re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("name", [*PUBLIC, "own"])
def test_what_a_page_shows_is_a_catalogue_that_params_take(name: str) -> None:
    shown = entries(page(name))
    assert shown
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    taken = params.parse(raw | {"catalogue": CATALOGUE | shown}).catalogue
    for key, entry in shown.items():
        assert name == "own" or taken[key].reader == name
        if name != "own":  # it may say more than params.yaml, never something else
            assert entry | CATALOGUE[key] == entry


@pytest.mark.parametrize("name", PUBLIC)
def test_a_page_names_the_counts_that_its_reader_checks(name: str) -> None:
    reader = importlib.import_module(f"src.datasets.{name}")
    for whole in officials(getattr(reader, "OFFICIAL", {})):
        assert f"{whole.images:,}" in page(name)


def test_the_index_has_a_line_for_every_entry_and_no_dead_link() -> None:
    index = (FOLDER / "README.md").read_text()
    named = re.findall(r"^\| `(\w+)` \|.*\[(\w+)\]\((\w+)\.md\) \|$", index, re.MULTILINE)
    assert {entry: link for entry, _, link in named} == {
        entry: value["reader"] for entry, value in CATALOGUE.items() if value["reader"] in PUBLIC
    }
    assert all(text == link for _, text, link in named)
    links = {link for file in FOLDER.glob("*.md") for link in re.findall(r"\]\((\w+\.md)\)", file.read_text())}
    assert links == {file.name for file in FOLDER.glob("*.md")}
