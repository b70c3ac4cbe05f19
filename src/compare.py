"""Floor 3. Two experiments, or two strategies, on the same queries: which differences are real?

  python -m src.compare                                    # HEAD and the workspace, as `dvc metrics diff`
  python -m src.compare main tall-huts                     # commits, branches, tags, experiments, `workspace`
  python -m src.compare --strategies pretrained top_tuned  # of the workspace, or of the revision that is named

Tells, for every strategy and dataset, both means of the first protocol's mMP@5 (or another --metric), the difference
with its 95 % interval, p, and p corrected for the number of datasets. Reads the tables of `evaluate`: of the workspace
the files, of another revision what DVC's cache or remote holds.
"""

import argparse
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from src import command, evaluation, metrics, paths
from src.differences import NOTABLE, Difference, differences, doubts
from src.errors import UserError
from src.registry import lookup
from src.summary import percent, points

WORKSPACE = "workspace"
Scores = dict[str, pd.DataFrame]  # strategy ('cross_tuned.top_tuned') -> its rows of `evaluation.headline_queries`

HEAD = ["dataset", "A", "B", "B - A", "95 % interval", "p", "Holm's p", "drawn by", ""]
WORDS = ("dataset", "drawn by", "")  # columns that begin at the left
VERDICTS = {"A": "A is better", "B": "B is better", "": "no difference shown"}
NOTE = f"""
Intervals by bootstrap, p by sign flips, of whole labels (or groups, or queries, as it says). Holm's p is corrected for
the number of datasets, the mean is one question and keeps its p; below {NOTABLE} a difference counts as shown. All of
it is about queries, of one training a side: how far another seed moves a mean, `python -m src.spread` tells."""


@dataclass(frozen=True)
class Revision:
    """A commit, an experiment or the workspace, and how its files are read, those that DVC tracks too."""

    name: str
    read: Callable[[str], bytes]

    @classmethod
    def named(cls, name: str) -> "Revision":
        """Whether there is such a one shows when it is read."""
        if name == WORKSPACE:
            return cls(name, lambda path: Path(path).read_bytes())
        from dvc.api import DVCFileSystem  # type: ignore[import-untyped]  # here: it takes half a second
        from dvc.config import Config  # type: ignore[import-untyped]

        remotes = Config.from_cwd()  # of today; the revision's own may be older than its remote
        return cls(name, DVCFileSystem(repo=".", rev=name, config=remotes).read_bytes)

    def contents(self, path: Path) -> bytes:
        """A file; a UserError where it, or the revision, cannot be found."""
        try:
            return self.read(str(path))
        except Exception as error:  # DVC's own, those of its index (another package) and of remotes have no common base
            raise UserError(self.complaint(path, " ".join(str(error).split()))) from None

    def complaint(self, path: Path, told: str) -> str:
        """The line for a file that could not be read."""
        if self.name == WORKSPACE:
            return f"{path} is missing; run `dvc repro` (or `dvc pull`)"
        if path == paths.PARAMS:
            known = f"{WORKSPACE}, commits, experiments (a colleague's after `dvc exp pull <git remote> {self.name}`)"
            return f"no {path} of '{self.name}' ({told}); known: {known}"
        return (
            f"{self.name}: {path} is neither in DVC's cache nor on its remote ({told}); `dvc push` it where it was made"
            f" (an experiment: `dvc exp push <git remote> {self.name}`), or make it here with `dvc repro`"
        )

    @cached_property
    def params(self) -> dict[str, Any]:
        """params.yaml as it is there: possibly of another time, so today's record does not apply."""
        return yaml.safe_load(self.contents(paths.PARAMS))

    def scores(self, files: Sequence[str], metric: str) -> Scores:
        """What the per-query tables of these metrics files hold."""
        found = evaluation.headline_queries(pd.concat([self.queries(file, metric) for file in files]), metric)
        order = {dataset: at for at, dataset in enumerate(self.params["datasets"])}
        found = found.sort_values("dataset", key=lambda names: names.map(order), kind="stable")
        return {str(name): rows for name, rows in found.groupby("strategy", sort=False)}

    def queries(self, file: str, metric: str) -> pd.DataFrame:
        """One per-query table; a UserError where it is older than what is asked of it, or of another model."""
        path = paths.queries(file) / "queries.parquet"
        table = pd.read_parquet(io.BytesIO(self.contents(path)))
        model = json.loads(self.contents(path.with_name("metrics.json")))["model"]
        if model != self.params["model"]:
            told = f"is of model '{model}', params.yaml says '{self.params['model']}'"
            raise UserError(f"{self.name}: {path} {told}; run `dvc repro` there, or compare others by --strategies")
        if missing := [column for column in (metric, "cluster") if column not in table]:
            raise UserError(f"{self.name}: {path} is older than its column '{missing[0]}'; run `dvc repro` there")
        return table


