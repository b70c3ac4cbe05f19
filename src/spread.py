"""Floor 3. Mean and spread over seeds, of experiments that differ in nothing else.  python -m src.spread

    dvc exp run --queue -S seed=0,1,2 && dvc queue start
    python -m src.spread

Reads `dvc exp show --json`: the current commit and its experiments. The workspace does not count: its metrics may be
older than its params. Prints mean, standard deviation (n - 1), least and most of every cell's mMP@5 in %.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from src import command, experiments, store, summary
from src.experiments import Experiment

MORE = "dvc exp run --queue -S seed=0,1,2 && dvc queue start"


def main() -> None:
    """Print a table for every group of experiments with several seeds, a line for every other one."""
    print("\n".join(report(experiments.show())))


def report(shown: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines for people, from what `dvc exp show --json` gave."""
    groups: dict[str, list[Experiment]] = {}
    for run in experiments.finished(shown):
        groups.setdefault(store.fingerprint(run.settings), []).append(run)
    if not groups:
        return [f"no experiment with metrics at this commit; make some: {MORE}"]
    varied = experiments.differing([group[0].settings for group in groups.values()])
    return [line for group in groups.values() for line in describe(group, varied)]


def cells(run: Experiment) -> pd.DataFrame:
    """[datasets x strategies] of the headline."""
    return summary.table(summary.scores(run.metrics, run.protocols), summary.HEADLINE)


def describe(group: Sequence[Experiment], varied: Sequence[str]) -> list[str]:
    """A title, and a table where there are several seeds."""
    runs: dict[int, Experiment] = {}
    twice = []
    for run in group:
        if not cells(runs.setdefault(run.seed, run)).equals(cells(run)):
            twice.append(f"seed {run.seed} differs between {runs[run.seed].name} and {run.name}; the first one counts")
    first = group[0].settings
    title = ", ".join([json.loads(first["model"]), *(f"{key} {first[key]}" for key in varied if key in first)])
    seeds = ", ".join(f"{seed} ({run.name})" for seed, run in sorted(runs.items()))
    if len(runs) == 1:
        return [f"{title}: one seed only, {seeds}; add others: {MORE}", *twice]
    return [f"{title}: {summary.HEADLINE} in % over seeds {seeds}", *twice, *table(spread(list(runs.values()))), ""]


def spread(runs: Sequence[Experiment]) -> pd.DataFrame:
    """Mean, deviation, least and most over runs: a row a (dataset, strategy), those of the mean over datasets first."""
    values = pd.concat({run.seed: with_mean(cells(run)).stack() for run in runs}, axis=1)
    figures = {"mean": values.mean(axis=1), "deviation": values.std(axis=1), "least": values.min(axis=1)}
    return pd.DataFrame({**figures, "most": values.max(axis=1)})


def with_mean(found: pd.DataFrame) -> pd.DataFrame:
    """Cells below a row of their means over datasets."""
    return pd.concat([found.mean().to_frame("mean").T, found])


def table(figures: pd.DataFrame) -> list[str]:
    """Aligned lines, in %; a deviation, which is small, with two digits."""
    rows = [["dataset", "strategy", *figures.columns]]
    for (dataset, strategy), row in zip(figures.index, figures.to_dict("records"), strict=True):
        shown = [f"{100 * value:.{2 if name == 'deviation' else 1}f}" for name, value in row.items()]
        rows.append([dataset, strategy, *shown])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = [str.ljust, str.ljust, *[str.rjust] * len(figures.columns)]
    return ["  " + "  ".join(a(c, w) for a, c, w in zip(aligned, row, widths, strict=True)) for row in rows]


if __name__ == "__main__":
    command.run(main)
