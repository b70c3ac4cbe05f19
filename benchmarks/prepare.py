"""What preparing photos costs beyond looking at each of them once.

python -m benchmarks.prepare [--pixels 160 800 3000 --megabytes 80 --workers 2 --rounds 3]

The floor reads every file, hashes it, and decodes it at a reduced scale, in as many threads. Ours besides packs the
bytes into shards, measures every picture, and keeps what an interrupted run goes on from. Sides run by turns. A last
line repeats ours with one worker, to show what the others bring.
"""

import argparse
import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from benchmarks.photos import jpegs
from benchmarks.sides import by_turns
from src import images
from src.datasets import intake
from src.datasets.raw import Raw


def main() -> None:
    """For each size of photos: images a second of the floor and of ours, and the ratio."""
    asked = arguments()
    for pixels in asked.pixels:
        with TemporaryDirectory() as folder:
            photos = fill(Path(folder), pixels, asked.megabytes)
            compare(Path(folder), photos, pixels, asked)


def fill(folder: Path, pixels: int, megabytes: int) -> list[Path]:
    """Write `megabytes` of JPEGs."""
    size = len(jpegs(1, pixels)[0])
    (folder / "photos").mkdir()
    paths = []
    for number, data in enumerate(jpegs(megabytes * 10**6 // size, pixels)):
        paths.append(folder / "photos" / f"{number:06d}.jpg")
        paths[-1].write_bytes(data)
    return paths


def compare(folder: Path, photos: list[Path], pixels: int, asked: argparse.Namespace) -> None:
    """Measure both sides and print a line each."""
    raw, names = Raw(folder / "photos"), [path.name for path in photos]
    records = pd.DataFrame({"image_id": names, "file": names, "label": "a"})

    def ours(workers: int) -> None:
        with TemporaryDirectory(dir=folder) as shards, TemporaryDirectory(dir=folder) as scratch:
            made = intake.pack(raw, records, Path(shards), workers, "prepare", Path(scratch))
        assert len(made.kept) == len(photos) and made.quarantine.empty

    found = by_turns(
        {
            "floor": lambda: look(photos, asked.workers),
            "ours": lambda: ours(asked.workers),
            "ours, 1 worker": lambda: ours(1),
        },
        asked.rounds,
    )
    print(f"\n{len(photos):,} JPEGs of {pixels} px, {asked.workers} workers")
    for side, spent in found.items():
        ratio = spent / found["floor"]
        rate = f"{len(photos) / spent.clock:8,.0f} images/s ({ratio.clock:.2f} x the floor)"
        print(f"  {side:15} {rate}   processors {spent.processors:6.2f} s ({ratio.processors:.2f} x)", flush=True)


def look(photos: list[Path], workers: int) -> None:
    """Read, hash and decode each photo once."""
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(glance, photos):
            pass


def glance(path: Path) -> str:
    """The least that tells a whole photo from a broken one, and from the others."""
    data = path.read_bytes()
    images.glance(data)
    return hashlib.sha256(data).hexdigest()


def arguments() -> argparse.Namespace:
    """The sizes of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pixels", type=int, nargs="+", default=[160, 800, 3000])
    for name, value in {"megabytes": 80, "workers": 2, "rounds": 3}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args()


if __name__ == "__main__":
    main()
