"""Floor 3. Put every strategy side by side.  python -m src.stages.report

Writes metrics/summary.json (the headline), metrics/summary.md (the tables) and metrics/report/: the page index.html,
and the tables that `dvc plots show` draws. Refuses a strategy that was made with another backbone than the rest.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

import pandas as pd

from src import command, images, manifest, merged, neighbors, paths, published, relation, store, summary
from src.entries import Protocol, Published, ServiceModel
from src.errors import UserError
from src.params import Params, load
from src.report import confusions, gallery, page

CONFUSED = 3  # pairs of labels on the page, per dataset and strategy


def main() -> None:
    params = load()
    for folder in (paths.QUERIES, paths.NEIGHBORS):
        store.tidy(folder, params.strategies)
    for folder in (paths.MANIFESTS, paths.SHARDS):
        store.tidy(folder, params.datasets)
    metrics = read_metrics(params)
    protocols = {name: params.catalogue[name].protocols for name in params.datasets}
    names = {name: list(found) for name, found in protocols.items()}
    scores = summary.scores(metrics, names)
    headline, trained = summary.headline(metrics), summary.trained(scores)
    headline |= {"trained_parameters": trained} if trained else {}
    together = merged.table(metrics, scores, names)
    headline |= {"merged": merged.figures(together)} if len(together) else {}
    words = {name: {key: in_words(protocol) for key, protocol in found.items()} for name, found in protocols.items()}
    about, beside = describe(params, metrics), published.compare(comparable(params), params.model, scores)
    counts = summary.counts(scores), summary.set_aside(scores)
    similarity = read_similarity()
    related = relation.relate(summary.transfer(scores), similarity)
    several, origin = merged.lines(together), (headline["weights_sha256"], params.seed)
    facts = page.Facts(about, *origin, words, *counts, beside, related, several)
    galleries, pictures = read_galleries(params)
    confused = read_confusions(params)
    plots = page.plots(scores, similarity) | {"confusion": confused}
    with store.whole_folder(paths.REPORT) as part:
        html = page.render(facts, scores, galleries, pictures, confusions.most(confused, CONFUSED))
        (part / "index.html").write_text(html, encoding="utf-8")
        (part / "plots").mkdir()
        for name, table in plots.items():
            table.to_csv(part / "plots" / f"{name}.csv", index=False, lineterminator="\n")
    with store.whole(paths.METRICS / "summary.md") as part:
        part.write_text(summary.markdown(scores, about, names, beside, related, several), encoding="utf-8")
    store.write_json(paths.SUMMARY, headline)
    for found in beside:
        print(published.line(params.model, found))
    for line in relation.lines(related):
        print(line)
    print(f"report: {', '.join(metrics)} on {len(names)} datasets, page of {len(html) / 1e6:.1f} MB in {paths.REPORT}")


def read_metrics(params: Params) -> dict[str, Any]:
    """The metrics of every strategy in params.yaml; a UserError for one made with another backbone."""
    metrics = {name: store.read_json(paths.queries(name) / "metrics.json") for name in params.strategies}
    weights = next(iter(metrics.values()))["weights_sha256"]
    for name, found in metrics.items():
        for key, here in {"model": params.model, "weights_sha256": weights}.items():
            if found.get(key) != here:
                place = paths.queries(name) / "metrics.json"
                raise UserError(f"{place}: {key} is {found.get(key)}, expected {here}; run `dvc repro` to score again")
    return metrics


def read_similarity() -> pd.DataFrame:
    """How alike the datasets are to the backbone, a row an ordered pair."""
    path = paths.SIMILARITY / "similarity.csv"
    if not path.exists():
        raise UserError(f"{path} is missing; run `dvc repro` (or `dvc pull`)")
    return pd.read_csv(path)


def describe(params: Params, metrics: Mapping[str, Any]) -> summary.About:
    """The chosen model, of an embedding service whose it is; and the hybrid that was tuned, if any."""
    chosen = params.chosen
    library = chosen.service if isinstance(chosen, ServiceModel) else chosen.library
    hybrid = metrics.get("hybrid_tuned", {}).get("hybrid", "")
    return summary.About(params.model, library, chosen.checkpoint, chosen.licence, hybrid)


def comparable(params: Params) -> list[Published]:
    """Published numbers, without those of a dataset that need not be whole here."""
    return [row for row in params.published if getattr(params.catalogue[row.dataset], "strict", True)]


def in_words(protocol: Protocol) -> str:
    """Who asks and who is searched."""
    same = protocol.query == protocol.gallery
    who = f"{protocol.query}, leave-one-out" if same else f"{protocol.query} → {protocol.gallery}"
    return f"{who}, own {protocol.exclude_same} ignored" if protocol.exclude_same else who


def read_confusions(params: Params) -> pd.DataFrame:
    """What every classifier takes for what, with the columns of `confusions`; empty where no label can be known."""
    tables = [pd.DataFrame(columns=confusions.COLUMNS)]
    for strategy, dataset in product(params.strategies, params.datasets):
        path = paths.neighbors(strategy, dataset) / "predictions.parquet"
        if path.exists():
            said, labels = store.read_table(path), manifest.read(paths.manifest(dataset))[0]["label"]
            counted = confusions.count(labels.to_numpy(dtype=str)[said["row"]], said["predicted"].to_numpy(dtype=str))
            tables.append(counted.assign(strategy=strategy, dataset=dataset)[confusions.COLUMNS])
    return pd.concat(tables[1:] or tables, ignore_index=True)


def read_galleries(params: Params) -> tuple[dict[str, gallery.Gallery], Mapping[Any, str]]:
    """The gallery of every dataset, and their thumbnails by (dataset, row)."""
    count = min(params.report.queries, gallery.MOST_CASES // len(params.datasets))
    own = [name for name in params.strategies if name != "cross_tuned"]  # its many encoders have no place on a card
    if not (own and count):
        return {}, {}
    queries = pd.concat([store.read_table(paths.queries(name) / "queries.parquet") for name in own])
    galleries = {name: read_gallery(name, own, queries, params, count) for name in params.datasets}
    uses = [(name, row) for name, found in galleries.items() for case in found.cases for row in case.rows]
    shards = {name: images.Shards(paths.shards(name)) for name in galleries}
    return galleries, gallery.thumbnails({(name, row): shards[name][row] for name, row in sorted(set(uses))}, uses)


def read_gallery(
    dataset: str, strategies: list[str], queries: pd.DataFrame, params: Params, count: int
) -> gallery.Gallery:
    """What every strategy found under the dataset's first protocol -> the dataset's gallery."""
    protocol = next(iter(params.catalogue[dataset].protocols))
    chosen = queries[(queries["dataset"] == dataset) & (queries["protocol"] == protocol)]
    files = {name: paths.neighbors(name, dataset) / f"{protocol}.safetensors" for name in strategies}
    return gallery.gather(
        quality=chosen.pivot(index="row", columns="strategy", values=summary.HEADLINE)[strategies].dropna(),
        neighbors={name: neighbors.read(file, model=params.model)[0] for name, file in files.items()},
        manifest=manifest.read(paths.manifest(dataset))[0],
        count=count,
        seed=params.seed,
    )


if __name__ == "__main__":
    command.run(main)
