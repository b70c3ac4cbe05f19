"""Floor 2. The report page, made from data frames, and the tables that `dvc plots` draws."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from src import relation, summary
from src.published import Comparison
from src.relation import Relation
from src.report.confusions import Confused
from src.report.gallery import Gallery
from src.words import HYBRIDS

REASONS = {"worst": "among the worst", "gain": "gained most by tuning", "chance": "picked by chance"}
MEANINGS = {
    "pretrained": "the backbone as it comes",
    "top_tuned": "a small head trained on its embeddings",
    "fine_tuned": "the whole network trained",
    "cross_tuned.top_tuned": "head trained on another dataset, mean over all pairs",
    "cross_tuned.fine_tuned": "network trained on another dataset, mean over all pairs",
}
DEEPEST = 0.05  # the heat map's full colour stands for at least this change, so that noise stays pale


@dataclass(frozen=True)
class Facts:
    """Where the numbers come from."""

    about: summary.About
    weights_sha256: str
    seed: int
    protocols: Mapping[str, Mapping[str, str]]  # dataset -> protocol -> who asks and who is searched, in words
    queries: Mapping[tuple[str, str], tuple[int, int]]  # as `summary.counts`
    set_aside: Mapping[str, tuple[int, int]]  # as `summary.set_aside`
    published: Sequence[Comparison] = ()
    relations: Sequence[Relation] = ()
    merged: Sequence[Sequence[str]] = ()  # as `merged.lines`


@dataclass(frozen=True)
class Heat:
    """A cross-tuning table of one method: [source][target] change, coloured by its share of the largest one."""

    method: str
    gain: pd.DataFrame
    deepest: float

    def depth(self, gain: float) -> float:
        """0 (no change) to 1 (the largest change of the page)."""
        return round(min(abs(gain) / self.deepest, 1), 2) if gain == gain else 0


def render(
    facts: Facts,
    scores: pd.DataFrame,
    galleries: Mapping[str, Gallery],
    pictures: Mapping[Any, str],
    confused: Confused | None = None,
) -> str:
    """metrics/report/index.html.

    `scores` as made by `summary.scores`; `pictures`: (dataset, manifest row) -> data URI for all that galleries show;
    `confused` as made by `confusions.most`.
    Equal input gives equal text. Everything not made here is escaped.
    """
    headline = summary.table(scores, summary.HEADLINE)
    template = _environment().get_template("page.html.j2")
    return template.render(
        facts=facts,
        measure=summary.HEADLINE,
        headline=headline,
        mean=headline.mean(),
        more=_more(scores, facts.protocols),
        related=relation.table(facts.relations),
        caution=relation.caution(facts.relations) if facts.relations else "",
        heats=_heats(summary.transfer(scores), list(facts.protocols)),
        galleries={name: gallery for name, gallery in galleries.items() if gallery.cases},
        pictures=pictures,
        confused=confused or {},
        merged_title=summary.MERGED,
        reasons=REASONS,
        meanings=MEANINGS | {"hybrid_tuned": HYBRIDS.get(facts.about.hybrid, "")},
        trained=summary.trained(scores),
        sample_note=summary.SAMPLE_NOTE if any(name.startswith("sample_") for name in facts.protocols) else "",
    )


def plots(scores: pd.DataFrame, similarity: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The tables that `dvc plots` draws.

    strategies: dataset, strategy, mMP@5; cross_tuning: as `summary.transfer`; similarity: of these the pairs that
    `similarity` (source, target, a column a measure) knows, with its measures beside.
    """
    cells = summary.table(scores, summary.HEADLINE).round(6)
    long = cells.rename_axis("dataset").reset_index().melt("dataset", var_name="strategy", value_name=summary.HEADLINE)
    gains = summary.transfer(scores)
    return {"strategies": long, "cross_tuning": gains, "similarity": gains.merge(similarity, on=["source", "target"])}


def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    filters = [summary.percent, summary.points, summary.best, breakable, css_class]
    environment.filters |= {function.__name__: function for function in filters}
    return environment


def breakable(name: str) -> Markup:
    """A slug that a narrow column may break after an underscore or a dot, and before a number."""
    return Markup(re.sub(r"(?<=[_.])|(?<=[a-z])(?=\d)", "<wbr>", str(escape(name))))


def css_class(strategy: str) -> str:
    """'cross_tuned.top_tuned' -> 'cross_tuned-top_tuned', the class that carries its colour."""
    return strategy.replace(".", "-")


def _more(scores: pd.DataFrame, protocols: Mapping[str, Mapping[str, str]]) -> dict[str, pd.DataFrame]:
    """The tables below the headline by their titles, without empty ones."""
    others = summary.other_protocols({name: list(found) for name, found in protocols.items()})
    tables = {metric: summary.table(scores, metric) for metric in ("R@1", "mAP@R")}
    tables |= {f"{summary.HEADLINE}, protocol {name}": summary.table(scores, summary.HEADLINE, name) for name in others}
    for metric, title in summary.CLASSIFICATION.items():
        tables[f"Classification {title}"] = summary.table(scores, metric, "classification")
    return {title: cells for title, cells in tables.items() if len(cells)}


def _heats(transfer: pd.DataFrame, datasets: list[str]) -> list[Heat]:
    deepest = max(transfer["gain"].abs().max(), DEEPEST) if len(transfer) else DEEPEST
    return [
        Heat(str(method), pairs.pivot(index="source", columns="target", values="gain").loc[datasets, datasets], deepest)
        for method, pairs in transfer.groupby("method", sort=False)
    ]
