"""Floor 1. Files that appear whole or not at all, the embeddings file with its sidecar, scratch for unfinished work."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from src.errors import UserError

FORMAT_VERSION = 1  # of embeddings and neighbours; a reader refuses another
FLOAT32 = np.dtype("<f4")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed onto it when the block ends well and removed when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield beside
        beside.chmod(0o666 & ~_umask())  # some writers make files that only their owner can read
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A temporary folder beside `path` that takes its place, old content and all, when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    beside.chmod(0o777 & ~_umask())
    try:
        yield beside
        for file in filter(Path.is_file, beside.rglob("*")):
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
        shutil.rmtree(path, ignore_errors=True)
        os.replace(beside, path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value: Any) -> None:
    """Indented, in the order given, ending in a newline."""
    with whole(path) as part:
        part.write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """The value in a JSON file; a UserError where it is missing or cut short."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; run `dvc repro` (or `dvc pull`)") from None
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}); delete it and run `dvc repro`") from None


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Parquet, byte-equal for equal tables."""
    with whole(path) as part:
        table.to_parquet(part, index=False, compression="zstd")


def read_table(path: Path) -> pd.DataFrame:
    """A parquet table; a UserError where it is missing."""
    if not path.exists():
        raise UserError(f"{path} is missing; run `dvc repro` (or `dvc pull`)")
    return pd.read_parquet(path)


def write_array(path: Path, array: NDArray[Any]) -> None:
    """A .npy file."""
    with whole(path) as part, part.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def read_array(path: Path) -> NDArray[Any]:
    """A .npy file, mapped into memory and read-only."""
    if not path.exists():
        raise UserError(f"{path} is missing; run `dvc repro` (or `dvc pull`)")
    return np.load(path, mmap_mode="r", allow_pickle=False)


def write_embeddings(folder: Path, embeddings: NDArray[np.float32], sidecar: dict[str, Any]) -> None:
    """Write [N, D] float32 vectors of length 1 and their sidecar as one folder.

    The sidecar must name at least what `read_embeddings` compares: `manifest_sha256` and `weights_sha256`.
    """
    assert embeddings.ndim == 2 and embeddings.dtype == np.float32, (embeddings.shape, embeddings.dtype)
    assert {"manifest_sha256", "weights_sha256", "model"} <= sidecar.keys(), sidecar
    with whole_folder(folder) as part:
        fill_embeddings(part, embeddings, sidecar)


def fill_embeddings(folder: Path, embeddings: NDArray[np.float32], sidecar: dict[str, Any]) -> None:
    """The two files of an embeddings folder, into a folder that exists (a part of a larger output)."""
    rows, dim = embeddings.shape
    write_array(folder / "embeddings.npy", embeddings.astype(FLOAT32, copy=False))
    write_json(folder / "sidecar.json", {"format_version": FORMAT_VERSION, "rows": rows, "dim": dim, **sidecar})


def read_embeddings(folder: Path, manifest_sha256: str) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """[N, D] vectors (memory-mapped) and their sidecar; refused when made from another manifest or format."""
    sidecar = read_json(folder / "sidecar.json")
    embeddings = read_array(folder / "embeddings.npy")
    for key, here in {
        "format_version": FORMAT_VERSION,
        "manifest_sha256": manifest_sha256,
        "rows": len(embeddings),
    }.items():
        if sidecar.get(key) != here:
            raise UserError(f"{folder}: {key} is {sidecar.get(key)}, expected {here}; run `dvc repro` to embed again")
    return embeddings, sidecar


def tidy(folder: Path, keep: Iterable[str]) -> None:
    """Remove what an earlier choice of datasets or strategies left in a folder that a stage reads as a whole.

    DVC hashes the whole folder, so a left-over would make the same experiment look different in a fresh clone.
    What is removed is an output of a stage that params.yaml no longer asks for; DVC's cache still holds it.
    """
    for left_over in sorted(set(os.listdir(folder)) - set(keep)) if folder.exists() else []:
        print(f"{folder / left_over}: left over from an earlier choice, removed (DVC's cache still has it)")
        path = folder / left_over
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def fingerprint(*parts: Any) -> str:
    """A short content key: equal parts, equal key. Parts are anything JSON can hold."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def code_fingerprint() -> str:
    """A key that changes with any line of this package, so that kept results never outlive their code."""
    root = Path(__file__).parent
    return fingerprint([[str(file.relative_to(root)), sha256(file)] for file in sorted(root.rglob("*.py"))])


def keep_recent(folder: Path, used: set[str], runs: int = 3) -> None:
    """Forget finished work of long ago: keep what is `used` now and the latest others, `runs` times as many in all.

    So a sweep over a few models may be followed by one more dataset without doing all of them again.
    """
    for name in used:
        os.utime(folder / name)
    others = [path for path in folder.glob("[!.]*") if path.name not in used]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for old in others[(runs - 1) * len(used) :]:
        shutil.rmtree(old, ignore_errors=True)


def scratch(stage: str, key: str = "") -> Path:
    """A git-ignored folder for unfinished or reusable work, outside DVC outs and shared by queued experiments."""
    root = Path(os.environ.get("DVC_ROOT", "."))
    folder = root / ".scratch" / stage / key
    folder.mkdir(parents=True, exist_ok=True)
    return folder
