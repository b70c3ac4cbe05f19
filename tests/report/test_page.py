"""The page: what it says, and what it can never do."""

import re
from collections.abc import Sequence
from html.parser import HTMLParser
from itertools import product
from typing import Any

import pandas as pd

from src import summary
from src.published import Comparison
from src.relation import Relation
from src.report import heats, learning, page
from src.report.advised import Told
from src.report.copies import Audit, Pair, Photo
from src.report.cost import Cost, Spending
from src.report.cost import Search as CostOfSearch
from src.report.gallery import Case, Gallery, Ranking
from src.report.instance import Row, Search
from src.report.kinds import Kind, Slice
from src.report.scatter import scatter
from src.report.shrinking import Cell, Shrinking
from src.standings import Lead

HOSTILE = "\"'><script>alert(1)</script>"
VOID = {"meta", "img", "br", "wbr", "line", "rect", "circle", "path", "col"}


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
    full: bool = True,
    shown: bool = True,
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
    return page.render(
        page.Report(
            facts,
            scores,
            stands=stands(datasets),
            lead=Lead("top_tuned", "pretrained", shown),
            galleries=dict.fromkeys(datasets, gallery),
            pictures=pictures,
            confused=confused,
            pair=["pretrained", "top_tuned"],
            **sections(datasets, label) if full else {},
        )
    )


def stands(datasets: Sequence[str]) -> pd.DataFrame:
    """As `standings.table`: top_tuned is shown to be better on cars alone."""
    table = pd.DataFrame(product(("pretrained", "top_tuned"), (*datasets, "mean")), columns=["strategy", "dataset"])
    numbers = {"value": 0.5, "low": 0.4, "high": 0.6, "by": "query", "gain": 0.25, "gain_low": 0.1, "gain_high": 0.3}
    better = (table["strategy"] == "top_tuned") & (table["dataset"] == "cars")
    return table.assign(**numbers, p=0.001, holm=0.002, verdict=better.map({True: "better", False: ""}))


def sections(datasets: Sequence[str], label: str) -> dict[str, Any]:
    """Content of the other sections, small."""
    curve = pd.DataFrame({"epoch": [1, 2], learning.LOSS: [2.0, 1.0], learning.SCORE: [0.5, 0.6]})
    marks = (("pretrained", 0.4, 0.3, 0.5), ("top_tuned", 0.6, float("nan"), float("nan")))
    kind = Kind(f"by {label}", (Slice(label, "", 1234, marks),), 3)
    photo = Photo(datasets[0], 0, label, "train, tuned on")
    asked = {"gallery": 4321, "other_label": 0, "tuning": {"cars": 7}}
    numbers = dict.fromkeys(("with_copies", "byte_equal", "sets_of_several_labels", "with_copies_elsewhere"), 0)
    counts = {"images": 10, **numbers, "sets_across_splits": {}, "queries": {"phone": asked}}
    changes = [(datasets[0], "phone", "top_tuned", 8, 2, 0.75, 0.625)]
    columns = ["dataset", "protocol", "strategy", "queries", "affected", "value", "without"]
    pair = Pair("two labels", "exact", (photo, photo))
    audit = Audit(dict.fromkeys(datasets, counts), pd.DataFrame(changes, columns=columns), [pair])
    at = {"threshold": 0.75, "right": 0.5, "wrong": 0.1, "held_out": 0.02}
    row = Row("top_tuned", {"R@1": 0.5, "R@5": 0.75}, -0.125, 0.25, {"5%": at, "0.1%": dict.fromkeys(at)})
    columns = {"gmacs": ("GMACs", "an image")}
    spent = Spending(*[None] * 7, 1.5, 1024)  # type: ignore[arg-type]
    search = {1000: CostOfSearch(0.5, 1.25, 4.1, True), 2000: CostOfSearch(1, 2.5, 8200, False)}
    cell = Cell(256, 0.5, -0.25, -0.375, -0.125, True)
    places = pd.DataFrame({"x": [0, 1], "y": [0.5, 0.6], "low": 0.4, "high": 0.7})
    chart = scatter(f"minutes {label}", "min", places.assign(strategy="top_tuned", name=label))
    assert chart
    return {
        "search": dict.fromkeys(datasets, Search((row,), (), None)),
        "kinds": {name: [kind] for name in datasets},
        "learning": dict.fromkeys(datasets, learning.charts({"top_tuned": curve})),
        "agreement": {"over queries": pd.DataFrame([[1.0, -0.5], [-0.5, 1.0]], ["mMP@5", "R@1"], ["mMP@5", "R@1"])},
        "audit": audit,
        "advice": {"tagging": Told(f"tagging {label}", [f"Take {label}."], [f"{label} is left out"])},
        "cost": Cost({"top_tuned": spent}, columns, {"top_tuned": search}, [1000, 2000], [chart]),
        "compression": Shrinking(chart, ["top_tuned"], {"int8": {"top_tuned": cell}, label: {}}, 2),
    }


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


