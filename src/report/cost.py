"""Floor 2. Cost beside quality as the page shows it: what every strategy takes, and what that buys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from src import expense
from src.report.scatter import Scatter, scatter

Costs = Mapping[str, Any]  # strategy -> metrics/cost/<strategy>.json

# field of Expense -> what stands across, and the unit. An answer's milliseconds are left to the table: the backbone
# embeds for all, so what tells strategies apart there is how long their vectors are.
AXES = {"minutes": ("minutes of tuning, mean over datasets", "min"), "bytes": ("bytes a vector", "bytes")}

COLUMNS = {  # field of Spending -> the two lines above its column
    "minutes": ("tuning,", "min"),
    "price": ("tuning,", "price"),
    "memory_mb": ("peak of", "memory, MB"),
    "images_per_second": ("embedding,", "images/s"),
    "price_per_million": ("a million", "images, price"),
    "trained": ("parameters", "trained"),
    "parameters": ("parameters", "in all"),
    "gmacs": ("GMACs", "an image"),
    "bytes": ("bytes", "a vector"),
}


@dataclass(frozen=True)
class Spending:
    """What a strategy takes; None is what nobody measured."""

    minutes: float | None  # a tuning on one dataset, mean over datasets
    price: float | None  # of that, in the currency of runtime.price_per_hour
    memory_mb: float | None  # peak of the tuning, of `pretrained` of embedding
    images_per_second: float | None  # embedded by the backbone, so for all the same: a head adds next to nothing
    price_per_million: float | None  # images embedded
    trained: int | None  # parameters of the encoder
    parameters: int | None
    gmacs: float | None
    bytes: int | None  # of a vector


@dataclass(frozen=True)
class Search:
    """One exact search in a catalogue of some size."""

    p50_ms: float
    p99_ms: float
    index_mb: float
    measured: bool


@dataclass(frozen=True)
class Cost:
    """What the page shows."""

    rows: Mapping[str, Spending]
    columns: Mapping[str, tuple[str, str]]  # those of COLUMNS that any row has
    searches: Mapping[str, Mapping[int, Search]]  # strategy -> catalogue size -> how long
    sizes: Sequence[int]
    charts: Sequence[Scatter]


def view(costs: Costs, stands: pd.DataFrame) -> Cost | None:
    """From the records of stage `cost` and the rows of `standings.table` about the mean; None without records."""
    own = {name: found for name, found in costs.items() if "encoder" in found}
    if not own:
        return None
    rows = {name: spending(costs, name) for name in own}
    known = {key: head for key, head in COLUMNS.items() if any(getattr(row, key) is not None for row in rows.values())}
    searches = {name: search(found) for name, found in own.items()}
    sizes = sorted({size for found in searches.values() for size in found})
    charts = [scatter(title, unit, points(costs, stands, axis)) for axis, (title, unit) in AXES.items()]
    return Cost(rows, known, searches, sizes, [chart for chart in charts if chart])


def spending(costs: Costs, strategy: str) -> Spending:
    """A strategy's row."""
    own, embedding = costs[strategy], costs.get("pretrained", {}).get("embedding", {})
    tuning, encoder = own.get("tuning", {}), own["encoder"]
    made = tuning or own.get("embedding", {})
    spent = expense.of(costs, strategy)
    return Spending(
        minutes=spent.minutes,
        price=tuning["price"] / len(own["datasets"]) if "price" in tuning else None,
        memory_mb=made.get("peak_memory_mb"),
        images_per_second=embedding.get("images_per_second"),
        price_per_million=spent.price,
        trained=encoder["trained_parameters"],
        parameters=encoder["parameters"],
        gmacs=encoder["gmacs"],
        bytes=spent.bytes,
    )


def search(record: Mapping[str, Any]) -> dict[int, Search]:
    """Catalogue size -> how long, of one strategy's record."""
    return {
        int(size): Search(**found, measured=kind == "measured")
        for kind in ("measured", "extrapolated")
        for size, found in record["search"].get(kind, {}).items()
    }


def points(costs: Costs, stands: pd.DataFrame, axis: str) -> pd.DataFrame:
    """What `scatter` draws, of everything that has a mean, cross-tuned encoders too."""
    spent = [getattr(expense.of(costs, name), axis) for name in stands["strategy"]]
    named = stands.rename(columns={"value": "y"}).assign(name="", x=spent)
    return named[["strategy", "name", "x", "y", "low", "high"]].astype({"x": "float64"})
