import re
from pathlib import Path

import pytest
from backbones.hub_server import Hub, point_to

from backbones import repositories
from src import models, params
from src.entries import Model, ServiceModel

ROOT = Path(__file__).parents[1]
ENTRIES = params.load(ROOT / "params.yaml").models
BEGIN, END = "<!-- python -m src.models -->", "<!-- end of python -m src.models -->"


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub, and nothing kept of it."""
    point_to(monkeypatch, "http://127.0.0.1:9", tmp_path)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("| ").split("|")]


def test_a_model_is_told_with_what_an_image_costs(nowhere: None) -> None:
    line = "| resnet50 | timm | `resnet50.a1_in1k` | supervised | 2048 | 23.5 | 4.09 at 224 px | Apache-2.0 |"
    assert models.table({"resnet50": ENTRIES["resnet50"]})[2] == line


def test_another_image_size_costs_more(nowhere: None) -> None:
    model = Model(library="timm", checkpoint="vit_base_patch14_dinov2.lvd142m")
    assert models.figures(model) == ["768", "86.6", "152 at 518 px"]
    assert models.figures(model.model_copy(update={"size": 224})) == ["768", "85.7", "23.2 at 224 px"]


def test_a_service_says_no_more_than_its_entry(nowhere: None) -> None:
    service = ServiceModel(library="api", service="cohere", checkpoint="embed-v4.0", dim=1536)
    assert models.figures(service) == ["1536", "-", "-"]


@pytest.mark.parametrize("slug", ["marqo", "fashion_clip"])
def test_what_only_a_repository_describes_is_known_once_it_is_here(
    slug: str, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    repositories.shallow(monkeypatch)
    assert models.figures(ENTRIES[slug]) == ["-", "-", "-"]
    repositories.write(hub.root, ENTRIES[slug])
    dim, parameters, gmacs = models.figures(ENTRIES[slug])
    assert dim == {"marqo": "768", "fashion_clip": "512"}[slug]
    assert float(parameters) > 10
    assert gmacs.endswith(" at 224 px")


def test_the_readme_has_the_table_of_params_yaml(hub: Hub) -> None:
    describe = {"open_clip": repositories.describe_open_clip, "transformers": repositories.describe_transformers}
    for model in ENTRIES.values():
        if model.library in describe:
            describe[model.library](hub.root, model)
    text = (ROOT / "README.md").read_text()
    assert BEGIN in text and END in text
    written = [cells(line) for line in re.findall(r"^\|.*", text.split(BEGIN)[1].split(END)[0], re.M)]
    assert written == [cells(line) for line in models.table(ENTRIES)]
