"""A repository root in miniature, for the tests of the tuning stages: params.yaml and what earlier stages leave."""

import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import torch
import yaml
from PIL import Image

from src import backbones, images, manifest, store
from src.backbones import Backbone, sample
from src.images import Shards

ROOT = Path(__file__).parents[2]
LABELS, PHOTOS = 6, 8  # photos of a label: 4 teach, 2 choose, 2 ask


def params(root: Path, datasets: Sequence[str] = ("one",), **changes: object) -> None:
    """The project's params.yaml with other datasets, and keys changed: top_tune__lr=1 is top_tune.lr."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    entry = raw["catalogue"]["sample_cars"]
    raw["catalogue"] |= dict.fromkeys(datasets, entry)
    raw |= {"datasets": list(datasets), "strategies": ["pretrained"]}
    raw["runtime"] |= {"threads": 1, "workers": 1, "device": "cpu"}
    for key, value in changes.items():
        section, _, name = key.partition("__")
        raw[section] = raw[section] | {name: value} if name else value
    (root / "params.yaml").write_text(yaml.safe_dump(raw))


def table(labels: int = LABELS, photos: int = PHOTOS) -> pd.DataFrame:
    """A manifest: `photos` images a label."""
    number = np.arange(labels * photos)
    place = number % photos
    return pd.DataFrame(
        {
            "image_id": [f"image{i}" for i in number],
            "file": [f"{i}.jpg" for i in number],
            "label": [f"label{i // photos}" for i in number],
            "category": "",
            "split": np.where(place < photos - 2, "train", "query"),
            "tuning": np.select([place < photos - 4, place < photos - 2], ["train", "val"], ""),
            "group": [str(i) for i in number],
            "caption": "",
            "width": 8,
            "height": 8,
            "sha256": [hashlib.sha256(bytes([i])).hexdigest() for i in number],
        }
    )


def write_manifest(root: Path, dataset: str, rows: pd.DataFrame) -> str:
    """data/manifests/<dataset>; gives its sha256."""
    folder = root / "data/manifests" / dataset
    manifest.write(folder, rows)
    return manifest.read(folder)[1]


def write_pretrained(root: Path, dataset: str, rows: pd.DataFrame, dim: int = 12, seed: int = 0) -> None:
    """Manifest and frozen embeddings of a dataset: a direction a label, and noise."""
    rng = np.random.default_rng(seed)
    codes = manifest.codes(rows, "label")
    vectors = rng.normal(size=(codes.max() + 1, dim))[codes] + 0.3 * rng.normal(size=(len(rows), dim))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    sidecar = {"model": "toy", "strategy": "pretrained", "weights_sha256": "w", "encoder_sha256": "w"}
    sidecar["manifest_sha256"] = write_manifest(root, dataset, rows)
    store.write_embeddings(root / "data/embeddings/pretrained" / dataset, vectors, sidecar)


def photos(root: Path, dataset: str, rows: pd.DataFrame, seed: int = 0) -> Shards:
    """Manifest and shards of a dataset: a colour a label, and noise."""
    rng = np.random.default_rng(seed)
    codes = manifest.codes(rows, "label")
    colours = rng.uniform(40, 215, (codes.max() + 1, 1, 1, 3))[codes]
    pixels = (colours + rng.normal(0, 25, (len(rows), 20, 16, 3))).clip(0, 255).astype(np.uint8)
    blobs = []
    for image in pixels:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        blobs.append(file.getvalue())
    write_manifest(root, dataset, rows)
    folder = root / "data/shards" / dataset
    folder.mkdir(parents=True, exist_ok=True)
    images.write_shards(folder, blobs)
    return Shards(folder)


def backbone(folder: Path, extra: Mapping[str, object] = MappingProxyType({})) -> Backbone:
    """A sample backbone of a few thousand weights for 16 px, as the stage `weights` leaves it."""
    config = {"model": "toy", "library": "sample", "build": {"stem": 4, "channels": [4, 8, 8, 8]}, "dim": 8}
    config |= {"parameters": 1, "gmacs": 0.1}
    config["preprocessing"] = {"size": 16, "mean": [0.5] * 3, "std": [0.25] * 3}
    torch.manual_seed(0)
    network = sample.build(config)
    network.train()(torch.randn(64, 3, 16, 16))  # its norms have seen something
    folder.mkdir(parents=True)
    backbones.save(folder, network, {**config, **extra})
    return backbones.load(folder)


def run(root: Path, stage: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The stage as DVC runs it: a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", f"src.stages.{stage}", *arguments],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(root)},
        capture_output=True,
        text=True,
    )


def digests(folder: Path) -> dict[str, str]:
    """sha256 of every file below a folder, timings left out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(file.relative_to(folder)): store.sha256(file) for file in files if file.name != "cost.json"}
