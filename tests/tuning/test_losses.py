"""Losses against sums done by hand, and against the formulas of their papers, an image and a pair at a time."""

import math
import subprocess
import sys
from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.losses import ArcFaceLoss
from torch import Tensor, nn

from src.tuning.classifiers import CosineClassifier
from src.tuning.losses import LOSSES, arcface, cross_entropy, multi_similarity, proxy_anchor, supcon
from src.tunings import TuneParams
from src.words import PAIRWISE

DIAGONAL = math.sqrt(0.5)


class Told(nn.Module):
    """A classifier whose logits are the embeddings themselves."""

    def forward(self, embeddings: Tensor) -> Tensor:
        return embeddings


def classifier(weight: Tensor) -> CosineClassifier:
    built = CosineClassifier(weight.shape[1], len(weight))
    built.weight.data.copy_(weight)
    return built


def a_batch() -> tuple[Tensor, CosineClassifier, Tensor]:
    """12 images of 3 of the 5 classes, one class with a single image; embeddings of any length in 4 dimensions."""
    rng = torch.Generator().manual_seed(0)
    targets = torch.tensor([0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 4])
    centres = torch.eye(5, 4) + 0.3
    embeddings = 3 * (centres[targets] + 0.4 * torch.randn(12, 4, generator=rng))
    return embeddings.requires_grad_(), classifier(torch.randn(5, 4, generator=rng)), targets


def cosines(embeddings: Tensor, others: Tensor) -> list[list[float]]:
    return (F.normalize(embeddings.detach()) @ F.normalize(others.detach()).T).tolist()


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


def test_arcface_moves_the_right_class_half_a_radian_away() -> None:
    """An image at 0 degrees from its class and 90 from the other: logits 3 cos(.5) and 0 in place of 3 and 0."""
    taught = classifier(torch.eye(2))
    loss = arcface(torch.tensor([[2.0, 0.0]]), taught, torch.tensor([0]), 0.0)
    assert taught.scale == 3
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-3 * math.cos(0.5))), abs=2e-3)


def test_arcface_agrees_with_the_formula_of_its_paper() -> None:
    embeddings, taught, targets = a_batch()
    losses = []
    for row, target in zip(cosines(embeddings, taught.weight), targets.tolist(), strict=True):
        logits = [taught.scale * cosine for cosine in row]
        logits[target] = taught.scale * math.cos(math.acos(row[target]) + 0.5)
        losses.append(-logits[target] + math.log(sum(math.exp(logit) for logit in logits)))
    assert arcface(embeddings, taught, targets, 0.0).item() == pytest.approx(sum(losses) / 12, rel=1e-5)


def test_arcface_is_the_one_of_pytorch_metric_learning_past_pi_too() -> None:
    embeddings, taught, targets = a_batch()
    taught.weight.data[0] = -embeddings[0].detach() + 0.05  # nearly opposite to an image of its own
    other = ArcFaceLoss(5, 4, margin=math.degrees(0.5), scale=taught.scale)
    other.W.data = taught.weight.data.T
    assert min(row[0] for row in cosines(embeddings[:6], taught.weight)) < math.cos(math.pi - 0.5)
    assert arcface(embeddings, taught, targets, 0.0).item() == pytest.approx(
        other(embeddings, targets).item(), rel=1e-5
    )


def test_arcface_survives_an_image_that_is_its_class() -> None:
    embeddings = F.normalize(torch.tensor([[1.0, 2.0], [3.0, -1.0]])).requires_grad_()
    taught = classifier(embeddings.detach())  # imprinted, as fine-tuning begins
    arcface(embeddings, taught, torch.tensor([0, 1]), 0.1).backward()
    assert embeddings.grad is not None and embeddings.grad.isfinite().all()


