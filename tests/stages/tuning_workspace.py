"""A repository root in miniature, for the tests of the tuning stages: params.yaml and what earlier stages leave."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from src import manifest, store

ROOT = Path(__file__).parents[2]
LABELS, PHOTOS = 6, 8  # photos of a label: 4 teach, 2 choose, 2 ask


def params(root: Path, **changes: object) -> None:
    """The project's params.yaml with datasets `one` and `two`, and dotted keys changed: top_tune__lr=1."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    entry = raw["catalogue"]["sample_cars"]
    raw |= {"datasets": ["one", "two"], "catalogue": {"one": entry, "two": entry}}
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
