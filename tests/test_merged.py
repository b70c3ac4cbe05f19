"""What merged sources give, in one table."""

from typing import Any

import pandas as pd
import pytest

from src import merged, summary

PROTOCOLS = {"cars": ["phone", "studio"], "food": ["iconic"], "shelf": ["phone"]}
PRETRAINED = {"cars": 0.3, "food": 0.4, "shelf": 0.8}


def place(values: dict[str, float]) -> dict[str, Any]:
    """mMP@5 of each dataset's first protocol; another protocol is better."""
    return {name: {PROTOCOLS[name][0]: {"mMP@5": value}, "other": {"mMP@5": 1.0}} for name, value in values.items()}


def metrics(*names: str, sources: bool = True) -> dict[str, Any]:
    pairs = {a: place({b: 0.1 for b in PROTOCOLS if b != a}) for a in PROTOCOLS}
    all_, but_food = {"cars": 0.5, "food": 0.3, "shelf": 0.85}, {"cars": 0.4, "food": 0.35, "shelf": 0.9}
    together = {"all": place(all_), "all_but_food": place(but_food)} if sources else {}
    found = {
        "pretrained": place(PRETRAINED),
        "cross_tuned": {"top_tuned": {"mean": {"mMP@5": 0.1}} | pairs | together, "fine_tuned": pairs},
    }
    return {name: found[name] for name in names or found}


def table(*names: str, sources: bool = True) -> pd.DataFrame:
    found = metrics(*names, sources=sources)
    return merged.table(found, summary.scores(found, PROTOCOLS), PROTOCOLS)


def test_a_row_a_method_source_and_dataset() -> None:
    rows = table()
    assert list(rows) == merged.COLUMNS
    assert rows.values.tolist() == [
        ["top_tuned", "all", "cars", True, 0.3, 0.5],
        ["top_tuned", "all", "food", True, 0.4, 0.3],
        ["top_tuned", "all", "shelf", True, 0.8, 0.85],
        ["top_tuned", "all_but_food", "cars", False, 0.3, 0.4],
        ["top_tuned", "all_but_food", "food", True, 0.4, 0.35],
        ["top_tuned", "all_but_food", "shelf", False, 0.8, 0.9],
    ]


def test_a_figure_is_the_mean_over_all_or_that_of_what_was_not_seen() -> None:
    assert merged.figures(table()) == {
        "top_tuned": {"all": {"mMP@5": 0.55, "gain": 0.05}, "all_but_food": {"mMP@5": 0.35, "gain": -0.05}}
    }
    assert merged.figures(table("cross_tuned"))["top_tuned"]["all"] == {"mMP@5": 0.55}


def test_lines_begin_with_what_was_not_seen_and_a_source_that_saw_all_ends_with_its_mean() -> None:
    assert merged.lines(table()) == [
        ["tuned on", "used on", "pretrained", "top_tuned", "points"],
        ["all", "cars", "30.0", "50.0", "+20.0"],
        ["", "food", "40.0", "30.0", "−10.0"],
        ["", "shelf", "80.0", "85.0", "+5.0"],
        ["", "mean", "50.0", "55.0", "+5.0"],
        ["all_but_food", "food, unseen", "40.0", "35.0", "−5.0"],
        ["", "cars", "30.0", "40.0", "+10.0"],
        ["", "shelf", "80.0", "90.0", "+10.0"],
    ]


def test_two_methods_stand_side_by_side() -> None:
    found = metrics()
    found["cross_tuned"]["fine_tuned"] = found["cross_tuned"]["top_tuned"]
    lines = merged.lines(merged.table(found, summary.scores(found, PROTOCOLS), PROTOCOLS))
    assert lines[0] == ["tuned on", "used on", "pretrained", "top_tuned", "points", "fine_tuned", "points"]
    assert lines[1] == ["all", "cars", "30.0", "50.0", "+20.0", "50.0", "+20.0"]


@pytest.mark.parametrize("names", [(), ("pretrained",)])
def test_without_merged_sources_there_is_nothing(names: tuple[str, ...]) -> None:
    assert table(*names, sources=False).empty
    assert (merged.lines(table(sources=False)), merged.figures(table(sources=False))) == ([], {})


def test_merged_sources_change_neither_the_headline_nor_what_similarity_is_compared_with() -> None:
    with_, without = metrics(), metrics(sources=False)
    for found in (with_, without):
        for strategy in found.values():
            strategy |= {"model": "m", "weights_sha256": "w"}
        found["pretrained"]["mean"] = found["cross_tuned"]["fine_tuned"]["mean"] = {"mMP@5": 0.5}
    assert summary.headline(with_) == summary.headline(without)
    scores = [summary.scores(found, PROTOCOLS) for found in (with_, without)]
    assert scores[0].equals(scores[1]) and summary.transfer(scores[0]).equals(summary.transfer(scores[1]))


def test_a_dataset_that_is_called_all_is_no_merged_source() -> None:
    protocols = {"all": ["phone"], "food": ["iconic"]}
    found = {"cross_tuned": {"top_tuned": {"all": place({"food": 0.5}), "food": {"all": {"phone": {"mMP@5": 0.5}}}}}}
    assert merged.table(found, summary.scores(found, protocols), protocols).empty
