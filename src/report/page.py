"""Floor 2. The report page, made from data frames, and the tables that `dvc plots` draws."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup, escape

from src import relation, standings, summary
from src.differences import MEAN
from src.published import Comparison
from src.relation import Relation
from src.report import heats, instance, learning, scatter
from src.report.advised import Told
from src.report.agreement import CLASSIFIED
from src.report.charts import megabytes, short
from src.report.confusions import Confused
from src.report.copies import Audit
from src.report.cost import Cost
from src.report.gallery import Gallery
from src.report.heats import Heat
from src.report.instance import Search
from src.report.kinds import Kind
from src.report.learning import Chart
from src.report.shrinking import WHOLE, Shrinking
from src.standings import Lead
from src.words import HYBRIDS

REASONS = {"worst": "among the worst", "gain": "gained most by tuning", "chance": "picked by chance"}
MEANINGS = {
    "pretrained": "the backbone as it comes",
    "top_tuned": "a small head trained on its embeddings",
    "fine_tuned": "the whole network trained",
    "cross_tuned.top_tuned": "head trained on another dataset, mean over all pairs",
    "cross_tuned.fine_tuned": "network trained on another dataset, mean over all pairs",
}
PROFILE = ("mMP@5", "R@1", "R@5", "R@10", "mAP@R", "mAP@20", "MRR", "nDCG@10")


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
    manifests: Mapping[str, str] = field(default_factory=dict)  # dataset -> sha256
    hardware: Mapping[str, Sequence[str]] = field(default_factory=dict)  # machine -> what ran on it
    versions: Mapping[str, str] = field(default_factory=dict)  # library -> version


@dataclass(frozen=True)
class Report:
    """All that the page shows; a section without content is left out."""

    facts: Facts
    scores: pd.DataFrame  # as `summary.scores`
    stands: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=standings.COLUMNS))
    lead: Lead | None = None
    galleries: Mapping[str, Gallery] = field(default_factory=dict)
    pictures: Mapping[Any, str] = field(default_factory=dict)  # (dataset, manifest row) -> data URI, of all shown
    confused: Confused = field(default_factory=dict)  # as `confusions.most`
    pair: Sequence[str] = ()  # the strategies that are looked at side by side, as `gallery.contrast`
    search: Mapping[str, Search] = field(default_factory=dict)
    kinds: Mapping[str, Sequence[Kind]] = field(default_factory=dict)
    learning: Mapping[str, Sequence[Chart]] = field(default_factory=dict)
    agreement: Mapping[str, pd.DataFrame] = field(default_factory=dict)  # title -> correlations
    audit: Audit | None = None
    advice: Mapping[str, Told] = field(default_factory=dict)  # goal -> what to take
    cost: Cost | None = None
    compression: Shrinking | None = None


def render(report: Report) -> str:
    """metrics/report/index.html. Equal input gives equal text; everything not made here is escaped."""
    facts, scores = report.facts, report.scores
    headline = summary.table(scores, summary.HEADLINE)
    maps = heats.view(summary.transfer(scores), list(facts.protocols))
    galleries = {name: gallery for name, gallery in report.galleries.items() if gallery.cases}
    template = _environment().get_template("page.html.j2")
    return template.render(
        vars(report)
        | {
            "sections": sections(report, maps, galleries),
            "measure": summary.HEADLINE,
            "headline": headline,
            "mean": headline.mean(),
            "across": MEAN if len(headline) > 1 else headline.index[0],
            "stands": {(row.dataset, row.strategy): row for row in report.stands.itertuples()},
            "stand_notes": standings.notes(report.stands) if len(report.stands) else [],
            "marks": standings.MARKS,
            "first_protocols": {name: next(iter(played)) for name, played in facts.protocols.items()},
            "more": _more(scores, facts.protocols),
            "profiles": profiles(scores),
            "related": relation.table(facts.relations),
            "caution": relation.caution(facts.relations) if facts.relations else "",
            "heats": maps,
            "galleries": galleries,
            "learners": learning.strategies(report.learning),
            "rates": instance.rates(report.search),
            "merged_title": summary.MERGED,
            "whole": WHOLE,
            "reasons": REASONS,
            "meanings": MEANINGS | {"hybrid_tuned": HYBRIDS.get(facts.about.hybrid, "")},
            "trained": summary.trained(scores),
            "sample_note": summary.SAMPLE_NOTE if any(name.startswith("sample_") for name in facts.protocols) else "",
        }
    )


def sections(report: Report, maps: Sequence[Heat], galleries: Mapping[str, Gallery]) -> dict[str, str]:
    """Id -> name of each section that has something to show, in order; the id is its template too."""
    facts = report.facts
    every = {
        "table": ("Table", True),
        "chart": ("Chart", True),
        "advice": ("Advice", report.advice),
        "cost": ("Cost", report.cost),
        "compression": ("Compression", report.compression),
        "published": ("Published numbers", facts.published),
        "cross": ("Cross-tuning", maps),
        "merged": ("Merged sources", facts.merged),
        "search": ("Instance search", report.search),
        "slices": ("Slices", report.kinds),
        "queries": ("Queries", galleries),
        "learning": ("Learning curves", report.learning),
        "metrics": ("More metrics", True),
        "confused": ("Labels taken for others", report.confused),
        "audit": ("Audit", report.audit),
        "how": ("How it was measured", True),
    }
    return {id_: name for id_, (name, content) in every.items() if content}


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
    filters = [
        summary.percent,
        summary.points,
        summary.best,
        standings.interval,
        breakable,
        css_class,
        short,
        megabytes,
    ]
    environment.filters |= {function.__name__: function for function in filters} | {"drawn": scatter.strategies}
    return environment


def breakable(name: str) -> Markup:
    """A slug that a narrow column may break after an underscore or a dot, and before a number."""
    return Markup(re.sub(r"(?<=[_.])|(?<=[a-z])(?=\d)", "<wbr>", str(escape(name))))


def css_class(strategy: str) -> str:
    """'cross_tuned.top_tuned' -> 'cross_tuned-top_tuned', the class that carries its colour."""
    return strategy.replace(".", "-")


def profiles(scores: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Dataset -> [metrics x strategies], first protocols and classification."""
    tables = {metric: summary.table(scores, metric) for metric in PROFILE}
    tables |= {metric: summary.table(scores, metric, "classification") for metric in CLASSIFIED}
    every = pd.concat({name: cells for name, cells in tables.items() if len(cells)}, names=["metric", "dataset"])
    order = [name for name in scores["strategy"].cat.categories if name in every]
    return {str(dataset): cells.droplevel("dataset")[order] for dataset, cells in every.groupby("dataset", sort=False)}


def _more(scores: pd.DataFrame, protocols: Mapping[str, Mapping[str, str]]) -> dict[str, pd.DataFrame]:
    """The tables below the headline by their titles, without empty ones."""
    others = summary.other_protocols({name: list(found) for name, found in protocols.items()})
    tables = {metric: summary.table(scores, metric) for metric in ("R@1", "mAP@R")}
    tables |= {f"{summary.HEADLINE}, protocol {name}": summary.table(scores, summary.HEADLINE, name) for name in others}
    for metric, title in summary.CLASSIFICATION.items():
        tables[f"Classification {title}"] = summary.table(scores, metric, "classification")
    return {title: cells for title, cells in tables.items() if len(cells)}
