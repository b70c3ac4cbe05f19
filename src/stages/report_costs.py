"""What the report tells of costs, and what advice makes of them: files read. Used by `report`, no stage of its own."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from src import paths
from src.differences import MEAN
from src.errors import UserError
from src.findings import Findings
from src.params import Params


def read_findings(params: Params, queries: pd.DataFrame) -> Findings:
    """What advice chooses among, of tables that are read already and files that are not."""
    tables = {str(name): table for name, table in queries.groupby("strategy", sort=False)}
    licence = params.chosen.licence
    return Findings(params.model, licence, params.datasets, params.strategies, contents, tables.__getitem__)


def contents(path: Path) -> bytes:
    """A file of the workspace; a UserError where it is missing."""
    if not path.exists():
        raise UserError(f"{path} is missing; run `dvc repro` (or `dvc pull`)")
    return path.read_bytes()


def read_compression(own: Sequence[str]) -> pd.DataFrame:
    """The tables of `compress` as one: strategy, dataset (MEAN: over datasets), and the columns they have."""
    found = []
    for strategy in own:
        means, each = (pd.read_csv(paths.compression(strategy) / f"{name}.csv") for name in ("means", "datasets"))
        table = pd.concat([means.assign(dataset=MEAN), each], ignore_index=True)
        found.append(table.assign(strategy=strategy)[["strategy", "dataset", *means.columns]])
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["strategy", "dataset"])


def hardware(costs: Mapping[str, Any]) -> dict[str, list[str]]:
    """Machine -> the strategies that were made on it."""
    found: dict[str, list[str]] = {}
    for strategy, cost in costs.items():
        for machine in machines(cost.get("datasets", {}).values()):
            found.setdefault(machine, []).append(strategy)
    return found


def machines(records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Of cost records, in words, each once."""
    return list(dict.fromkeys(map(machine_of, records)))


def machine_of(record: Mapping[str, Any]) -> str:
    """Of a cost record, in words."""
    threads = record.get("threads")
    told = [
        record.get("processor", ""),
        record.get("device", ""),
        f"{threads} thread{'s' * (threads != 1)}" if threads else "",
    ]
    return ", ".join(filter(None, told)) or "unknown"
