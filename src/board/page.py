"""Floor 2. The leaderboard as one page that opens from disk, made from its table."""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from src import licences, summary
from src.board import charts, ranking
from src.report.charts import short
from src.words import METHODS, STRATEGIES

HERE = Path(__file__).parent
OWN = [name for name in STRATEGIES if name != "cross_tuned"]  # encoders used where they were tuned
ORDER = [*OWN, *(f"{summary.CROSS}{method}" for method in METHODS)]
AXES = {"dimension": "embedding size", "gmacs": "GMACs an image", "parameters": "parameters of the backbone"}


@dataclass(frozen=True)
class Board:
    """What one benchmark shows."""

    key: str
    datasets: Sequence[str]
    strategies: Sequence[str]
    entries: Sequence[
        Mapping[str, Any]
    ]  # a row of the table each: its columns, names of experiments, `scores` by strategy
    costs: Sequence[Mapping[str, Any]]  # rows of `ranking.table` that have any
    bars: Mapping[str, Sequence[Mapping[str, Any]]]  # strategy -> rows of `ranking.champions`
    panels: Mapping[str, Sequence[charts.Panel]]  # strategy -> its maps
    zscores: Sequence[charts.Panel]


def render(table: pd.DataFrame) -> str:
    """metrics/leaderboard.html from `ranking.table`. Equal input gives equal text; what we did not make is escaped."""
    script = (HERE / "sort.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    boards = [board(str(key), rows) for key, rows in table.groupby("benchmark", sort=False)]
    template = _environment().get_template("leaderboard.html.j2")
    return template.render(boards=boards, script=script, digest=digest, measure=summary.HEADLINE, chart=charts)


def board(key: str, rows: pd.DataFrame) -> Board:
    """One benchmark from its rows of `ranking.table`."""
    cells = rows.filter(regex=f"^{ranking.cell('')}").dropna(axis=1, how="all")
    strategies = [name for name in ORDER if name in set(rows["strategy"])]
    best = ranking.champions(rows)
    best = best.assign(z=ranking.zscores(best))
    by_strategy = {name: best[best["strategy"] == name] for name in strategies}
    own = {name: found for name, found in by_strategy.items() if name in OWN}
    maps = {name: list(panels(found)) for name, found in own.items()}
    scored = [
        charts.panel(name, AXES["dimension"], points(found, "dimension", "z"), log=True, score=False)
        for name, found in own.items()
    ]
    return Board(
        key=key,
        datasets=[str(name).removeprefix(ranking.cell("")) for name in cells],
        strategies=strategies,
        entries=list(entries(rows)),
        costs=records(rows[rows["bytes"].notna()]),
        bars={name: records(found) for name, found in by_strategy.items()},
        panels={name: found for name, found in maps.items() if found},
        zscores=[found for found in scored if found],
    )


def entries(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """A row of the wide table each, the one with the best score first."""
    for _, of_entry in rows.groupby(["model", "variant"], sort=False):
        found = records(of_entry)
        yield found[0] | {"names": found[0]["experiments"].split(), "scores": {row["strategy"]: row for row in found}}


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dicts, None where there is nothing."""
    return [
        {str(key): None if pd.isna(value) else value for key, value in row.items()} for row in rows.to_dict("records")
    ]


def panels(rows: pd.DataFrame) -> Iterator[charts.Panel]:
    """The maps of one strategy's models: mMP@5 against each of AXES."""
    for column, label in AXES.items():
        found = charts.panel("", label, points(rows, column, summary.HEADLINE), log=True)
        if found:
            yield found


def points(rows: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """What `charts.panel` places; the interval is that of mMP@5."""
    ends = {end: rows[end] if y == summary.HEADLINE else float("nan") for end in ("low", "high")}
    return pd.DataFrame({"name": rows["model"], "family": rows["family"], "x": rows[x], "y": rows[y], **ends})


def span(row: Mapping[str, Any]) -> str:
    """An interval in percent: '60.1–66.0', or ''."""
    return "" if row["low"] is None else f"{summary.percent(row['low'])}–{summary.percent(row['high'])}"


def spread(row: Mapping[str, Any]) -> str:
    """'±0.42, 3 seeds', or '' of one."""
    return "" if row["deviation"] is None else f"±{100 * row['deviation']:.2f}, {row['seeds']} seeds"


def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader([HERE, HERE.parent / "report"])  # the report's page lends its style
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    filters = [summary.percent, summary.points, short, licences.warning, span, spread]
    environment.filters |= {function.__name__: function for function in filters}
    return environment
