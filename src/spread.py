"""Floor 3. Mean and spread over seeds, of experiments that differ in nothing else.  python -m src.spread

    dvc exp run --queue -S seed=0,1,2 && dvc queue start
    python -m src.spread

Reads `dvc exp show --json`: the current commit and its experiments. The workspace does not count: its metrics may be
older than its params. Prints mean, standard deviation (n - 1), least and most of every cell's mMP@5 in %.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from src import command, store, summary
from src.errors import UserError

SHOW = [sys.executable, "-m", "dvc", "exp", "show", "--json", "--no-pager"]
IDLE = {"seed", "runtime", "report", "published", "suites"}  # params that change no cell, and the seed itself
MORE = "dvc exp run --queue -S seed=0,1,2 && dvc queue start"


@dataclass(frozen=True)
class Run:
    """A finished experiment: its settings but for the seed, dotted, and its cells [datasets x strategies]."""

    name: str
    seed: int
    settings: Mapping[str, str]
    cells: pd.DataFrame


def main() -> None:
    """Print a table for every group of experiments with several seeds, a line for every other one."""
    print("\n".join(report(show())))


def show() -> list[dict[str, Any]]:
    """What DVC knows of the current commit and its experiments."""
    ran = subprocess.run(SHOW, capture_output=True, text=True)
    if ran.returncode:
        raise UserError(f"`dvc exp show` failed: {' '.join(ran.stderr.split())[-300:]}")
    return json.loads(ran.stdout)


def report(shown: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines for people, from what `dvc exp show --json` gave."""
    found = list(finished(shown))
    groups: dict[str, list[Run]] = {}
    for run in found:
        groups.setdefault(store.fingerprint(dict(run.settings)), []).append(run)
    if not groups:
        return [f"no experiment with metrics at this commit; make some: {MORE}"]
    varied = differing([group[0].settings for group in groups.values()])
    return [line for group in groups.values() for line in describe(group, varied)]


def finished(shown: Sequence[Mapping[str, Any]]) -> Iterator[Run]:
    """Commits and their experiments that have the metrics of all their strategies; the workspace is left out."""
    for commit in shown:
        if commit["rev"] == "workspace":
            continue
        tips = [(one["name"], one["revs"][0]) for one in commit["experiments"] or []]
        for name, found in [(commit["name"], commit), *tips]:
            run = read(name or found["rev"][:7], found["data"] or {})
            if run:
                yield run


def read(name: str, data: Mapping[str, Any]) -> Run | None:
    """A run from its part of `dvc exp show --json`; None where params or metrics are missing (queued, failed)."""
    params = data.get("params", {}).get("params.yaml", {}).get("data")
    files = data.get("metrics", {})
    if not params:
        return None
    metrics = {strategy: files.get(f"metrics/{strategy}.json", {}).get("data") for strategy in params["strategies"]}
    if not all(metrics.values()):
        return None
    protocols = {dataset: list(params["catalogue"][dataset]["protocols"]) for dataset in params["datasets"]}
    cells = summary.table(summary.scores(metrics, protocols), summary.HEADLINE)
    return Run(name, params["seed"], settings(params) | {"inputs": inputs(data)}, cells)


def settings(params: Mapping[str, Any]) -> dict[str, str]:
    """All that must be equal for two runs to be comparable: of the tables, only the entries that are used."""
    used = {key: value for key, value in params.items() if key not in IDLE | {"models", "catalogue"}}
    used["chosen"] = params["models"][params["model"]]
    used["protocols"] = {dataset: params["catalogue"][dataset] for dataset in params["datasets"]}
    return flat(used)


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """{'top_tune': {'lr': 0.1}} -> {'top_tune.lr': '0.1'}."""
    leaves: dict[str, str] = {}
    for key, value in tree.items():
        leaves |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": json.dumps(value)}
    return leaves


def inputs(data: Mapping[str, Any]) -> str:
    """A key of the code and the photos that a run began with: the dependencies that no stage makes."""
    made = list(data.get("outs") or {})
    given = {
        dep: about["hash"] for dep, about in (data.get("deps") or {}).items() if not any(over(dep, o) for o in made)
    }
    return store.fingerprint(given)[:7]


def over(one: str, other: str) -> bool:
    """Whether two paths are the same or one holds the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def differing(groups: Sequence[Mapping[str, str]]) -> list[str]:
    """The settings that tell groups apart, the model aside."""
    keys = dict.fromkeys(key for group in groups for key in group if not key.startswith(("model", "chosen.")))
    return [key for key in keys if len({group.get(key) for group in groups}) > 1]


def describe(group: Sequence[Run], varied: Sequence[str]) -> list[str]:
    """A title, and a table where there are several seeds."""
    runs: dict[int, Run] = {}
    twice = []
    for run in group:
        if not runs.setdefault(run.seed, run).cells.equals(run.cells):
            twice.append(f"seed {run.seed} differs between {runs[run.seed].name} and {run.name}; the first one counts")
    first = group[0].settings
    title = ", ".join([json.loads(first["model"]), *(f"{key} {first[key]}" for key in varied if key in first)])
    seeds = ", ".join(f"{seed} ({run.name})" for seed, run in sorted(runs.items()))
    if len(runs) == 1:
        return [f"{title}: one seed only, {seeds}; add others: {MORE}", *twice]
    return [f"{title}: {summary.HEADLINE} in % over seeds {seeds}", *twice, *table(spread(list(runs.values()))), ""]


def spread(runs: Sequence[Run]) -> pd.DataFrame:
    """Mean, deviation, least and most over runs: a row a (dataset, strategy), those of the mean over datasets first."""
    values = pd.concat({run.seed: with_mean(run.cells).stack() for run in runs}, axis=1)
    figures = {"mean": values.mean(axis=1), "deviation": values.std(axis=1), "least": values.min(axis=1)}
    return pd.DataFrame({**figures, "most": values.max(axis=1)})


def with_mean(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells below a row of their means over datasets."""
    return pd.concat([cells.mean().to_frame("mean").T, cells])


def table(figures: pd.DataFrame) -> list[str]:
    """Aligned lines, in %; a deviation, which is small, with two digits."""
    rows = [["dataset", "strategy", *figures.columns]]
    for (dataset, strategy), row in zip(figures.index, figures.to_dict("records"), strict=True):
        cells = [f"{100 * value:.{2 if name == 'deviation' else 1}f}" for name, value in row.items()]
        rows.append([dataset, strategy, *cells])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = [str.ljust, str.ljust, *[str.rjust] * len(figures.columns)]
    return ["  " + "  ".join(a(c, w) for a, c, w in zip(aligned, row, widths, strict=True)) for row in rows]


if __name__ == "__main__":
    command.run(main)
