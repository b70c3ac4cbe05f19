"""Floor 2. Which queries are worth looking at, what was found for them, and small pictures of both."""

import base64
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from src import images
from src.neighbors import Neighbors

SHOWN = 5  # neighbours of a query on the page, as many as mMP@5 looks at
MOST_CASES = 180  # on a page: more would be neither looked at nor small
BUDGET = 3_600_000  # bytes of all thumbnails as they stand in the page, so that it stays below 5 MB
LADDER = ((96, 80), (96, 60), (72, 50), (48, 40))  # (longer side, JPEG quality), tried until the budget holds
LONGEST = 100  # characters of a label


@dataclass(frozen=True)
class Ranking:
    """What one strategy found for a query: manifest rows, best first, and which of them are right."""

    strategy: str
    rows: tuple[int, ...]
    right: tuple[bool, ...]
    n_relevant: int

    @property
    def counted(self) -> int:
        """Ranks that mMP@5 looks at."""
        return min(self.n_relevant, SHOWN)

    @property
    def hits(self) -> int:
        """Right ones among the counted ranks."""
        return sum(self.right[: self.counted])


@dataclass(frozen=True)
class Case:
    """A query worth looking at."""

    row: int
    reason: str  # 'worst', 'chance' or 'gain'
    rankings: tuple[Ranking, ...]

    @property
    def rows(self) -> list[int]:
        """Every picture the case shows, as often as it shows it."""
        return [self.row, *(row for found in self.rankings for row in found.rows)]


@dataclass(frozen=True)
class Gallery:
    """The cases of one dataset, and label and category of every manifest row they show."""

    cases: tuple[Case, ...]
    names: Mapping[int, tuple[str, str]]


def gather(
    quality: pd.DataFrame, neighbors: Mapping[str, Neighbors], manifest: pd.DataFrame, count: int, seed: int
) -> Gallery:
    """The gallery of one dataset: `count` queries as pretrained and the best tuned strategy answer them.

    `quality`: mMP@5 [queries x strategies], index = manifest row. `neighbors`: what each strategy found for them.
    """
    if quality.empty:
        return Gallery((), {})
    labels, categories = manifest["label"].to_numpy(dtype=str), manifest["category"].to_numpy(dtype=str)
    shown = contrast(quality)
    cases = tuple(
        Case(row, reason, tuple(rank(name, neighbors[name], row) for name in shown))
        for row, reason in choose(quality[shown], labels, count, seed)
    )
    rows = {row for case in cases for row in case.rows}
    return Gallery(cases, {row: (str(labels[row])[:LONGEST], str(categories[row])[:LONGEST]) for row in sorted(rows)})


def rank(strategy: str, found: Neighbors, query: int) -> Ranking:
    """The first SHOWN of what was found for the query in manifest row `query`."""
    place = int(np.flatnonzero(found.query == query)[0])
    rows = [int(row) for row in found.rows[place, :SHOWN] if row >= 0]
    right = np.unpackbits(found.hits[place], count=len(rows)).astype(bool).tolist()
    return Ranking(strategy, tuple(rows), tuple(right), int(found.n_relevant[place]))


def contrast(quality: pd.DataFrame) -> list[str]:
    """The two strategies to look at side by side: pretrained, and the tuned one that is best on average."""
    tuned = quality.drop(columns="pretrained", errors="ignore").mean()
    return ["pretrained"] * ("pretrained" in quality) + ([str(tuned.idxmax())] if len(tuned) else [])


def choose(quality: pd.DataFrame, labels: NDArray[np.str_], count: int, seed: int) -> list[tuple[int, str]]:
    """About a third each: the worst of the better strategy, the largest gains from first to last column, by chance.

    No query twice; among the worst and the gains no label twice. The same for the same arguments.
    """
    better = str(quality.mean().idxmax())
    rest = [str(name) for name in quality.columns if name != better]
    worst = quality.sort_values([better, *rest], kind="stable").index
    gain = quality.iloc[:, -1] - quality.iloc[:, 0]
    gains = gain[gain > 0].sort_values(ascending=False, kind="stable").index
    chance = np.random.default_rng(seed).permutation(quality.index)
    wanted = {"worst": -(-count // 3), "gain": -(-(count - 1) // 3) if len(gains) else 0}
    chosen: dict[int, str] = {}
    for reason, rows in (("worst", worst), ("gain", gains)):
        once = pd.Index(rows)[~pd.Series(labels[rows]).duplicated()]
        chosen |= {int(row): reason for row in [r for r in once if r not in chosen][: wanted[reason]]}
    left = [int(row) for row in chance if row not in chosen]
    return [*chosen.items(), *((row, "chance") for row in left[: max(count - len(chosen), 0)])]


def thumbnails(pictures: Mapping[Any, bytes], uses: Sequence[Any]) -> dict[Any, str]:
    """Every picture as a JPEG data URI, as large as BUDGET allows if each stands in the page as often as in `uses`."""
    small = {key: _shrink(images.decode(data)) for key, data in pictures.items()}
    times = Counter(uses)
    for side, quality in LADDER:
        uris = {key: _jpeg(image, side, quality) for key, image in small.items()}
        if sum(len(uri) * times[key] for key, uri in uris.items()) <= BUDGET:
            break
    return uris


def _shrink(image: Image.Image) -> Image.Image:
    image.thumbnail((LADDER[0][0],) * 2, Image.Resampling.LANCZOS)
    return image


def _jpeg(image: Image.Image, side: int, quality: int) -> str:
    copy, file = image.copy(), io.BytesIO()
    copy.thumbnail((side, side), Image.Resampling.LANCZOS)
    copy.save(file, "JPEG", quality=quality, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
