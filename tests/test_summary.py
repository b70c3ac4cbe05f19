"""From metrics files to one table, the headline and the summary people read."""

from typing import Any

import pandas as pd
import pytest

from src import summary
from src.errors import UserError
from src.published import Comparison
from src.relation import Relation

PROTOCOLS = {"cars": ["phone", "studio"], "food": ["iconic"]}
ABOUT = {"model": "m", "weights_sha256": "w", "protocol_version": 1}


def values(mmp: float) -> dict[str, Any]:
    return {"mMP@5": mmp, "R@1": mmp / 2, "mAP@R": mmp / 4, "queries": 8, "queries_without_relevant": 1}


def strategy(cars: float, food: float) -> dict[str, Any]:
    """Half as good on cars' second protocol."""
    places = {"cars": {"phone": values(cars), "studio": values(cars / 2)}, "food": {"iconic": values(food)}}
    return ABOUT | {"mean": {"mMP@5": (cars + food) / 2}} | places


def crossed(to_cars: float, to_food: float) -> dict[str, Any]:
    pairs = {
        "cars": {"food": {"iconic": values(to_food)}},
        "food": {"cars": {"phone": values(to_cars), "studio": values(to_cars / 2)}},
    }
    return ABOUT | {"top_tuned": {"mean": {"mMP@5": (to_cars + to_food) / 2}} | pairs}


METRICS = {"pretrained": strategy(0.4, 0.6), "top_tuned": strategy(0.5, 0.9), "cross_tuned": crossed(0.3, 0.8)}
TINY = summary.About("m", "timm", "tiny_vit.in1k", "Apache-2.0")
COLUMNS = ["pretrained", "top_tuned", "cross_tuned.top_tuned"]


def scores(*names: str) -> pd.DataFrame:
    return summary.scores({name: METRICS[name] for name in names or METRICS}, PROTOCOLS)


def test_the_headline_table_holds_the_first_protocol_of_each_dataset() -> None:
    table = summary.table(scores(), "mMP@5")
    assert table.to_dict("index") == {
        "cars": dict(zip(COLUMNS, [0.4, 0.5, 0.3], strict=True)),
        "food": dict(zip(COLUMNS, [0.6, 0.9, 0.8], strict=True)),
    }


def test_another_protocol_has_a_table_of_the_datasets_that_have_it() -> None:
    table = summary.table(scores(), "mMP@5", "studio")
    assert table.to_dict("index") == {"cars": dict(zip(COLUMNS, [0.2, 0.25, 0.15], strict=True))}


def test_rows_and_columns_keep_the_order_of_params() -> None:
    metrics = {name: METRICS[name] for name in ("cross_tuned", "pretrained")}
    table = summary.table(summary.scores(metrics, dict(reversed(PROTOCOLS.items()))), "mMP@5")
    assert (list(table.index), list(table.columns)) == (["food", "cars"], ["cross_tuned.top_tuned", "pretrained"])


def test_a_cross_tuned_cell_is_the_mean_over_sources_not_the_best() -> None:
    pairs = {a: {b: {"p": values(0.1 * i)} for b in "abc" if b != a} for i, a in enumerate("abc")}
    metrics = {"cross_tuned": ABOUT | {"fine_tuned": {"mean": {"mMP@5": 0.1}} | pairs}}
    table = summary.table(summary.scores(metrics, {name: ["p"] for name in "abc"}), "mMP@5")
    assert table["cross_tuned.fine_tuned"].tolist() == pytest.approx([0.15, 0.1, 0.05])


def test_a_missing_dataset_is_named_with_the_cure() -> None:
    with pytest.raises(UserError, match="metrics of pretrained: dataset 'shoes' is not in them; run `dvc repro`"):
        summary.scores({"pretrained": METRICS["pretrained"]}, PROTOCOLS | {"shoes": ["p"]})


def test_the_headline_has_a_gain_only_over_pretrained() -> None:
    assert summary.headline(METRICS) == {
        "model": "m",
        "weights_sha256": "w",
        "mMP@5": {"pretrained": 0.5, "top_tuned": 0.7, "cross_tuned": {"top_tuned": 0.55}},
        "gain": {"top_tuned": 0.2, "cross_tuned": {"top_tuned": 0.05}},
    }
    assert "gain" not in summary.headline({"pretrained": METRICS["pretrained"]})
    assert "gain" not in summary.headline({"top_tuned": METRICS["top_tuned"], "cross_tuned": METRICS["cross_tuned"]})


def test_transfer_compares_with_the_targets_own_pretrained() -> None:
    rows = list(summary.transfer(scores()).itertuples(index=False, name=None))
    assert rows == [
        ("top_tuned", "cars", "cars", 0.1),
        ("top_tuned", "food", "food", 0.3),
        ("top_tuned", "cars", "food", 0.2),
        ("top_tuned", "food", "cars", -0.1),
    ]


@pytest.mark.parametrize("names", [("pretrained", "top_tuned"), ("top_tuned", "cross_tuned")])
def test_transfer_is_empty_without_pretrained_or_cross_tuned(names: tuple[str, ...]) -> None:
    assert summary.transfer(scores(*names)).empty


