"""Floor 2. Augmentation of a whole batch at once: crop, turn, mirror, light, colour and noise as tensor arithmetic."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

WIDEST_SIDE = 1.05  # of the photo's own side; what lies outside is mirrored


def augment(
    images: Tensor,
    generator: Generator,
    *,
    crop: tuple[float, float] = (0.55, 1.0),
    stretch: float = 0.2,
    rotation: float = 0.25,
    flip: float = 0.5,
    brightness: float = 0.3,
    contrast: float = 0.3,
    colour: float = 0.12,
    noise: float = 0.03,
) -> Tensor:
    """A fresh variation of every image: [B, 3, S, S] float in 0..1 -> the same shape and range, channels last.

    Every image draws its own values: the crop's share of the area within `crop`, its aspect ratio within
    exp(+-2 stretch), a rotation up to `rotation` radians, a mirror image with probability `flip`, gains up to
    +-`brightness`, +-`contrast` and, a channel, +-`colour`, and Gaussian noise of deviation up to `noise`.
    Strengths of 0 and a crop of (1, 1) give the images back, up to the rounding of the resampling.
    """
    images = reframe(images, generator, crop, stretch, rotation, flip)
    images = relight(images, generator, brightness, contrast, colour)
    images = images + noise * uniform(images, generator, 0, 1, (1, 1, 1)) * normal(images, generator)
    return images.clamp(0, 1).contiguous(memory_format=torch.channels_last)


def reframe(
    images: Tensor, generator: Generator, crop: tuple[float, float], stretch: float, rotation: float, flip: float
) -> Tensor:
    """Crop, stretch, turn and mirror in one bilinear resampling; [B, 3, S, S] -> [B, 3, S, S]."""
    assert images.shape[2] == images.shape[3], tuple(images.shape)
    side = uniform(images, generator, *crop).sqrt()
    aspect = uniform(images, generator, -stretch, stretch).exp()
    angle = uniform(images, generator, -rotation, rotation)
    mirror = 1 - 2 * (uniform(images, generator, 0, 1) < flip).to(images)
    width, height = (side * aspect).clamp(max=WIDEST_SIDE), (side / aspect).clamp(max=WIDEST_SIDE)
    x = uniform(images, generator, -1, 1) * (1 - width).clamp(min=0)
    y = uniform(images, generator, -1, 1) * (1 - height).clamp(min=0)
    across = torch.stack([mirror * width * angle.cos(), -height * angle.sin(), x], dim=1)
    down = torch.stack([mirror * width * angle.sin(), height * angle.cos(), y], dim=1)
    # from a place in the result to a place in the image, both in -1..1: [B, 2, 3]
    grid = F.affine_grid(torch.stack([across, down], dim=1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def relight(images: Tensor, generator: Generator, brightness: float, contrast: float, colour: float) -> Tensor:
    """Multiply by a gain, by a gain a channel, and spread around the image's mean; [B, 3, S, S] -> [B, 3, S, S]."""
    images = images * (1 + uniform(images, generator, -brightness, brightness, (1, 1, 1)))
    images = images * (1 + uniform(images, generator, -colour, colour, (3, 1, 1)))
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (images - mean) * (1 + uniform(images, generator, -contrast, contrast, (1, 1, 1)))


def uniform(images: Tensor, generator: Generator, low: float, high: float, shape: tuple[int, ...] = ()) -> Tensor:
    """A draw for each image of the batch, on its device: [B, *shape]."""
    draws = torch.rand((len(images), *shape), generator=generator, device=generator.device)
    return low + (high - low) * draws.to(images)


def normal(images: Tensor, generator: Generator) -> Tensor:
    """A standard normal draw for each value, on the images' device."""
    return torch.randn(images.shape, generator=generator, device=generator.device).to(images)
