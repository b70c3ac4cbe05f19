"""Exact retrieval and all metrics, leave-one-out, beside a search alone and beside other libraries.

python -m benchmarks.retrieve [--images 20000 60502 --dim 768 --threads 2 --repeats 3 --all]

Every side has a process of its own, and so its own memory, and takes the same made-up embeddings, clustered as those of
networks are: five images a label, as Stanford Online Products has. Sides take turns. Floors: "search alone" (faiss, the
strongest exact baseline) and "products alone", which rank nothing. Ours gives the eight metrics of every query and the
order of a float64 loop, which is checked on a sample: a neighbour may differ where float64 sees a tie.

Seconds are medians on the clock, and of all processors (on a busy machine only these compare, with one thread), without
imports, which have a column. Memory is the process's peak less one copy of the embeddings, and how much of it was there
after the imports. Galleries of more than 30,000 are searched once, by faiss and ours, unless `--all`. Open Metric
Learning takes part where it is installed (pip install open-metric-learning).
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import src  # noqa: F401  first: it tells torch's threads how to wait

# isort: split
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from src import runtime

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]
Work = Callable[[Vectors, Labels], object]
Record = dict[str, Any]

DEPTH, BLOCK = 100, 1024
SAMPLE = 200  # queries compared with float64
SMALL = 30_000  # images, with which every side is measured, and repeatedly
PER_LABEL = 5


def main() -> None:
    """Measure every side, or be one in a process of its own.

    What takes memory is done there: a new process's peak begins with that of the process that starts it.
    """
    asked = arguments()
    if asked.side:
        print(json.dumps(measure(asked.side, asked.folder, asked.threads)))
        return
    if asked.part:
        PARTS[asked.part](asked.folder, asked.images[0], asked.dim)
        return
    print(f"{DEPTH} neighbours, {asked.dim}-d, threads {asked.threads}, {runtime.processor()}")
    for images in asked.images:
        with TemporaryDirectory() as folder:
            compare(Path(folder), images, asked)
    if find_spec("oml") is None:
        print("Open Metric Learning is not installed: pip install open-metric-learning")


def arguments() -> argparse.Namespace:
    """The sizes of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[20_000, 60_502])
    parser.add_argument("--dim", type=int, default=768)
    parser.add_argument("--threads", type=int, default=runtime.cores())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def clustered(images: int, dim: int, labels: int) -> tuple[Vectors, Labels]:
    """Embeddings [N, D] of length 1 and labels [N], sorted: a mean, and directions of falling weight.

    Chosen to resemble networks': cosines of 0.45 +- 0.09, of neighbours 0.6-0.8; some fifty dimensions count.
    """
    random = np.random.default_rng(0)
    codes = np.sort(np.arange(images) % labels)
    weight = (np.arange(dim) + 4.0) ** -0.625
    weight = (weight / np.linalg.norm(weight)).astype(np.float32)
    centres = random.standard_normal((labels, dim), np.float32) * weight
    vectors = 1.1 * random.standard_normal((images, dim), np.float32) * weight
    vectors += centres[codes] + 1.34 * random.standard_normal(dim, np.float32) / np.float32(dim**0.5)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors, codes


def compare(folder: Path, images: int, asked: argparse.Namespace) -> None:
    """All sides of one size, in turn; a line each."""
    about = ["--folder", str(folder), "--images", str(images), "--dim", str(asked.dim), "--threads", str(asked.threads)]
    run("--part", "make", *about)
    full = asked.all or images <= SMALL
    names = [name for name in SIDES if (full or name in BRIEF) and (name != "oml" or find_spec("oml"))]
    runs: dict[str, list[Record]] = {name: [] for name in names}
    for _ in range(asked.repeats if images <= SMALL else 1):
        for name in names:
            runs[name].append(json.loads(run("--side", name, *about)))
    size = 4 * images * asked.dim / 1e6
    print(f"\n{images:,} images, {PER_LABEL} a label, embeddings {size:,.0f} MB")
    heads = {"seconds": 8, "ratio": 6, "processors": 11, "ratio ": 6, "imports": 8, "memory": 10, "libraries": 10}
    print(" " * 36, *(f"{head.strip():>{width}}" for head, width in heads.items()))
    base = middle(runs["faiss"])
    for name, records in runs.items():
        one = middle(records)
        ratios = [one[key] / base[key] for key in ("clock", "processors")]
        print(
            f"{SIDES[name][0]:36} {one['clock']:8.2f} {ratios[0]:6.2f} {one['processors']:11.2f} {ratios[1]:6.2f}"
            f" {one['imports']:8.2f} {one['peak'] / 1e6 - size:7,.0f} MB {one['libraries'] / 1e6:7,.0f} MB",
            flush=True,
        )
    print(run("--part", "check", *about))


def middle(records: list[Record]) -> Record:
    """The median of each figure."""
    return {key: median(record[key] for record in records) for key in records[0]}


