"""Floor 2. How similar a match must be to be shown, and when a shop had better answer 'not in the catalogue'."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from src.evaluation import rounded
from src.matching import Matches, Similarities

RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # of false accepts
SHOWN = (0.05, 0.01, 0.001)  # in the metrics file
BINS = 50  # of a histogram
SPLITS = 100  # of the clusters of queries into halves


def choose(found: Matches, clusters: NDArray[Any], dataset: str) -> pd.DataFrame:
    """A row a false-accept rate of RATES: false_accept, held_out, threshold, right, wrong. `clusters` [Q].

    A query whose product is taken out of the catalogue answers its best wrong match; `false_accept` is the share of
    such queries that are answered all the same, on these queries exactly. An answer is given where the first match is
    more similar than `threshold`, the lowest one that keeps the rate. right, wrong: of the queries whose product is
    there, the share answered rightly and wrongly; the rest is told that it is not. held_out: what the rate becomes on
    queries of other clusters than the threshold was chosen on. NaN where the rate is less than one query.

    A threshold belongs to its encoder and its gallery: among more products a wrong match is more similar.
    Source: right against false_accept is the curve of Dhamija et al., Reducing Network Agnostophobia, NeurIPS 2018.
    """
    told = ~np.isnan(found.wrong)
    threshold, known = lowest(found.wrong[told])
    asked, first = found.n_relevant > 0, found.hits[:, 0]
    right, wrong = (
        (similarity[:, None] > threshold).sum(0) / asked.sum()
        for similarity in (found.right[asked & first], found.wrong[asked & ~first])
    )
    kept_out = held_out(found.wrong[told], clusters[told], dataset)
    table = pd.DataFrame({"held_out": kept_out, "threshold": threshold, "right": right, "wrong": wrong})
    table[~known] = np.nan
    return pd.DataFrame({"false_accept": RATES, **table})


def lowest(wrong: Similarities) -> tuple[Similarities, NDArray[np.bool_]]:
    """The lowest threshold that no more than each rate of [n] similarities is above: [RATES]; is the rate a query's?"""
    if not len(wrong):
        return np.full(len(RATES), np.nan, np.float32), np.zeros(len(RATES), bool)
    passing = np.floor(np.array(RATES) * len(wrong) + 1e-9).astype(int)
    return -np.sort(-wrong)[passing], passing >= 1


def held_out(wrong: Similarities, clusters: NDArray[Any], dataset: str) -> NDArray[np.float64]:
    """Share of [n] similarities above thresholds chosen on others: [RATES], NaN of one cluster.

    Half of the clusters choose and the other half is measured: mean over SPLITS such halves, drawn by the name of the
    dataset alone.
    """
    names, codes = np.unique(clusters, return_inverse=True)
    if len(names) < 2:
        return np.full(len(RATES), np.nan)
    rng, rates = np.random.default_rng(list(dataset.encode())), []
    for _ in range(SPLITS):
        chooses = rng.permutation(len(names))[codes] < len(names) // 2
        above = wrong[~chooses, None] > lowest(wrong[chooses])[0]
        rates.append(above.mean(0))
    return np.mean(rates, 0)


def histograms(found: Matches) -> pd.DataFrame:
    """Share of queries by the similarity of their best right and best wrong match: match, similarity, share.

    Both in the same BINS, named by their middle.
    """
    sides = {name: values[~np.isnan(values)] for name, values in (("right", found.right), ("wrong", found.wrong))}
    edges = np.histogram_bin_edges(np.concatenate(list(sides.values())), BINS)
    middle = (edges[1:] + edges[:-1]) / 2
    tables = [
        pd.DataFrame({"match": name, "similarity": middle, "share": np.histogram(values, edges)[0] / len(values)})
        for name, values in sides.items()
        if len(values)
    ]
    return pd.concat(tables, ignore_index=True)


def summary(chosen: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """'5%' -> what `choose` says of that rate, for a metrics file; None where it is less than one query."""
    rows = chosen.set_index("false_accept").T
    return {f"{100 * rate:g}%": {str(name): rounded(value) for name, value in rows[rate].items()} for rate in SHOWN}
