"""Tiny trees in official layouts, as folders and as archives."""

import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

Files = dict[str, Any]  # name -> bytes or text


def lay_out(root: Path, files: Files) -> Path:
    """The files below a folder."""
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return root


def pack(path: Path, files: Files) -> Path:
    """The files in one .zip or .tar; the folder it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    contents = {name: data if isinstance(data, bytes) else data.encode() for name, data in files.items()}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in contents.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(path, "w") as archive:
            for name, data in contents.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return path.parent


def rows(records: pd.DataFrame, *columns: str) -> list[tuple[str, ...]]:
    """Rows as they stand, a tuple each."""
    return list(records[list(columns)].itertuples(index=False, name=None))


def jpeg(seed: int) -> bytes:
    """A tiny photo, another one for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()
