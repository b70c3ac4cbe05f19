"""Floor 2. What a strategy costs: to make, to run, to store and to search, from the records that its stages left."""

from collections.abc import Mapping, Sequence
from typing import Any

from src.latency import Latency

Record = Mapping[str, Any]  # a cost.json, or an embeddings' sidecar

PEAKS = ("peak_memory_mb", "peak_gpu_memory_mb")
MILLION = 1_000_000


def total(records: Sequence[Record], price_per_hour: float | None = None) -> dict[str, Any]:
    """Several runs of a stage as one: their seconds, images and price together, the highest peak of memory."""
    seconds, images = (sum(record[key] for record in records) for key in ("seconds", "images"))
    rate = images / seconds if seconds else None
    found = {"seconds": round(seconds, 3), "images": images, "images_per_second": round(rate, 2) if rate else None}
    for key in PEAKS:
        peaks = [record[key] for record in records if key in record]  # a service's memory is nobody's business here
        found |= {key: max(peaks)} if peaks else {}
    if price_per_hour is not None:
        found["price"] = significant(seconds / 3600 * price_per_hour)
        found["price_per_million_images"] = significant(MILLION / rate / 3600 * price_per_hour) if rate else None
    return found


def encoder(sidecars: Sequence[Record], is_head: bool) -> dict[str, Any]:
    """What an image passes through, and how long its vector is; of the largest where datasets have different ones.

    A head comes on top of the backbone, and all but a thousandth of it are matrices: a multiply-accumulate a parameter.
    Of a service's network nothing is known: null.
    """
    each = [_encoder(sidecar, sidecar["trained_parameters"] if is_head else 0) for sidecar in sidecars]
    return {key: max((one[key] for one in each if one[key] is not None), default=None) for key in each[0]}


def _encoder(sidecar: Record, head: int) -> dict[str, Any]:
    parameters, gmacs = sidecar.get("parameters"), sidecar.get("gmacs")
    return {
        "dimension": sidecar["dim"],
        "bytes_per_vector": 4 * sidecar["dim"],
        "parameters": None if parameters is None else parameters + head,
        "trained_parameters": sidecar.get("trained_parameters", 0),
        "gmacs": None if gmacs is None else round(gmacs + head / 1e9, 4),
    }


def search(latencies: Sequence[Latency], processor: str) -> dict[str, Any]:
    """One exact search by the size of the catalogue, what was measured apart from what was not."""
    kinds = {"measured": True, "extrapolated": False}
    found = {
        kind: {str(one.size): one.record() for one in latencies if one.measured is measured}
        for kind, measured in kinds.items()
    }
    return {"processor": processor, "threads": 1, **found}


def significant(value: float) -> float:
    """Four digits that count.

    >>> significant(0.000123456)
    0.0001235
    """
    return float(f"{value:.4g}")


def describe(found: Record) -> str:
    """A strategy's record for people, in a line."""
    if "encoder" not in found:
        each = [f"{method} {took['seconds']:,.0f} s" for method, took in found["embedding"].items()]
        return f"embedding by {', '.join(each)}"
    made = found.get("tuning") or found["embedding"]
    parts = [f"{made['seconds']:,.0f} s", f"{found['encoder']['bytes_per_vector']:,} bytes a vector"]
    if "peak_memory_mb" in made:
        parts.insert(1, f"{made['peak_memory_mb']:,.0f} MB of memory")
    size, took = list(found["search"]["measured"].items())[-1]
    return ", ".join([*parts, f"{took['p50_ms']:g} ms a search among {int(size):,}"])
