"""From metrics files to one table and the headline."""

import pandas as pd
import pytest
from figures import ABOUT, METRICS, PROTOCOLS, scores, values

from src import summary
from src.errors import UserError

COLUMNS = ["pretrained", "top_tuned", "cross_tuned.top_tuned"]


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


def test_images_that_could_not_be_used_are_counted_where_there_are_any() -> None:
    metrics = {"pretrained": METRICS["pretrained"] | {
        "cars": METRICS["pretrained"]["cars"] | {"images": {"images": 1200, "labels": 3, "quarantined": 34}},
        "food": METRICS["pretrained"]["food"] | {"images": {"images": 50, "labels": 3, "quarantined": 0}},
    }}  # fmt: skip
    counted = summary.scores(metrics, PROTOCOLS)
    assert summary.set_aside(counted) == {"cars": (34, 1234)}
    assert summary.set_aside(scores()) == {}
    assert summary.counts(counted) == {
        ("cars", "phone"): (8, 1),
        ("cars", "studio"): (8, 1),
        ("food", "iconic"): (8, 1),
    }
    assert summary.table(counted, "mMP@5").equals(summary.table(scores("pretrained"), "mMP@5"))
