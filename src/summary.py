"""Floor 2. From the metrics of every strategy to one long table, and the headline figures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from src import licences
from src.errors import UserError
from src.words import METHODS

HEADLINE = "mMP@5"
CROSS = "cross_tuned."
CLASSIFICATION = {  # metric -> its name for people
    "accuracy": "accuracy",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "macro_F1": "macro F1",
}
MERGED = "One encoder for all: merged sources"
COLUMNS = ["strategy", "source", "dataset", "protocol", "headline", "metric", "value"]
SAMPLE_NOTE = "Numbers of sample_* datasets show only that the pipeline works; they say nothing about real models."

Metrics = Mapping[str, Any]  # one metrics/<strategy>.json
Protocols = Mapping[str, Sequence[str]]  # dataset -> its protocols, the headline one first


@dataclass(frozen=True)
class About:
    """The model as people should know it."""

    slug: str
    library: str
    checkpoint: str
    licence: str
    hybrid: str = ""  # what `hybrid_tuned` stands for, where it is one of the strategies

    @property
    def warning(self) -> str:
        """A sentence on what its licence forbids or limits, '' where nothing."""
        text = licences.warning(self.licence)
        return f"{text[0].upper()}{text[1:]}." if text else ""


def scores(metrics: Mapping[str, Metrics], protocols: Protocols) -> pd.DataFrame:
    """One row a number: COLUMNS, in the order of `metrics` and of `protocols`.

    `strategy` is the key of metrics files ('top_tuned', 'cross_tuned.top_tuned'); `source` is the dataset an encoder
    was tuned on and equals `dataset` unless cross-tuned; `headline` marks the first protocol of each dataset.
    Classification stands under the protocol 'classification', the counts of images under 'images', what was trained
    under 'training'. Raises UserError where a dataset is missing.
    """
    rows = [
        (strategy, source, dataset, protocol, protocol == protocols[dataset][0], metric, value)
        for name in metrics
        for strategy, source, dataset, found in _places(name, metrics[name], protocols)
        for protocol, values in found.items()
        for metric, value in values.items()
        if metric != "interval"
    ]
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"value": "float64"})
    orders = {"strategy": table["strategy"].unique().tolist(), "dataset": list(protocols)}
    return table.astype({column: pd.CategoricalDtype(order) for column, order in orders.items()})


def _places(name: str, metrics: Metrics, datasets: Protocols) -> Iterator[tuple[str, str, str, Metrics]]:
    """(strategy, source, dataset, metrics by protocol) of one metrics file."""
    try:
        if name != "cross_tuned":
            yield from ((name, dataset, dataset, metrics[dataset]) for dataset in datasets)
            return
        for method in _methods(metrics):
            for source in datasets:
                for target in (other for other in datasets if other != source):
                    yield f"{name}.{method}", source, target, metrics[method][source][target]
    except KeyError as error:
        raise UserError(f"metrics of {name}: dataset {error} is not in them; run `dvc repro`") from None


def _methods(metrics: Metrics) -> list[str]:
    return [method for method in METHODS if method in metrics]


def table(scores: pd.DataFrame, metric: str, protocol: str | None = None) -> pd.DataFrame:
    """[datasets x strategies] of one metric: the headline protocols, or the datasets that have `protocol` besides.

    A cross-tuned cell is the mean over sources, never the best one.
    """
    place = scores["headline"] if protocol is None else (scores["protocol"] == protocol) & ~scores["headline"]
    chosen = scores[place & (scores["metric"] == metric)]
    cells = chosen.groupby(["dataset", "strategy"], observed=True)["value"].mean().unstack()
    return cells.set_axis(cells.index.astype(str)).set_axis(cells.columns.astype(str), axis=1)


def classification(scores: pd.DataFrame) -> pd.DataFrame:
    """[strategies x CLASSIFICATION]: means over the datasets whose queries have labels that were taught."""
    cells = {name: table(scores, name, "classification").mean() for name in CLASSIFICATION}
    return pd.DataFrame(cells).dropna(how="all")


def counts(scores: pd.DataFrame) -> dict[tuple[str, str], tuple[int, int]]:
    """(dataset, protocol) -> queries, and how many of them had nothing to find."""
    keys = ["queries", "queries_without_relevant"]
    counted = scores[scores["metric"].isin(keys)].astype({"dataset": str})
    table = counted.pivot_table(index=["dataset", "protocol"], columns="metric", values="value", aggfunc="first")
    return {place: (int(asked), int(empty)) for place, asked, empty in table[keys].itertuples(name=None)}


def set_aside(scores: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Dataset -> images that could not be used, and how many there were; only where any could not."""
    found = scores.loc[scores["protocol"] == "images", ["dataset", "metric", "value"]]
    counted = {(dataset, metric): int(value) for dataset, metric, value in found.itertuples(index=False, name=None)}
    lost = {dataset: value for (dataset, metric), value in counted.items() if metric == "quarantined" and value}
    return {dataset: (value, value + counted[dataset, "images"]) for dataset, value in lost.items()}


