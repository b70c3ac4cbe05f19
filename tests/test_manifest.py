"""The manifest's contract."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src import manifest
from src.entries import Protocol
from src.errors import UserError


@pytest.fixture
def table() -> pd.DataFrame:
    """Four images: two labels in train, one query and one gallery image."""
    return pd.DataFrame(
        {
            "image_id": ["a", "b", "c", "d"],
            "file": ["a.jpg", "b.jpg", "c.jpg", "d.jpg"],
            "label": ["tea", "jam", "tea", "tea"],
            "category": "",
            "split": ["train", "train", "query", "gallery"],
            "tuning": ["train", "val", "", ""],
            "group": ["a", "b", "c", "d"],
            "caption": "",
            "width": 8,
            "height": 8,
            "sha256": "0",
            "brand": ["x", "x", "y", "y"],
        }
    )


def test_a_manifest_comes_back_with_its_extra_columns_last(table: pd.DataFrame, tmp_path: Path) -> None:
    manifest.write(tmp_path, table[list(reversed(table.columns))])
    read, digest = manifest.read(tmp_path)
    assert list(read.columns) == [*manifest.COLUMNS, "brand"]
    assert read["width"].dtype == np.int32
    assert len(digest) == 64


def test_rows_are_found_by_split(table: pd.DataFrame) -> None:
    assert manifest.rows(table, "split", "train").tolist() == [0, 1]
    assert manifest.rows(table, "split", "nowhere").tolist() == []


def test_codes_are_equal_where_labels_are(table: pd.DataFrame) -> None:
    assert manifest.codes(table, "label").tolist() == [1, 0, 1, 1]


def test_a_protocol_has_its_two_sides(table: pd.DataFrame) -> None:
    query, gallery = manifest.sides(table, Protocol(query="query", gallery="gallery"), "mine.phone")
    assert (query.tolist(), gallery.tolist()) == ([2], [3])


def test_an_empty_side_is_named_with_the_splits_there_are(table: pd.DataFrame) -> None:
    with pytest.raises(
        UserError, match=r"mine.phone: its gallery split 'studio' has no image; .*gallery, query, train"
    ):
        manifest.sides(table, Protocol(query="query", gallery="studio"), "mine.phone")
