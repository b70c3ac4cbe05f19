"""A repository root in miniature, for the tests of report: photos of coloured discs, random rankings, real files."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from PIL import Image, ImageDraw

from src import images, manifest, neighbors, paths, store
from src.neighbors import Neighbors

ROOT = Path(__file__).parents[2]
MODEL = "sample_supervised"
ALL = ["pretrained", "top_tuned", "fine_tuned", "cross_tuned"]
MESS = {
    "pretrained": 0.8,
    "top_tuned": 0.55,
    "fine_tuned": 0.45,
    "hybrid_tuned": 0.5,
}  # the less, the better the ranking
LABELS, GALLERY, QUERIES = 6, 4, 2
METRICS = ["mMP@5", "R@1", "R@5", "R@10", "mAP@R", "MRR", "nDCG@10"]
PROTOCOLS = {"phone": "gallery", "studio": "studio"}

Photo = Callable[[str, int, str], bytes]  # (dataset, label number, split) -> JPEG


def disc(dataset: str, number: int, split: str) -> bytes:
    """A photo one can recognise: a disc in the colour of its label."""
    image, file = Image.new("RGB", (40, 30), "white"), io.BytesIO()
    ImageDraw.Draw(image).ellipse((8, 3, 32, 27), fill=f"hsl({number * 47 % 360}, 70%, 50%)")
    image.save(file, "JPEG")
    return file.getvalue()


def name_of(dataset: str, number: int) -> str:
    return f"{dataset.removeprefix('sample_')}-{number:03d}"


def build(
    datasets: Sequence[str] = ("sample_cars", "sample_food"),
    strategies: Sequence[str] = ALL,
    photo: Photo = disc,
    label: Callable[[str, int], str] = name_of,
    labels: int = LABELS,
) -> None:
    """Write params.yaml and everything the report reads, into the current folder."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw |= {"model": MODEL, "datasets": list(datasets), "strategies": list(strategies)}
    raw["catalogue"] |= dict.fromkeys(datasets, raw["catalogue"]["sample_cars"])
    Path("params.yaml").write_text(yaml.safe_dump(raw))
    for dataset in datasets:
        write_dataset(dataset, labels, photo, label)
    for strategy in strategies:
        write_strategy(strategy, datasets)
    write_similarity(datasets)


def write_similarity(datasets: Sequence[str]) -> None:
    """Of every ordered pair, three figures."""
    pairs = list(permutations(datasets, 2))
    rows = [(*pair, 0.1 * i, 0.5 - 0.1 * i, -0.02 * i) for i, pair in enumerate(pairs)]
    paths.SIMILARITY.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows, columns=["source", "target", "cka", "frechet", "transfer"])
    table.to_csv(paths.SIMILARITY / "similarity.csv", index=False)


def write_dataset(dataset: str, labels: int, photo: Photo, label: Callable[[str, int], str]) -> None:
    rows = [
        (number, split)
        for split, count in {"gallery": GALLERY, "query": QUERIES, "studio": 2}.items()
        for number in range(labels)
        for _ in range(count)
    ]
    table = pd.DataFrame(dict.fromkeys(manifest.COLUMNS, ""), index=range(len(rows)))
    table["image_id"] = [f"{split}/{i}" for i, (_, split) in enumerate(rows)]
    table["label"] = [label(dataset, number) for number, _ in rows]
    table["category"] = [f"shelf {number % 3}" for number, _ in rows]
    table["split"] = [split for _, split in rows]
    table["width"], table["height"] = 40, 30
    manifest.write(paths.manifest(dataset), table)
    with store.whole_folder(paths.shards(dataset)) as part:
        images.write_shards(part, [photo(dataset, number, split) for number, split in rows])


def write_strategy(strategy: str, datasets: Sequence[str]) -> None:
    head = {"model": MODEL, "weights_sha256": "5a" * 32, "strategy": strategy, "protocol_version": 1}
    tables: list[pd.DataFrame] = []
    if strategy == "hybrid_tuned":
        head["hybrid"] = "lora"
    if strategy != "cross_tuned":
        found = {name: score(strategy, name, tables, MESS[strategy], (name,)) for name in datasets}
        if strategy == "hybrid_tuned":
            found = {name: values | {"training": {"trained_parameters": 1234}} for name, values in found.items()}
        values: dict[str, Any] = {"mean": mean(found.values()), **found}
    else:
        values = {}
        for shift, method in enumerate(("top_tuned", "fine_tuned")):
            pairs = {
                source: {
                    target: score(strategy, target, tables, 0.7 + shift / 10, (method, source, target))
                    for target in datasets
                    if target != source
                }
                for source in datasets
            }
            values[method] = {"mean": mean([f for part in pairs.values() for f in part.values()]), **pairs}
    store.write_json(paths.queries(strategy) / "metrics.json", head | values)
    store.write_table(paths.queries(strategy) / "queries.parquet", pd.concat(tables))


def mean(found: Any) -> dict[str, float]:
    return {"mMP@5": round(float(np.mean([metrics["phone"]["mMP@5"] for metrics in found])), 6)}


def score(strategy: str, dataset: str, tables: list[pd.DataFrame], mess: float, place: tuple[str, ...]) -> Any:
    """Rank by noisy label vectors, write the neighbours, append the per-query table, return the metrics."""
    table, _ = manifest.read(paths.manifest(dataset))
    labels = manifest.codes(table, "label")
    rng = np.random.default_rng([len(dataset), *map(ord, "".join(place))])
    vectors = np.eye(labels.max() + 1)[labels] + mess * rng.normal(size=(len(labels), labels.max() + 1))
    result = {}
    for protocol, split in PROTOCOLS.items():
        asked, searched = manifest.rows(table, "split", "query"), manifest.rows(table, "split", split)
        order = np.argsort(-vectors[asked] @ vectors[searched].T, axis=1, kind="stable")
        rows = searched[order].astype(np.int32)
        hits = labels[rows] == labels[asked][:, None]
        relevant = hits.sum(axis=1)
        found = Neighbors.blank(asked, relevant, rows.shape[1])
        found.rows[:] = rows
        found.hits[:] = np.packbits(hits, axis=1)
        path = paths.neighbors(strategy, *place) / f"{protocol}.safetensors"
        neighbors.write(path, found, {"model": MODEL, "strategy": strategy})
        counted = np.minimum(relevant, 5)
        values = {name: hits[:, 0].astype(float) for name in METRICS}
        values["mMP@5"] = np.array([h[:c].mean() for h, c in zip(hits, counted, strict=True)])
        facts = {"strategy": strategy, "dataset": dataset, "protocol": protocol, "row": asked, "n_relevant": relevant}
        tables.append(pd.DataFrame(facts | {"method": place[0] if len(place) > 1 else ""} | values))
        counts = {"queries": len(asked), "queries_without_relevant": 0, "gallery": len(searched)}
        result[protocol] = {key: round(float(value.mean()), 6) for key, value in values.items()} | counts
    return result


@contextmanager
def changed_params() -> Iterator[dict[str, Any]]:
    """params.yaml to alter."""
    raw = yaml.safe_load(Path("params.yaml").read_text())
    yield raw
    Path("params.yaml").write_text(yaml.safe_dump(raw))
