"""A repository root in miniature, for the tests of retrieve and evaluate: what the stages before them leave.

Every dataset is the same eight photos, drawn as angles in the plane: of two jars, tea and jam, and a query, rye, that
nothing in the gallery answers.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from src import manifest, neighbors, store

ROOT = Path(__file__).parents[2]
PHOTOS = [  # split, tuning, label, angle
    ("train", "train", "tea", 0),
    ("train", "train", "jam", 90),
    ("gallery", "", "tea", 10),
    ("gallery", "", "jam", 80),
    ("gallery", "", "tea", 60),
    ("query", "", "tea", 5),  # finds tea, tea, jam
    ("query", "", "jam", 65),  # finds tea, jam, tea
    ("query", "", "rye", 45),  # finds nothing of its own
]
PHONE = {"query": "query", "gallery": "gallery"}


def write_params(protocols: dict[str, Any] | None = None, **changes: Any) -> None:
    """The project's params.yaml with the toy datasets, and whole keys changed."""
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw["models"]["toy"] = raw["models"]["sample_ssl"]
    raw |= {"model": "toy", "datasets": ["one", "two"], "retrieve": {"depth": 20}} | changes
    entry = {"reader": "folder", "protocols": protocols or {"phone": PHONE}}
    raw["catalogue"] |= dict.fromkeys(raw["datasets"], entry)
    Path("params.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))


def table(**columns: Any) -> pd.DataFrame:
    """The manifest, with columns changed."""
    split, tuning, label, _ = zip(*PHOTOS, strict=True)
    numbers = [str(row) for row in range(len(PHOTOS))]
    fixed = {"image_id": numbers, "file": numbers, "category": "jar", "group": "", "caption": "", "sha256": numbers}
    return pd.DataFrame({**fixed, "split": split, "tuning": tuning, "label": label, "width": 8, "height": 8, **columns})


def write_manifest(dataset: str, rows: pd.DataFrame | None = None) -> str:
    """data/manifests/<dataset>; gives its sha256."""
    folder = Path("data/manifests") / dataset
    manifest.write(folder, table() if rows is None else rows)
    store.write_json(folder / "summary.json", {"images": 8, "labels": 3, "quarantined": 1, "byte_equal": 0})
    return manifest.read(folder)[1]


def vectors() -> np.ndarray:
    angles = np.radians([photo[-1] for photo in PHOTOS])
    return np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)


def write_embeddings(strategy: str, *place: str, embeddings: np.ndarray | None = None, **about: Any) -> Path:
    """data/embeddings/<strategy>/<place> for the manifest of the place's last name."""
    folder = Path("data/embeddings", strategy, *place)
    _, manifest_sha256 = manifest.read(Path("data/manifests") / place[-1])
    sidecar = {"model": "toy", "weights_sha256": "w", "manifest_sha256": manifest_sha256, **about}
    store.write_embeddings(folder, vectors() if embeddings is None else embeddings, sidecar)
    return folder


def build(strategy: str = "pretrained", **changes: Any) -> None:
    """params.yaml, and manifests and embeddings of both datasets; a tuned classifier answers tea to everything."""
    write_params(**changes)
    for dataset in ("one", "two"):
        write_manifest(dataset)
    merged = changes.get("cross_tune", {}).get("merged", [])
    for place in neighbors.places(strategy, ["one", "two"], ["top_tuned", "fine_tuned"], merged):
        training = {"hybrid": "lora", "trained_parameters": 12} if strategy == "hybrid_tuned" else {}
        folder = write_embeddings(strategy, *place, classes=["jam", "tea"], **training)
        if strategy in ("top_tuned", "fine_tuned", "hybrid_tuned"):
            store.write_array(folder / "predictions.npy", np.ones(len(PHOTOS), np.int64))
