"""Floor 2. Experiments as one table: what each model reaches by each strategy, how sure that is, and what it costs."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd

from src import expense, store, summary
from src.experiments import Experiment, differing

T = TypeVar("T")
Facts = Mapping[str, Any]  # dimension, parameters, gmacs of a backbone; without what is not known
Measure = Callable[[Mapping[str, Any]], Facts]  # a model's entry in params.yaml -> its facts

ENTRY = ["benchmark", "model", "variant"]  # what a row of the leaderboard is about; seeds are its repetitions
MODEL = ["family", "licence", "dimension", "parameters", "gmacs"]
SCORES = [summary.HEADLINE, "low", "high", "seeds", "deviation", "gain"]
COSTS = ["minutes", "milliseconds", "bytes", "price", "trained_parameters", "memory_mb"]
COLUMNS = [*ENTRY, *MODEL, "strategy", *SCORES, *COSTS, "experiments"]
COUNTS = ["dimension", "parameters", "bytes", "trained_parameters"]
FEWEST = 3  # models that a z-score is a score among


def table(found: Sequence[Experiment], measure: Measure) -> pd.DataFrame:
    """COLUMNS and `mMP@5 <dataset>`s, a row a (benchmark, model, variant, strategy), the best of a benchmark first.

    benchmark: a key of datasets, manifests and protocols; what differs in it cannot be compared. variant: the settings
    that all entries of a benchmark have and in which they differ, beside the model (`inputs`: code and photos); of
    variants with the same scores, as of a commit that changed only words, the first stands for all. mMP@5 and its 95 %
    interval (of the queries) are means over `seeds` repetitions, deviation (n - 1) is theirs; gain is over pretrained
    of the same entry. Costs as `expense` has them; dimension, parameters and gmacs are the backbone's, memory_mb is the
    highest peak of tuning (of `pretrained`: embedding).
    """
    groups = grouped(found, benchmark).items()
    rows = [row for key, runs in groups for row in rows_of(key, runs, measure)]
    datasets = dict.fromkeys(name for run in found for name in run.protocols)
    made = pd.DataFrame(rows, columns=[*COLUMNS, *map(cell, datasets)]).astype(dict.fromkeys(COUNTS, "Int64"))
    order = made.groupby("benchmark", sort=False).ngroup()
    ranked = made.assign(order=order).sort_values(["order", summary.HEADLINE], ascending=[True, False], kind="stable")
    return ranked.drop(columns="order").reset_index(drop=True)


def rows_of(key: str, runs: Sequence[Experiment], measure: Measure) -> Iterator[dict[str, Any]]:
    """The rows of one benchmark, as dicts of columns."""
    shared = set.intersection(*(set(run.given) for run in runs))  # a strategy that some lack brings code of its own
    entries = grouped(runs, lambda run: store.fingerprint(settings(run, shared))).values()
    distinct = list(grouped(list(entries), scored).values())
    firsts = [settings(same[0][0], shared) for same in distinct]
    varied = [name for name in differing(firsts) if all(name in first for first in firsts)]
    for same, own in zip(distinct, firsts, strict=True):
        about = {"benchmark": key[:7], "model": same[0][0].model}
        about["variant"] = ", ".join(f"{name} {own[name]}" for name in varied)
        about["experiments"] = " ".join(run.name for entry in same for run in entry)
        yield from (about | facts(same[0], measure) | row for row in strategies(same[0]))


def cell(dataset: str) -> str:
    """The column of a dataset, which no other can be named like."""
    return f"{summary.HEADLINE} {dataset}"


def grouped(found: Sequence[T], key: Callable[[T], str]) -> dict[str, list[T]]:
    """What has the same key, in the order of its first appearance."""
    groups: dict[str, list[T]] = {}
    for one in found:
        groups.setdefault(key(one), []).append(one)
    return groups


def benchmark(run: Experiment) -> str:
    """A key of what is asked of an encoder: datasets with their manifests and protocols, and what the numbers mean."""
    versions = sorted({str(found.get("protocol_version")) for found in run.metrics.values()})
    played = {name: run.params["catalogue"][name]["protocols"] for name in run.params["datasets"]}
    return store.fingerprint(list(played), played, dict(run.manifests), versions)


def settings(run: Experiment, shared: Collection[str]) -> dict[str, str]:
    """All that must be equal for two to be one entry: which strategies were run changes none of them.

    Of the code and the photos only what all runs of a benchmark have, `shared`, can be compared.
    """
    return {key: value for key, value in run.settings.items() if key != "strategies"} | {"inputs": run.inputs(shared)}


def scored(entry: Sequence[Experiment]) -> str:
    """A key of the model and all its scores."""
    keys = ("strategy", "seeds", *map(cell, entry[0].protocols))
    return store.fingerprint(entry[0].model, [[row[key] for key in keys] for row in strategies(entry)])


def facts(entry: Sequence[Experiment], measure: Measure) -> dict[str, Any]:
    """The columns MODEL: from its entry in params.yaml, and from a run's own record or else by `measure`."""
    about = entry[0].entry
    recorded = [run.costs["pretrained"]["encoder"] for run in entry if "pretrained" in run.costs]
    figures = recorded[0] if recorded else measure(about)
    named = {"family": about.get("family", "unknown"), "licence": about.get("licence", "unknown")}
    return named | {key: figures.get(key) for key in ("dimension", "parameters", "gmacs")}


