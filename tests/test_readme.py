"""The README says what is so."""

import json
import re
from pathlib import Path

import pytest
import yaml

from src.words import STRATEGIES

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()


def test_its_table_is_the_committed_run() -> None:
    """metrics/summary.json is what `make repro` wrote last; the README must not quote an older one."""
    headline = json.loads((ROOT / "metrics/summary.json").read_text())["mMP@5"]
    row = next(line for line in TEXT.splitlines() if line.startswith("mean "))
    quoted = [float(cell.strip("* ▲▼")) for cell in row.split("|")[1:]]
    crossed = headline["cross_tuned"]
    values = [headline[name] for name in STRATEGIES[:3]] + [crossed["top_tuned"], crossed["fine_tuned"]]
    assert quoted == [pytest.approx(100 * value, abs=0.051) for value in values]


def test_every_file_it_links_to_is_there() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", TEXT) if "://" not in link]
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_every_make_target_it_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]+)", TEXT, re.M))
    assert {"repro", "test"} <= named <= targets


def test_every_module_it_runs_exists() -> None:
    modules = set(re.findall(r"python -m (src[\w.]*)", TEXT))
    assert modules
    assert not [name for name in modules if not (ROOT / (name.replace(".", "/") + ".py")).exists()]


def test_every_params_key_it_sets_exists() -> None:
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    for key in re.findall(r"-S '?([\w.]+)=", TEXT):
        value = params
        for part in key.split("."):
            assert part in value, key
            value = value[part]
