"""Floor 2. What a strategy costs who uses it: a tuning, an answer, a vector. Read from the records of stage `cost`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CATALOGUE = 100_000  # images that are searched, where nobody says how many


@dataclass(frozen=True)
class Expense:
    """None is what nobody measured."""

    minutes: float | None  # a tuning on one dataset takes, mean over datasets
    milliseconds: float | None  # from a photo to its answer: its share of a batch's embedding, and one exact search
    bytes: int | None  # of a vector
    price: float | None = None  # of embedding a million images, in the currency of runtime.price_per_hour


def of(costs: Mapping[str, Any], strategy: str, catalogue: int = CATALOGUE) -> Expense:
    """Of a strategy as reports name it ('cross_tuned.top_tuned'), from strategy -> metrics/cost/<strategy>.json.

    Cross-tuned encoders are those of their method: one tuning, on the source or on all that it merges. A photo is
    embedded as fast as by the backbone: a head adds next to nothing. Of searches the median counts, which
    a busy machine moves least, in the smallest catalogue on record with so many images.
    """
    base, source = encoder(strategy)
    own, embedding = costs.get(base, {}), costs.get("pretrained", {}).get("embedding", {})
    rate, search = embedding.get("images_per_second"), one_search(own.get("search", {}), catalogue)
    return Expense(
        minutes=merged_minutes(costs, base, source) if source else minutes(own, base),
        milliseconds=1000 / rate + search if rate and search is not None else None,
        bytes=own.get("encoder", {}).get("bytes_per_vector"),
        price=embedding.get("price_per_million_images"),
    )


def encoder(strategy: str) -> tuple[str, str]:
    """Whose encoder a strategy uses, and the merged source it was tuned on, if any: 'cross_tuned.top_tuned.all'."""
    _, *place = strategy.split(".")
    return (place[0] if place else strategy), ".".join(place[1:])


def minutes(own: Mapping[str, Any], strategy: str) -> float | None:
    """Of a tuning, mean over the datasets of a record; nothing is tuned for `pretrained`."""
    if strategy == "pretrained":
        return 0.0
    return own["tuning"]["seconds"] / 60 / len(own["datasets"]) if "tuning" in own else None


def merged_minutes(costs: Mapping[str, Any], method: str, source: str) -> float | None:
    """Of the one tuning on all datasets of a merged source."""
    found = costs.get("cross_tuned", {}).get("tuning", {}).get(method, {}).get(source)
    return found["seconds"] / 60 if found else None


def one_search(search: Mapping[str, Any], catalogue: int) -> float | None:
    """Milliseconds of a search, the median of all; None where no catalogue on record is that large."""
    known = search.get("measured", {}) | search.get("extrapolated", {})
    sizes = [size for size in map(int, known) if size >= catalogue]
    return known[str(min(sizes))]["p50_ms"] if sizes else None