def test_the_best_of_a_row_is_judged_by_the_digits_people_see() -> None:
    table = pd.DataFrame([[0.6121, 0.6124, 0.5], [float("nan"), 0.1, 0.2]])
    assert summary.best(table).to_numpy().tolist() == [[True, True, False], [False, False, True]]
    assert not summary.best(table[[0]]).to_numpy().any()


def test_queries_and_those_left_out_are_counted_for_each_protocol() -> None:
    assert summary.counts(scores()) == {
        ("cars", "phone"): (8, 1),
        ("cars", "studio"): (8, 1),
        ("food", "iconic"): (8, 1),
    }


def test_differences_carry_their_sign() -> None:
    assert [summary.points(value) for value in (0.031, -0.0201, 0.0, -0.0001)] == ["+3.1", "−2.0", "0.0", "0.0"]
    assert [summary.percent(value) for value in (0.6124, 1.0, float("nan"))] == ["61.2", "100.0", "–"]


def test_the_summary_is_an_aligned_table() -> None:
    text = summary.markdown(scores(), TINY, PROTOCOLS)
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
    text = summary.markdown(found, TINY, PROTOCOLS)
    at = text.index("## Classification in %, mean over datasets")
    assert text[at:].splitlines()[2:6] == [
        "strategy  | accuracy | macro precision | macro recall | macro F1",
        "--------- | -------: | --------------: | -----------: | -------:",
        "top_tuned |     50.0 |            25.0 |         75.0 |     37.5",
        "",
    ]


def test_a_licence_that_is_not_commercial_is_told_below_the_title() -> None:
    text = summary.markdown(scores(), summary.About("m", "timm", "mae", "CC-BY-NC-4.0"), PROTOCOLS)
    assert text.startswith("# m: mMP@5 in %\n\n**Licence CC-BY-NC-4.0: not for commercial use.**\n\ndataset ")


def test_published_numbers_stand_beside_ours() -> None:
    found = [
        Comparison("cars", "phone", "R@1", 0.905, 0.907, "them | 2025"),
        Comparison("food", "i", "MRR", 1, 0.5, ""),
    ]
    text = summary.markdown(scores(), TINY, PROTOCOLS, found)
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
    text = summary.markdown(scores(), TINY, PROTOCOLS, relations=found)
    lines = text[text.index("## How far similarity tells the change by cross-tuning") :].splitlines()
    assert lines[2:6] == [
        "similarity          |      cross top |     cross fine",
        "------------------- | -------------: | -------------:",
        "transfer, all pairs | +0.46 (p 0.03) |",
        "cka, all pairs      | −0.20 (p 0.20) | +0.30 (p 0.50)",
    ]
    assert lines[7].startswith("Spearman's rank correlation over 30 ordered pairs of 6 datasets,")
    assert "similarity" not in summary.markdown(scores(), TINY, PROTOCOLS)


def test_merged_sources_are_a_table_with_two_columns_of_words() -> None:
    lines = [["tuned on", "used on", "pretrained", "top_tuned", "points"], ["all", "cars", "40.0", "50.0", "+10.0"]]
    text = summary.markdown(scores(), TINY, PROTOCOLS, merged=lines)
    assert text[text.index("## One encoder for all: merged sources, mMP@5 in %") :].splitlines()[2:5] == [
        "tuned on | used on | pretrained | top_tuned | points",
        "-------- | ------- | ---------: | --------: | -----:",
        "all      | cars    |       40.0 |      50.0 |  +10.0",
    ]
    assert "One encoder" not in summary.markdown(scores(), TINY, PROTOCOLS)


def test_images_that_could_not_be_used_are_counted_where_there_are_any() -> None:
    metrics = {"pretrained": METRICS["pretrained"] | {
        "cars": METRICS["pretrained"]["cars"] | {"images": {"images": 1200, "labels": 3, "quarantined": 34}},
        "food": METRICS["pretrained"]["food"] | {"images": {"images": 50, "labels": 3, "quarantined": 0}},
    }}  # fmt: skip
    counted = summary.scores(metrics, PROTOCOLS)
    assert summary.set_aside(counted) == {"cars": (34, 1234)}
    assert "- Images that could not be used: cars 34 of 1,234; why is in" in summary.markdown(counted, TINY, PROTOCOLS)
    assert summary.set_aside(scores()) == {}
    assert summary.counts(counted) == {
        ("cars", "phone"): (8, 1),
        ("cars", "studio"): (8, 1),
        ("food", "iconic"): (8, 1),
    }
    assert summary.table(counted, "mMP@5").equals(summary.table(scores("pretrained"), "mMP@5"))


def test_the_default_summary_fits_80_columns() -> None:
    names = ["pretrained", "top_tuned", "fine_tuned", "cross_tuned.top_tuned", "cross_tuned.fine_tuned"]
    rows = [(name, "sample_household", "sample_household", "phone", True, "mMP@5", 0.123) for name in names]
    table = pd.DataFrame(rows, columns=summary.COLUMNS)
    table["strategy"] = pd.Categorical(table["strategy"], names)
    text = summary.markdown(table, TINY, {"sample_household": ["phone"]})
    assert max(len(line) for line in text.splitlines() if " | " in line) <= 80
    assert summary.SAMPLE_NOTE in text
