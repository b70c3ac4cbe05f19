"""Copies of photos, and whom they affect, on a dozen photos that can be followed by hand."""

from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import pytest

from src import audit
from src.entries import Protocol

OTHER = Protocol(query="query", gallery="gallery")
ITSELF = Protocol(query="query", gallery="query")
PHOTOS = [  # dataset, image_id, label, split, tuning, group, set
    ("shop", "a", "tea", "train", "train", "a", 1),
    ("shop", "b", "jam", "train", "val", "b", 2),
    ("shop", "c", "tea", "gallery", "", "c", 3),
    ("shop", "d", "jam", "gallery", "", "d", 4),
    ("shop", "e", "tea", "query", "", "e", 3),  # its copy c in the gallery is tea, too
    ("shop", "f", "tea", "query", "", "f", 4),  # its copy d in the gallery is jam
    ("shop", "g", "jam", "query", "", "g", 2),  # its copy b is in the shop's own tuning
    ("shop", "h", "rye", "query", "", "h", 5),  # no copy here, one in the tuning of the other dataset
    ("mart", "a", "rye", "train", "train", "a", 5),
    ("mart", "b", "rye", "query", "", "b", 6),
    ("mart", "c", "rye", "query", "", "b", 6),  # a copy of b in the same listing
    ("mart", "d", "rum", "query", "", "d", 1),  # its copy is in the shop's tuning
]


def photos() -> pd.DataFrame:
    columns = ["dataset", "image_id", "label", "split", "tuning", "group", "set"]
    table = pd.DataFrame(PHOTOS, columns=columns)
    return table.assign(row=table.groupby("dataset").cumcount(), sha256=[f"{i}" for i in range(len(table))])


def affected(protocols: dict[str, dict[str, Protocol]]) -> list[tuple[Any, ...]]:
    """Image, protocol, why and source, in the words of PHOTOS."""
    table = photos()
    found = audit.affected(table, protocols).merge(table[["dataset", "row", "image_id"]], on=["dataset", "row"])
    return sorted(found[["dataset", "image_id", "protocol", "why", "source"]].itertuples(index=False, name=None))


PLAYED = {"shop": {"phone": OTHER}, "mart": {"same": ITSELF}}


def test_every_reason_to_doubt_a_query_is_found() -> None:
    assert affected(PLAYED) == [
        ("mart", "b", "same", "gallery", ""),
        ("mart", "c", "same", "gallery", ""),
        ("mart", "d", "same", "tuning", "shop"),
        ("shop", "e", "phone", "gallery", ""),
        ("shop", "f", "phone", "other_label", ""),
        ("shop", "g", "phone", "tuning", "shop"),
        ("shop", "h", "phone", "tuning", "mart"),
    ]


def test_a_copy_that_the_protocol_ignores_affects_nobody() -> None:
    listing = Protocol(query="query", gallery="query", exclude_same="group")
    assert affected({"mart": {"same": listing}}) == []


def test_a_query_is_no_copy_of_itself() -> None:
    alone = photos().assign(set=np.arange(len(PHOTOS)))
    assert len(audit.affected(alone, PLAYED)) == 0
    assert audit.affected(alone, PLAYED).columns.tolist() == audit.AFFECTED


@pytest.mark.parametrize("exclude_same", [None, "group"])
def test_affected_agrees_with_a_double_loop(exclude_same: Any) -> None:
    rng = np.random.default_rng(0)
    n = 300
    table = pd.DataFrame(
        {
            "dataset": np.where(np.arange(n) < 200, "shop", "mart"),
            "image_id": [f"{i}" for i in range(n)],
            "label": rng.choice(["tea", "jam", "rye"], n),
            "split": rng.choice(["train", "query", "gallery"], n),
            "group": rng.choice(["", "x", "y", "z"], n),
            "set": rng.integers(0, 150, n),
        }
    )
    table["tuning"] = table["split"].where(table["split"] == "train", "")
    table["row"] = table.groupby("dataset").cumcount()
    protocol = Protocol(query="query", gallery="gallery", exclude_same=exclude_same)
    played = {"shop": {"a": protocol, "b": ITSELF}, "mart": {"a": protocol}}
    slow = set()
    rows: list[Any] = list(table.itertuples())
    for query, other in product(rows, rows):
        for name, rule in played[query.dataset].items():
            if query.split != rule.query or query.set != other.set:
                continue
            if other.tuning:
                slow.add((query.dataset, name, query.row, "tuning", other.dataset))
            ignored = rule.exclude_same and query.group and query.group == other.group
            found = (other.dataset, other.split) == (query.dataset, rule.gallery) and other is not query
            if found and not ignored:
                why = "gallery" if other.label == query.label else "other_label"
                slow.add((query.dataset, name, query.row, why, ""))
    fast = audit.affected(table, played)
    assert not fast.duplicated().any()
    assert set(fast.itertuples(index=False, name=None)) == slow
    assert set(fast["why"]) == {"gallery", "other_label", "tuning"}


