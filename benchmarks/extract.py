"""How fast photos become vectors: ours by engine and precision, a plain timm loop, and what the machine allows.

python -m benchmarks.extract [--models vit_tiny_patch16_224 ...] [--pixels 160 800] [--seconds 4] [--repeats 3]

Random weights, photos made here. "floor" is what no loop around these engines can beat: the fastest forward pass of a
precision on batches in memory, plus the cheapest decoding and resizing to equal pixels, each alone and on all cores.
"plain" is what one writes with timm and a DataLoader, in fp32; "set-up" is what an engine takes before the first batch
and is not in its rate. All sides take turns, medians count; other work on the machine harms all, but not equally.
"""

from src.backbones import Backbone  # first: torch's threads learn how to wait, and timm gets its torchvision

# isort: split
import argparse
import copy
import io
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_model_data_config

from src import engines, images
from src.embedding import Embeddings, Eyes, Meter, embed_rows
from src.images import FILTERS, Pixels, Preprocessing, Shards
from src.params import RuntimeParams
from src.runtime import cores, peak_memory, processor

MODELS = ["vit_tiny_patch16_224", "resnet50", "vit_base_patch16_224"]
WHOLE = 16 * cores()  # images that fill a batch of every engine on every core
PLAIN = 4  # the plain loop takes one in so many images: it is the slowest, and its rate needs no more
BATCH = 32  # of the plain loop
RUNTIME = RuntimeParams(device="cpu")
KINDS = [
    (name, precision) for name in engines.ENGINES if engines.installed(name) for precision in ("fp32", "bf16")
]  # engine and precision
Rates = dict[tuple[Any, ...], float]  # side -> images a second


def main() -> None:
    """A table for every network and photo size."""
    asked = arguments()
    torch.set_num_threads(cores())
    versions = ", ".join(f"{name} {engines.installed(name) or 'is not installed'}" for name in engines.ENGINES)
    print(f"{processor()}, {cores()} cores; {versions}")
    if not engines.installed("openvino"):
        print("`pip install -r requirements-openvino.txt` would measure openvino too")
    for model in asked.models:
        bench = Bench(model, asked.seconds, asked.pixels)
        print(f"\n{model}, {bench.count} photos of each size", flush=True)
        report(bench, medians(bench.sides(), asked.repeats))


def arguments() -> argparse.Namespace:
    """What to measure, and how long."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=MODELS, help="architectures of timm")
    parser.add_argument("--pixels", nargs="+", type=int, default=[160, 800], help="shorter sides of the photos")
    parser.add_argument("--seconds", type=float, default=4.0, help="of the slowest side in each turn, about")
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


class Bench:
    """A network, and photos of some sizes to embed with it; each method gives the images a second of one side."""

    def __init__(self, model: str, seconds: float, sizes: Sequence[int]) -> None:
        torch.manual_seed(0)
        self.plain = timm.create_model(model, pretrained=False, num_classes=0).eval()
        settings = resolve_model_data_config(self.plain)
        self.transform = create_transform(**settings)
        self.how = Preprocessing(
            settings["input_size"][1],
            settings["mean"],
            settings["std"],
            settings["crop_pct"],
            interpolation=settings["interpolation"],
        )
        ours = copy.deepcopy(self.plain).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.backbone = Backbone(ours, self.how, {"dim": self.plain.num_features})
        blank = torch.zeros(WHOLE, 3, self.how.size, self.how.size)
        with torch.inference_mode():
            speed = rate(WHOLE, lambda: self.plain(blank))
        self.count = max(round(speed * seconds / WHOLE), 2) * WHOLE
        self.folders = [TemporaryDirectory() for _ in sizes]
        self.shards = {size: self.pack(size, Path(at.name)) for size, at in zip(sizes, self.folders, strict=True)}
        self.vectors: dict[tuple[Any, ...], Embeddings] = {}
        self.set_up: dict[str, float] = {}

    def pack(self, size: int, folder: Path) -> Shards:
        """Soft blotches under grain: JPEG takes 9 kB for one of 160 px and 260 kB at 800 px, as for photos."""
        images.write_shards(folder, (photo(size, seed) for seed in range(self.count)))
        return Shards(folder)

    def sides(self) -> dict[tuple[Any, ...], Callable[[], float]]:
        """What is measured, by name."""
        found: dict[tuple[Any, ...], Callable[[], float]] = {}
        for kind in KINDS:
            found["forward", *kind] = partial(self.forward, *kind)
        for size in self.shards:
            found["decode", size] = partial(self.decode, read_ours, size)
            found["pillow", size] = partial(self.decode, read_plainly, size)
            for kind in KINDS:
                found["ours", *kind, size] = partial(self.ours, *kind, size)
            found["plain", size] = partial(self.loop, size)
        return found

    def forward(self, engine: str, precision: str) -> float:
        """The network alone, on whole batches in memory, after each core had one."""
        pixels = np.random.default_rng(0).integers(0, 256, (WHOLE, self.how.size, self.how.size, 3), np.uint8)
        eyes = Eyes(self.backbone.network, self.how)
        device = torch.device("cpu")
        with engines.opened(engine, eyes, self.how.size, precision, device, RUNTIME) as running:
            batches = np.split(pixels, WHOLE // running.batch)
            in_threads(running.run, batches)
            return rate(self.count, lambda: in_threads(running.run, batches * (self.count // WHOLE)))

    def decode(self, read: Callable[[bytes, Preprocessing], Pixels], size: int) -> float:
        """Decoding and resizing alone."""
        shards = self.shards[size]
        return rate(self.count, lambda: in_threads(lambda row: read(shards[row], self.how), range(self.count)))

    def ours(self, engine: str, precision: str, size: int) -> float:
        """`embed_rows`, from the first byte on."""
        start, meter = perf_counter(), Meter()
        self.vectors[engine, precision, size] = embed_rows(
            self.backbone, self.shards[size], precision, RUNTIME, "extract", meter=meter, engine=engine
        )
        self.set_up[engine] = perf_counter() - start - meter.seconds
        return meter.rate

    def loop(self, size: int) -> float:
        """The loop of timm's own examples: processes decode, the network takes all threads, fp32."""
        photos = Photos(self.shards[size], self.transform, self.count // PLAIN)
        found = []
        start = perf_counter()
        with torch.inference_mode():
            for batch in torch.utils.data.DataLoader(photos, BATCH, num_workers=cores()):
                found.append(self.plain(batch))
        seconds = perf_counter() - start
        self.vectors["plain", size] = torch.nn.functional.normalize(torch.cat(found)).numpy()
        return len(photos) / seconds


class Photos(torch.utils.data.Dataset[torch.Tensor]):
    """The first photos of the shards as timm's evaluation wants them."""

    def __init__(self, shards: Shards, transform: Callable[[Image.Image], torch.Tensor], count: int) -> None:
        self.shards, self.transform, self.count = shards, transform, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, row: int) -> torch.Tensor:
        return self.transform(Image.open(io.BytesIO(self.shards[row])).convert("RGB"))


