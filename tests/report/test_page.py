"""The page: what it says, and what it can never do."""

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

import pandas as pd

from src import summary
from src.published import Comparison
from src.relation import Relation
from src.report import page
from src.report.gallery import Case, Gallery, Ranking

HOSTILE = "\"'><script>alert(1)</script>"
VOID = {"meta", "img", "br", "wbr", "line", "rect"}


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


def values(mmp: float) -> dict[str, Any]:
    return {"mMP@5": mmp, "R@1": mmp, "mAP@R": mmp, "queries": 8, "queries_without_relevant": 3}


def render(
    datasets: tuple[str, ...] = ("cars", "food"),
    label: str = "a",
    licence: str = "MIT",
    published: bool = False,
    relations: Sequence[Relation] = (),
    merged: Sequence[Sequence[str]] = (),
) -> str:
    protocols = {name: ["phone"] for name in datasets}
    metrics: dict[str, Any] = {
        strategy: {name: {"phone": values(mmp)} for name in datasets}
        for strategy, mmp in {"pretrained": 0.5, "top_tuned": 0.75}.items()
    }
    pairs = {a: {b: {"phone": values(0.375)} for b in datasets if b != a} for a in datasets}
    metrics["cross_tuned"] = {"top_tuned": pairs}
    scores = summary.scores(metrics, protocols)
    words = {name: {"phone": "query → gallery"} for name in datasets}
    about = summary.About("tiny", "timm", f"tiny_vit.{label}", licence)
    beside = [Comparison("cars", "phone", "R@1", 0.5, 0.507, f"them, {label}")] if published else []
    lost = {"cars": (1234, 5000), "food": (1, 9)} if published else {}
    facts = page.Facts(about, "0123456789abcdef" * 4, 7, words, summary.counts(scores), lost, beside, relations, merged)
    rankings = (Ranking("pretrained", (1, 2), (True, False), 1), Ranking("top_tuned", (2, 1), (False, True), 1))
    gallery = Gallery((Case(0, "worst", rankings),), dict.fromkeys((0, 1, 2), (label, "")))
    pictures = {(name, row): "data:image/jpeg;base64,AAAA" for name in datasets for row in (0, 1, 2)}
    taken: list[Any] = [{"label": label, "predicted": f"not {label}", "images": 2, "of": 3}]
    confused: Any = {"cars": {"pretrained": taken, "top_tuned": []}}
    return page.render(facts, scores, dict.fromkeys(datasets, gallery), pictures, confused)


def test_the_page_is_well_formed_and_knows_only_quiet_tags() -> None:
    tags = {tag for tag, _ in Reader(render()).seen}
    assert not tags & {"script", "link", "iframe", "object", "embed", "form", "base"}


def test_the_policy_forbids_all_but_the_pages_own_style_and_pictures() -> None:
    policy = next(attrs["content"] for tag, attrs in Reader(render()).seen if "http-equiv" in attrs)
    assert policy == (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )


def test_hostile_text_stays_text_wherever_it_stands() -> None:
    calm, hostile = (Reader(render(("cars", "food"), label, published=True)) for label in ("a", HOSTILE))
    assert [tag for tag, _ in hostile.seen] == [tag for tag, _ in calm.seen]
    assert not [name for _, attrs in hostile.seen for name in attrs if name.startswith("on")]
    assert "<script" not in page.breakable(HOSTILE)


def test_a_long_slug_breaks_where_a_word_ends() -> None:
    assert page.breakable("sample_food") == "sample_<wbr>food"
    assert page.breakable("products10k") == "products<wbr>10k"


def test_the_finding_stands_first() -> None:
    assert "<b>top_tuned</b> finds best on average: mMP@5 75.0 %, 25.0 points above pretrained." in render()


def test_right_and_wrong_are_told_without_colour() -> None:
    text = render(("shoes", "bags"))
    tiles = re.findall(r'<li class="tile (\w+)( idle)?" title="(\d): a, (\w+)">', text)
    assert tiles[:4] == [
        ("right", "", "1", "right"),
        ("wrong", " idle", "2", "wrong"),
        ("wrong", "", "1", "wrong"),
        ("right", " idle", "2", "right"),
    ]
    assert text.count(">✓</b>") == text.count(">✗</b>") == 4