def test_proxy_anchor_of_two_images_and_two_classes_by_hand() -> None:
    """Cosines 1 and 0, margin .1, alpha 32: each class has its image at 1 and another's at 0."""
    loss = proxy_anchor(torch.eye(2), classifier(torch.eye(2)), torch.tensor([0, 1]), 0.0)
    positive, negative = math.log(1 + math.exp(-32 * 0.9)), math.log(1 + math.exp(32 * 0.1))
    assert loss.item() == pytest.approx(positive + negative)


def test_proxy_anchor_agrees_with_the_formula_of_its_paper() -> None:
    embeddings, taught, targets = a_batch()
    table, labels = cosines(embeddings, taught.weight), targets.tolist()
    positive, negative = 0.0, 0.0
    for label in range(5):
        drawn = sum(math.exp(-32 * (row[label] - 0.1)) for row, t in zip(table, labels, strict=True) if t == label)
        driven = sum(math.exp(32 * (row[label] + 0.1)) for row, t in zip(table, labels, strict=True) if t != label)
        positive, negative = positive + math.log(1 + drawn), negative + math.log(1 + driven)
    expected = positive / len(set(labels)) + negative / 5
    assert proxy_anchor(embeddings, taught, targets, 0.0).item() == pytest.approx(expected, rel=1e-5)


def test_proxies_are_the_classifiers_weights_and_no_draw_is_spent_on_others() -> None:
    embeddings, taught, targets = a_batch()
    before = torch.get_rng_state()
    proxy_anchor(embeddings, taught, targets, 0.0).backward()
    assert torch.equal(torch.get_rng_state(), before)
    assert taught.weight.grad is not None and (taught.weight.grad != 0).any(dim=1).all()  # absent classes repel too


def test_supcon_of_two_pairs_by_hand() -> None:
    """x, x of one label and y, y of another: cosines 1 and 0 0, temperature .1, so log(1 + 2 exp(-10)) each."""
    embeddings, targets = torch.eye(2).repeat_interleave(2, dim=0), torch.tensor([0, 0, 1, 1])
    loss = supcon(embeddings, classifier(torch.eye(2)), targets, 0.0)
    beside = math.log(1 + math.exp(-3))
    assert loss.item() == pytest.approx(math.log(1 + 2 * math.exp(-10)) + beside, rel=1e-5)


def test_supcon_agrees_with_the_formula_of_its_paper() -> None:
    embeddings, taught, targets = a_batch()
    table, labels = cosines(embeddings, embeddings), targets.tolist()
    losses = []
    for i in range(12):
        others = [j for j in range(12) if j != i]
        same = [j for j in others if labels[j] == labels[i]]
        whole = math.log(sum(math.exp(table[i][j] / 0.1) for j in others))
        if same:  # the single image asks nobody
            losses.append(sum(whole - table[i][j] / 0.1 for j in same) / len(same))
    expected = sum(losses) / 11 + cross_entropy(embeddings, taught, targets, 0.1).item()
    assert supcon(embeddings, taught, targets, 0.1).item() == pytest.approx(expected, rel=1e-5)


def test_multi_similarity_of_two_pairs_by_hand() -> None:
    """Labels a b on a line, another a b across: each image is 1 from the other label and 0 from its own."""
    embeddings, targets = torch.eye(2).repeat_interleave(2, dim=0), torch.tensor([0, 1, 0, 1])
    loss = multi_similarity(embeddings, classifier(torch.eye(2)), targets, 0.0)
    positive, negative = math.log(1 + math.exp(-2 * (0 - 0.5))) / 2, math.log(1 + math.exp(50 * (1 - 0.5))) / 50
    beside = (math.log(1 + math.exp(-3)) + math.log(1 + math.exp(3))) / 2
    assert loss.item() == pytest.approx(positive + negative + beside, rel=1e-5)


