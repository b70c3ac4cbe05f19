"""Floor 1. Experiments as `dvc exp show` knows them: their params, metrics and costs, and in what they differ."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from src import store
from src.errors import UserError

SHOW = [sys.executable, "-m", "dvc", "exp", "show", "--json", "--no-pager"]
DONE = {"state": "success"}  # of an experiment's executor; one that was pulled has none
# params that change no cell, and the seed itself
IDLE = {"seed", "runtime", "report", "published", "suites", "compress", "cost", "distract"}
BEGUN_WITH = ("src/", "data/raw/", "models/sample/checkpoints")  # all else that is read, a stage has made


@dataclass(frozen=True)
class Experiment:
    """A commit or an experiment that has the metrics of all its strategies."""

    name: str
    params: Mapping[str, Any]  # params.yaml as it was
    metrics: Mapping[str, Any]  # strategy -> metrics/<strategy>.json
    costs: Mapping[str, Any]  # strategy -> metrics/cost/<strategy>.json, where there is one
    given: Mapping[str, str]  # code and photos that it began with: path -> hash
    manifests: Mapping[str, str]  # dataset -> hash of its manifest

    @property
    def seed(self) -> int:
        """Of tuning."""
        return self.params["seed"]

    @property
    def model(self) -> str:
        """Its slug."""
        return self.params["model"]

    @property
    def entry(self) -> Mapping[str, Any]:
        """What params.yaml said of the model."""
        return self.params["models"][self.model]

    @property
    def protocols(self) -> dict[str, list[str]]:
        """Dataset -> its protocols, the headline one first."""
        return {dataset: list(self.params["catalogue"][dataset]["protocols"]) for dataset in self.params["datasets"]}

    def inputs(self, paths: Iterable[str]) -> str:
        """A key of some of what it began with."""
        return store.fingerprint({path: self.given[path] for path in sorted(paths)})[:7]

    @cached_property
    def settings(self) -> dict[str, str]:
        """All that must be equal for two to be repetitions, dotted: of the tables, only the entries that are used."""
        used = {key: value for key, value in self.params.items() if key not in IDLE | {"models", "catalogue"}}
        used["chosen"] = self.entry
        used["protocols"] = {dataset: self.params["catalogue"][dataset] for dataset in self.params["datasets"]}
        return flat(used) | {"inputs": self.inputs(self.given)}


def show(*options: str) -> list[dict[str, Any]]:
    """What DVC knows of the current commit and its experiments, or of those that `options` of `dvc exp show` name."""
    ran = subprocess.run([*SHOW, *options], capture_output=True, text=True)
    if ran.returncode:
        raise UserError(f"`dvc exp show` failed: {' '.join(ran.stderr.split())[-300:]}")
    return json.loads(ran.stdout)


def finished(shown: Sequence[Mapping[str, Any]]) -> Iterator[Experiment]:
    """Commits and their experiments that have the metrics of all their strategies.

    The workspace is left out, its metrics may be older than its params, and so is an experiment that still runs.
    """
    for commit in shown:
        if commit["rev"] == "workspace":
            continue
        ended = [one for one in commit["experiments"] or [] if (one.get("executor") or DONE)["state"] == DONE["state"]]
        tips = [(one["name"], one["revs"][0]) for one in ended]
        for name, found in [(commit["name"], commit), *tips]:
            one = read(name or found["rev"][:7], found["data"] or {})
            if one:
                yield one


def read(name: str, data: Mapping[str, Any]) -> Experiment | None:
    """An experiment from its part of `dvc exp show --json`.

    None where params or metrics are missing (queued, failed), or of another model (committed without a run).
    """
    params = data.get("params", {}).get("params.yaml", {}).get("data")
    if not params:
        return None
    metrics = of_model(data, params, "metrics")
    if len(metrics) < len(params["strategies"]):
        return None
    outs = data.get("outs") or {}
    manifests = {each: outs.get(f"data/manifests/{each}", {}).get("hash") or "" for each in params["datasets"]}
    return Experiment(name, params, metrics, of_model(data, params, "metrics/cost"), given(data), manifests)


def of_model(data: Mapping[str, Any], params: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """Strategy -> content of its metrics file in a folder, of those that are there and about the model of params."""
    files = {
        name: data.get("metrics", {}).get(f"{folder}/{name}.json", {}).get("data") for name in params["strategies"]
    }
    return {name: found for name, found in files.items() if found and found.get("model") == params["model"]}


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """{'top_tune': {'lr': 0.1}} -> {'top_tune.lr': '0.1'}."""
    leaves: dict[str, str] = {}
    for key, value in tree.items():
        leaves |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": json.dumps(value)}
    return leaves


def given(data: Mapping[str, Any]) -> dict[str, str]:
    """The code and the photos that a run began with, and their hashes; what DVC has no hash of is left out.

    That is a dependency whose last stage in dvc.yaml did not run.
    """
    made, deps = list(data.get("outs") or {}), data.get("deps") or {}
    begun = [dep for dep in deps if dep.startswith(BEGUN_WITH) and not any(over(dep, out) for out in made)]
    return {dep: deps[dep]["hash"] for dep in begun if deps[dep]["hash"]}


def over(one: str, other: str) -> bool:
    """Whether two paths are the same or one holds the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def differing(groups: Sequence[Mapping[str, str]]) -> list[str]:
    """The settings that tell groups apart, the model aside."""
    keys = dict.fromkeys(key for group in groups for key in group if not key.startswith(("model", "chosen.")))
    return [key for key in keys if len({group.get(key) for group in groups}) > 1]
