"""What `dvc exp show --json` prints, made up."""

from typing import Any


def experiment(name: str, seed: int, cars: float, food: float = 0.5, code: str = "c", **params: Any) -> dict[str, Any]:
    """An entry of `dvc exp show --json`, its metrics those of the strategy top_tuned on two datasets."""
    values = {
        dataset: {"phone": {"mMP@5": value}, "studio": {"mMP@5": 0.1}, "classification": {"accuracy": 0.2}}
        for dataset, value in {"cars": cars, "food": food}.items()
    }
    raw = {
        "model": "tiny",
        "datasets": ["cars", "food"],
        "strategies": ["top_tuned"],
        "seed": seed,
        "top_tune": {"lr": 0.1, "layers": [8]},
        "runtime": {"threads": seed},
        "models": {"tiny": {"library": "timm"}, "unused": {"library": f"of {name}"}},
        "catalogue": {dataset: {"protocols": {"phone": {}, "studio": {}}} for dataset in values},
    }
    model = (raw | params)["model"]
    data = {
        "params": {"params.yaml": {"data": raw | params}},
        "metrics": {"metrics/top_tuned.json": {"data": {"model": model, "mean": {"mMP@5": 0.3}, **values}}},
        "deps": {"src/tuning": {"hash": code}, "models/top_tuned": {"hash": name}},
        "outs": {"models/top_tuned/cars": {"hash": name}},
    }
    return {"name": name, "rev": f"{name}-sha", "data": data}


def shown(*experiments: dict[str, Any]) -> list[dict[str, Any]]:
    """The workspace, whose numbers must not count, and a commit that is the first of `experiments`."""
    workspace = experiment("workspace", 9, 0.99) | {"rev": "workspace", "name": None, "experiments": None}
    others = [{"name": one["name"], "executor": None, "revs": [one]} for one in experiments[1:]]
    return [workspace, experiments[0] | {"experiments": others or None}]