def test_multi_similarity_agrees_with_the_formulas_of_its_paper() -> None:
    """Mining (eq. 9 and 10): positives less alike than the nearest opposite + .1, and the reverse; then eq. 11."""
    embeddings, taught, targets = a_batch()
    table, labels = cosines(embeddings, embeddings), targets.tolist()
    total, mined = 0.0, 0
    for i in range(12):
        same = [table[i][j] for j in range(12) if j != i and labels[j] == labels[i]]
        other = [table[i][j] for j in range(12) if labels[j] != labels[i]]
        hard_same = [s for s in same if s - 0.1 < max(other)]
        hard_other = [s for s in other if same and s + 0.1 > min(same)]
        mined += len(hard_same) + len(hard_other)
        total += math.log(1 + sum(math.exp(-2 * (s - 0.5)) for s in hard_same)) / 2
        total += math.log(1 + sum(math.exp(50 * (s - 0.5)) for s in hard_other)) / 50
    assert 0 < mined < 12 * 11  # the miner leaves some out
    expected = total / 12 + cross_entropy(embeddings, taught, targets, 0.0).item()
    assert multi_similarity(embeddings, taught, targets, 0.0).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", PAIRWISE)
def test_beside_a_loss_of_pairs_the_classifier_learns_what_cross_entropy_teaches(name: str) -> None:
    embeddings, taught, targets = a_batch()
    LOSSES[name](embeddings, taught, targets, 0.1).backward()
    gradient = taught.weight.grad
    taught.weight.grad = None
    cross_entropy(embeddings.detach(), taught, targets, 0.1).backward()
    assert gradient is not None and torch.equal(gradient, taught.weight.grad)


@pytest.mark.parametrize("name", PAIRWISE)
def test_a_loss_of_pairs_moves_the_encoder_as_if_there_were_no_classifier(name: str) -> None:
    gradients = []
    for weight in (torch.eye(5, 4), torch.ones(5, 4)):
        embeddings, _, targets = a_batch()
        LOSSES[name](embeddings, classifier(weight), targets, 0.1).backward()
        gradients.append(embeddings.grad)
    assert torch.equal(*gradients) and gradients[0].any()


@pytest.mark.parametrize("name", PAIRWISE)
def test_a_batch_without_a_pair_teaches_the_classifier_alone(name: str) -> None:
    embeddings, taught, _ = a_batch()
    some = embeddings[:5]
    loss = LOSSES[name](some, taught, torch.arange(5), 0.1)
    loss.backward()
    assert loss.item() == pytest.approx(cross_entropy(some, taught, torch.arange(5), 0.1).item())
    assert embeddings.grad is None or not embeddings.grad.any()


@pytest.mark.parametrize("name", LOSSES)
def test_a_few_steps_bring_images_of_a_label_together(name: str) -> None:
    embeddings, taught, targets = a_batch()
    optimiser = torch.optim.AdamW([embeddings, *taught.parameters()], lr=0.05)
    for _ in range(60):
        optimiser.zero_grad()
        LOSSES[name](embeddings, taught, targets, 0.1).backward()
        optimiser.step()
    similarity = torch.tensor(cosines(embeddings, embeddings)).fill_diagonal_(-1)
    assert (targets[similarity.argmax(dim=1)] == targets)[:11].all()
    assert (taught(embeddings).argmax(dim=1) == targets).all()


def test_params_know_the_losses_and_which_compare_pairs() -> None:
    assert list(get_args(TuneParams.model_fields["loss"].annotation)) == list(LOSSES)
    assert set(PAIRWISE) < set(LOSSES)


def test_who_needs_no_metric_learning_does_not_import_it() -> None:
    code = "import sys, src.tuning.loop; print('pytorch_metric_learning' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("name", ["proxy_anchor", "supcon", "multi_similarity"])
def test_losses_with_steep_exponents_do_not_change_in_bf16(name: str) -> None:
    torch.manual_seed(0)
    classifier, embeddings, targets = CosineClassifier(16, 4), torch.randn(8, 16), torch.arange(8) % 4
    exact = LOSSES[name](embeddings, classifier, targets, 0.1)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(LOSSES[name](embeddings, classifier, targets, 0.1), exact)
