"""How time and memory grow with the number of images, stage by stage, each in a process of its own.

python -m benchmarks.growth [--images 1000 10000 100000] [--dim 768] [--curve growth.svg]

A workspace is made for every size, in a temporary folder: a tar of small photos, five a label. `prepare`, `retrieve`
and `evaluate` are the stages themselves. Of `extract` the network is replaced by one that averages pixels, so that what
remains is reading shards, decoding and keeping vectors. What is searched is made up, as in benchmarks.retrieve.

A table says seconds, peak memory, what an image more costs between the two largest sizes in microseconds and bytes, and
the exponent of the time between them: 1 is linear. Exact retrieval compares every pair, which is quadratic by nature. A
million images take 15 GB of disk and, for `retrieve`, hours. `--curve` draws both against the number of images, where
matplotlib is installed.
"""

import argparse
import io
import os
import subprocess
import sys
import tarfile
from importlib.util import find_spec
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

import src  # noqa: F401  first: it tells torch's threads how to wait

# isort: split
import numpy as np
import yaml
from PIL import Image

from src import manifest, paths, store
from src.params import load

ROOT = Path(__file__).parents[1]
NAME = "growth"
PER_LABEL, SIDE, MOTIFS = 5, 96, 16
STAGES = {
    "prepare": ["src.stages.prepare", NAME],
    "extract, no network": ["benchmarks.growth", "--part", "extract"],
    "retrieve": ["src.stages.retrieve", "pretrained"],
    "evaluate": ["src.stages.evaluate", "pretrained"],
}


class Cost(NamedTuple):
    """Of one stage at one size."""

    seconds: float
    memory: int  # bytes, at the peak


def main() -> None:
    """Measure every size, then say how it grows; or be the part of it that runs in a workspace."""
    asked = arguments()
    if asked.part:
        PARTS[asked.part](asked.size, asked.dim)
        return
    sizes = sorted(asked.images)
    costs: dict[str, list[Cost]] = {name: [] for name in STAGES}
    for size in sizes:
        for name, cost in measure(size, asked.dim).items():
            costs[name].append(cost)
            print(f"{name:20} {size:>9,} images {cost.seconds:9.1f} s {cost.memory / 1e6:8,.0f} MB", flush=True)
    report(sizes, costs)
    if asked.curve:
        draw(sizes, costs, asked.curve)


def arguments() -> argparse.Namespace:
    """The sizes of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--dim", type=int, default=768)
    parser.add_argument("--curve", type=Path)
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(size: int, dim: int) -> dict[str, Cost]:
    """What each stage costs in a new workspace."""
    costs = {}
    with TemporaryDirectory() as folder:
        for name, command in STAGES.items():
            before = {"prepare": "photos", "retrieve": "embeddings"}.get(name)
            if before:
                run(["benchmarks.growth", "--part", before, "--size", str(size), "--dim", str(dim)], folder)
            costs[name] = run(command, folder)
    return costs


def run(command: list[str], folder: str) -> Cost:
    """A module as a process in `folder`: what it costs. This process is kept small, or its own peak would be told."""
    start = perf_counter()
    started = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": folder},
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    assert started.returncode == 0, command
    return Cost(perf_counter() - start, used.ru_maxrss * (1 if sys.platform == "darwin" else 1024))


def report(sizes: list[int], costs: dict[str, list[Cost]]) -> None:
    """Between the two largest sizes: what one image more costs, and the exponent of time."""
    if len(sizes) < 2:
        return
    few, many = sizes[-2:]
    print(f"\nfrom {few:,} to {many:,}    exponent of time    an image more")
    for name, values in costs.items():
        less, more = values[-2:]
        exponent = log(more.seconds / less.seconds) / log(many / few)
        time, memory = ((b - a) / (many - few) for a, b in zip(less, more, strict=True))
        print(f"{name:20} {exponent:18.2f} {time * 1e6:12,.0f} us {memory:9,.0f} bytes")


def draw(sizes: list[int], costs: dict[str, list[Cost]], path: Path) -> None:
    """Time and memory against size, as the picture that `path` names."""
    if find_spec("matplotlib") is None:
        print("the curve is drawn by matplotlib, which is not installed: pip install matplotlib")
        return
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, (time, memory) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for name, values in costs.items():
        time.loglog(sizes, [cost.seconds for cost in values], marker="o", label=name)
        memory.loglog(sizes, [cost.memory / 1e6 for cost in values], marker="o", label=name)
    slope = costs["prepare"][-1].seconds / sizes[-1]
    time.loglog(sizes, [slope * size for size in sizes], linestyle=":", color="grey", label="linear")
    time.set(xlabel="images", ylabel="seconds", title="time")
    memory.set(xlabel="images", ylabel="MB at the peak", title="memory")
    time.legend()
    figure.savefig(path)
    print(f"drawn: {path}")


def photos(size: int, dim: int) -> None:
    """A workspace: params.yaml with one dataset, a tar of photos that differ in their last bytes, all of them test."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["catalogue"][NAME] = {"reader": "folder", "protocols": {"test": {"query": "test", "gallery": "test"}}}
    params |= {"datasets": [NAME], "strategies": ["pretrained"]}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    paths.raw(NAME).mkdir(parents=True)
    random, motifs = np.random.default_rng(0), []
    for _ in range(MOTIFS):
        coarse = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8))
        coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(photo := io.BytesIO(), "JPEG", quality=90)
        motifs.append(photo.getvalue())
    with tarfile.open(paths.raw(NAME) / "photos.tar", "w") as tar:
        for row in range(size):
            data = motifs[row % MOTIFS] + row.to_bytes(8, "big")
            entry = tarfile.TarInfo(f"test/{row // PER_LABEL:07d}/{row % PER_LABEL}.jpg")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))


def extract(size: int, dim: int) -> None:
    """Embed the photos as `extract` does, by a network that averages them on a grid."""
    from torch import nn

    from src import embedding
    from src.backbones import Backbone
    from src.images import Preprocessing, Shards

    network = nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Flatten())
    how = Preprocessing(64, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    backbone = Backbone(network, how, {"dim": 3 * 8 * 8})
    embedding.embed_rows(backbone, Shards(paths.shards(NAME)), "fp32", load().runtime, NAME, store.scratch(NAME))


def embeddings(size: int, dim: int) -> None:
    """What `retrieve` reads."""
    from benchmarks.retrieve import clustered

    _, manifest_sha256 = manifest.read(paths.manifest(NAME))
    vectors, _ = clustered(size, dim, -(-size // PER_LABEL))
    made = {"model": load().model, "weights_sha256": "none", "manifest_sha256": manifest_sha256}
    store.write_embeddings(paths.embeddings("pretrained", NAME), vectors, made)


PARTS = {"photos": photos, "extract": extract, "embeddings": embeddings}

if __name__ == "__main__":
    main()