def run(*arguments: str) -> str:
    """What a process of its own prints last."""
    command = [sys.executable, "-m", "benchmarks.retrieve", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def measure(side: str, folder: Path, threads: int) -> Record:
    """Seconds of importing and of working, on the clock and of all processors; the most memory, in bytes."""
    start = perf_counter()
    work = SIDES[side][1](threads)
    imports, libraries = perf_counter() - start, runtime.peak_memory()
    vectors, labels = np.load(folder / "vectors.npy"), np.load(folder / "labels.npy")
    with threadpool_limits(threads):
        clock, processors = perf_counter(), process_time()
        found = work(vectors, labels)
        spent = {"clock": perf_counter() - clock, "processors": process_time() - processors, "imports": imports}
    if isinstance(found, np.ndarray):
        np.save(folder / f"{side}.npy", found[:: max(len(found) // SAMPLE, 1)])
    return {**spent, "peak": runtime.peak_memory(), "libraries": libraries}


def make(folder: Path, images: int, dim: int) -> None:
    """The embeddings that all sides read."""
    vectors, labels = clustered(images, dim, -(-images // PER_LABEL))
    np.save(folder / "vectors.npy", vectors)
    np.save(folder / "labels.npy", labels)


def check(folder: Path, images: int, dim: int) -> None:
    """Ours of every (N // SAMPLE)-th image beside what float64 products rank first."""
    wide = np.load(folder / "vectors.npy").astype(np.float64)
    asking = np.arange(images)[:: max(images // SAMPLE, 1)]
    products = wide[asking] @ wide.T
    products[np.arange(len(asking)), asking] = -np.inf
    order = np.argsort(-products, axis=1, kind="stable")[:, :DEPTH]
    for name in ("fp32", "bf16"):
        rows = np.load(folder / f"{name}.npy").astype(np.int64)
        differing = rows != order
        values = [np.take_along_axis(products, each, 1)[differing] for each in (rows, order)]
        ties = np.count_nonzero(np.abs(values[0] - values[1]) < 1e-14)
        found = f"{rows.size:,} neighbours, {np.count_nonzero(differing)} are not float64's, {ties} of these are ties"
        print(f"{SIDES[name][0]}: {found}")


def faiss_alone(threads: int) -> Work:
    """IndexFlatIP, the query itself among the found."""
    import faiss

    def work(vectors: Vectors, labels: Labels) -> None:
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        index.search(vectors, DEPTH + 1)

    return work


def products_alone(kind: str) -> Callable[[int], Work]:
    """Every vector times every other one by torch, a block of queries at a time."""

    def prepare(threads: int) -> Work:
        import torch

        torch.set_num_threads(threads)

        def work(vectors: Vectors, labels: Labels) -> None:
            gallery = torch.from_numpy(vectors).to(getattr(torch, kind))
            for start in range(0, len(gallery), BLOCK):
                torch.mm(gallery[start : start + BLOCK], gallery.T)

        return work

    return prepare


def ours(precision: str) -> Callable[[int], Work]:
    """Retrieval and the metrics of every query."""

    def prepare(threads: int) -> Work:
        from src import fast_products, metrics, retrieval

        fast_products.choose(precision, threads)  # imported by now, and torch's libraries in memory

        def work(vectors: Vectors, labels: Labels) -> NDArray[np.int32]:
            rows = np.arange(len(vectors))
            side = retrieval.Side(vectors, labels, rows, rows)
            found = retrieval.neighbors(side, side, DEPTH, precision=precision)
            for block, hits in found.unpacked():
                metrics.score(hits, found.n_relevant[block], found.first_hit[block])
            return found.rows

        return work

    return prepare


def metric_learning(threads: int) -> Work:
    """pytorch-metric-learning's calculator, which asks faiss."""
    import torch
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    torch.set_num_threads(threads)
    metrics = ("precision_at_1", "r_precision", "mean_average_precision_at_r")
    calculator = AccuracyCalculator(include=metrics, k="max_bin_count", device=torch.device("cpu"))
    return lambda vectors, labels: calculator.get_accuracy(torch.from_numpy(vectors), torch.from_numpy(labels))


def open_metric_learning(threads: int) -> Work:
    """Its search and three of its metrics."""
    import torch
    from oml.functional.knn import batched_knn
    from oml.functional.metrics import calc_retrieval_metrics

    torch.set_num_threads(threads)

    def work(vectors: Vectors, labels: Labels) -> None:
        all_of_them = torch.arange(len(vectors))
        wanted = torch.from_numpy(labels)
        found = batched_knn(torch.from_numpy(vectors), all_of_them, all_of_them, DEPTH, labels_gt=wanted)
        calc_retrieval_metrics(*found[1:], cmc_top_k=(1, 5), precision_top_k=(5,), map_top_k=(5,), verbose=False)

    return work


SIDES: dict[str, tuple[str, Callable[[int], Work]]] = {
    "faiss": ("faiss, search alone", faiss_alone),
    "torch": ("torch fp32, products alone", products_alone("float32")),
    "torch_bf16": ("torch bf16, products alone", products_alone("bfloat16")),
    "fp32": ("ours, fp32", ours("fp32")),
    "bf16": ("ours, bf16 shortlist", ours("bf16")),
    "pml": ("pytorch-metric-learning, 3 metrics", metric_learning),
    "oml": ("Open Metric Learning, 3 metrics", open_metric_learning),
}
PARTS = {"make": make, "check": check}
BRIEF = ("faiss", "fp32", "bf16")

if __name__ == "__main__":
    main()