def test_being_a_copy_is_passed_on() -> None:
    found = audit.sets(6, np.array([[0, 2], [2, 5], [1, 3]]))
    assert found[0] == found[2] == found[5]
    assert found[1] == found[3]
    assert len(set(found)) == 3
    assert len(set(audit.sets(4, np.empty((0, 2), np.int64)))) == 4


def test_counts_say_where_copies_lie() -> None:
    table = photos()
    counted = audit.counts(table.assign(sha256=table["set"]), PLAYED, audit.affected(table, PLAYED))
    assert counted["shop"] == {
        "images": 8,
        "with_copies": 6,
        "byte_equal": 3,
        "sets": 3,
        "sets_of_several_labels": 1,
        "sets_across_splits": {"gallery query": 2, "query train": 1},
        "with_copies_elsewhere": 2,
        "queries": {"phone": {"asked": 4, "gallery": 1, "other_label": 1, "tuning": {"mart": 1, "shop": 1}}},
    }
    assert counted["mart"]["queries"] == {
        "same": {"asked": 3, "gallery": 2, "other_label": 0, "tuning": {"mart": 0, "shop": 1}}
    }


def test_lines_tell_the_counts() -> None:
    table = photos()
    lines = audit.lines(audit.counts(table, PLAYED, audit.affected(table, PLAYED)))
    assert lines == [
        "  shop  6 of 8 images are copies (0 byte-equal); 2 across gallery and query; 1 across query and train; "
        "1 of several labels; 2 have a copy in another dataset; 1 of 4 queries of phone have a copy in the gallery; "
        "1 of 4 queries of phone have a copy of another label there; "
        "1 of 4 queries of phone have a copy in the tuning of mart; "
        "1 of 4 queries of phone have a copy in the tuning of shop",
        "  mart  2 of 4 images are copies (0 byte-equal); 2 have a copy in another dataset; "
        "2 of 3 queries of same have a copy in the gallery; 1 of 3 queries of same have a copy in the tuning of shop",
    ]
    alone = table.assign(set=range(len(table)))
    assert audit.lines(audit.counts(alone, PLAYED, audit.affected(alone, PLAYED))) == [
        "  shop  no copies among 8 images",
        "  mart  no copies among 4 images",
    ]


def test_headlines_come_with_and_without_the_affected_queries() -> None:
    doubtful = pd.DataFrame(
        [
            ("shop", "phone", 0, "gallery", ""),
            ("shop", "phone", 0, "other_label", ""),  # twice affected, counted once
            ("shop", "phone", 1, "tuning", "shop"),
            ("shop", "phone", 2, "tuning", "mart"),
        ],
        columns=audit.AFFECTED,
    )
    strategies = [("pretrained", "", ""), ("top_tuned", "", ""), ("cross_tuned", "top_tuned", "mart")]
    rows = [
        (*strategy, "shop", "phone", row, n_relevant, score)
        for strategy in strategies
        for row, (n_relevant, score) in enumerate([(2, 1.0), (2, 0.8), (1, 0.6), (2, 0.4), (0, np.nan)])
    ]
    names = ["strategy", "method", "source", "dataset", "protocol", "row", "n_relevant", "mMP@5"]
    found = audit.headlines(pd.DataFrame(rows, columns=names), doubtful)
    assert found["strategy"].tolist() == ["pretrained", "top_tuned", "cross_tuned"]
    assert found["queries"].tolist() == [4, 4, 4]
    assert found["affected"].tolist() == [1, 2, 2]
    assert found["mMP@5"].tolist() == pytest.approx([0.7, 0.7, 0.7])
    assert found["without"].tolist() == pytest.approx([(0.8 + 0.6 + 0.4) / 3, (0.6 + 0.4) / 2, (0.8 + 0.4) / 2])