def photo(size: int, seed: int) -> bytes:
    """JPEG bytes of a picture `size` pixels high and a third wider."""
    rng, wide = np.random.default_rng(seed), size * 4 // 3
    blotches = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize((wide, size), FILTERS["bicubic"])
    grain, data = rng.normal(0, 6, (size, wide, 1)), io.BytesIO()
    Image.fromarray((np.asarray(blotches) + grain).clip(0, 255).astype(np.uint8)).save(data, "JPEG", quality=90)
    return data.getvalue()


def read_ours(data: bytes, how: Preprocessing) -> Pixels:
    """A photo as `embed_rows` reads it."""
    return images.preprocess(images.decode(data), how)


def read_plainly(data: bytes, how: Preprocessing) -> Pixels:
    """The same pixels by Pillow alone, of an upright photo in RGB that is wider than high: less work is not known."""
    image, side = Image.open(io.BytesIO(data)).convert("RGB"), int(how.size / how.crop)
    image = image.resize((side * image.width // image.height, side), FILTERS[how.interpolation])
    left, top = round((image.width - how.size) / 2), round((side - how.size) / 2)
    return np.asarray(image.crop((left, top, left + how.size, top + how.size)))


def in_threads(work: Callable[[Any], Any], items: Iterable[Any]) -> None:
    """`work` of each item, on all cores."""
    with ThreadPoolExecutor(cores()) as pool:
        for _ in pool.map(work, items):
            pass


def rate(count: int, work: Callable[[], object]) -> float:
    """Images a second, on the clock."""
    start = perf_counter()
    work()
    return count / (perf_counter() - start)


def medians(sides: dict[tuple[Any, ...], Callable[[], float]], repeats: int) -> Rates:
    """Every side in turn, `repeats` times."""
    found: dict[tuple[Any, ...], list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            found[name].append(side())
    return {name: median(rates) for name, rates in found.items()}


def report(bench: Bench, rates: Rates) -> None:
    """The table of a network."""
    for size, shards in bench.shards.items():
        example = shards[0]
        assert np.array_equal(read_ours(example, bench.how), read_plainly(example, bench.how)), "not the same pixels"
        decoded, plain = max(rates["decode", size], rates["pillow", size]), rates["plain", size]
        print(f"  {size} px: decoding alone {decoded:.1f} images/s, the plain loop {plain:.1f}")
        for kind in KINDS:
            print(f"    {line(bench, rates, kind, size, decoded)}")
    set_up = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in bench.set_up.items())
    print(f"  set-up: {set_up}; peak memory so far, all sides: {peak_memory() / 1e6:,.0f} MB", flush=True)


def line(bench: Bench, rates: Rates, kind: tuple[str, str], size: int, decoded: float) -> str:
    """One engine in one precision: its rate, beside the floor, its own floor, the plain loop, and the plain vectors."""
    ours, plain = rates["ours", *kind, size], rates["plain", size]
    passes = {other: rates["forward", *other] for other in KINDS if other[1] == kind[1]}
    floor, own = (1 / (1 / forward + 1 / decoded) for forward in (max(passes.values()), passes[kind]))
    expected = bench.vectors["plain", size]
    away = np.linalg.norm(bench.vectors[*kind, size][: len(expected)] - expected, axis=1).max()
    return (
        f"{kind[0]:8} {kind[1]} {ours:6.1f} images/s: {ours / floor:.2f} of the floor {floor:.1f}"
        f" ({ours / own:.2f} of this engine's {own:.1f}), {ours / plain:.2f} x plain, vectors {away:.0e} away"
    )


if __name__ == "__main__":
    main()
