"""Floor 1. A csv or parquet table with a row an image: where it is, its label, and whatever else is known of it."""

import io
import posixpath

import pandas as pd

from src.datasets.raw import Raw
from src.datasets.words import COLUMNS, REQUIRED
from src.entries import TableDataset
from src.errors import UserError
from src.manifest import COLUMNS as MANIFEST
from src.registry import nearest, unknown

MAPPABLE = (*COLUMNS, "sku")
SEPARATORS = (",", ";", "\t", "|")


def read(raw: Raw, entry: TableDataset, place: str) -> pd.DataFrame:
    """A row an image with file, label, any other of our columns that the table has, and its further columns.

    `entry.columns` says what the table calls ours. A further column with the name of one of the manifest's gets
    `_given` behind its name. Paths are relative to the table, else to the dataset's folder. Text of a csv is kept as it
    is written ('007' stays).
    """
    name = _find(raw, entry.table, place)
    table = _parse(raw.read(name), name, raw.place)
    chosen = _chosen(list(table.columns), entry.columns, name, place)
    records = pd.DataFrame({ours: _text(table[theirs]) for ours, theirs in chosen.items()})
    records["file"] = _locate(raw, records["file"], posixpath.dirname(name))
    further = table[[column for column in table.columns if column not in chosen.values()]]
    taken = {*chosen, *MANIFEST}
    return records.join(further.rename(columns={name: f"{name}_given" for name in taken}))


def _find(raw: Raw, table: str, place: str) -> str:
    """The table's name in `raw`: as given, or the one file of that name in any folder (archives often add one)."""
    found = [table] if table in raw else [name for name in raw.names if name.endswith(f"/{table}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError(
            f"{place}.table: {raw.place} has {len(found)} files called {table}; give one's path: {found[0]}"
        )
    tables = [name for name in raw.names if name.lower().endswith((".csv", ".tsv", ".txt", ".parquet"))]
    raise UserError(f"{place}.table: " + unknown(table, tables, "file", raw.place))


def _parse(data: bytes, name: str, folder: str) -> pd.DataFrame:
    """The table's rows; the cells of a csv as text, empty ones ''."""
    try:
        if name.lower().endswith(".parquet"):
            return pd.read_parquet(io.BytesIO(data)).reset_index(drop=True)
        text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
        header = text.partition("\n")[0]
        separator = max(SEPARATORS, key=header.count)
        table = pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False, index_col=False)
        return table.fillna("").rename(columns=str.strip)
    except UnicodeDecodeError:
        raise UserError(f"{folder}: {name} is not UTF-8; save it again as 'CSV UTF-8' or as parquet") from None
    except (ValueError, OSError) as error:  # pandas' and arrow's parser errors
        raise UserError(f"{folder}: {name} is not a table ({' '.join(str(error).split())})") from None


def _chosen(columns: list[str], renamed: dict[str, str], name: str, place: str) -> dict[str, str]:
    """Which column of the table is which of ours: {ours: theirs}."""
    for ours, theirs in renamed.items():
        if ours not in MAPPABLE:
            raise UserError(f"{place}.columns: {unknown(ours, MAPPABLE, 'column', 'our names')}")
        if theirs not in columns:
            raise UserError(f"{place}.columns.{ours}: {unknown(theirs, columns, 'column', name)}")
    chosen = {ours: ours for ours in COLUMNS if ours in columns} | renamed
    for ours in REQUIRED:
        if ours not in chosen:
            raise UserError(
                f"{place}: table {name} has no column '{ours}'; its columns: {', '.join(columns)}."
                f"{nearest(ours, columns)} Say which in {place}.columns: {{{ours}: <column>}}"
            )
    return chosen


def _text(column: pd.Series) -> "pd.Series[str]":
    """A column as stripped text, '' where there is no value; whole numbers without '.0'."""
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    return column.astype("string").fillna("").astype(str).str.strip()


def _locate(raw: Raw, files: "pd.Series[str]", folder: str) -> list[str]:
    """Names in `raw` of paths written in a table that lies in `folder`; what is not there keeps its own name."""
    located = []
    for file in files:
        path = posixpath.normpath(file.replace("\\", "/")) if file and file not in raw else file
        beside = posixpath.normpath(posixpath.join(folder, path))
        located.append(beside if beside in raw else path)
    return located
