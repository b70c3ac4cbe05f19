"""The industrial catalogue of docs/datasets/own.md, built as the page shows it and prepared as the page says."""

import csv
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from layouts import jpeg, lay_out

from src import manifest, protocols, retrieval
from src.entries import TableDataset
from src.stages import prepare

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "docs/datasets/own.md").read_text().split("### An industrial catalogue")[1]
TABLE, ENTRY = (re.search(rf"```{kind}\n(.*?)```", SECTION, re.DOTALL)[1] for kind in ("csv", "yaml"))  # type: ignore[index]


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """The manifest of the page's tree, a photo of its own for each row."""
    monkeypatch.chdir(tmp_path)
    files = {row["file"]: jpeg(i) for i, row in enumerate(csv.DictReader(TABLE.splitlines()))}
    lay_out(tmp_path / "data/raw/parts", {"parts.csv": TABLE, **files})
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["catalogue"] |= yaml.safe_load(ENTRY)
    Path("params.yaml").write_text(yaml.safe_dump(params))
    prepare.main("parts")
    return manifest.read(Path("data/manifests/parts"))[0].set_index("file", drop=False)


def sides(table: pd.DataFrame, name: str) -> tuple[retrieval.Side, retrieval.Side]:
    """Who asks and who is searched, with vectors that nothing looks at."""
    protocol = TableDataset.model_validate(yaml.safe_load(ENTRY)["parts"]).protocols[name]
    return protocols.sides(table, np.ones((len(table), 1), np.float32), protocol, name)


def test_every_row_of_the_table_has_the_role_that_the_page_says(parts: pd.DataFrame) -> None:
    rows = {row["file"]: row for row in csv.DictReader(TABLE.splitlines())}
    assert parts.index.tolist() == sorted(rows)
    role = {"rendered": "rendered", "real": "real", "archive": "train"}
    for file, record in parts.iterrows():
        row = rows[str(file)]
        found = (record["label"], record["split"], record["view"], record["group"])
        assert found == (row["sku"], role[row["source"]], row["view"], row["session"] or file)


def test_photos_ask_and_renderings_are_searched(parts: pd.DataFrame) -> None:
    query, gallery = sides(parts, "rendered")
    assert parts.index[query.rows].str.startswith("photos/").all()
    assert parts.index[gallery.rows].str.startswith("renders/").all()
    assert retrieval.count_relevant(query, gallery).tolist() == [2, 2, 2, 2, 2]


def test_a_photo_of_the_querys_own_session_is_no_answer(parts: pd.DataFrame) -> None:
    query, gallery = sides(parts, "other_session")
    relevant = dict(zip(parts.index[query.rows], retrieval.count_relevant(query, gallery), strict=True))
    assert relevant == {
        "photos/0412.jpg": 1,  # 0431; 0413 is of the same session
        "photos/0413.jpg": 1,
        "photos/0431.jpg": 2,
        "photos/0432.jpg": 1,
        "photos/0433.jpg": 1,
    }


def test_tuning_sees_the_archive_alone_and_chooses_by_whole_skus(parts: pd.DataFrame) -> None:
    assert (parts["tuning"] != "").equals(parts["split"] == "train")
    assert parts.groupby("label")["tuning"].nunique().max() == 1
    assert parts.groupby("tuning")["label"].nunique().to_dict() == {"": 2, "train": 2, "val": 2}


def test_nothing_is_quarantined_or_unused(parts: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    assert pd.read_parquet("data/manifests/parts/quarantine.parquet").empty
    prepare.main("parts")
    assert capsys.readouterr().err == ""