def strategies(entry: Sequence[Experiment]) -> Iterator[dict[str, Any]]:
    """The other columns, of every strategy that any of the experiments has; of one seed run twice the first counts."""
    rows: dict[str, dict[int, pd.Series]] = {}
    for run in entry:
        for strategy, row in reached(run).iterrows():
            rows.setdefault(str(strategy), {}).setdefault(run.seed, row)
    values = {strategy: pd.DataFrame(each.values()) for strategy, each in rows.items()}
    base = values["pretrained"][summary.HEADLINE].mean() if "pretrained" in values else float("nan")
    for strategy, found in values.items():
        mean, spread = found.mean(), found[summary.HEADLINE].std()
        gain = float("nan") if strategy == "pretrained" else mean[summary.HEADLINE] - base
        cost = next((each for run in entry if (each := spent(run, strategy))), {})
        yield {"strategy": strategy, **mean, "seeds": len(found), "deviation": spread, "gain": gain, **cost}


def reached(run: Experiment) -> pd.DataFrame:
    """[strategies x (mMP@5, low, high, datasets)]: mean over datasets, its interval where it is on record, each one."""
    cells = summary.table(summary.scores(run.metrics, run.protocols), summary.HEADLINE)
    ends = {strategy: interval(run.metrics, str(strategy)) for strategy in cells}
    mean = pd.DataFrame(ends, dtype="float64").T.assign(**{summary.HEADLINE: cells.mean()})
    return mean.join(cells.T.rename(columns=cell))


def interval(metrics: Mapping[str, Any], strategy: str) -> dict[str, float | None]:
    """Of the mean of a strategy as reports name it; the metrics of older runs have none."""
    for name in strategy.split("."):
        metrics = metrics[name]
    found = metrics["mean"].get("interval") or {}
    return {"low": found.get("low"), "high": found.get("high")}


def spent(run: Experiment, strategy: str) -> dict[str, Any]:
    """The columns COSTS; {} where nothing is on record."""
    own, found = run.costs.get(expense.encoder(strategy)[0]), expense.of(run.costs, strategy)
    if not own:
        return {}
    peak = (own.get("tuning") or own["embedding"]).get("peak_memory_mb")
    more = {"trained_parameters": own["encoder"]["trained_parameters"], "memory_mb": peak}
    return {key: getattr(found, key) for key in ("minutes", "milliseconds", "bytes", "price")} | more


def champions(board: pd.DataFrame) -> pd.DataFrame:
    """Of the rows of one benchmark the best variant of every model and strategy, best first, and the column `leads`.

    It is true where no other model of the family is better by that strategy.
    """
    best = board.drop_duplicates(["model", "strategy"])
    return best.assign(leads=~best.duplicated(["family", "strategy"]))


def zscores(board: pd.DataFrame) -> pd.Series:
    """How far a row's model stands above others by its strategy, in standard deviations (n), mean over datasets.

    As in arXiv 2504.07567: so datasets count alike, easy or hard. NaN among fewer than FEWEST models, and
    of a dataset on which all are equal.
    """
    cells, by = board.filter(regex=f"^{cell('')}"), board["strategy"]
    of_strategy = cells.groupby(by)
    centred, spread = cells - of_strategy.transform("mean"), of_strategy.transform("std", ddof=0)
    return (centred / spread.where(spread > 0)).mean(axis=1).where(by.map(by.value_counts()) >= FEWEST)
