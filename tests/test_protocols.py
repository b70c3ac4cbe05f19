"""Who asks, who is searched, and whose label can be named."""

import numpy as np
import pandas as pd
import pytest

from src import protocols
from src.entries import Protocol
from src.errors import UserError

VECTORS = np.eye(6, dtype=np.float32)


@pytest.fixture
def table() -> pd.DataFrame:
    """Two photos to learn from, two that ask (one of them of an unseen label), two to be searched."""
    return pd.DataFrame(
        {
            "label": ["tea", "jam", "tea", "egg", "tea", "egg"],
            "split": ["train", "train", "query", "query", "gallery", "gallery"],
            "tuning": ["train", "train", "", "", "", ""],
            "group": ["0", "1", "burst", "3", "burst", "5"],
        }
    )


def test_both_sides_keep_their_manifest_rows(table: pd.DataFrame) -> None:
    query, gallery = protocols.sides(table, VECTORS, Protocol(query="query", gallery="gallery"), "mine.phone")
    assert (query.rows.tolist(), gallery.rows.tolist()) == ([2, 3], [4, 5])
    assert np.array_equal(query.vectors, VECTORS[2:4])
    assert (query.labels[:, None] == gallery.labels).tolist() == [[True, False], [False, True]]


def test_only_a_protocol_that_says_so_ignores_its_own_group(table: pd.DataFrame) -> None:
    plain, searched = protocols.sides(table, VECTORS, Protocol(query="query", gallery="gallery"), "mine.phone")
    assert not np.isin(plain.groups, searched.groups).any()
    protocol = Protocol(query="query", gallery="gallery", exclude_same="group")
    query, gallery = protocols.sides(table, VECTORS, protocol, "mine.phone")
    assert (query.groups[:, None] == gallery.groups).tolist() == [[True, False], [False, False]]


def test_a_protocol_with_nothing_to_find_is_refused(table: pd.DataFrame) -> None:
    with pytest.raises(UserError, match=r"mine.odd: no query has another image of its label in the gallery"):
        protocols.sides(
            table[table["label"] != "tea"], VECTORS[:3], Protocol(query="train", gallery="query"), "mine.odd"
        )


def test_only_labels_that_were_taught_can_be_named(table: pd.DataFrame) -> None:
    protocol = Protocol(query="query", gallery="gallery")
    assert protocols.known_queries(table, protocol, "mine.phone").tolist() == [2]


def test_the_probe_learns_from_the_images_that_tuning_fits(table: pd.DataFrame) -> None:
    vectors = VECTORS.copy()
    vectors[2] = VECTORS[0]
    assert protocols.probe(table, vectors, np.array([2, 1])).tolist() == ["tea", "jam"]
