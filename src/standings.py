"""Floor 2. Where every strategy stands: its headline, how sure that is, and whether it differs from pretrained."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from src import evaluation
from src.differences import MEAN, NOTABLE, Difference, differences
from src.summary import percent

BASE = "pretrained"
COLUMNS = ["strategy", "dataset", "value", "low", "high", "by", "gain", "gain_low", "gain_high", "p", "holm", "verdict"]
FLOATS = ["value", "low", "high", "gain", "gain_low", "gain_high", "p", "holm"]
MARKS = {"better": "▲", "worse": "▼", "": ""}
VERDICTS = {"A": "worse", "B": "better", "": ""}  # of a strategy, B, against pretrained, A


def table(asked: pd.DataFrame, datasets: Sequence[str]) -> pd.DataFrame:
    """A row a strategy and dataset, and of several datasets one of their mean (`differences.MEAN`): COLUMNS.

    `asked` is `evaluation.headline_queries`. low, high: 95 % interval of the value, of whole clusters as `by` says.
    gain to verdict compare with pretrained on the same queries, NaN and '' where there is none; holm is p corrected
    for the number of datasets, and the verdict '' means that no difference is shown.
    """
    sides = by_strategy(asked)
    rows = [row for name, side in sides.items() for row in _of(name, side, sides.get(BASE), datasets)]
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(FLOATS, "float64"))


def by_strategy(asked: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The queries of each strategy."""
    return {str(name): side for name, side in asked.groupby("strategy", sort=False)}


def overall(stands: pd.DataFrame, strategies: Iterable[str]) -> pd.DataFrame:
    """The rows of `table` about the mean of these strategies; of a single dataset those about that."""
    rows = stands[stands["strategy"].isin(list(strategies))]
    return rows[rows["dataset"] == MEAN] if stands["dataset"].nunique() > 1 else rows


def marks(stands: pd.DataFrame) -> dict[tuple[str, str], str]:
    """(dataset, strategy) -> the mark of its verdict, of rows of `table`."""
    keys = zip(stands["dataset"], stands["strategy"], strict=True)
    return dict(zip(keys, stands["verdict"].map(MARKS), strict=True))


def notes(stands: pd.DataFrame) -> list[str]:
    """What marks and intervals mean, for people; nothing of marks where nothing is compared."""
    drawn = stands[stands["dataset"] != MEAN].drop_duplicates("dataset").groupby("by", sort=False)["dataset"]
    places = {str(by): f" ({', '.join(names)})" if drawn.ngroups > 1 else "" for by, names in drawn}
    ways = ", ".join(f"by {by}{where}" for by, where in places.items())
    told = [f"Intervals are 95 %, by bootstrap of whole clusters of queries: {ways}."]
    if stands["p"].notna().any():
        told.append(
            "▲ ▼: better, worse than pretrained on the same queries; no mark: no difference shown (paired sign flips, "
            f"p < {NOTABLE} after Holm's correction for the number of datasets)."
        )
    return told


def interval(low: float, high: float) -> str:
    """In percent: (0.4921, 0.5) -> '49.2–50.0'; unknown -> ''."""
    return "" if pd.isna(low) else f"{percent(low)}–{percent(high)}"


def _of(
    strategy: str, side: pd.DataFrame, base: pd.DataFrame | None, datasets: Sequence[str]
) -> Iterator[list[object]]:
    """Rows of one strategy."""
    compared = [] if strategy == BASE or base is None else differences(base, side, evaluation.HEADLINE)
    against = {one.dataset: one for one in compared}
    asked = {str(name): part for name, part in side.groupby("dataset", sort=False)}
    asked = {name: asked[name] for name in datasets if name in asked}
    value = {name: part[evaluation.HEADLINE].mean() for name, part in asked.items()}
    places = {name: [part] for name, part in asked.items()}
    if len(asked) > 1:
        places[MEAN], value[MEAN] = list(asked.values()), sum(value.values()) / len(value)
    for name, parts in places.items():
        yield [strategy, name, value[name], *evaluation.interval(parts).values(), *_against(against.get(name))]


def _against(found: Difference | None) -> list[object]:
    """The cells of a comparison."""
    if found is None:
        return [None] * 5 + [""]
    return [found.b - found.a, found.low, found.high, found.p, found.holm, VERDICTS[found.shown]]


@dataclass(frozen=True)
class Lead:
    """The two best strategies on average, and whether the first is shown to be better than the second."""

    first: str
    second: str
    shown: bool


def lead(asked: pd.DataFrame, means: pd.Series) -> Lead | None:
    """Who leads, given the mean of each strategy to choose from; None where there is but one."""
    if len(means) < 2:
        return None
    first, second = means.sort_values(ascending=False, kind="stable").index[:2]
    sides = by_strategy(asked)
    found = differences(sides[second], sides[first], evaluation.HEADLINE)
    return Lead(str(first), str(second), bool(found) and found[0].shown == "B")
