"""Floor 2. Which metrics say the same: their rank correlation over places and over queries."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

CLASSIFIED = ("accuracy", "macro_F1")
FEWEST = 8  # places: of fewer, a rank correlation is an accident


def both(scores: pd.DataFrame, queries: pd.DataFrame, metrics: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Title -> correlations, of what there is enough of."""
    found = {"over encoders and datasets": over_places(scores, metrics), "over queries": over_queries(queries, metrics)}
    return {title: cells for title, cells in found.items() if len(cells)}


def over_places(scores: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """[metrics x metrics] Spearman's rho over all encoders and datasets, from rows of `summary.scores`.

    First protocols, and beside them classification. Empty where places are too few.
    """
    kept = scores["headline"] & scores["metric"].isin(metrics)
    kept |= (scores["protocol"] == "classification") & scores["metric"].isin(CLASSIFIED)
    cells = scores[kept].pivot_table(
        index=["strategy", "source", "dataset"], columns="metric", values="value", observed=True
    )
    order = [name for name in (*metrics, *CLASSIFIED) if name in cells]
    return cells[order].corr("spearman", min_periods=FEWEST) if len(cells) >= FEWEST else pd.DataFrame()


def over_queries(queries: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """[metrics x metrics] Spearman's rho among the queries of one encoder and dataset, mean over these.

    A metric that is the same for all queries of a place has no rank there.
    """
    places = queries[queries["n_relevant"] > 0].groupby(["strategy", "method", "source", "dataset"], sort=False)
    found = [part[list(metrics)].corr("spearman").to_numpy() for _, part in places]
    if not found:
        return pd.DataFrame()
    every = np.stack(found)
    counted = (~np.isnan(every)).sum(0)
    mean = np.where(counted > 0, np.nansum(every, 0) / np.maximum(counted, 1), np.nan)
    return pd.DataFrame(mean, index=list(metrics), columns=list(metrics))