def test_a_lead_that_is_not_shown_is_not_claimed() -> None:
    text = re.sub(r"\s+", " ", render(shown=False))
    assert "<b>top_tuned</b> comes first on average: mMP@5 75.0 %" in text
    assert "It is not shown to be better than <b>pretrained</b> (50.0 %)." in text


def test_a_number_carries_its_interval_and_a_mark_only_where_a_difference_is_shown() -> None:
    text = render()
    table = text[text.index('<section id="table">') : text.index('<section id="chart">')]
    cells = re.findall(
        r'<span class="value">([\d.]+)</span><span class="mark (\w*)"[^>]*>(.?)</span><small>([^<]+)', table
    )
    assert cells[:3] == [
        ("50.0", "", "", "40.0–60.0"),
        ("75.0", "better", "▲", "40.0–60.0"),
        ("50.0", "", "", "40.0–60.0"),
    ]
    assert 'aria-label="better than pretrained" title="+25.0 points (+10.0 to +30.0), p 0.0020"' in table
    assert len(re.findall('class="mark better"', table)) == 1


def test_a_section_without_content_is_left_out_and_every_link_leads_somewhere() -> None:
    for full in (True, False):
        text = render(full=full)
        links = re.findall(r'<a href="#(\w+)">', text)
        assert links == re.findall(r'<section id="(\w+)"', text)
        assert ("audit" in links) == ("slices" in links) == ("search" in links) == ("learning" in links) == full


def test_the_audit_says_what_affected_queries_change() -> None:
    text = render()
    text = text[text.index('<section id="audit">') :]
    assert re.findall(r'<td class="number(?: nil)?">([^<]+)</td>', text)[:9] == ["10", *["0"] * 5, "4,321", "0", "7"]
    assert '<td class="number">75.0</td><td class="number">62.5</td><td class="number">−12.5</td>' in text
    assert "No query of a headline protocol is affected" not in text


def test_a_false_accept_rate_that_is_nowhere_a_query_has_no_column() -> None:
    text = render()
    text = text[text.index('<section id="search">') :]
    assert '<th scope="col" class="number">5%</th>' in text and "0.1%" not in text
    assert '<td class="number">−0.12</td>' in text and "50.0 <small>&gt; 0.75</small>" in text


def test_a_slice_of_one_cluster_has_a_dot_and_no_interval() -> None:
    text = render(("cars",))
    text = text[text.index('<section id="slices">') :]
    assert "pretrained 40.0 (30.0–50.0). top_tuned 60.0 (interval unknown)." in text
    assert text.count('class="span"') == 1 and "1 largest of 4" in text


def test_the_larger_triangle_of_a_correlation_is_not_told_twice() -> None:
    text = render()
    text = text[text.index('class="heat rho"') :]
    cells = re.findall(r'<td class="(up|down)" style="--depth: ([\d.]+)">([^<]+)</td>', text)
    assert cells == [("up", "1.0", "1.00"), ("down", "0.5", "−0.50"), ("up", "1.0", "1.00")]


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
    cells = re.findall(r'<td class="(own )?(up|down)" style="--depth: ([\d.]+)">([^<]+)</td>', render(full=False))
    assert cells == [
        ("own ", "up", "1.0", "+25.0"),
        ("", "down", "0.5", "−12.5"),
        ("", "down", "0.5", "−12.5"),
        ("own ", "up", "1.0", "+25.0"),
    ]


def test_small_changes_stay_pale() -> None:
    heat = heats.Heat("top_tuned", pd.DataFrame(), heats.DEEPEST)
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


def test_costs_and_what_fewer_bytes_lose_are_told_in_short_numbers() -> None:
    text = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", render()))
    assert "GMACs an image top_tuned 75.0 1.5 Minutes of tuning" in text
    assert "0.5 / 1.25 ms 4.1 MB ≈ 1 / 2.5 ms 8.2 GB" in text
    assert "int8 256 −25.0 ▼ −37.5 to −12.5" in text and "the table beside the page has 2 more" in text
