"""The cosine classifier in the plane, and what training leaves alone."""

import numpy as np
import pytest
import torch
from torch import nn

from src.tuning import classifiers
from src.tuning.classifiers import CosineClassifier, Tuned, multiply


@pytest.mark.parametrize(("rows", "dim", "width"), [(1, 5, 3), (7, 64, 1), (33, 130, 257)])
@pytest.mark.parametrize("biased", [False, True])
def test_a_product_and_its_gradients_agree_with_sums_in_float64(rows: int, dim: int, width: int, biased: bool) -> None:
    torch.manual_seed(0)
    factors = [torch.randn(rows, dim), torch.randn(width, dim), *([torch.randn(width)] if biased else [])]
    exact = [factor.double().requires_grad_() for factor in factors]
    found = multiply(*(factor.requires_grad_() for factor in factors))
    expected = (exact[0][:, None] * exact[1]).sum(dim=2) + (exact[2] if biased else 0)
    slope = torch.randn(rows, width)
    found.backward(slope)
    expected.backward(slope.double())
    assert torch.allclose(found.double(), expected, atol=1e-4)
    for factor, oracle in zip(factors, exact, strict=True):
        assert torch.allclose(factor.grad.double(), oracle.grad, atol=1e-4)


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch was built without oneDNN")
def test_onednn_multiplies_float32_and_only_that() -> None:
    weight = torch.ones(2, 3, requires_grad=True)
    assert multiply(torch.ones(4, 3), weight).grad_fn.name() == "ToDenseBackward0"
    assert multiply(torch.ones(4, 3).double(), weight.double()).dtype == torch.float64
    with torch.autocast("cpu", torch.bfloat16):
        assert multiply(torch.ones(4, 3), weight).dtype == torch.bfloat16


def test_a_product_is_the_same_to_the_bit_each_time() -> None:
    torch.manual_seed(0)
    x, weight = torch.randn(300, 200), torch.randn(100, 200)
    assert all(torch.equal(multiply(x, weight), multiply(x.clone(), weight.clone())) for _ in range(5))


def test_logits_are_scaled_cosines_whatever_the_lengths() -> None:
    classifier = CosineClassifier(2, 2)
    classifier.weight.data = torch.tensor([[3.0, 0.0], [0.0, 0.5]])
    logits = classifier(torch.tensor([[10.0, 0.0], [0.6, 0.8]]))
    assert torch.allclose(logits, classifier.scale * torch.tensor([[1.0, 0.0], [0.6, 0.8]]))


def test_logits_of_a_product_in_bf16_are_float32_and_nearly_the_same() -> None:
    torch.manual_seed(0)
    classifier, embeddings = CosineClassifier(64, 10), torch.randn(5, 64)
    with torch.autocast("cpu", torch.bfloat16):
        rough = classifier(embeddings)
    assert rough.dtype == torch.float32 and not torch.equal(rough, classifier(embeddings))
    assert torch.allclose(rough, classifier(embeddings), atol=0.02)


def test_the_scale_grows_with_the_number_of_classes() -> None:
    scales = [CosineClassifier(2, classes).scale for classes in (2, 10, 101, 11318)]
    assert scales == pytest.approx([3, 3.107, 6.513, 13.200], abs=1e-3)


def test_sharpness_multiplies_the_scale() -> None:
    assert CosineClassifier(2, 101, sharpness=2.0).scale == pytest.approx(2 * CosineClassifier(2, 101).scale)


def test_an_imprinted_class_points_at_the_mean_of_its_images() -> None:
    classifier = CosineClassifier(2, 2)
    classifier.imprint(torch.tensor([[2.0, 0.0], [0.0, 7.0], [0.0, -1.0]]), torch.tensor([0, 0, 1]))
    half = 0.5**0.5
    assert torch.allclose(classifier.weight, torch.tensor([[half, half], [0.0, -1.0]]))


def test_the_predicted_class_is_the_nearest_direction() -> None:
    classifier = CosineClassifier(2, 3)
    classifier.weight.data = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    predicted = classifiers.predict(classifier, np.array([[0.6, 0.8], [-1, 0], [1, 0.1]], np.float32))
    assert predicted.tolist() == [1, 2, 0] and predicted.dtype == np.int64


def norms() -> tuple[nn.BatchNorm1d, nn.BatchNorm1d]:
    """One as training leaves it, and one that was folded away (its variance as near to 1 as a converter writes it)."""
    living, folded = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    living.running_mean.fill_(0.3)
    folded.running_var.fill_(0.999)
    return living, folded


def test_norms_that_were_folded_away_are_found() -> None:
    living, folded = norms()
    assert classifiers.folded_norms(nn.Sequential(nn.Linear(2, 2), living, nn.ReLU(), folded)) == [folded]


def test_what_is_still_keeps_its_statistics_in_training_and_still_learns() -> None:
    living, folded = norms()
    tuned = Tuned(nn.Sequential(living, folded), CosineClassifier(2, 2), still=[folded]).train()
    tuned(torch.tensor([[5.0, 1.0], [7.0, 3.0]])).sum().backward()
    assert not living.running_mean.eq(0.3).any() and folded.running_mean.eq(0).all()
    assert folded.weight.grad is not None


def test_all_batch_norms_of_a_network_are_found() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.Sequential(nn.BatchNorm2d(1), nn.LayerNorm(1)))
    assert classifiers.batch_norms(network) == [network[1], network[2][0]]
