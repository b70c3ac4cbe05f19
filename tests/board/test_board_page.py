"""The leaderboard's page: what it says, and what it can never do."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pandas as pd

from src.board import page, ranking

HOSTILE = "\"'><script>alert(1)</script>"
VOID = {"meta", "line", "rect", "path"}


class Reader(HTMLParser):
    """Tags in order; unbalanced ones fail."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, (tag, self.open)


def table(name: str = "siglip", licence: str = "MIT", benchmarks: int = 1) -> pd.DataFrame:
    """Three models by two strategies, the third one by pretrained alone, without facts or costs."""
    rows: list[dict[str, Any]] = []
    for key in range(benchmarks):
        for at, model in enumerate((name, "dino", "mystery")):
            facts = {"dimension": 768 - 256 * at, "parameters": 9 * 10**7, "gmacs": 17.6} if at < 2 else {}
            facts |= {"family": ("text_image", "self_supervised", "unknown")[at], "licence": licence}
            about = {"benchmark": str(key), "model": model, "variant": name if at else "", "experiments": name, **facts}
            for strategy, gain in {"top_tuned": 0.1, "pretrained": 0.0}.items():
                if at == 2 and gain:
                    continue
                score = {"mMP@5": 0.6 - 0.1 * at + gain, "low": 0.5, "high": 0.7, "seeds": 2, "deviation": 0.0042}
                score |= {"low": None, "high": None, "deviation": None} if at == 2 else {}
                cost = (
                    {"minutes": 60 * gain, "milliseconds": 5.25, "bytes": 3072, "trained_parameters": 7}
                    if at < 2
                    else {}
                )
                cells = {ranking.cell(dataset): score["mMP@5"] for dataset in ("cars", name)}
                rows.append(about | {"strategy": strategy, **score, **cost, "gain": gain or None, **cells})
    made = pd.DataFrame(rows).reindex(columns=[*ranking.COLUMNS, ranking.cell("cars"), ranking.cell(name)])
    return made.astype(dict.fromkeys(ranking.COUNTS, "Int64")).sort_values(
        ["benchmark", "mMP@5"], ascending=[True, False]
    )


def test_the_page_is_well_formed_with_one_script_that_its_policy_knows() -> None:
    text = page.render(table())
    tags = [tag for tag, _ in Reader(text).seen]
    assert tags.count("script") == 1
    assert not set(tags) & {"link", "iframe", "object", "embed", "form", "base", "img"}
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(attrs["content"] for tag, attrs in Reader(text).seen if "http-equiv" in attrs)
    rest = "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    assert policy == f"default-src 'none'; script-src 'sha256-{digest}'; {rest}"


def test_hostile_names_stay_text_wherever_they_stand() -> None:
    calm, hostile = (Reader(page.render(table(name, name))) for name in ("n" * len(HOSTILE), HOSTILE))
    assert [tag for tag, _ in hostile.seen] == [tag for tag, _ in calm.seen]
    assert not [key for _, attrs in hostile.seen for key in attrs if key.startswith("on")]


def test_equal_tables_give_equal_pages() -> None:
    assert page.render(table()) == page.render(table())


def test_every_cell_of_a_sortable_column_of_numbers_carries_its_number() -> None:
    cells = [
        attrs for tag, attrs in Reader(page.render(table())).seen if tag == "td" and attrs.get("class") == "number"
    ]
    values = [attrs["data-value"] for attrs in cells if "data-value" in attrs]
    assert {"768", "90000000", "17.6", ""} <= set(values)
    assert all(value == "" or float(value) >= 0 for value in values if value is not None)


def test_rows_are_models_with_a_score_a_strategy_its_interval_and_its_spread() -> None:
    board = page.board("0", table())
    assert [entry["model"] for entry in board.entries] == ["siglip", "dino", "mystery"]
    assert board.strategies == ["pretrained", "top_tuned"]
    assert board.datasets == ["cars", "siglip"]
    text = page.render(table())
    assert '<span class="best">70.0</span><small>50.0–70.0</small><small>±0.42, 2 seeds</small>' in text
    assert "<span>40.0</span></td>" in text  # of the mystery neither is known


def test_a_licence_that_hinders_commerce_is_marked() -> None:
    assert 'title="licence CC-BY-NC-4.0: not for commercial use"' in page.render(table(licence="CC-BY-NC-4.0"))
    assert 'class="licence barred"' not in page.render(table(licence="MIT"))


def test_maps_show_the_models_whose_facts_are_known_and_zscores_need_three() -> None:
    board = page.board("0", table())
    assert {name: len(panels) for name, panels in board.panels.items()} == {"pretrained": 3, "top_tuned": 3}
    assert [mark.name for mark in board.panels["pretrained"][0].marks] == ["siglip", "dino"]
    assert [panel.title for panel in board.zscores] == ["pretrained"]
    assert len(board.costs) == 4


def test_a_price_is_a_column_where_there_is_one() -> None:
    assert "price" not in page.render(table())
    assert page.render(table().assign(price=12.5)).count('data-value="12.5"') == 4


def test_a_model_alone_is_no_chart() -> None:
    alone = table()[lambda rows: rows["model"] == "siglip"]
    assert "All models" in page.render(table())
    assert not [title for title in ("All models", "Map of the models", "z-scored") if title in page.render(alone)]


def test_benchmarks_stand_apart_with_a_warning() -> None:
    one, two = (page.render(table(benchmarks=count)) for count in (1, 2))
    assert "asked 2 different things" in two and "different things" not in one
    assert two.count("<h2>2 datasets: cars, siglip</h2>") == 2
