"""Put every strategy side by side.  python -m src.stages.report

Writes metrics/summary.json (the headline), metrics/summary.md (the tables) and metrics/report/: the page index.html,
tables/ with numbers behind it, and plots/ that `dvc plots show` draws. Refuses a strategy that was made with another
backbone than the rest.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from src import command, evaluation, manifest, markdown, merged, paths, published, relation, standings, store, summary
from src.findings import Findings
from src.params import Params, load
from src.report import advised, agreement, confusions, cost, gallery, kinds, page, shrinking
from src.stages import report_costs, report_inputs
from src.stages.report_inputs import Manifests

CONFUSED = 3  # pairs of labels on the page, per dataset and strategy
DECIMALS = 6


def main() -> None:
    params = load()
    report_inputs.tidy(params)
    metrics = report_inputs.read_metrics(params)
    names = {name: list(params.catalogue[name].protocols) for name in params.datasets}
    scores = summary.scores(metrics, names)
    together = merged.table(metrics, scores, names)
    similarity = report_inputs.read_csv(paths.SIMILARITY / "similarity.csv")
    manifests = {name: manifest.read(paths.manifest(name)) for name in params.datasets}
    queries = report_inputs.read_queries(params)
    findings = report_costs.read_findings(params, queries)
    facts = state(params, metrics, scores, together, similarity, manifests, report_costs.hardware(findings.costs()))
    report, tables = assemble(params, facts, scores, manifests, queries, findings)
    tables |= {f"plots/{name}": table for name, table in page.plots(scores, similarity).items()}
    html = page.render(report)
    with store.whole_folder(paths.REPORT) as part:
        (part / "index.html").write_text(html, encoding="utf-8")
        for name, table in tables.items():
            (part / name).parent.mkdir(exist_ok=True)
            table.to_csv(part / f"{name}.csv", index=False, lineterminator="\n")
    with store.whole(paths.METRICS / "summary.md") as part:
        told = facts.published, facts.relations, facts.merged
        part.write_text(markdown.write(scores, facts.about, names, *told, report.stands), encoding="utf-8")
    headline, trained = summary.headline(metrics), summary.trained(scores)
    headline |= {"trained_parameters": trained} if trained else {}
    headline |= {"merged": merged.figures(together)} if len(together) else {}
    store.write_json(paths.SUMMARY, headline)
    for line in [*(published.line(params.model, found) for found in facts.published), *relation.lines(facts.relations)]:
        print(line)
    print(f"report: {', '.join(metrics)} on {len(names)} datasets, page of {len(html) / 1e6:.1f} MB in {paths.REPORT}")


def state(
    params: Params,
    metrics: Mapping[str, Any],
    scores: pd.DataFrame,
    together: pd.DataFrame,
    similarity: pd.DataFrame,
    manifests: Manifests,
    hardware: Mapping[str, Sequence[str]],
) -> page.Facts:
    """Where the numbers come from, and what stands beside them."""
    played = {name: params.catalogue[name].protocols for name in params.datasets}
    return page.Facts(
        about=report_inputs.describe(params, metrics),
        weights_sha256=next(iter(metrics.values()))["weights_sha256"],
        seed=params.seed,
        protocols={
            name: {key: report_inputs.in_words(protocol) for key, protocol in found.items()}
            for name, found in played.items()
        },
        queries=summary.counts(scores),
        set_aside=summary.set_aside(scores),
        published=published.compare(report_inputs.comparable(params), params.model, scores),
        relations=relation.relate(summary.transfer(scores), similarity),
        merged=merged.lines(together),
        manifests={name: sha256 for name, (_, sha256) in manifests.items()},
        hardware=hardware,
        versions=report_inputs.versions(),
    )


def assemble(
    params: Params,
    facts: page.Facts,
    scores: pd.DataFrame,
    manifests: Manifests,
    every: pd.DataFrame,
    findings: Findings,
) -> tuple[page.Report, dict[str, pd.DataFrame]]:
    """The page's content, and tables of more than it shows by their place beside it; from `every` query."""
    queries = report_inputs.headline_only(every, params)
    asked, table = evaluation.headline_queries(queries), summary.table(scores, summary.HEADLINE)
    stands = standings.table(asked, params.datasets)
    own = [name for name in params.strategies if name != "cross_tuned"]  # its many encoders have no place on a card
    mine, pair = queries[queries["strategy"].isin(own)], gallery.contrast(table[own])
    galleries, audit = (
        report_inputs.read_galleries(params, own, mine, manifests),
        report_inputs.read_audit(params, every),
    )
    uses = [(name, row) for name, found in galleries.items() for case in found.cases for row in case.rows]
    uses += [(photo.dataset, photo.row) for found in audit.pairs for photo in found.photos]
    sliced = report_inputs.read_slices(params, queries, manifests)
    confused = report_inputs.read_confusions(params, manifests)
    compressed = report_costs.read_compression(own)
    report = page.Report(
        facts=facts,
        scores=scores,
        stands=stands,
        lead=standings.lead(asked, table.mean()),
        galleries=galleries,
        pictures=report_inputs.read_pictures(uses),
        confused=confusions.most(confused, CONFUSED),
        pair=pair,
        search=report_inputs.read_search(params, pair),
        kinds=kinds.view(sliced, pair),
        learning=report_inputs.read_learning(params, own, facts.about.hybrid),
        agreement=agreement.both(scores, mine, page.PROFILE),
        audit=audit,
        advice=advised.view(findings),
        cost=cost.view(findings.costs(), standings.overall(stands, table.columns)),
        compression=shrinking.view(compressed),
    )
    beside = {"headline": stands, "slices": sliced, "compression": compressed, "audit": audit.changes}
    tables = {f"tables/{name}": found.round(DECIMALS) for name, found in beside.items()}
    return report, tables | {"plots/confusion": confused}


if __name__ == "__main__":
    command.run(main)