def test_cross_tuning_is_coloured_by_its_share_of_the_largest_change() -> None:
    cells = re.findall(r'<td class="(own )?(up|down)" style="--depth: ([\d.]+)">([^<]+)</td>', render())
    assert cells == [
        ("own ", "up", "1.0", "+25.0"),
        ("", "down", "0.5", "−12.5"),
        ("", "down", "0.5", "−12.5"),
        ("own ", "up", "1.0", "+25.0"),
    ]


def test_small_changes_stay_pale() -> None:
    heat = page.Heat("top_tuned", pd.DataFrame(), page.DEEPEST)
    assert [heat.depth(gain) for gain in (0.0, -0.005, 0.05, float("nan"))] == [0, 0.1, 1, 0]


def test_what_a_classifier_takes_for_what_is_counted_and_none_is_said() -> None:
    text = render()
    assert "<td><bdi>a</bdi> → <bdi>not a</bdi> <b>2 of 3</b></td>" in text
    assert "<td>none</td>" in text


def test_provenance_is_on_the_page() -> None:
    text = render()
    assert "0123456789ab</code>, seed 7" in text
    assert text.count('<td>query → gallery</td><td class="number">8</td><td class="number">3</td>') == 2


def test_model_and_licence_stand_below_the_title_and_a_warning_only_where_one_is_due() -> None:
    assert '<p class="model">timm <bdi>tiny_vit.a</bdi>, licence MIT</p>' in render()
    assert '<p class="note">' not in render()
    warned = render(licence="CC-BY-NC-4.0")
    assert '<p class="note">Licence CC-BY-NC-4.0: not for commercial use.</p>' in warned
    assert warned.index("not for commercial use") < warned.index("</header>")


def test_published_numbers_and_unusable_images_are_shown_only_where_there_are_any() -> None:
    assert not re.search("published|could not be used", render())
    text = render(published=True)
    cells = re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", text[text.index('id="published"') :])
    assert cells[7:14] == ["cars", "phone", "R@1", "50.0", "50.7", "−0.7", "them, a"]
    assert "Images that could not be used: cars 1,234 of 5,000, food 1 of 9." in text


def test_only_sample_datasets_bring_the_warning() -> None:
    assert summary.SAMPLE_NOTE in render(("sample_cars", "food"))
    assert summary.SAMPLE_NOTE not in render()


def test_plot_tables_have_the_columns_that_the_templates_name() -> None:
    metrics = {"pretrained": {"cars": {"p": values(0.5)}}, "top_tuned": {"cars": {"p": values(0.6)}}}
    alike = pd.DataFrame(columns=["source", "target", "cka", "frechet", "transfer"])
    tables = page.plots(summary.scores(metrics, {"cars": ["p"]}), alike)
    assert tables["strategies"].to_dict("list") == {
        "dataset": ["cars", "cars"],
        "strategy": ["pretrained", "top_tuned"],
        "mMP@5": [0.5, 0.6],
    }
    assert list(tables["cross_tuning"].columns) == ["method", "source", "target", "gain"]
    assert list(tables["similarity"].columns) == ["method", "source", "target", "gain", "cka", "frechet", "transfer"]


def test_what_similarity_told_stands_below_the_heat_maps_where_it_was_measured() -> None:
    assert "known before" not in render()
    text = render(relations=[Relation("top_tuned", "transfer", "all pairs", 6, 0.456, 0.034)])
    at = text.index("Could it have been known before?")
    assert text.index('class="heat"') < at
    assert '<th scope="row">transfer, all pairs</th><td class="number">+0.46 (p 0.03)</td>' in text[at:]
    assert "over 30 ordered pairs of 6 datasets" in text[at:]


def test_merged_sources_stand_in_a_table_of_their_own() -> None:
    assert 'id="merged"' not in render()
    lines = [["tuned on", "used on", "pretrained", "top_tuned", "points"], ["all", "cars", "50.0", "62.5", "+12.5"]]
    text = render(merged=[*lines, ["", "mean", "50.0", "62.5", "+12.5"]])
    Reader(text)
    cells = re.findall(r"<t[hd][^>]*>([^<]*)</t[hd]>", text[text.index('<section id="merged">') :])
    assert cells[:15] == [*lines[0], *lines[1], "", "mean", "50.0", "62.5", "+12.5"]
