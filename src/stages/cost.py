"""What a strategy took to make, and takes to run.  python -m src.stages.cost <strategy>

Writes metrics/cost/<strategy>.json: seconds, images a second and peak of memory of its tuning (of `pretrained`:
embedding), parameters and multiply-accumulates of its encoder, bytes of a vector, and how long an exact search takes as
a catalogue grows, measured here. Of `cross_tuned` only what embedding took, by method, and what tuning on several
datasets took, by source: its other encoders are those of the tuned strategies. Times differ from run to run, so they
stand apart from all other metrics.
"""

from typing import Any

from src import command, costs, latency, paths, runtime, store
from src.entries import ServiceModel
from src.errors import UserError
from src.params import Params, load
from src.registry import lookup
from src.words import STRATEGIES

HEADS = ("top_tuned",)  # strategies whose tuned parameters come on top of the backbone's


def main(strategy: str) -> None:
    """Read what the stages of all datasets left; measure searches; write one record."""
    params = load()
    lookup(dict.fromkeys(STRATEGIES), strategy, "strategy", "the command")
    found = crossed(params) if strategy == "cross_tuned" else own(strategy, params)
    store.write_json(paths.cost_metrics(strategy), {"model": params.model, "strategy": strategy, **found})
    print(f"cost {strategy}: {costs.describe(found)}")


def own(strategy: str, params: Params) -> dict[str, Any]:
    """Of a strategy with an encoder a dataset: what making it took, what it is, how fast its vectors are searched."""
    for folder in (paths.cost(strategy), paths.embeddings(strategy)):
        store.tidy(folder, params.datasets)
    sidecars = [read_sidecar(strategy, name, params.model) for name in params.datasets]
    records = {name: read_cost(strategy, name) for name in params.datasets}
    made = costs.total(list(records.values()), params.runtime.price_per_hour)
    if isinstance(params.chosen, ServiceModel) and params.chosen.price is not None and strategy == "pretrained":
        made["price_per_million_images"] = 1000 * params.chosen.price
    encoder = costs.encoder(sidecars, strategy in HEADS)
    found = latency.measure(encoder["dimension"], params.cost.measured, params.cost.extrapolated)
    kind = "embedding" if strategy == "pretrained" else "tuning"
    return {kind: made, "encoder": encoder, "search": costs.search(found, runtime.processor()), "datasets": records}


def crossed(params: Params) -> dict[str, Any]:
    """Of encoders used on other datasets: what embedding these took, by method; of merged sources, what tuning did."""
    methods, price = params.cross_tune.methods, params.runtime.price_per_hour
    merged = params.cross_tune.merged
    store.tidy(paths.cost("cross_tuned"), methods)
    for method in methods:
        store.tidy(paths.cost("cross_tuned", method), [*params.datasets, *merged])
    records = {method: [read_cost("cross_tuned", method, name) for name in params.datasets] for method in methods}
    found = {"embedding": {method: costs.total(each, price) for method, each in records.items()}}
    tuned = {
        method: {name: costs.total([read_cost("cross_tuned", method, name)["tuning"]], price) for name in merged}
        for method in methods
    }
    return found | ({"tuning": tuned} if merged else {})


def read_cost(strategy: str, *place: str) -> dict[str, Any]:
    """What a stage wrote of its time, its memory and its hardware."""
    record: dict[str, Any] = store.read_json(paths.cost(strategy, *place) / "cost.json")
    return record


def read_sidecar(strategy: str, dataset: str, model: str) -> dict[str, Any]:
    """How a dataset's embeddings came about; a UserError where by another model."""
    folder = paths.embeddings(strategy, dataset)
    sidecar: dict[str, Any] = store.read_json(folder / "sidecar.json")
    if sidecar["model"] != model:
        raise UserError(f"{folder}: model is {sidecar['model']!r}, params.yaml says {model!r}; run `dvc repro`")
    return sidecar


if __name__ == "__main__":
    command.run(main)
