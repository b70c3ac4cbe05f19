"""Floor 2. How far similarity, known beforehand, told the change by cross-tuning: rank correlation over pairs.

Two questions: will it pay (all ordered pairs), and which source to take for a target (the sources of one target at a
time, so that how much a target has to gain at all does not count).

Ordered pairs share their datasets, so they are not independent and the usual p value of a correlation is too small.
Here it is Mantel's (Cancer Research 1967): the share of all relabellings of the datasets that correlate as strongly.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Matrix = NDArray[np.float64]  # [n, n] a row a source, a column a target

MEASURES = {"transfer": 1, "cka": 1, "frechet": -1}  # column of similarity.csv -> -1 where more means less alike
SCOPES = {"all pairs": False, "sources of one target": True}  # -> are ranks given target by target?
FEWEST = 3  # datasets: with two, any two figures correlate perfectly
NOTABLE = 0.05  # p of a correlation worth naming
ALL, SOME = 7, 5000  # up to so many datasets all relabellings are tried, of more so many by chance


@dataclass(frozen=True)
class Relation:
    """Of one measure of similarity with the change by one method of tuning."""

    method: str
    measure: str
    scope: str  # key of SCOPES
    datasets: int
    rho: float  # Spearman's rank correlation, positive where the more alike gain more; NaN where one is constant
    p: float

    @property
    def pairs(self) -> int:
        """Ordered pairs of the datasets."""
        return self.datasets * (self.datasets - 1)


def relate(gains: pd.DataFrame, similarity: pd.DataFrame) -> list[Relation]:
    """`gains` (method, source, target, gain) with `similarity` (source, target, a column a measure), by method.

    A dataset that lacks a figure is left out of that relation; below FEWEST datasets there is none.
    """
    return [found for _, rows in gains.groupby("method", sort=False) for found in _of_method(rows, similarity)]


def _of_method(gains: pd.DataFrame, similarity: pd.DataFrame) -> Iterator[Relation]:
    pairs = gains[gains["source"] != gains["target"]].merge(similarity, on=["source", "target"])
    names = list(dict.fromkeys(pairs["source"]))
    for measure, sign in MEASURES.items():
        gain, alike = (
            pairs.pivot(index="source", columns="target", values=column).reindex(index=names, columns=names).to_numpy()
            for column in ("gain", measure)
        )
        kept = complete(gain + alike)
        if len(kept) >= FEWEST:
            for scope, by_target in SCOPES.items():
                rho, p = correlate(gain[np.ix_(kept, kept)], sign * alike[np.ix_(kept, kept)], by_target)
                yield Relation(str(pairs["method"].iloc[0]), measure, scope, len(kept), rho, p)


def complete(cells: Matrix) -> NDArray[np.int64]:
    """Datasets such that all pairs of them have a figure: those that lack most are dropped first."""
    missing = np.isnan(cells) & ~np.eye(len(cells), dtype=bool)
    kept = np.arange(len(cells))
    while missing[np.ix_(kept, kept)].any():
        part = missing[np.ix_(kept, kept)]
        kept = np.delete(kept, (part.sum(0) + part.sum(1)).argmax())
    return kept


def correlate(gain: Matrix, alike: Matrix, by_target: bool) -> tuple[float, float]:
    """Spearman's rho of two matrices off the diagonal, and Mantel's two-sided p; NaN where one is constant.

    By target: the mean of the columns' rhos, 0 for a column without differences.
    """
    one, two = ranks(gain, by_target), ranks(alike, by_target)
    if not (one.any() and two.any()):
        return math.nan, math.nan
    orders = relabellings(len(gain))
    rhos = np.einsum("ij,pij->p", one, two[orders[:, :, None], orders[:, None, :]])
    return float(rhos[0]), float(np.mean(np.abs(rhos) >= abs(rhos[0]) - 1e-9))


def ranks(cells: Matrix, by_target: bool) -> Matrix:
    """Off the diagonal the ranks (equal ones share their mean), of all or a column at a time; on it 0.

    Moved to mean 0 and scaled such that the sum over products with another such matrix is the (mean) correlation.
    """
    hollow = np.where(np.eye(len(cells), dtype=bool), np.nan, cells)
    columns = pd.DataFrame(hollow if by_target else hollow.reshape(-1, 1)).rank()
    columns -= columns.mean()
    lengths = np.sqrt((columns**2).sum())
    scaled = columns / lengths.where(lengths > 0, 1) / math.sqrt(columns.shape[1])
    return scaled.fillna(0).to_numpy().reshape(cells.shape)


def relabellings(n: int) -> NDArray[np.int64]:
    """[P, n] orders of n datasets, the given one first: all of them, or SOME by chance."""
    if n <= ALL:
        return np.array(list(permutations(range(n))), np.int64)
    rng = np.random.default_rng(0)
    return np.stack([np.arange(n), *(rng.permutation(n) for _ in range(SOME))])


def table(relations: Sequence[Relation]) -> dict[str, dict[str, str]]:
    """'transfer, all pairs' -> method -> '+0.46 (p 0.03)', for people."""
    cells: dict[str, dict[str, str]] = {}
    for found in sorted(relations, key=lambda found: list(SCOPES).index(found.scope)):
        cells.setdefault(f"{found.measure}, {found.scope}", {})[found.method] = cell(found)
    return cells


def cell(found: Relation) -> str:
    """'+0.46 (p 0.03)'; '–' where a figure does not vary."""
    if math.isnan(found.rho):
        return "–"
    p = "p < 0.01" if found.p < 0.01 else f"p {found.p:.2f}"
    return f"{found.rho:+.2f}".replace("-", "−") + f" ({p})"


def lines(relations: Sequence[Relation]) -> list[str]:
    """For stdout: a line a method and scope."""
    told: dict[tuple[str, str, int], list[str]] = {}
    for found in relations:
        told.setdefault((found.method, found.scope, found.pairs), []).append(f"{found.measure} {cell(found)}")
    return [
        f"similarity ~ change by cross-tuning, {method}, {scope}: {', '.join(cells)}; {pairs} pairs"
        for (method, scope, pairs), cells in told.items()
    ]


def caution(relations: Sequence[Relation]) -> str:
    """What the figures rest on, and what they prove."""
    most = max(relations, key=lambda found: found.datasets)
    told = [f"{found.measure} of {found.method}, {found.scope}" for found in relations if found.p < NOTABLE]
    return (
        f"Spearman's rank correlation over {most.pairs} ordered pairs of {most.datasets} datasets, positive where the "
        "more alike gain more: over all pairs (will it pay?), and over the sources of one target, mean over targets "
        "(which source to take?). The pairs are few and share their datasets: p is the share of relabellings of the "
        "datasets that correlate as strongly (Mantel), and where similarity tells nothing, one figure in twenty is "
        f"below {NOTABLE} all the same. Below it here: {'; '.join(told) or 'none, so build no decision on them'}."
    )
