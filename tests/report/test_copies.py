"""Which copies are worth looking at, and what they change."""

from typing import Any

import pandas as pd
import pytest

from src.report import copies

SIDE = {"dataset": "cars", "label": "a", "split": "test", "tuning": ""}


def pair(first: int, second: int, kind: str = "near", **changes: Any) -> dict[str, Any]:
    """Two photos by row, alike in all but `changes`."""
    sides = {f"{name}_{side}": value for side in ("first", "second") for name, value in SIDE.items()}
    return sides | {"row_first": first, "row_second": second, "kind": kind} | changes


def test_what_does_most_harm_comes_first() -> None:
    pairs = [
        pair(0, 1),
        pair(2, 3, split_second="gallery"),
        pair(4, 5, dataset_second="food", label_second="b"),
        pair(6, 7, tuning_second="train", split_second="train"),
        pair(8, 9, label_second="b", tuning_second="train"),
    ]
    chosen = copies.choose(pd.DataFrame(pairs))
    assert [found.reason for found in chosen] == list(copies.REASONS)
    assert [found.photos[0].row for found in chosen] == [8, 6, 4, 2, 0]
    assert chosen[1].photos[1] == copies.Photo("cars", 7, "a", "train, tuned on")


def test_no_photo_is_shown_twice_and_no_more_pairs_than_asked_for() -> None:
    pairs = pd.DataFrame([pair(0, 1, "exact"), pair(0, 2), pair(2, 3), pair(4, 5), pair(6, 7)])
    assert [found.photos[0].row for found in copies.choose(pairs, 3)] == [0, 2, 4]
    assert copies.choose(pairs.head(0)) == []


def test_only_affected_means_are_told_and_cross_tuned_ones_are_means_over_sources() -> None:
    rows = [
        ("pretrained", "", "", "cars", "test", 10, 0, 0.5, 0.5),
        ("top_tuned", "", "", "cars", "test", 10, 2, 0.8, 0.75),
        ("cross_tuned", "top_tuned", "food", "cars", "test", 10, 1, 0.4, 0.3),
        ("cross_tuned", "top_tuned", "shelf", "cars", "test", 10, 0, 0.6, 0.6),
    ]
    columns = ["strategy", "method", "source", "dataset", "protocol", "queries", "affected", "mMP@5", "without"]
    found = copies.changes(pd.DataFrame(rows, columns=columns), "mMP@5")
    assert found.to_dict("list") == {
        "dataset": ["cars", "cars"],
        "protocol": ["test", "test"],
        "strategy": ["top_tuned", "cross_tuned.top_tuned"],
        "queries": [10, 10],
        "affected": [2, 1],
        "value": [0.8, pytest.approx(0.5)],
        "without": [0.75, pytest.approx(0.45)],
    }