def main(revisions: Sequence[str], strategies: Sequence[str], metric: str) -> None:
    """Print the comparison of two revisions, or of two strategies of one revision or two."""
    lookup(metrics.METRICS, metric, "metric", "the command")
    a, b = (Revision.named(name) for name in sides(revisions, of_strategies=bool(strategies)))
    found = list(pairs(a, b, strategies, metric))
    names = [f"{side.name} ({side.params['model']})" for side in (a, b)]
    if strategies:
        names = [f"{strategy} of {name}" for strategy, name in zip(strategies, names, strict=True)]
    lines = [f"{metric} in %, A: {names[0]}, B: {names[1]}"]
    for title, one, other in found:
        lines += ["", *([title] if title else []), *table(differences(one, other, metric))]
    cautions = dict.fromkeys(line for _, one, other in found for line in doubts(one, other))
    print("\n".join([*lines, NOTE, *cautions]))


def sides(revisions: Sequence[str], of_strategies: bool) -> tuple[str, str]:
    """A and B: what is not named is the workspace, and HEAD before it; strategies are of one revision unless of two."""
    if len(revisions) == 2:
        return revisions[0], revisions[1]
    if of_strategies:
        return (revisions[0],) * 2 if revisions else (WORKSPACE, WORKSPACE)
    return revisions[0] if revisions else "HEAD", WORKSPACE


def pairs(
    a: Revision, b: Revision, strategies: Sequence[str], metric: str
) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Title, A's scores and B's: of every strategy that both have, or of the two that are named."""
    if strategies:
        one, other = (chosen(side, name, metric) for side, name in zip((a, b), strategies, strict=True))
        yield "", one, other
        return
    files = [name for name in a.params["strategies"] if name in b.params["strategies"]]
    if not files:
        raise UserError(f"{a.name} and {b.name} have no strategy in common; compare two by name: --strategies A B")
    ours, theirs = a.scores(files, metric), b.scores(files, metric)
    yield from ((name, ours[name], theirs[name]) for name in ours if name in theirs)


def chosen(side: Revision, strategy: str, metric: str) -> pd.DataFrame:
    """Scores of one strategy, which may be a method of cross-tuning."""
    file = strategy.partition(".")[0]
    lookup(dict.fromkeys(side.params["strategies"]), file, "strategy", f"params.yaml of {side.name}")
    return lookup(side.scores([file], metric), strategy, "strategy", f"the tables of {side.name}")


def table(found: Sequence[Difference]) -> list[str]:
    """Aligned lines, a dataset each."""
    if not found:
        return ["  no query in common"]
    if all(one.low == one.high == 0 for one in found):
        return ["  no query scores otherwise"]
    rows = [HEAD, *map(cells, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    aligned = [str.ljust if name in WORDS else str.rjust for name in HEAD]
    return ["  " + "  ".join(a(c, w) for a, c, w in zip(aligned, row, widths, strict=True)).rstrip() for row in rows]


def cells(one: Difference) -> list[str]:
    """A line of the table, as HEAD names them."""
    means = percent(one.a), percent(one.b), points(one.b - one.a), f"{points(one.low)} to {points(one.high)}"
    return [one.dataset, *means, f"{one.p:.4f}", f"{one.holm:.4f}", one.by, VERDICTS[one.shown]]


def arguments() -> dict[str, Any]:
    """What was typed."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m src.compare", description=__doc__, formatter_class=raw)
    parser.add_argument("revisions", nargs="*", metavar="revision")
    parser.add_argument("--strategies", nargs=2, default=[], metavar=("A", "B"))
    parser.add_argument("--metric", default=evaluation.HEADLINE)
    given = parser.parse_args()
    if len(given.revisions) > 2:
        parser.error(f"two revisions can be compared, not {len(given.revisions)}")
    return vars(given)


if __name__ == "__main__":
    command.guard(main, **arguments())
