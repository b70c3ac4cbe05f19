"""How long a step of fine-tuning takes: ours in fp32 and in bf16, and a plain PyTorch loop, side by side in one run.

python -m benchmarks.fine_tune [--models vit_tiny_patch16_224 resnet50 --batch 32 --pixels 800 --steps 6 --rounds 3 ...]

A step reads, decodes and varies a batch of JPEGs, none of them kept from an earlier step, goes forward and back through
a network with random weights, clips and updates. The plain loop is what most write: a DataLoader with a worker a
thread, torchvision's transforms, fp32, AdamW. "products alone" is the floor: forward and back on one batch that lies
ready, by the fastest kernels found. Each side runs a short epoch, by turns; the median counts.
"""

import src  # noqa: F401  first: it tells torch's threads how to wait
from src.backbones import torchvision_ops  # noqa: F401  before timm and torchvision

# isort: split
import argparse
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import timm
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from tqdm import tqdm

from benchmarks.photos import jpegs
from benchmarks.sides import Work, by_turns
from src import images
from src.images import Preprocessing, Shards
from src.tuning import kernels, loop, optimisers
from src.tuning.classifiers import CosineClassifier, Tuned
from src.tuning.lessons import Lesson
from src.tuning.photos import Photos
from src.tuning.recipes import Recipe
from src.tuning.snapshots import Keeper, State

CLASSES = 100
HOW = Preprocessing(224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def main() -> None:
    """For each network and side: seconds a step, images a second, and how that compares."""
    asked = arguments()
    torch.set_num_threads(asked.threads)
    loop.keep_memory()
    with TemporaryDirectory() as folder:
        images.write_shards(Path(folder), jpegs(asked.batch * asked.steps, asked.pixels))
        for name in asked.models:
            compare(name, Shards(Path(folder)), asked)


def compare(name: str, shards: Shards, asked: argparse.Namespace) -> None:
    """Measure all sides on one network and print a line each."""
    print(f"\n{name}, 224 px, batches of {asked.batch} from JPEGs of {asked.pixels} px, {asked.threads} threads")
    sides = {"plain loop fp32": plain(name, shards, asked)}
    for precision in ("fp32", "bf16"):
        sides[f"ours {precision}"] = ours(name, shards, asked, precision)
        sides[f"products alone {precision}"] = products(name, asked, precision)
    found = {side: spent / asked.steps for side, spent in by_turns(sides, asked.rounds).items()}
    for side, spent in found.items():
        faster = found["plain loop fp32"] / spent
        share = spent / found[f"products alone {side.split()[-1]}"]
        print(
            f"  {side:20} {spent.clock:6.2f} s a step ({faster.clock:.2f} x the plain loop, {share.clock:.2f} of floor)"
            f"   processors {spent.processors:6.2f} s ({faster.processors:.2f} x, {share.processors:.2f})",
            flush=True,
        )


def ours(name: str, shards: Shards, asked: argparse.Namespace, precision: str) -> Work:
    """An epoch of the project's loop."""
    network = timm.create_model(name, num_classes=0)
    tuned = Tuned(network, CosineClassifier(network.num_features, CLASSES))
    recipe = Recipe(1e-4, 0.05, 100, 100, asked.batch, 0.1, precision=precision)
    rows = np.arange(len(shards))
    lesson = Lesson([str(number) for number in range(CLASSES)], rows, rows % CLASSES, rows[:0], rows[:0])
    feed = Photos(shards, HOW, asked.threads, budget=0)
    loop.arrange(tuned, recipe)

    def epoch() -> None:
        state = State(tuned, optimiser)
        loop.train_epoch(Keeper(None, state), feed, lesson, recipe, 0, tqdm(disable=True))

    optimiser = optimisers.build(tuned, recipe)
    return epoch


def products(name: str, asked: argparse.Namespace, precision: str) -> Work:
    """As many times forward and back on one batch, by the fastest kernels found."""
    network = timm.create_model(name, num_classes=0).to(memory_format=torch.channels_last).train()
    batch = torch.randn(asked.batch, 3, 224, 224).to(memory_format=torch.channels_last)

    def work() -> None:
        for _ in range(asked.steps):
            network.zero_grad()
            with kernels.chosen(network, batch.device):
                with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                    vectors = network(batch)
                vectors.float().sum().backward()

    return work


class Labelled(Dataset[tuple[Tensor, int]]):
    """Photos varied one by one, as torchvision's examples do."""

    def __init__(self, shards: Shards) -> None:
        self.shards = shards
        self.vary = transforms.Compose(
            [
                transforms.RandomResizedCrop(HOW.size, (0.55, 1.0)),
                transforms.RandomHorizontalFlip(),
                transforms.RandomRotation(14),
                transforms.ColorJitter(0.3, 0.3, 0.12),
                transforms.ToTensor(),
                transforms.Normalize(HOW.mean, HOW.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.shards)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self.vary(Image.open(io.BytesIO(self.shards[row])).convert("RGB")), row % CLASSES


def plain(name: str, shards: Shards, asked: argparse.Namespace) -> Work:
    """An epoch of a loop as most write it."""
    network = timm.create_model(name, num_classes=CLASSES).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=0.05)
    loader = DataLoader(Labelled(shards), asked.batch, shuffle=True, num_workers=asked.threads, persistent_workers=True)

    def epoch() -> None:
        for batch, targets in loader:
            optimiser.zero_grad()
            loss = F.cross_entropy(network(batch), targets, label_smoothing=0.1)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 3.0)
            optimiser.step()

    return epoch


def arguments() -> argparse.Namespace:
    """The sizes of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["vit_tiny_patch16_224", "resnet50"], help="of timm, at 224 px")
    for name, value in {"batch": 32, "pixels": 800, "steps": 6, "rounds": 3, "threads": 1}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args()


if __name__ == "__main__":
    main()
