import math
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor, nn

from src.errors import UserError
from src.pretraining import objectives, params
from src.pretraining.objectives import OBJECTIVES, Catalogue, agreement, matching, paste
from src.pretraining.text import CAPTION_WORDS, TextTower, tokenise
from src.pretraining.training import groups, learnable, pace, pretrain, shuffled

WHITE = 255
BRIEF = {"seed": 3, "epochs": 2, "batch_size": 4, "lr": 0.002, "weight_decay": 0.05}


def toy_catalogue(side: int = 32) -> Catalogue:
    """Eight photos of two products, a dark and a light one, and eight cut-outs of white squares."""
    noise = torch.randint(0, 40, (8, side, side, 3), generator=Generator().manual_seed(0), dtype=torch.uint8)
    photos = noise + torch.tensor([20, 200], dtype=torch.uint8).repeat(4).view(8, 1, 1, 1)
    cutouts = torch.zeros(8, side, side, 4, dtype=torch.uint8)
    for i, square in enumerate(cutouts):
        square[4 + i : 20 + i, 4:20] = WHITE
    words = ["a dark box", "a light jar"] * 4
    return learnable(photos.numpy(), ["box", "jar"] * 4, words, cutouts.numpy())


# what is learnt from
def test_pixels_arrive_channels_first_and_skus_as_numbers() -> None:
    catalogue = toy_catalogue()
    assert catalogue.photos.shape == (8, 3, 32, 32)
    assert catalogue.cutouts.shape == (8, 4, 32, 32)
    assert catalogue.labels.tolist() == [0, 1] * 4


# objectives
def test_a_cutout_hides_what_its_alpha_covers() -> None:
    cutout = torch.tensor([0.2, 0.4, 0.6, 1.0]).view(1, 4, 1, 1).repeat(1, 1, 1, 3)
    cutout[0, 3, 0] = torch.tensor([0.0, 0.5, 1.0])
    seen = paste(cutout, torch.ones(1, 3, 1, 3))
    torch.testing.assert_close(seen[0, 0, 0], torch.tensor([1.0, 0.6, 0.2]))


def test_two_views_share_the_cutout_and_not_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objectives, "augment_cutout", lambda images, generator: images)
    catalogue, generator = toy_catalogue(), Generator().manual_seed(0)
    objective = objectives.SelfSupervised(catalogue, dim=8)
    first, second = (objective.view(torch.arange(8), generator) for _ in range(2))
    product = (catalogue.cutouts[:, 3:] == WHITE).expand_as(first)
    assert (first[product] == 1).all() and (second[product] == 1).all()
    assert (first[~product] != second[~product]).float().mean() > 0.9


def test_simclr_loss_by_hand() -> None:
    """Two things, views equal and things orthogonal: each row chooses among similarities 1, 0, 0 at temperature 1."""
    views = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [0.0, 4.0]])
    assert agreement(views, temperature=1.0).item() == pytest.approx(-math.log(math.e / (math.e + 2)))


def test_simclr_loss_agrees_with_a_double_loop() -> None:
    views = torch.randn(10, 6, generator=Generator().manual_seed(0))
    unit = [row / row.norm() for row in views]
    total = 0.0
    for i, row in enumerate(unit):
        terms = {j: math.exp(float(row @ other) / 0.1) for j, other in enumerate(unit) if j != i}
        total -= math.log(terms[(i + 5) % 10] / sum(terms.values()))
    assert agreement(views, 0.1).item() == pytest.approx(total / 10, rel=1e-4)


def test_clip_loss_by_hand() -> None:
    """A photo and a caption of two that are equally near everything: a coin toss in both directions."""
    assert matching(torch.zeros(2, 2)).item() == pytest.approx(math.log(2))
    assert matching(100 * torch.eye(3)).item() == pytest.approx(0)