def trained(scores: pd.DataFrame) -> dict[str, int]:
    """Strategy -> parameters of the encoder that were trained, mean over datasets; only where it is known."""
    found = scores[(scores["protocol"] == "training") & (scores["metric"] == "trained_parameters")]
    means = found.groupby("strategy", observed=True)["value"].mean()
    return {str(name): round(value) for name, value in means.items()}


def other_protocols(protocols: Protocols) -> list[str]:
    """Names of the protocols that are not the headline of their dataset, in order of appearance."""
    return list(dict.fromkeys(name for names in protocols.values() for name in names[1:]))


def best(table: pd.DataFrame) -> pd.DataFrame:
    """True where a cell shows the largest number of its row (several where the shown digits are equal)."""
    top = table.max(axis=1).map(percent)
    return table.map(percent).eq(top, axis=0) & table.notna() & (table.shape[1] > 1)


def transfer(scores: pd.DataFrame) -> pd.DataFrame:
    """Change by cross-tuning: columns method, source, target, gain = mMP@5 less the target's own pretrained one.

    Pairs source == target are the change by tuning on the target itself. Empty without pretrained or cross_tuned.
    """
    found = scores[scores["headline"] & (scores["metric"] == HEADLINE)].astype({"strategy": "str", "dataset": "str"})
    method = found["strategy"].str.removeprefix(CROSS)
    crossed = method[found["strategy"].str.startswith(CROSS)]
    base = table(scores, HEADLINE).get("pretrained", pd.Series(dtype=float)).to_dict()
    gain = (found["value"] - found["dataset"].map(base).astype(float)).round(6)
    pairs = pd.DataFrame({"method": method, "source": found["source"], "target": found["dataset"], "gain": gain})
    return pairs[method.isin(crossed) & gain.notna()].reset_index(drop=True)


def headline(metrics: Mapping[str, Metrics]) -> dict[str, Any]:
    """metrics/summary.json: mMP@5 of each strategy, mean over datasets, and the gain over pretrained, if there."""
    first = next(iter(metrics.values()))
    means = {name: _means(name, found) for name, found in metrics.items()}
    summary = {"model": first["model"], "weights_sha256": first["weights_sha256"], HEADLINE: means}
    tuned = {name: value for name, value in means.items() if name != "pretrained"}
    if "pretrained" in means and tuned:
        summary["gain"] = _less(tuned, means["pretrained"])
    return summary


def _means(name: str, metrics: Metrics) -> Any:
    if name == "cross_tuned":
        return {method: metrics[method]["mean"][HEADLINE] for method in _methods(metrics)}
    return metrics["mean"][HEADLINE]


def _less(value: Any, base: float) -> Any:
    if isinstance(value, dict):
        return {key: _less(part, base) for key, part in value.items()}
    return round(value - base, 6)


def percent(value: float) -> str:
    """0.6124 -> '61.2'; nothing measured -> '–'."""
    return "–" if pd.isna(value) else f"{100 * value:.1f}"


def points(value: float) -> str:
    """A difference in percentage points with its sign: 0.031 -> '+3.1', -0.0201 -> '−2.0', 0.0 -> '0.0'."""
    text = f"{100 * value:+.1f}"
    return "–" if pd.isna(value) else "0.0" if float(text) == 0 else text.replace("-", "−")
