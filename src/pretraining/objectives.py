"""Floor 2. What the sample backbones are asked while they learn: three objectives, each a loss over a few rows."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from src.augmentation import augment
from src.backbones.sample import PREPROCESSING
from src.pretraining.text import TextTower, tokenise

LABEL_SMOOTHING = 0.1
PROJECTION = 128  # dimensions in which two views, or a photo and its caption, are compared
TEMPERATURE = 0.1  # of SimCLR
FIRST_SCALE, LARGEST_SCALE = 10.0, 50.0  # of CLIP, learned; its inverse is a temperature
# Instance discrimination needs stronger changes than labels do, colour excepted: here a colour often is the product.
augment_cutout = partial(
    augment, crop=(0.45, 1.0), stretch=0.26, rotation=0.33, brightness=0.2, contrast=0.2, colour=0.08, noise=0.08
)


@dataclass(frozen=True)
class Catalogue:
    """What there is to learn from; pixels are uint8, channels first."""

    photos: Tensor  # [N, 3, S, S], cluttered and clean
    labels: Tensor  # [N] int64, the product of each photo, 0 to P - 1
    captions: Sequence[str]  # [N]
    cutouts: Tensor  # [M, 4, S, S], one a product, alpha its silhouette


class Objective(nn.Module):
    """A loss over some rows of the catalogue, with whatever it learns beside the backbone and then throws away."""

    size: int  # how many rows an epoch has

    def forward(self, backbone: nn.Module, rows: Tensor, generator: Generator) -> Tensor:
        """The mean loss of these rows [B], a scalar."""
        raise NotImplementedError


class Supervised(Objective):
    """Which product is it? Cross-entropy over all products, softened labels."""

    def __init__(self, catalogue: Catalogue, dim: int) -> None:
        super().__init__()
        self.catalogue, self.size = catalogue, len(catalogue.photos)
        self.classifier = nn.Linear(dim, int(catalogue.labels.max()) + 1)

    def forward(self, backbone: nn.Module, rows: Tensor, generator: Generator) -> Tensor:
        images = augment(scale(self.catalogue.photos[rows]), generator)
        logits = self.classifier(backbone(normalise(images)))
        return F.cross_entropy(logits, self.catalogue.labels[rows], label_smoothing=LABEL_SMOOTHING)


class SelfSupervised(Objective):
    """Which two pictures show the same cut-out? SimCLR (arXiv 2002.05709), no label and no text.

    Both views stand on photos taken at random. On whole photos the task is solved from the background alone, and
    retrieval stays near chance.
    """

    def __init__(self, catalogue: Catalogue, dim: int) -> None:
        super().__init__()
        self.catalogue, self.size = catalogue, len(catalogue.cutouts)
        self.projector = nn.Sequential(nn.Linear(dim, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, PROJECTION))

    def forward(self, backbone: nn.Module, rows: Tensor, generator: Generator) -> Tensor:
        views = torch.cat([self.view(rows, generator), self.view(rows, generator)])
        return agreement(self.projector(backbone(normalise(views))), TEMPERATURE)

    def view(self, rows: Tensor, generator: Generator) -> Tensor:
        """The cut-outs on other photos, augmented: [B] -> [B, 3, S, S]."""
        photos = self.catalogue.photos
        behind = photos[torch.randint(len(photos), (len(rows),), generator=generator)]
        shift = torch.randint(photos.shape[-1], (2,), generator=generator).tolist()
        cutouts = scale(self.catalogue.cutouts[rows])
        return augment_cutout(paste(cutouts, scale(behind.roll(shift, dims=(2, 3)))), generator)


class TextImage(Objective):
    """Which caption belongs to which photo? CLIP (arXiv 2103.00020) in small."""

    def __init__(self, catalogue: Catalogue, dim: int) -> None:
        super().__init__()
        self.catalogue, self.size = catalogue, len(catalogue.photos)
        self.words = torch.stack([tokenise(caption) for caption in catalogue.captions])
        self.projection = nn.Linear(dim, PROJECTION, bias=False)
        self.text = TextTower(PROJECTION)
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))

    def forward(self, backbone: nn.Module, rows: Tensor, generator: Generator) -> Tensor:
        images = augment(scale(self.catalogue.photos[rows]), generator)
        images = F.normalize(self.projection(backbone(normalise(images))), dim=1)
        texts = F.normalize(self.text(self.words[rows]), dim=1)
        return matching(images @ texts.T * self.log_scale.exp().clamp(max=LARGEST_SCALE))


OBJECTIVES: dict[str, Callable[[Catalogue, int], Objective]] = {
    "supervised": Supervised,
    "ssl": SelfSupervised,
    "clip": TextImage,
}


def scale(pixels: Tensor) -> Tensor:
    """uint8 -> float in 0..1."""
    return pixels.float() / 255


def normalise(images: Tensor) -> Tensor:
    """0..1 -> what the sample backbones see, [B, 3, S, S]."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (PREPROCESSING.mean, PREPROCESSING.std))
    return (images - mean) / std


def paste(cutouts: Tensor, photos: Tensor) -> Tensor:
    """Lay [B, 4, S, S] over [B, 3, S, S], each product hiding what its alpha covers."""
    colours, alpha = cutouts[:, :3], cutouts[:, 3:]
    return colours * alpha + photos * (1 - alpha)


def agreement(views: Tensor, temperature: float) -> Tensor:
    """SimCLR's loss: rows i and i + B of [2B, D] are two views of one thing, all other rows are not."""
    count = len(views) // 2
    views = F.normalize(views, dim=1)
    similarity = (views @ views.T / temperature).fill_diagonal_(-math.inf)
    partner = torch.arange(2 * count).roll(count)
    return F.cross_entropy(similarity, partner)


def matching(logits: Tensor) -> Tensor:
    """CLIP's loss on [B, B]: photo i belongs to caption i, asked in both directions."""
    pairs = torch.arange(len(logits))
    return (F.cross_entropy(logits, pairs) + F.cross_entropy(logits.T, pairs)) / 2
