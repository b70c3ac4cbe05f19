"""Floor 2. From the metrics of every strategy to one long table, the headline figures and a summary people read."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from src import licences, relation
from src.errors import UserError
from src.published import Comparison
from src.relation import Relation
from src.words import HYBRIDS, METHODS

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


def markdown(
    scores: pd.DataFrame,
    about: About,
    protocols: Protocols,
    published: Sequence[Comparison] = (),
    relations: Sequence[Relation] = (),
    merged: Sequence[Sequence[str]] = (),
) -> str:
    """metrics/summary.md: the headline with mean and gain, then metrics, protocols, published numbers, relations.

    `merged`: lines of `merged.lines`.
    """
    parts = [f"# {about.slug}: {HEADLINE} in %\n", *([f"**{about.warning}**\n"] if about.warning else [])]
    parts += [_grid(table(scores, HEADLINE), gain=True)]
    more = {f"{metric} in %": table(scores, metric) for metric in ("R@1", "mAP@R")}
    more |= {f"{HEADLINE} in %, protocol {name}": table(scores, HEADLINE, name) for name in other_protocols(protocols)}
    more |= {"Classification accuracy in %": table(scores, "accuracy", "classification")}
    for title, cells in more.items():
        parts += [f"\n## {title}\n", _grid(cells)] if len(cells) else []
    named = classification(scores)
    parts += ["\n## Classification in %, mean over datasets\n", _named(named)] if len(named) else []
    parts += ["\n## Beside published numbers, in %\n", _beside(published)] if published else []
    parts += ["\n## How far similarity tells the change by cross-tuning\n", _related(relations)] if relations else []
    parts += [f"\n## {MERGED}, {HEADLINE} in %\n", _aligned(merged, words=(0, 1))] if merged else []
    return "\n".join([*parts, "", *_notes(scores, about, protocols)]) + "\n"


def _grid(table: pd.DataFrame, gain: bool = False) -> str:
    """A Markdown table that is also aligned in a terminal; the best of a row in bold."""
    cells = pd.concat([table, table.mean().to_frame("mean").T]) if len(table) > 1 else table
    lines = [["dataset", *map(_short, table.columns)]]
    for (name, row), (_, marks) in zip(cells.iterrows(), best(cells).iterrows(), strict=True):
        shown = zip(map(percent, row), marks, strict=True)
        lines.append([str(name), *(f"**{text}**" if marked else text for text, marked in shown)])
    if gain and "pretrained" in table and table.shape[1] > 1:
        change = (table.mean() - table["pretrained"].mean()).drop("pretrained").map(points)
        lines.append(["gain, points", *(change.get(name, "") for name in table.columns)])
    return _aligned(lines)


def _named(means: pd.DataFrame) -> str:
    lines = [["strategy", *CLASSIFICATION.values()]]
    return _aligned(lines + [[_short(str(name)), *map(percent, row)] for name, row in means.iterrows()])


def _beside(published: Sequence[Comparison]) -> str:
    lines = [["dataset", "protocol", "metric", "here", "published", "points", "source"]]
    for found in published:
        numbers = percent(found.here), percent(found.published), points(found.difference)
        lines.append([found.dataset, found.protocol, found.metric, *numbers, found.source.replace("|", "/")])
    return _aligned(lines, words=(0, 1, 2, 6))


def _related(relations: Sequence[Relation]) -> str:
    cells = relation.table(relations)
    methods = list(dict.fromkeys(found.method for found in relations))
    lines = [["similarity", *(_short(f"{CROSS}{method}") for method in methods)]]
    lines += [[measure, *(found.get(method, "") for method in methods)] for measure, found in cells.items()]
    return f"{_aligned(lines)}\n\n{relation.caution(relations)}"


def _aligned(lines: Sequence[Sequence[str]], words: Container[int] = (0,)) -> str:
    """The first line is the head; columns `words` begin at the left, the others, of numbers, end at the right.

    No outer bars: they would make the widest of our tables too wide for 80 columns.
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * width if i in words else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    aligned = [str.ljust if i in words else str.rjust for i in range(len(widths))]
    rows = [zip(aligned, line, widths, strict=True) for line in [lines[0], rule, *lines[1:]]]
    return "\n".join(" | ".join(align(cell, width) for align, cell, width in row).rstrip() for row in rows)


def _short(strategy: str) -> str:
    """Column heads that fit a terminal: 'cross_tuned.top_tuned' -> 'cross top'."""
    return f"cross {strategy.removeprefix(CROSS).removesuffix('_tuned')}" if strategy.startswith(CROSS) else strategy


def _notes(scores: pd.DataFrame, about: About, protocols: Protocols) -> list[str]:
    names = list(dict.fromkeys(first for first, *_ in protocols.values()))
    crossed = [_short(name) for name in scores["strategy"].cat.categories if name.startswith(CROSS)]
    notes = [f"{about.slug} is {about.library} {about.checkpoint}, licence {about.licence}."]
    notes.append(f"First protocol of each dataset ({', '.join(names)}) unless named; the best of a row in bold.")
    if crossed:
        notes.append(f"{', '.join(crossed)}: tuned so on another dataset and used as it is; mean over those datasets.")
    if about.hybrid:
        notes.append(f"hybrid_tuned is {about.hybrid}: the backbone, {HYBRIDS[about.hybrid]}.")
    if counted := trained(scores):
        parameters = ", ".join(f"{name} {count:,}" for name, count in counted.items())
        notes.append(f"Trained parameters: {parameters}.")
    if lost := set_aside(scores):
        images = ", ".join(f"{dataset} {count:,} of {of:,}" for dataset, (count, of) in lost.items())
        notes.append(f"Images that could not be used: {images}; why is in data/manifests/<dataset>/quarantine.parquet.")
    if any(name.startswith("sample_") for name in protocols):
        notes.append(SAMPLE_NOTE)
    return [f"- {note}" for note in notes]
