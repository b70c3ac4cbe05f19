"""Floor 2. Photos as a network wants them in training: decoded once where memory allows, varied, normalised."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Generator, Tensor

from src import images
from src.augmentation import augment
from src.embedding import normalise
from src.images import Pixels, Preprocessing, Shards
from src.tuning.lessons import Rows

BUDGET = 512 * 2**20  # bytes of decoded images kept: 3,500 at 224 px; what does not fit is decoded again every epoch


class Photos:
    """A feed: parts of manifest rows in, a normalised [B, 3, S, S] batch a part out."""

    def __init__(
        self, shards: Shards, how: Preprocessing, workers: int, device: torch.device | str = "cpu", budget: int = BUDGET
    ) -> None:
        self.shards, self.how, self.workers, self.device = shards, how, workers, device
        self.room = budget // (3 * how.size**2)
        self.kept: dict[int, Pixels] = {}

    def __call__(self, parts: list[Rows], generator: Generator | None) -> Iterator[Tensor]:
        """Batches in order, decoded ahead by threads; augmented when a generator is given."""
        if not parts:
            return
        assert len({len(part) for part in parts[:-1]}) <= 1, "only the last part may be shorter"
        for batch in images.ahead(self.pixels, np.concatenate(parts), len(parts[0]), self.workers):
            pixels = torch.from_numpy(batch).to(self.device)
            if generator is not None:
                varied = augment(pixels.permute(0, 3, 1, 2) / 255, generator)
                pixels = 255 * varied.permute(0, 2, 3, 1)
            yield normalise(pixels, self.how)

    def pixels(self, row: int) -> Pixels:
        """The decoded and cut photo of a manifest row, uint8 [S, S, 3]."""
        if row in self.kept:
            return self.kept[row]
        pixels = images.preprocess(images.decode(self.shards[row]), self.how)
        if len(self.kept) < self.room:
            self.kept[row] = pixels
        return pixels
