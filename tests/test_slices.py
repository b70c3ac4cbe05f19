"""Means by kind of query, on a shop of six photos."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from src import slices

CUPS = ["white cup", "red cup"]


def manifest(**columns: Any) -> pd.DataFrame:
    """Six photos: two of a white cup, one of a red one, three of a hat."""
    label = [CUPS[0], CUPS[0], CUPS[1], "hat", "hat", "hat"]
    category = ["cup", "cup", "cup", "hat", "hat", "hat"]
    text = {name: [str(i) for i in range(6)] for name in ("image_id", "file", "group", "sha256")}
    fixed = {**text, "label": label, "category": category, "split": "test", "tuning": "", "caption": ""}
    return pd.DataFrame({**fixed, "width": 100, "height": [50, 60, 70, 80, 90, 200], **columns})


def pictures(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(dict.fromkeys(slices.MEASURES, 0.5), index=range(6)).assign(**columns)


def queries(scores: list[float], strategy: str = "pretrained", source: str = "", **columns: Any) -> pd.DataFrame:
    """All six photos ask; each is a cluster of its own."""
    method = "top_tuned" if source else ""
    about = {"strategy": strategy, "method": method, "source": source, "dataset": "shop", "protocol": "test"}
    fixed = {**about, "row": range(6), "n_relevant": 1, "cluster": range(6), "mMP@5": scores}
    return pd.DataFrame({**fixed, **columns})


def means(table: pd.DataFrame, by: str) -> dict[str, tuple[int, float]]:
    chosen = table[table["by"] == by]
    return {
        name: (count, round(mean, 6))
        for name, count, mean in zip(chosen["slice"], chosen["queries"], chosen["mean"], strict=True)
    }


SCORES = [1.0, 0.5, 0.0, 1.0, 1.0, 0.4]


def test_a_category_is_the_mean_of_its_queries() -> None:
    table = slices.table(queries(SCORES), manifest(), pictures())
    assert table.columns.tolist() == slices.TABLE
    assert means(table, "category") == {"cup": (3, 0.5), "hat": (3, 0.8)}


def test_numbers_are_cut_into_thirds_and_say_from_where_to_where() -> None:
    table = slices.table(queries(SCORES), manifest(), pictures(brightness=[0.6, 0.1, 0.5, 0.2, 0.4, 0.3]))
    assert means(table, "brightness") == {"low": (2, 0.75), "middle": (2, 0.7), "high": (2, 0.5)}
    light = table[table["by"] == "brightness"]
    assert light[["from", "to"]].to_numpy().tolist() == [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]
    size = table[table["by"] == "image_size"]  # the shorter side
    assert size[["from", "to"]].to_numpy().tolist() == [[50, 60], [70, 80], [90, 100]]
    assert table.loc[table["by"] == "category", ["from", "to"]].isna().to_numpy().all()


def test_the_class_size_counts_the_images_of_the_label_in_the_dataset() -> None:
    table = slices.table(queries(SCORES), manifest(), pictures())
    sizes = table[table["by"] == "class_size"]
    assert sizes[["slice", "from", "to"]].to_numpy().tolist() == [["low", 1, 2], ["middle", 3, 3]]


def test_a_value_that_most_have_is_one_slice() -> None:
    table = slices.table(queries(SCORES), manifest(), pictures(clutter=[0, 0, 0, 0, 0, 0.3]))
    assert means(table, "clutter") == {"low": (5, 0.7), "high": (1, 0.4)}


def test_what_all_share_makes_no_slice() -> None:
    table = slices.table(queries(SCORES), manifest(category="cup"), pictures())
    assert set(table["by"]) == {"class_size", "image_size"}
    nothing = slices.table(queries(SCORES), manifest(category="", label="cup", height=9), pictures())
    assert (len(nothing), nothing.columns.tolist()) == (0, slices.TABLE)


def test_columns_of_the_users_own_are_sliced_too() -> None:
    own = manifest(
        view=["side", "side", "top", "", None, "top"], price=[1, 2, 3, 4, 5, None], sale=[True] * 3 + [False] * 3
    )
    table = slices.table(queries(SCORES), own, pictures())
    assert means(table, "view") == {"side": (2, 0.75), "top": (2, 0.2), "unknown": (2, 1.0)}
    assert means(table, "price") == {"low": (2, 0.75), "middle": (1, 0.0), "high": (2, 1.0)}
    assert means(table, "sale") == {"False": (3, 0.8), "True": (3, 0.5)}


def test_a_text_of_many_values_is_a_name_and_no_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    own = manifest(link=[f"shop/{i}" for i in range(6)])
    assert "link" in set(slices.table(queries(SCORES), own, pictures())["by"])
    monkeypatch.setattr(slices, "MOST", 5)
    assert "link" not in set(slices.table(queries(SCORES), own, pictures())["by"])


def test_a_users_column_called_like_a_measure_stands_beside_it() -> None:
    table = slices.table(
        queries(SCORES), manifest(brightness=["day", "night"] * 3), pictures(brightness=np.arange(6) / 6)
    )
    assert set(means(table, "own_brightness")) == {"day", "night"}
    assert set(means(table, "brightness")) == set(slices.THIRDS)


def test_queries_without_anything_to_find_are_left_out() -> None:
    asked = queries([1.0, 0.5, np.nan, 1.0, 1.0, 0.4], n_relevant=[1, 1, 0, 1, 1, 1])
    assert means(slices.table(asked, manifest(), pictures()), "category") == {"cup": (2, 0.75), "hat": (3, 0.8)}


def test_the_score_of_a_cross_tuned_query_is_its_mean_over_sources() -> None:
    crossed = [queries([value] * 6, "cross_tuned", source) for source, value in (("mart", 0.2), ("fair", 0.6))]
    table = slices.table(pd.concat([queries(SCORES), *crossed]), manifest(), pictures())
    found = table[(table["by"] == "category") & (table["slice"] == "cup")].set_index("strategy")["mean"]
    assert found.round(6).to_dict() == {"pretrained": 0.5, "cross_tuned.top_tuned": 0.4}


def test_protocols_stand_apart() -> None:
    other = queries([0.0] * 6, protocol="studio")
    table = slices.table(pd.concat([queries(SCORES), other]), manifest(), pictures())
    assert table.groupby("protocol")["mean"].max().round(6).to_dict() == {"studio": 0.0, "test": 0.8}


def test_intervals_hold_the_mean_and_draw_clusters() -> None:
    rng = np.random.default_rng(0)
    many = pd.concat([manifest()] * 50, ignore_index=True)
    scores = rng.random(300)
    apart = queries([0.0] * 6).iloc[[0] * 300].assign(row=range(300), cluster=range(300), **{"mMP@5": scores})
    together = apart.assign(cluster=np.arange(300) // 30, **{"mMP@5": np.repeat(rng.random(10), 30)})
    measured = pd.concat([pictures()] * 50, ignore_index=True)
    widths = []
    for asked in (apart, together):
        table = slices.table(asked, many, measured)
        assert ((table["low"] <= table["mean"]) & (table["mean"] <= table["high"])).all()
        widths.append(float((table["high"] - table["low"])[table["by"] == "category"].mean()))
    assert widths[1] > 3 * widths[0]


def test_pictures_of_another_manifest_are_refused() -> None:
    with pytest.raises(AssertionError):
        slices.describe(manifest(), pictures().iloc[:5])
