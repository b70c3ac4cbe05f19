"""The page in a real browser: quiet, whole, as wide as the window, usable by keyboard, readable by day and night."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from report.browser import Tab, installed, tab

from src import paths
from src.stages import report
from stages import report_workspace as workspace

pytestmark = pytest.mark.skipif(not installed(), reason="needs Chromium: apt-get install chromium")

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{ 7 * 7 }}" + "w" * 300
WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of calm labels and the page of hostile ones."""
    found = {}
    for name, label in {"calm": workspace.name_of, "hostile": lambda _, number: f"{number}{HOSTILE}"}.items():
        folder = tmp_path_factory.mktemp(name)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            workspace.build(label=label)
            workspace.write_audit(["sample_cars", "sample_food"], pairs=[{"label_second": label("", 1)}])
            workspace.write_curves(["sample_cars", "sample_food"])
            report.main()
            found[name] = folder / paths.REPORT / "index.html"
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with tab(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["calm", "hostile"])
def test_the_page_is_quiet_and_every_picture_and_chart_is_there(
    browser: Tab, pages: dict[str, Path], name: str, width: int
) -> None:
    browser.open(pages[name], width)
    assert browser.complaints() == []
    assert browser.value("document.images.length") > 100
    assert browser.value("[...document.images].filter(one => !one.complete || !one.naturalWidth).length") == 0
    empty = "[...document.querySelectorAll('svg')].filter(one => !one.getBoundingClientRect().width)"
    assert browser.value(f"{empty}.length") == 0
    assert browser.value("document.querySelectorAll('svg').length") > 50


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["calm", "hostile"])
def test_nothing_is_wider_than_the_window(browser: Tab, pages: dict[str, Path], name: str, width: int) -> None:
    """Wide tables scroll for themselves."""
    browser.open(pages[name], width)
    assert browser.value("document.documentElement.scrollWidth") <= width


CROWDED = """
[...document.querySelectorAll("svg.plot")].flatMap(chart => {
  const texts = [...chart.querySelectorAll("text")];
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  const boxes = texts.map(one => one.getBoundingClientRect());
  return texts.flatMap((one, i) => texts.slice(i + 1).filter((_, j) => meet(boxes[i], boxes[i + 1 + j]))
    .map(other => one.textContent + " on " + other.textContent));
})
"""


@pytest.mark.parametrize("width", WIDTHS)
def test_no_word_of_a_chart_stands_on_another(browser: Tab, pages: dict[str, Path], width: int) -> None:
    browser.open(pages["calm"], width)
    assert browser.value(CROWDED) == []


def test_quality_against_cost_is_drawn_with_a_mark_a_strategy_and_its_front(
    browser: Tab, pages: dict[str, Path]
) -> None:
    browser.open(pages["calm"])
    counted = "[...document.querySelectorAll('.scatter')].map(one => one.querySelectorAll('{}').length)"
    assert browser.value(counted.format("circle")) == [5, 5, 3 * 4]  # minutes, bytes, codecs of three strategies
    assert browser.value(counted.format(".front"))[0] == 1
    outside = """[...document.querySelectorAll('.scatter')].filter(chart => {
      const frame = chart.getBoundingClientRect();
      return [...chart.querySelectorAll('circle, .front')].some(one => {
        const box = one.getBoundingClientRect();
        return box.left < frame.left || box.right > frame.right || box.top < frame.top || box.bottom > frame.bottom;
      });
    }).length"""
    assert browser.value(outside) == 0


def test_hostile_labels_become_no_elements(browser: Tab, pages: dict[str, Path]) -> None:
    tags = {}
    for name, page in pages.items():
        browser.open(page)
        tags[name] = browser.value("[...document.querySelectorAll('body *')].map(one => one.tagName)")
    assert tags["hostile"] == tags["calm"]
    assert "<script>alert(1)</script>" in browser.value("document.body.innerText")


def test_every_section_can_be_reached_by_keyboard(browser: Tab, pages: dict[str, Path]) -> None:
    browser.open(pages["calm"])
    links = browser.value("[...document.querySelectorAll('nav a')].map(one => one.hash)")
    assert len(links) > 8
    for link in links:
        browser.press("Tab")
        assert browser.value("document.activeElement.hash") == link
        assert browser.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        assert browser.value(f"document.querySelector('{link} h2') !== null")


LUMINANCE = """
(() => {
  const level = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = color => {
    const [r, g, b] = color.match(/[\\d.]+/g).map(Number);
    return .2126 * level(r) + .7152 * level(g) + .0722 * level(b);
  };
  const paper = light(getComputedStyle(document.body).backgroundColor);
  const ratio = selector => {
    const ink = light(getComputedStyle(document.querySelector(selector)).color);
    return (Math.max(ink, paper) + .05) / (Math.min(ink, paper) + .05);
  };
  return {dark: paper < .1, contrast: ["h2", ".sub", ".grid small", ".key.right", ".key.wrong"].map(ratio)};
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_by_day_and_night(browser: Tab, pages: dict[str, Path], scheme: str) -> None:
    """At least 4.5 to 1 (WCAG 2.2, success criterion 1.4.3)."""
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    browser.open(pages["calm"])
    found = browser.value(LUMINANCE)
    assert found["dark"] == (scheme == "dark")
    assert min(found["contrast"]) >= 4.5


def test_it_prints(browser: Tab, pages: dict[str, Path]) -> None:
    browser.open(pages["calm"])
    assert len(browser.call("Page.printToPDF", printBackground=True)["data"]) > 10_000
