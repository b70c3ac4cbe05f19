"""Floor 2. What a run of the pipeline has measured, as advice asks for it; of the workspace, or of any commit."""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from src import candidates, paths
from src.candidates import Candidate, Goal
from src.errors import UserError
from src.expense import CATALOGUE


@dataclass(frozen=True)
class Findings:
    """Of one model; and how its files are read."""

    model: str
    licence: str
    datasets: Sequence[str]
    strategies: Sequence[str]
    contents: Callable[[Path], bytes]  # of a file; a UserError where it cannot be had
    table: Callable[[str], pd.DataFrame]  # queries.parquet of a strategy

    def candidates(self, goal: Goal, dataset: str = "", catalogue: int = CATALOGUE, where: str = "") -> list[Candidate]:
        """Those that answer a goal, on one dataset or on all; `where` names the revision, among several."""
        chosen = [name for name in self.strategies if name == "pretrained" or (name == "cross_tuned") == goal.elsewhere]
        if not chosen:
            return []
        queries = READ[goal.source](self, chosen)
        if dataset:
            queries = queries[queries["dataset"] == dataset]
        return list(candidates.gather(goal, queries, self.costs(), self.model, self.licence, catalogue, where))

    def queries(self, strategies: Sequence[str]) -> pd.DataFrame:
        """The tables of `evaluate`."""
        return pd.concat([self.table(name) for name in strategies], ignore_index=True)

    def matches(self, strategies: Sequence[str]) -> pd.DataFrame:
        """The same with the metrics of `match`."""
        matches = [self.parquet(paths.MATCHES / name / "matches.parquet") for name in strategies]
        return candidates.with_matches(self.queries(strategies), pd.concat(matches, ignore_index=True))

    def predictions(self, strategies: Sequence[str]) -> pd.DataFrame:
        """The same with what classifiers said, where labels of the queries were taught."""
        files = {
            (name, dataset): paths.neighbors(name, dataset) / "predictions.parquet"
            for name in strategies
            for dataset, found in json.loads(self.contents(paths.queries(name) / "metrics.json")).items()
            if dataset in self.datasets and "classification" in found
        }
        said = {place: self.parquet(file) for place, file in files.items()}
        return candidates.with_predictions(self.queries(strategies), said)

    def costs(self) -> dict[str, Mapping[str, Any]]:
        """Strategy -> its metrics/cost/<strategy>.json, of those that were measured with this model."""
        return {name: found for name, found in self._costs() if found["model"] == self.model}

    def _costs(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for name in self.strategies:
            try:
                yield name, json.loads(self.contents(paths.cost_metrics(name)))
            except UserError:  # of before there was such a stage, or it never ran
                continue

    def parquet(self, path: Path) -> pd.DataFrame:
        """A table."""
        return pd.read_parquet(io.BytesIO(self.contents(path)))


READ = {"queries": Findings.queries, "matches": Findings.matches, "predictions": Findings.predictions}
