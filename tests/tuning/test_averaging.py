"""The running average, on one weight."""

import pytest
import torch
from torch import nn

from src.tuning.averaging import Average
from src.tuning.classifiers import CosineClassifier, Tuned


def model(value: float) -> Tuned:
    made = Tuned(nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1)), CosineClassifier(1, 2))
    nn.init.constant_(made.encoder[0].weight, value)
    return made


def test_a_step_keeps_its_share_and_less_at_first() -> None:
    """From 0 towards 1: after 0 steps a tenth is kept, after 10 it is 11 / 20, after 10,000 the decay, 0.9."""
    for steps, expected in ((0, 0.9), (10, 0.45), (10_000, 0.1)):
        average = Average(model(0.0), 0.9)
        average.update(model(1.0), steps)
        assert average.model.encoder[0].weight.item() == pytest.approx(expected)


def test_running_statistics_are_averaged_and_counts_copied() -> None:
    average, other = Average(model(0.0), 0.5), model(0.0)
    other.train()(torch.full((4, 1), 3.0))
    other.encoder[1].running_mean.fill_(2.0)
    average.update(other, 1000)
    norm = average.model.encoder[1]
    assert norm.running_mean.item() == 1.0 and norm.num_batches_tracked.item() == 1


def test_an_average_does_not_share_memory_with_its_model() -> None:
    source = model(0.0)
    average = Average(source, 0.5)
    nn.init.ones_(source.encoder[0].weight)
    assert average.model.encoder[0].weight.item() == 0.0 and not average.model.encoder[0].weight.requires_grad
