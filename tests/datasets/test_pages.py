"""docs/datasets: a page a public dataset, all built alike, with the counts that the reader checks."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from src.datasets import READERS
from src.datasets.official import Official
from src.params import parse

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted(page for page in (ROOT / "docs/datasets").glob("*.md") if page.stem in READERS)
HEADINGS = ["Get it", "Bring it under DVC", "What the reader expects", "Protocols and counts", "Worth knowing"]


def counts(value: Any) -> Iterator[int]:
    """Every count in a table of Official, however deep."""
    if isinstance(value, Official):
        yield from (count for count in value if count is not None)
    elif isinstance(value, dict):
        yield from (count for inner in value.values() for count in counts(inner))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_are_built_alike(page: Path) -> None:
    assert re.findall(r"^## (.+)$", page.read_text(), re.M) == HEADINGS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_states_every_count_that_its_reader_checks(page: Path) -> None:
    checked = set(counts(getattr(importlib.import_module(f"src.datasets.{page.stem}"), "OFFICIAL", {})))
    text = page.read_text()
    assert not [count for count in sorted(checked) if not re.search(rf"(?<![\d,]){count:,}(?![\d,]*\d)", text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_entry_on_a_page_is_one_that_params_yaml_takes(page: Path) -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    for text in re.findall(r"```yaml\n(.+?)```", page.read_text(), re.S):
        entries = yaml.safe_load(text)
        entries = entries.get("catalogue", entries)
        parse(params | {"catalogue": params["catalogue"] | entries})
        assert {entry["reader"] for entry in entries.values()} == {page.stem}
