"""A repository root in miniature, for the tests of report: photos of coloured discs, random rankings, real files."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from PIL import Image, ImageDraw

from src import audit, evaluation, images, manifest, matching, metrics, neighbors, paths, slices, store, thresholds
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
    write_audit(datasets)
    write_distractors(datasets)


def write_similarity(datasets: Sequence[str]) -> None:
    """Of every ordered pair, three figures."""
    pairs = list(permutations(datasets, 2))
    rows = [(*pair, 0.1 * i, 0.5 - 0.1 * i, -0.02 * i) for i, pair in enumerate(pairs)]
    paths.SIMILARITY.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows, columns=["source", "target", "cka", "frechet", "transfer"])
    table.to_csv(paths.SIMILARITY / "similarity.csv", index=False)


PAIR = {"kind": "near", "distance": 3, "correlation": 0.999, "worst": 0.1}
SIDE = {"row": 0, "image_id": "gallery/0", "label": "a", "split": "gallery", "tuning": ""}


def write_audit(
    datasets: Sequence[str], pairs: Sequence[dict[str, Any]] = (), affected: Sequence[tuple[Any, ...]] = ()
) -> None:
    """Counts of nothing; pairs as far as they differ from PAIR and SIDE; affected queries as rows of AFFECTED."""
    sides = [f"{name}_{side}" for side in ("first", "second") for name in ("dataset", *SIDE)]
    every = {f"{name}_{side}": value for side in ("first", "second") for name, value in SIDE.items()}
    rows = [PAIR | every | dict.fromkeys(("dataset_first", "dataset_second"), datasets[0]) | pair for pair in pairs]
    store.write_table(paths.AUDIT / "pairs.parquet", pd.DataFrame(rows, columns=[*PAIR, *sides]))
    store.write_table(paths.AUDIT / "affected.parquet", pd.DataFrame(affected, columns=audit.AFFECTED))
    asked = {"asked": LABELS * QUERIES, "gallery": len(affected), "other_label": 0, "tuning": {}}
    numbers = dict.fromkeys(("with_copies", "byte_equal", "sets_of_several_labels", "with_copies_elsewhere"), 0)
    of = {"images": 1234, **numbers, "sets_across_splits": {}, "queries": dict.fromkeys(PROTOCOLS, asked)}
    store.write_json(paths.AUDIT / "audit.json", dict.fromkeys(datasets, of))


def write_distractors(datasets: Sequence[str]) -> None:
    """R@1 falls from 0.9 to 0.5 as galleries grow."""
    rows = [("pretrained", name, 24 * 2**i, 0.9 - i / 5, 0.8 - i / 5, 1 - i / 5) for name in datasets for i in range(3)]
    table = pd.DataFrame(rows, columns=["strategy", "dataset", "gallery", "R@1", "low", "high"])
    with store.whole_folder(paths.DISTRACTORS / "pretrained") as folder:
        table.to_csv(folder / "curve.csv", index=False)


def write_curves(datasets: Sequence[str], strategies: Sequence[str] = ALL[1:3], hybrid: str = "") -> None:
    """Six epochs, the fourth is best."""
    for strategy, dataset in product(strategies, datasets):
        folder = paths.curve(strategy, *([hybrid] if hybrid else []), dataset) / "plots/metrics"
        (folder / "validation").mkdir(parents=True)
        for name, values in {
            "loss": [3, 2, 1.5, 1.2, 1.1, 1],
            "validation/mMP@5": [0.1, 0.3, 0.5, 0.7, 0.6, 0.6],
        }.items():
            rows = pd.DataFrame({"step": range(1, 7), Path(name).name: values})
            rows.to_csv(folder / f"{name}.tsv", sep="\t", index=False)


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
    measured = pd.DataFrame({name: np.linspace(0, 1, len(table)) for name in slices.MEASURES})
    store.write_table(paths.manifest(dataset) / "pictures.parquet", measured)
    with store.whole_folder(paths.shards(dataset)) as part:
        images.write_shards(part, [photo(dataset, number, split) for number, split in rows])


def write_strategy(strategy: str, datasets: Sequence[str]) -> None:
    head = {"model": MODEL, "weights_sha256": "5a" * 32, "strategy": strategy, "protocol_version": 1}
    head |= {"hybrid": "lora"} if strategy == "hybrid_tuned" else {}
    results, tables, matches = {}, [], []
    figures: dict[str, Any] = {"model": MODEL, "strategy": strategy}
    for place in neighbors.places(strategy, datasets, ("top_tuned", "fine_tuned")):
        results[place], found, matched, evaluation.inside(figures, place)["phone"] = score(strategy, place)
        tables += found
        matches.append(matched)
    queries = pd.concat(tables)
    store.write_json(paths.queries(strategy) / "metrics.json", head | evaluation.nested(results, queries))
    store.write_table(paths.queries(strategy) / "queries.parquet", queries)
    store.write_json(paths.MATCHES / strategy / "metrics.json", figures)
    store.write_table(paths.MATCHES / strategy / "matches.parquet", pd.concat(matches))
    write_cost(strategy, datasets)
    write_compression(strategy, datasets)


SECONDS = {"pretrained": 10, "top_tuned": 90, "fine_tuned": 5400, "hybrid_tuned": 1800}  # a dataset
BYTES = {"pretrained": 1024, "top_tuned": 2048, "fine_tuned": 1024, "hybrid_tuned": 1024}


def write_cost(strategy: str, datasets: Sequence[str], model: str = MODEL) -> None:
    """As the stage `cost`: pretrained embeds 200 images a second; a search takes a millisecond in 1,000 vectors."""
    found: dict[str, Any] = {"model": model, "strategy": strategy}
    if strategy == "cross_tuned":
        return store.write_json(paths.cost_metrics(strategy), found | {"embedding": {}})
    made = {"seconds": SECONDS[strategy] * len(datasets), "images": 100, "images_per_second": 200.0}
    encoder = {"dimension": BYTES[strategy] // 4, "bytes_per_vector": BYTES[strategy], "parameters": 1_250_000}
    encoder |= {"trained_parameters": 0 if strategy == "pretrained" else 791_040, "gmacs": 0.0347}
    took = {size: {"p50_ms": size / 1000, "p99_ms": size / 500, "index_mb": size / 100} for size in (1000, 100_000)}
    search = {"measured": {"1000": took[1000]}, "extrapolated": {"100000": took[100_000]}}
    ran = {"device": "cpu", "threads": 2, "processor": "Abacus 3000"}
    found |= {"embedding" if strategy == "pretrained" else "tuning": made, "encoder": encoder, "search": search}
    return store.write_json(paths.cost_metrics(strategy), found | {"datasets": dict.fromkeys(datasets, ran)})


def write_compression(strategy: str, datasets: Sequence[str]) -> None:
    """As the stage `compress`: half precision loses nothing, a byte a number two points, truncation twenty."""
    lost = {"float32": (1, 0.0), "float16": (2, 0.0), "int8": (4, 0.02), "truncated_64": (2, 0.2)}
    rows = [
        (name, BYTES[strategy] // part, 1 - MESS[strategy] / 2 - less, less, less - 0.01, less + 0.01)
        for name, (part, less) in lost.items()
        if strategy != "cross_tuned"
    ]
    means = pd.DataFrame(rows, columns=["codec", "bytes", "mMP@5", "lost", "low", "high"])
    each = pd.concat([means.assign(dataset=name)[["dataset", *means.columns]] for name in datasets])
    with store.whole_folder(paths.compression(strategy)) as folder:
        means.to_csv(folder / "means.csv", index=False)
        each.to_csv(folder / "datasets.csv", index=False)


def score(strategy: str, place: tuple[str, ...]) -> tuple[Any, list[pd.DataFrame], pd.DataFrame, Any]:
    """Rank by noisy label vectors and write the neighbours: means, a table a protocol, and matches of the first one."""
    table, _ = manifest.read(paths.manifest(place[-1]))
    labels, mess = manifest.codes(table, "label"), MESS.get(strategy, 0.7)
    rng = np.random.default_rng([len(place[-1]), *map(ord, "".join(place))])
    vectors = np.eye(labels.max() + 1)[labels] + mess * rng.normal(size=(len(labels), labels.max() + 1))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    result, tables, matched = {}, [], {}
    for protocol, split in PROTOCOLS.items():
        asked, searched = manifest.rows(table, "split", "query"), manifest.rows(table, "split", split)
        similarity = vectors[asked] @ vectors[searched].T
        order = np.argsort(-similarity, axis=1, kind="stable")
        rows = searched[order].astype(np.int32)
        hits = labels[rows] == labels[asked][:, None]
        found = Neighbors.blank(asked, hits.sum(axis=1), rows.shape[1])
        found.rows[:], found.first_hit[:] = rows, hits.argmax(1) + 1
        found.similarity[:] = np.take_along_axis(similarity, order, 1)
        found.hits[:] = np.packbits(hits, axis=1)
        path = paths.neighbors(strategy, *place) / f"{protocol}.safetensors"
        neighbors.write(path, found, {"model": MODEL, "strategy": strategy})
        tables.append(evaluation.query_table(strategy, place, protocol, table, found, evaluation.score(found)))
        result[protocol] = evaluation.means(tables[-1], len(searched))
        matched[protocol] = found, hits
    if strategy == "hybrid_tuned":
        result["training"] = {"trained_parameters": 1234}
    return result, tables, *match(strategy, place, *matched["phone"])


def match(
    strategy: str, place: tuple[str, ...], found: Neighbors, hits: metrics.Hits
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Rows of matches.parquet and their figures, each image being a product."""
    right, wrong = (np.where(side, found.similarity, -1).max(1) for side in (hits, ~hits))
    best = matching.Matches(right, wrong, hits[:, : matching.FIRST], found.n_relevant)
    scores = matching.score(best)
    rates = thresholds.summary(thresholds.choose(best, np.arange(len(right)), place[-1]))
    figures = matching.summary(scores) | {"hubness": {"never_found": 0.25}, "false_accepts": rates}
    where = evaluation.where(strategy, place, "phone")
    return pd.DataFrame({**where, "row": found.query, **scores}), figures


@contextmanager
def changed_params() -> Iterator[dict[str, Any]]:
    """params.yaml to alter."""
    raw = yaml.safe_load(Path("params.yaml").read_text())
    yield raw
    Path("params.yaml").write_text(yaml.safe_dump(raw))
