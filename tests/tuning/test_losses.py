"""Losses against sums done by hand."""

import math

import pytest
import torch
from torch import Tensor, nn

from src.tuning.losses import LOSSES, cross_entropy


class Told(nn.Module):
    """A classifier whose logits are the embeddings themselves."""

    def forward(self, embeddings: Tensor) -> Tensor:
        return embeddings


def test_equal_logits_cost_the_logarithm_of_the_number_of_classes() -> None:
    for smoothing in (0.0, 0.1):
        loss = cross_entropy(torch.zeros(3, 4), Told(), torch.tensor([0, 1, 3]), smoothing)
        assert loss.item() == pytest.approx(math.log(4))


def test_smoothing_spreads_its_share_over_all_classes_the_right_one_included() -> None:
    logits = torch.tensor([[2.0, 0.0]])
    right, wrong = math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))
    assert cross_entropy(logits, Told(), torch.tensor([0]), 0.2).item() == pytest.approx(0.9 * right + 0.1 * wrong)


def test_the_loss_is_the_mean_over_the_batch() -> None:
    logits, targets = torch.tensor([[2.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 0])
    each = [cross_entropy(logits[i : i + 1], Told(), targets[i : i + 1], 0.0).item() for i in (0, 1)]
    assert cross_entropy(logits, Told(), targets, 0.0).item() == pytest.approx(sum(each) / 2)


def test_cross_entropy_is_known_by_its_name() -> None:
    assert LOSSES["cross_entropy"] is cross_entropy
