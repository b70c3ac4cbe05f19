"""Floor 2. metrics/summary.md: the summary that people read in a terminal."""

from collections.abc import Container, Mapping, Sequence

import pandas as pd

from src import differences, relation, standings, summary
from src.published import Comparison
from src.relation import Relation
from src.summary import CROSS, HEADLINE, MERGED, About, Protocols, percent, points
from src.words import HYBRIDS


def write(
    scores: pd.DataFrame,
    about: About,
    protocols: Protocols,
    published: Sequence[Comparison] = (),
    relations: Sequence[Relation] = (),
    merged: Sequence[Sequence[str]] = (),
    stands: pd.DataFrame | None = None,
) -> str:
    """The headline with mean and gain, then metrics, protocols, published numbers, relations.

    `merged`: lines of `merged.lines`; `stands` as `standings.table`, for marks and the interval of the mean.
    """
    parts = [f"# {about.slug}: {HEADLINE} in %\n", *([f"**{about.warning}**\n"] if about.warning else [])]
    parts += [_headline(summary.table(scores, HEADLINE), stands)]
    more = {f"{metric} in %": summary.table(scores, metric) for metric in ("R@1", "mAP@R")}
    more |= {
        f"{HEADLINE} in %, protocol {name}": summary.table(scores, HEADLINE, name)
        for name in summary.other_protocols(protocols)
    }
    more |= {"Classification accuracy in %": summary.table(scores, "accuracy", "classification")}
    for title, cells in more.items():
        parts += [f"\n## {title}\n", _grid(cells)] if len(cells) else []
    named = summary.classification(scores)
    parts += ["\n## Classification in %, mean over datasets\n", _named(named)] if len(named) else []
    parts += ["\n## Beside published numbers, in %\n", _beside(published)] if published else []
    parts += ["\n## How far similarity tells the change by cross-tuning\n", _related(relations)] if relations else []
    parts += [f"\n## {MERGED}, {HEADLINE} in %\n", _aligned(merged, words=(0, 1))] if merged else []
    return "\n".join([*parts, "", *_notes(scores, about, protocols, stands)]) + "\n"


def _headline(table: pd.DataFrame, stands: pd.DataFrame | None) -> str:
    """The first table: with marks, the gain over pretrained and the interval of the mean."""
    lines = _lines(table, {} if stands is None else standings.marks(stands))
    if standings.BASE in table and table.shape[1] > 1:
        change = (table.mean() - table[standings.BASE].mean()).drop(standings.BASE).map(points)
        lines.append(["gain, points", *(change.get(name, "") for name in table.columns)])
    if stands is not None:
        ends = stands[stands["dataset"] == (differences.MEAN if len(table) > 1 else table.index[0])]
        ends = ends.set_index("strategy").loc[table.columns]
        lines.append(["95 % interval", *map(standings.interval, ends["low"], ends["high"])])
    return _aligned(lines)


def _grid(table: pd.DataFrame) -> str:
    """A Markdown table that is also aligned in a terminal; the best of a row in bold."""
    return _aligned(_lines(table, {}))


def _lines(table: pd.DataFrame, marks: Mapping[tuple[str, str], str]) -> list[list[str]]:
    """A line a dataset and one of their mean; behind a number the mark of its (dataset, strategy)."""
    cells = pd.concat([table, table.mean().to_frame(differences.MEAN).T]) if len(table) > 1 else table
    lines = [["dataset", *map(_short, table.columns)]]
    for (name, row), (_, tops) in zip(cells.iterrows(), summary.best(cells).iterrows(), strict=True):
        texts = [f"**{percent(value)}**" if top else percent(value) for value, top in zip(row, tops, strict=True)]
        told = [marks.get((str(name), strategy), "") for strategy in table.columns]
        if any(marks.values()):  # the slot stays where there is no mark, so that digits stand below digits
            texts = [f"{text} {mark or ' '}" for text, mark in zip(texts, told, strict=True)]
        lines.append([str(name), *texts])
    return lines


def _named(means: pd.DataFrame) -> str:
    lines = [["strategy", *summary.CLASSIFICATION.values()]]
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


def _notes(scores: pd.DataFrame, about: About, protocols: Protocols, stands: pd.DataFrame | None) -> list[str]:
    names = list(dict.fromkeys(first for first, *_ in protocols.values()))
    crossed = [_short(name) for name in scores["strategy"].cat.categories if name.startswith(CROSS)]
    notes = [f"{about.slug} is {about.library} {about.checkpoint}, licence {about.licence}."]
    notes.append(f"First protocol of each dataset ({', '.join(names)}) unless named; the best of a row in bold.")
    if stands is not None:
        notes += standings.notes(stands)
    if crossed:
        notes.append(f"{', '.join(crossed)}: tuned so on another dataset and used as it is; mean over those datasets.")
    if about.hybrid:
        notes.append(f"hybrid_tuned is {about.hybrid}: the backbone, {HYBRIDS[about.hybrid]}.")
    if counted := summary.trained(scores):
        parameters = ", ".join(f"{name} {count:,}" for name, count in counted.items())
        notes.append(f"Trained parameters: {parameters}.")
    if lost := summary.set_aside(scores):
        images = ", ".join(f"{dataset} {count:,} of {of:,}" for dataset, (count, of) in lost.items())
        notes.append(f"Images that could not be used: {images}; why is in data/manifests/<dataset>/quarantine.parquet.")
    if any(name.startswith("sample_") for name in protocols):
        notes.append(summary.SAMPLE_NOTE)
    return [f"- {note}" for note in notes]
