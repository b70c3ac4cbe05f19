"""Floor 2. Cross-tuning as the page shows it: a heat map a method."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

DEEPEST = 0.05  # full colour stands for at least this change, so that noise stays pale


@dataclass(frozen=True)
class Heat:
    """A cross-tuning table of one method: [source][target] change, coloured by its share of the largest one."""

    method: str
    gain: pd.DataFrame
    deepest: float

    def depth(self, gain: float) -> float:
        """0 (no change) to 1 (the largest change of the page)."""
        return round(min(abs(gain) / self.deepest, 1), 2) if gain == gain else 0


def view(transfer: pd.DataFrame, datasets: Sequence[str]) -> list[Heat]:
    """From `summary.transfer`, in the order of datasets."""
    deepest = max(transfer["gain"].abs().max(), DEEPEST) if len(transfer) else DEEPEST
    return [
        Heat(
            str(method),
            pairs.pivot(index="source", columns="target", values="gain").loc[list(datasets), list(datasets)],
            deepest,
        )
        for method, pairs in transfer.groupby("method", sort=False)
    ]
