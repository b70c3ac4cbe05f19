"""Floor 2. What advice chooses among: models and strategies, with the scores of their queries for a goal, and costs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from src import evaluation, expense, statistics
from src.expense import Expense
from src.summary import CROSS

ROW = ["strategy", "dataset", "protocol", "method", "source", "row"]  # a query of a strategy, in any table


@dataclass(frozen=True)
class Goal:
    """What somebody wants of an encoder."""

    title: str
    metric: str  # column of the scores
    label: str  # how people call it
    source: str = "queries"  # whose metric it is: queries, matches, or predictions
    elsewhere: bool = False  # asked of encoders that were tuned on another dataset, instead of on the same


GOALS = {
    "visual_search": Goal("visual search", "mMP@5", "mMP@5"),
    "recommendations": Goal("recommendations", "nDCG@10", "nDCG@10"),
    "tagging": Goal("tagging", "accuracy", "accuracy", "predictions"),
    "exact_sku": Goal("finding the exact product", "product_R@1", "R@1 of products", "matches"),
    "other_domain": Goal("use on another domain", "mMP@5", "mMP@5", elsewhere=True),
}


@dataclass(frozen=True, eq=False)
class Candidate:
    """A model and strategy that was measured."""

    model: str
    strategy: str  # as reports name it: 'cross_tuned.top_tuned'
    licence: str
    expense: Expense
    scores: pd.DataFrame  # a row a query, as `evaluation.headline_queries`, with the goal's metric
    metric: str
    where: str = ""  # the revision, where there are several

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.model} {self.strategy}" + (f" ({self.where})" if self.where else "")

    @cached_property
    def datasets(self) -> dict[str, pd.DataFrame]:
        """The queries of each."""
        return {str(name): part for name, part in self.scores.groupby("dataset", sort=False)}

    @cached_property
    def value(self) -> float:
        """Mean over queries, then over datasets."""
        return float(np.mean([part[self.metric].mean() for part in self.datasets.values()]))

    @cached_property
    def interval(self) -> tuple[float, float]:
        """95 % of the value; NaN of one cluster of queries alone."""
        parts = self.datasets.items()
        drawn = [
            statistics.resample(part[self.metric].to_numpy(), part["cluster"].to_numpy(), name) for name, part in parts
        ]
        low, high = statistics.over_datasets(drawn).interval()
        return float(low), float(high)


def gather(
    goal: Goal,
    queries: pd.DataFrame,
    costs: Mapping[str, Any],
    model: str,
    licence: str,
    catalogue: int = expense.CATALOGUE,
    where: str = "",
) -> Iterator[Candidate]:
    """Those of one model that answer a goal; `queries` is the tables of its strategies, with the goal's metric.

    Of `costs`, strategy -> metrics/cost/<strategy>.json, any may be missing.
    """
    asked = evaluation.headline_queries(queries[queries[goal.metric].notna()], goal.metric)
    for strategy, scores in asked.groupby("strategy", sort=False):
        if strategy == "pretrained" or str(strategy).startswith(CROSS) == goal.elsewhere:
            spent = expense.of(costs, str(strategy), catalogue)
            yield Candidate(model, str(strategy), licence, spent, scores.reset_index(drop=True), goal.metric, where)


def with_matches(queries: pd.DataFrame, matches: pd.DataFrame) -> pd.DataFrame:
    """The queries with the metrics of data/matches/<strategy>/matches.parquet."""
    return queries.merge(matches, on=ROW, validate="one_to_one")


def with_predictions(queries: pd.DataFrame, predictions: Mapping[tuple[str, str], pd.DataFrame]) -> pd.DataFrame:
    """The queries whose label was predicted, with `accuracy`; by (strategy, dataset) row and predicted label.

    All of them count, whether or not there is another photo of their label to find.
    """
    said = [table.assign(strategy=strategy, dataset=name) for (strategy, name), table in predictions.items()]
    told = pd.concat([pd.DataFrame(columns=["row", "predicted", "strategy", "dataset"]), *said])
    found = queries.merge(told.astype({"row": queries["row"].dtype}), on=["strategy", "dataset", "row"])
    right = found["label"].astype(str) == found["predicted"].astype(str)
    return found.assign(accuracy=right.astype(np.float64), n_relevant=1)


def comparable(found: Sequence[Candidate]) -> tuple[list[Candidate], list[str]]:
    """Those measured on the datasets of the first, each once; and a line each about others."""
    kept: list[Candidate] = []
    lines = []
    for one in found:
        if set(one.datasets) != set(found[0].datasets):
            lines.append(f"{one.name} is left out: it was measured on {', '.join(one.datasets)}")
        elif not any(is_same(one, other) for other in kept):
            kept.append(one)
    return kept, lines


def is_same(one: Candidate, other: Candidate) -> bool:
    """Whether two are one training, met in two revisions."""
    return (one.model, one.strategy) == (other.model, other.strategy) and one.scores.equals(other.scores)
