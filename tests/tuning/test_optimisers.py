"""Optimisers on a head of two layers."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from src.errors import UserError
from src.tuning import heads, optimisers
from src.tuning.classifiers import Tuned
from src.tuning.recipes import Recipe

RECIPE = Recipe(lr=0.01, weight_decay=0.05, epochs=6, patience=6, batch_size=8, label_smoothing=0.1)


def head() -> Tuned:
    return heads.build({"head": "mlp", "dim": 6, "layers": [16, 8], "dropout": 0.3, "classes": ["a", "b", "c"]})


def test_biases_and_norms_do_not_decay() -> None:
    decays, others = optimisers.build(head(), RECIPE).param_groups
    assert (decays["weight_decay"], others["weight_decay"]) == (0.05, 0.0)
    assert [p.ndim for p in decays["params"]] == [2, 2, 2]  # two layers and the classifier
    assert {p.ndim for p in others["params"]} == {1}


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)])
def test_an_optimiser_is_found_by_its_name(name: str, kind: type) -> None:
    built = optimisers.build(head(), replace(RECIPE, optimiser=name, momentum=0.8))
    assert isinstance(built, kind)
    group = built.param_groups[0]
    assert group.get("momentum", group.get("betas", [0])[0]) == 0.8


def test_an_unknown_optimiser_names_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"unknown optimiser 'adam' in params.yaml; known: adamw, sgd\..*'adamw'"):
        optimisers.build(head(), replace(RECIPE, optimiser="adam"))


def test_two_steps_of_sgd_by_hand() -> None:
    """w = 1, gradient 1: velocity 1, then 1.9; Nesterov adds .9 of it: 1 - .1 (1.9) = .81, then - .1 (2.71) = .539."""
    layer = nn.Linear(1, 1, bias=False)
    nn.init.ones_(layer.weight)
    built = optimisers.build(layer, replace(RECIPE, optimiser="sgd", lr=0.1, weight_decay=0.0))
    for expected in (0.81, 0.539):
        layer.weight.grad = torch.ones(1, 1)
        built.step()
        assert layer.weight.item() == pytest.approx(expected)


def test_a_rate_reaches_every_group_by_its_scale() -> None:
    built = optimisers.build(head(), RECIPE)
    built.param_groups[1]["lr_scale"] = 0.5
    optimisers.set_rate(built, 0.2)
    assert [group["lr"] for group in built.param_groups] == [0.2, 0.1]


def test_layers_learn_by_their_depth_and_the_classifier_at_the_full_rate() -> None:
    tuned = head()
    built = optimisers.build(tuned, replace(RECIPE, layer_decay=0.5))
    scale = {id(p): group["lr_scale"] for group in built.param_groups for p in group["params"]}
    linear = [module for module in tuned.encoder if isinstance(module, nn.Linear)]
    assert scale[id(tuned.classifier.weight)] == 1 > scale[id(linear[1].weight)] > scale[id(linear[0].weight)]
    assert len(scale) == len(list(tuned.parameters()))
    assert {group["weight_decay"] for group in built.param_groups if group["params"][0].ndim == 1} == {0.0}


def test_every_layer_learns_a_share_of_the_one_above() -> None:
    found = optimisers.rates(nn.Sequential(*(nn.Sequential(nn.Linear(2, 2), nn.ReLU()) for _ in range(3))), 0.5)
    assert [found[f"{n}.0.weight"] for n in range(3)] == [0.25, 0.5, 1]


def test_parameters_that_stand_still_get_no_optimiser() -> None:
    tuned = head()
    tuned.encoder.requires_grad_(False)
    assert [p for group in optimisers.build(tuned, RECIPE).param_groups for p in group["params"]] == [
        tuned.classifier.weight
    ]


@pytest.mark.parametrize("kind", [torch.optim.AdamW, torch.optim.SGD])
def test_without_the_compiler_every_step_is_the_same(kind: type[torch.optim.Optimizer]) -> None:
    networks = [nn.Linear(3, 2), nn.Linear(3, 2)]
    networks[1].load_state_dict(networks[0].state_dict())
    x = torch.randn(8, 3)
    for network, make in zip(networks, [kind, optimisers.uncompiled(kind)], strict=True):
        optimiser = make(network.parameters(), lr=0.1, weight_decay=0.1)
        for _ in range(5):
            network.zero_grad()
            network(x).square().sum().backward()
            optimiser.step()
    assert torch.equal(networks[0].weight, networks[1].weight) and torch.equal(networks[0].bias, networks[1].bias)
