"""Floor 2. Two sides' scores of the same queries: how far apart they are, how sure that is, and what to call it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from src import statistics

NOTABLE = 0.05  # Holm's p of a difference that counts as shown
MEAN = "mean"  # over datasets, where a dataset's name stands otherwise
PAIRED = ["dataset", "image_id"]  # what is the same query on both sides


@dataclass(frozen=True)
class Difference:
    """Of two sides, A and B, on one dataset or in the mean over datasets."""

    dataset: str
    a: float  # means of the metric over the queries that both sides have
    b: float
    low: float  # 95 % interval of b - a
    high: float
    p: float  # two-sided, by sign flips
    holm: float  # p, corrected for the number of datasets; the mean is one question and keeps its p
    queries: int
    by: str  # what was drawn: label, group or query

    @property
    def shown(self) -> Literal["A", "B", ""]:
        """The better side, '' where no difference is shown: which is not to say that there is none."""
        if self.holm >= NOTABLE:
            return ""
        return "B" if self.b > self.a else "A"


@dataclass(frozen=True)
class Evidence:
    """What a difference is judged by."""

    dataset: str
    a: float
    b: float
    drawn: statistics.Resamples  # of b - a
    flipped: statistics.Values  # b - a as it could be if the sides did not differ
    queries: int
    by: str

    @property
    def p(self) -> float:
        """Two-sided, of this test alone."""
        return statistics.p_value(self.b - self.a, self.flipped)

    def judged(self, holm: float) -> Difference:
        """The difference, given its corrected p."""
        low, high = map(float, self.drawn.interval())
        return Difference(self.dataset, self.a, self.b, low, high, self.p, holm, self.queries, self.by)


def differences(a: pd.DataFrame, b: pd.DataFrame, metric: str) -> list[Difference]:
    """A difference a dataset that both have, in the order of `a`, and before several of them that of their mean.

    Both sides are one strategy's rows of `evaluation.headline_queries`; only queries that both have are compared.
    """
    pairs = a.merge(b, on=PAIRED, suffixes=("_a", "_b"))
    found = [of_dataset(str(name), part, metric) for name, part in pairs.groupby("dataset", sort=False)]
    corrected = statistics.holm(np.array([one.p for one in found]))
    judged = [one.judged(float(p)) for one, p in zip(found, corrected, strict=True)]
    return [(mean := of_mean(found)).judged(mean.p), *judged] if len(found) > 1 else judged


def of_dataset(name: str, pairs: pd.DataFrame, metric: str) -> Evidence:
    """From a row a query, with both sides' columns."""
    a, b, cluster = (pairs[column].to_numpy() for column in (f"{metric}_a", f"{metric}_b", "cluster_a"))
    drawn, flipped = statistics.resample(b - a, cluster, name), statistics.flip(b - a, cluster, name)
    by = str(pairs["clustered_by_a"].iloc[0])
    return Evidence(name, float(a.mean()), float(b.mean()), drawn, flipped, len(pairs), by)


def of_mean(parts: Sequence[Evidence]) -> Evidence:
    """Of the mean over datasets, which are given and not drawn."""
    a, b = (float(np.mean([getattr(one, side) for one in parts])) for side in "ab")
    drawn = statistics.over_datasets([one.drawn for one in parts])
    flipped = np.mean([one.flipped for one in parts], axis=0)
    by = " or ".join(dict.fromkeys(one.by for one in parts))
    return Evidence(MEAN, a, b, drawn, flipped, sum(one.queries for one in parts), by)


def doubts(a: pd.DataFrame, b: pd.DataFrame) -> Sequence[str]:
    """Why two sides may not be comparable: a line a dataset with other queries, or another gallery."""
    pairs = a.merge(b, on=PAIRED, suffixes=("_a", "_b"), how="outer", indicator="side", sort=False)
    lines = []
    for name, found in pairs.groupby("dataset", sort=False):
        both = found[found["side"] == "both"]
        if alone := len(found) - len(both):
            lines.append(f"{name}: {alone:,} queries of one side only are left out, {len(both):,} compared")
        if other := int((both["n_relevant_a"] != both["n_relevant_b"]).sum()):
            lines.append(f"{name}: {other:,} queries have more to find on one side; the galleries differ")
    return lines
