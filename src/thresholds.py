"""Floor 2. How similar a match must be to be shown, and when a shop had better answer 'not in the catalogue'."""

import numpy as np
import pandas as pd

from src.evaluation import rounded
from src.matching import Matches

RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # of false accepts
SHOWN = (0.05, 0.01, 0.001)  # in the metrics file
BINS = 50  # of a histogram


def choose(found: Matches) -> pd.DataFrame:
    """A row a false-accept rate of RATES: false_accept, threshold, right, wrong.

    A query whose product is taken out of the catalogue answers its best wrong match; `false_accept` is the share of
    such queries that are answered all the same, on these queries exactly. An answer is given where the first match is
    more similar than `threshold`, the lowest one that keeps the rate. right, wrong: of the queries whose product is
    there, the share answered rightly and wrongly; the rest is told that it is not. NaN where the rate is less than one
    query. A threshold belongs to its encoder and its gallery: among more products a wrong match is more similar.

    Source: right against false_accept is the curve of Dhamija et al., Reducing Network Agnostophobia, NeurIPS 2018.
    """
    absent = -np.sort(-found.wrong[~np.isnan(found.wrong)])
    passing = np.floor(np.array(RATES) * len(absent) + 1e-9).astype(int)
    known = (passing >= 1) & (passing < len(absent))
    threshold = np.full(len(RATES), np.nan)
    threshold[known] = absent[passing[known]]
    asked, first = found.n_relevant > 0, found.hits[:, 0]
    table = pd.DataFrame({"false_accept": RATES, "threshold": threshold})
    for name, similarity in {"right": found.right[asked & first], "wrong": found.wrong[asked & ~first]}.items():
        accepted = (similarity[:, None] > threshold).sum(0) / asked.sum()
        table[name] = np.where(known, accepted, np.nan)
    return table


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
    """'5%' -> threshold, right, wrong at that rate, for a metrics file; None where it is less than one query."""
    rows = chosen[chosen["false_accept"].isin(SHOWN)].sort_values("false_accept", ascending=False)
    return {
        f"{100 * rate:g}%": {"threshold": rounded(threshold), "right": rounded(right), "wrong": rounded(wrong)}
        for rate, threshold, right, wrong in rows.itertuples(index=False, name=None)
    }
