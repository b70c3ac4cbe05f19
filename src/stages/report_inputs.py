"""What the report is made of: files of all other stages, read and checked. Used by `report`, no stage of its own."""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path
from platform import python_version
from typing import Any

import pandas as pd

from src import audit, images, neighbors, paths, slices, store, summary
from src.entries import Protocol, Published, ServiceModel
from src.errors import UserError
from src.params import Params
from src.report import confusions, copies, gallery, instance, learning

TOLD = ("torch", "timm", "open_clip_torch", "transformers", "faiss-cpu", "numpy", "pandas", "scikit-learn", "pillow")
Manifests = Mapping[str, tuple[pd.DataFrame, str]]  # dataset -> its manifest, and the sha256 of that
Places = Sequence[tuple[str, int]]  # photos by dataset and manifest row


def tidy(params: Params) -> None:
    """Remove what an earlier choice left in the folders that are read as a whole."""
    for folder in (paths.QUERIES, paths.NEIGHBORS, paths.MATCHES):
        store.tidy(folder, params.strategies)
    for folder in (paths.MANIFESTS, paths.SHARDS):
        store.tidy(folder, params.datasets)
    store.tidy(paths.COMPRESSION, params.strategies)
    store.tidy(paths.DISTRACTORS, ["pretrained", *params.distract.tuned])


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


def read_queries(params: Params) -> pd.DataFrame:
    """Every query of every strategy."""
    tables = [store.read_table(paths.queries(name) / "queries.parquet") for name in params.strategies]
    return pd.concat(tables, ignore_index=True)


def headline_only(queries: pd.DataFrame, params: Params) -> pd.DataFrame:
    """The rows of first protocols."""
    first = queries["dataset"].map({name: first_protocol(params, name)[0] for name in params.datasets})
    return queries[queries["protocol"] == first]


def first_protocol(params: Params, dataset: str) -> tuple[str, Protocol]:
    """Name and sides of a dataset's headline."""
    return next(iter(params.catalogue[dataset].protocols.items()))


def read_csv(path: Path) -> pd.DataFrame:
    """A small table; a UserError where it is missing."""
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


def read_confusions(params: Params, manifests: Manifests) -> pd.DataFrame:
    """What every classifier takes for what, with the columns of `confusions`; empty where no label can be known."""
    found = [pd.DataFrame(columns=confusions.COLUMNS)]
    for strategy, dataset in product(params.strategies, params.datasets):
        path = paths.neighbors(strategy, dataset) / "predictions.parquet"
        if path.exists():
            said, labels = store.read_table(path), manifests[dataset][0]["label"]
            counted = confusions.count(labels.to_numpy(dtype=str)[said["row"]], said["predicted"].to_numpy(dtype=str))
            found.append(counted.assign(strategy=strategy, dataset=dataset)[confusions.COLUMNS])
    return pd.concat(found[1:] or found, ignore_index=True)


def read_galleries(
    params: Params, own: list[str], queries: pd.DataFrame, manifests: Manifests
) -> dict[str, gallery.Gallery]:
    """The gallery of every dataset, as the strategies `own` answer its queries."""
    count = min(params.report.queries, gallery.MOST_CASES // len(params.datasets))
    if not (own and count):
        return {}
    found = {}
    for dataset in params.datasets:
        name = f"{first_protocol(params, dataset)[0]}.safetensors"
        chosen = queries[(queries["dataset"] == dataset) & queries["strategy"].isin(own)]
        near = {each: neighbors.read(paths.neighbors(each, dataset) / name, model=params.model)[0] for each in own}
        quality = chosen.pivot(index="row", columns="strategy", values=summary.HEADLINE)[own].dropna()
        found[dataset] = gallery.gather(quality, near, manifests[dataset][0], count, params.seed)
    return found


def read_pictures(uses: Places) -> Mapping[tuple[str, int], str]:
    """Thumbnails of photos that stand on the page as often as they are named."""
    shards = {name: images.Shards(paths.shards(name)) for name in {name for name, _ in uses}}
    return gallery.thumbnails({(name, row): shards[name][row] for name, row in sorted(set(uses))}, uses)


def without_merged(queries: pd.DataFrame, params: Params) -> pd.DataFrame:
    """The rows that are part of their strategy's mean: a merged source is in none."""
    return queries[queries["source"].isin(["", *params.datasets])]


def read_audit(params: Params, queries: pd.DataFrame) -> copies.Audit:
    """What the audit found, and what it means for every mean."""
    affected = store.read_table(paths.AUDIT / "affected.parquet")
    changes = copies.changes(
        audit.headlines(without_merged(queries, params), affected, summary.HEADLINE), summary.HEADLINE
    )
    pairs = copies.choose(store.read_table(paths.AUDIT / "pairs.parquet"))
    return copies.Audit(store.read_json(paths.AUDIT / "audit.json"), changes, pairs)


def read_slices(params: Params, queries: pd.DataFrame, manifests: Manifests) -> pd.DataFrame:
    """The mean of every slice of every dataset, as `slices.table`."""
    found, plain = [], without_merged(queries, params)
    for dataset, (table, _) in manifests.items():
        pictures = store.read_table(paths.manifest(dataset) / "pictures.parquet")
        found.append(slices.table(plain[plain["dataset"] == dataset], table, pictures, summary.HEADLINE))
    return pd.concat(found, ignore_index=True)


def read_search(params: Params, pair: Sequence[str]) -> dict[str, instance.Search]:
    """Instance search by two strategies, on the datasets whose queries are of another split than the gallery."""
    played = {name: first_protocol(params, name) for name in params.datasets}
    places = {name: protocol for name, (protocol, sides) in played.items() if sides.query != sides.gallery}
    if not (pair and places):
        return {}
    figures = {name: store.read_json(paths.MATCHES / name / "metrics.json") for name in pair}
    matches = pd.concat(store.read_table(paths.MATCHES / name / "matches.parquet") for name in pair)
    enlarged = [read_csv(paths.DISTRACTORS / name / "curve.csv") for name in ("pretrained", *params.distract.tuned)]
    return instance.view(places, figures, headline_only(matches, params), pd.concat(enlarged))


def read_learning(params: Params, own: Sequence[str], hybrid: str) -> dict[str, list[learning.Chart]]:
    """Learning curves by dataset, of the tunings whose curves are here.

    No dep of the stage: as one, their folder would call every tuning there is. They come with the embeddings and
    timings of the same tunings, which other deps are made from.
    """
    found: dict[str, list[learning.Chart]] = {}
    for dataset in params.datasets:
        places = {name: (hybrid, dataset) if name == "hybrid_tuned" else (dataset,) for name in own}
        curves = {name: read_curve(paths.curve(name, *place) / "plots/metrics") for name, place in places.items()}
        charts = learning.charts({name: curve for name, curve in curves.items() if len(curve)})
        found |= {dataset: charts} if charts else {}
    return found


def read_curve(folder: Path) -> pd.DataFrame:
    """A row an epoch of what `tuning.curves.live` wrote: epoch and the columns of `learning`; empty without it."""
    columns = {learning.LOSS: folder / "loss.tsv", learning.SCORE: folder / "validation/mMP@5.tsv"}
    parts = [
        pd.read_csv(file, sep="\t", index_col=0).iloc[:, 0].rename(name)
        for name, file in columns.items()
        if file.exists()
    ]
    return pd.concat(parts, axis=1).rename_axis("epoch").reset_index() if parts else pd.DataFrame()


def versions() -> dict[str, str]:
    """Of Python and the libraries that numbers hang on, as far as they are installed."""
    found = {"python": python_version()}
    for name in TOLD:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
