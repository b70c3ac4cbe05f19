import math

import pytest
import torch
from torch import Generator, Tensor

from src.augmentation import augment, reframe, relight

STILL = {"crop": (1.0, 1.0), "stretch": 0.0, "rotation": 0.0, "flip": 0.0}
SAME_LIGHT = {"brightness": 0.0, "contrast": 0.0, "colour": 0.0, "noise": 0.0}


def generator(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def photos(count: int = 4, side: int = 16) -> Tensor:
    return torch.rand((count, 3, side, side), generator=generator(99))


def test_without_strength_the_images_come_back():
    images = photos()
    torch.testing.assert_close(augment(images, generator(), **STILL, **SAME_LIGHT), images, atol=1e-6, rtol=0)


def test_shape_stays_and_values_stay_between_black_and_white():
    images = photos(8)
    varied = augment(images, generator(), brightness=0.9, contrast=0.9, noise=0.5)
    assert varied.shape == images.shape
    assert varied.min() >= 0
    assert varied.max() <= 1
    assert varied.is_contiguous(memory_format=torch.channels_last)


def test_equal_seeds_give_equal_pictures_and_other_seeds_other_pictures():
    images = photos()
    assert torch.equal(augment(images, generator(1)), augment(images, generator(1)))
    assert not torch.equal(augment(images, generator(1)), augment(images, generator(2)))


def test_two_copies_in_one_batch_are_varied_differently():
    first, second = augment(photos(1).expand(2, -1, -1, -1), generator())
    assert not torch.equal(first, second)


def test_a_certain_flip_mirrors_left_and_right():
    images = photos()
    mirrored = augment(images, generator(), **(STILL | {"flip": 1.0}), **SAME_LIGHT)
    torch.testing.assert_close(mirrored, images.flip(3), atol=1e-6, rtol=0)


def test_about_the_asked_share_is_mirrored():
    ramp = torch.linspace(0, 1, 8).expand(400, 3, 8, 8).contiguous()
    seen = augment(ramp, generator(), **(STILL | {"flip": 0.25}), **SAME_LIGHT)
    assert (seen[:, 0, 0, 0] > 0.5).float().mean() == pytest.approx(0.25, abs=0.08)


def test_a_quarter_of_the_area_is_half_of_each_side():
    ramp = torch.linspace(0, 1, 64).expand(50, 3, 64, 64).contiguous()
    cropped = augment(ramp, generator(), **(STILL | {"crop": (0.25, 0.25)}), **SAME_LIGHT)
    spans = cropped[:, 0, 0, -1] - cropped[:, 0, 0, 0]
    torch.testing.assert_close(spans, torch.full((50,), 0.5), atol=0.01, rtol=0)
    assert cropped[:, 0, 0, 0].std() > 0.05  # cut out at different places


def test_a_turned_picture_stays_square_to_itself():
    dot = torch.zeros(64, 3, 33, 33)
    dot[:, :, 16, 22] = 1  # 6 pixels right of the middle, far enough from the edge to be mirrored nowhere in sight
    turned = reframe(dot, generator(), (1.0, 1.0), 0.0, math.pi / 2, 0.0)[:, 0]
    y, x = torch.meshgrid(torch.arange(33.0), torch.arange(33.0), indexing="ij")
    weight = turned.sum(dim=(1, 2))
    distance = torch.hypot((turned * x).sum(dim=(1, 2)) / weight - 16, (turned * y).sum(dim=(1, 2)) / weight - 16)
    torch.testing.assert_close(distance, torch.full((64,), 6.0), atol=0.2, rtol=0)


def test_brightness_is_a_gain_within_its_bounds():
    grey = torch.full((200, 3, 4, 4), 0.5)
    gains = relight(grey, generator(), brightness=0.3, contrast=0.9, colour=0.0)[:, :, 0, 0] / 0.5
    assert torch.allclose(gains[:, 0], gains[:, 2])
    assert 0.7 <= gains.min() < 0.72
    assert 1.28 < gains.max() <= 1.3 + 1e-6


def test_contrast_keeps_the_mean():
    images = photos()
    spread = relight(images, generator(), brightness=0.0, contrast=0.5, colour=0.0)
    torch.testing.assert_close(spread.mean(dim=(1, 2, 3)), images.mean(dim=(1, 2, 3)))
    assert not torch.allclose(spread, images)


def test_colour_changes_the_channels_apart_and_grey_photos_with_them():
    grey = torch.full((50, 3, 4, 4), 0.5)
    channels = relight(grey, generator(), brightness=0.0, contrast=0.0, colour=0.1)[:, :, 0, 0]
    assert (channels[:, 0] - channels[:, 1]).abs().max() > 0.05
    assert (channels - 0.5).abs().max() <= 0.05 + 1e-6


def test_only_square_images_are_taken():
    with pytest.raises(AssertionError):
        augment(torch.zeros(1, 3, 8, 16), generator())
