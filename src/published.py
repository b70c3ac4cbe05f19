"""Floor 2. What others published of `pretrained`, beside what was measured here of the same model and protocol."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from src.entries import Published
from src.errors import UserError
from src.registry import unknown


@dataclass(frozen=True)
class Comparison:
    """One published number and ours."""

    dataset: str
    protocol: str
    metric: str
    here: float
    published: float
    source: str

    @property
    def difference(self) -> float:
        """Ours less the published one."""
        return self.here - self.published


def compare(published: Iterable[Published], model: str, scores: pd.DataFrame) -> list[Comparison]:
    """Those of `published` that `scores` (of summary.scores) measured too, in their order.

    A UserError where a metric is not one of ours.
    """
    measured = scores[scores["strategy"] == "pretrained"][["dataset", "protocol", "metric", "value"]]
    values: dict[tuple[str, str], dict[str, float]] = {}
    for dataset, protocol, metric, value in measured.itertuples(index=False, name=None):
        values.setdefault((dataset, protocol), {})[metric] = value
    found = []
    for row in published:
        ours = values.get((row.dataset, row.protocol), {})
        if row.model != model or not ours:
            continue
        if row.metric not in ours:
            raise UserError("published: " + unknown(row.metric, ours, "metric", f"{row.dataset}.{row.protocol}"))
        if pd.notna(ours[row.metric]):  # an approximate search leaves some metrics out
            pair = ours[row.metric], row.value
            found.append(Comparison(row.dataset, row.protocol, row.metric, *pair, row.source))
    return found


def line(model: str, found: Comparison) -> str:
    """For people: 'siglip cars196 test R@1: 0.905 here, 0.907 published, -0.002 (MTEB results)'."""
    return (
        f"{model} {found.dataset} {found.protocol} {found.metric}: {found.here:.3f} here, "
        f"{found.published:.3f} published, {found.difference:+.3f} ({found.source})"
    )