def test_clip_asks_in_both_directions() -> None:
    logits = torch.tensor([[5.0, 0.0], [5.0, 0.0]])  # each photo chooses caption 0; each caption cannot tell the photos
    photos_ask = (math.log(1 + math.exp(-5)) + math.log(1 + math.exp(5))) / 2
    assert matching(logits).item() == pytest.approx((photos_ask + math.log(2)) / 2)


# the text tower
def test_equal_words_have_equal_numbers_and_none_is_zero() -> None:
    numbers = tokenise("A red box, a RED lid").tolist()
    assert numbers[0] == numbers[3] and numbers[1] == numbers[4]
    assert 0 not in numbers[:6] and set(numbers[6:]) == {0}


def test_a_long_caption_is_cut() -> None:
    assert tokenise("word " * 99).shape == (CAPTION_WORDS,)


def test_what_comes_after_a_caption_changes_nothing() -> None:
    torch.manual_seed(0)
    tower = TextTower(dim=8).eval()
    alone = tower(tokenise("a red box")[None])
    together = tower(torch.stack([tokenise("a red box"), tokenise("a much longer caption of a blue jar")]))
    torch.testing.assert_close(alone[0], together[0])
    assert not torch.allclose(together[0], together[1])


# the training
def test_an_epoch_sees_every_row_at_most_once_and_full_batches_only() -> None:
    batches = list(shuffled(10, 4, 3, Generator().manual_seed(0)))
    assert [len(rows) for rows in batches] == [4] * 6
    for epoch in range(3):
        rows = torch.cat(batches[2 * epoch : 2 * epoch + 2]).tolist()
        assert len(set(rows)) == 8


def test_the_pace_rises_then_falls_to_zero() -> None:
    assert [pace(share) for share in (0.0, 0.05, 0.1, 0.55, 1.0)] == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_only_matrices_are_decayed() -> None:
    decayed, free = groups(list(nn.Linear(3, 2).parameters()), weight_decay=0.05)
    assert [p.shape for p in decayed["params"]] == [(2, 3)]
    assert [p.shape for p in free["params"]] == [(2,)]
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.05, 0.0)


def weights(recipe: str, seed: int) -> list[Tensor]:
    network, _ = pretrain(recipe, toy_catalogue(), **(BRIEF | {"seed": seed}))
    return list(network.state_dict().values())


@pytest.mark.parametrize("recipe", OBJECTIVES)
def test_equal_seeds_give_equal_weights_and_other_seeds_others(recipe: str) -> None:
    first, again, other = weights(recipe, 3), weights(recipe, 3), weights(recipe, 4)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("recipe", OBJECTIVES)
def test_the_loss_of_an_easy_catalogue_falls(recipe: str) -> None:
    _, losses = pretrain(recipe, toy_catalogue(), **(BRIEF | {"epochs": 12}))
    assert len(losses) == 24
    assert sum(losses[-4:]) < 0.9 * sum(losses[:4])


def test_an_unknown_recipe_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"unknown objective 'simclr'.*known: clip, ssl, supervised"):
        pretrain("simclr", toy_catalogue(), **BRIEF)


# its parameters
def test_the_parameters_of_the_repository_are_read() -> None:
    loaded = params.load(Path(__file__).parent.parent / params.PATH)
    assert loaded.recipes.keys() == OBJECTIVES.keys()


def test_a_wrong_parameter_is_named_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(
        "catalogue: {seed: 1, products: 2, photos: {phone: 1}, cutouts: 2, messiness: 1, size: 64, hue: 3}\n"
    )
    with pytest.raises(UserError, match=r"params.yaml: catalogue.hue: .*not permitted.*3") as caught:
        params.load(file)
    assert "\n" not in str(caught.value)


def test_the_seed_of_the_pretraining_catalogue_is_not_the_benchmarks() -> None:
    from src.params import load

    root = Path(__file__).parent.parent
    assert params.load(root / params.PATH).catalogue.seed != load(root / "params.yaml").sample.seed
