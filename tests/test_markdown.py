"""The summary that people read in a terminal."""

import pandas as pd
from figures import METRICS, PROTOCOLS, scores

from src import markdown, standings, summary
from src.published import Comparison
from src.relation import Relation

TINY = summary.About("m", "timm", "tiny_vit.in1k", "Apache-2.0")


def test_the_summary_is_an_aligned_table() -> None:
    text = markdown.write(scores(), TINY, PROTOCOLS)
    assert text.splitlines()[:8] == [
        "# m: mMP@5 in %",
        "",
        "dataset      | pretrained | top_tuned | cross top",
        "------------ | ---------: | --------: | --------:",
        "cars         |       40.0 |  **50.0** |      30.0",
        "food         |       60.0 |  **90.0** |      80.0",
        "mean         |       50.0 |  **70.0** |      55.0",
        "gain, points |            |     +20.0 |      +5.0",
    ]
    assert "## mMP@5 in %, protocol studio" in text
    assert "- m is timm tiny_vit.in1k, licence Apache-2.0." in text
    for absent in ("Classification", "published", "could not be used", summary.SAMPLE_NOTE):
        assert absent not in text


def test_classification_stands_in_one_table_where_labels_were_taught() -> None:
    """Two datasets, of which only cars has queries with labels that were taught; cross-tuned ones have none."""
    named = {"accuracy": 0.5, "macro_precision": 0.25, "macro_recall": 0.75, "macro_F1": 0.375, "images": 8}
    top = METRICS["top_tuned"] | {"cars": METRICS["top_tuned"]["cars"] | {"classification": named}}
    found = summary.scores({**METRICS, "top_tuned": top}, PROTOCOLS)
    text = markdown.write(found, TINY, PROTOCOLS)
    at = text.index("## Classification in %, mean over datasets")
    assert text[at:].splitlines()[2:6] == [
        "strategy  | accuracy | macro precision | macro recall | macro F1",
        "--------- | -------: | --------------: | -----------: | -------:",
        "top_tuned |     50.0 |            25.0 |         75.0 |     37.5",
        "",
    ]


def test_a_licence_that_is_not_commercial_is_told_below_the_title() -> None:
    text = markdown.write(scores(), summary.About("m", "timm", "mae", "CC-BY-NC-4.0"), PROTOCOLS)
    assert text.startswith("# m: mMP@5 in %\n\n**Licence CC-BY-NC-4.0: not for commercial use.**\n\ndataset ")


def test_published_numbers_stand_beside_ours() -> None:
    found = [
        Comparison("cars", "phone", "R@1", 0.905, 0.907, "them | 2025"),
        Comparison("food", "i", "MRR", 1, 0.5, ""),
    ]
    text = markdown.write(scores(), TINY, PROTOCOLS, found)
    at = text.index("## Beside published numbers, in %")
    assert text[at:].splitlines()[2:6] == [
        "dataset | protocol | metric |  here | published | points | source",
        "------- | -------- | ------ | ----: | --------: | -----: | -----------",
        "cars    | phone    | R@1    |  90.5 |      90.7 |   −0.2 | them / 2025",
        "food    | i        | MRR    | 100.0 |      50.0 |  +50.0 |",
    ]


def test_what_similarity_told_is_a_table_with_a_caution() -> None:
    found = [
        Relation("top_tuned", "transfer", "all pairs", 6, 0.456, 0.034),
        Relation("top_tuned", "cka", "all pairs", 6, -0.2, 0.2),
        Relation("fine_tuned", "cka", "all pairs", 6, 0.3, 0.5),
    ]
    text = markdown.write(scores(), TINY, PROTOCOLS, relations=found)
    lines = text[text.index("## How far similarity tells the change by cross-tuning") :].splitlines()
    assert lines[2:6] == [
        "similarity          |      cross top |     cross fine",
        "------------------- | -------------: | -------------:",
        "transfer, all pairs | +0.46 (p 0.03) |",
        "cka, all pairs      | −0.20 (p 0.20) | +0.30 (p 0.50)",
    ]
    assert lines[7].startswith("Spearman's rank correlation over 30 ordered pairs of 6 datasets,")
    assert "similarity" not in markdown.write(scores(), TINY, PROTOCOLS)


def test_merged_sources_are_a_table_with_two_columns_of_words() -> None:
    lines = [["tuned on", "used on", "pretrained", "top_tuned", "points"], ["all", "cars", "40.0", "50.0", "+10.0"]]
    text = markdown.write(scores(), TINY, PROTOCOLS, merged=lines)
    assert text[text.index("## One encoder for all: merged sources, mMP@5 in %") :].splitlines()[2:5] == [
        "tuned on | used on | pretrained | top_tuned | points",
        "-------- | ------- | ---------: | --------: | -----:",
        "all      | cars    |       40.0 |      50.0 |  +10.0",
    ]
    assert "One encoder" not in markdown.write(scores(), TINY, PROTOCOLS)


def test_the_default_summary_fits_80_columns() -> None:
    names = ["pretrained", "top_tuned", "fine_tuned", "cross_tuned.top_tuned", "cross_tuned.fine_tuned"]
    rows = [(name, "sample_household", "sample_household", "phone", True, "mMP@5", 0.123) for name in names]
    table = pd.DataFrame(rows, columns=summary.COLUMNS)
    table["strategy"] = pd.Categorical(table["strategy"], names)
    text = markdown.write(table, TINY, {"sample_household": ["phone"]})
    assert max(len(line) for line in text.splitlines() if " | " in line) <= 80
    assert summary.SAMPLE_NOTE in text


def stands() -> pd.DataFrame:
    """Of two datasets and their mean, as `standings.table`: top_tuned is shown to be better on food alone."""
    rows = [
        (
            strategy,
            dataset,
            0.5,
            0.4,
            0.6,
            "label",
            *[0.1] * 3,
            *([None] * 2 if strategy == "pretrained" else [0.01] * 2),
        )
        for strategy in ("pretrained", "top_tuned", "cross_tuned.top_tuned")
        for dataset in ("cars", "food", "mean")
    ]
    table = pd.DataFrame([(*row, "") for row in rows], columns=standings.COLUMNS)
    table.loc[(table["strategy"] == "top_tuned") & (table["dataset"] == "food"), "verdict"] = "better"
    table.loc[(table["strategy"] == "cross_tuned.top_tuned") & (table["dataset"] == "cars"), "verdict"] = "worse"
    return table


def test_what_is_shown_to_differ_from_pretrained_is_marked_and_digits_stay_below_digits() -> None:
    text = markdown.write(scores(), TINY, PROTOCOLS, stands=stands())
    assert text.splitlines()[2:9] == [
        "dataset       | pretrained |  top_tuned | cross top",
        "------------- | ---------: | ---------: | --------:",
        "cars          |     40.0   | **50.0**   |    30.0 ▼",
        "food          |     60.0   | **90.0** ▲ |    80.0",
        "mean          |     50.0   | **70.0**   |    55.0",
        "gain, points  |            |      +20.0 |      +5.0",
        "95 % interval |  40.0–60.0 |  40.0–60.0 | 40.0–60.0",
    ]
    assert "- ▲ ▼: better, worse than pretrained on the same queries;" in text
    assert "clusters of queries: by label." in text
