"""Heads on embeddings small enough to follow."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from src import store
from src.errors import UserError
from src.tuning import heads

CONFIG = {"head": "mlp", "dim": 6, "layers": [8, 32], "dropout": 0.3, "sharpness": 1.0, "classes": ["a", "b", "c"]}


def vectors(rows: int, dim: int = 6, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)


def test_an_mlp_is_linear_norm_activation_a_layer_with_dropout_only_between_layers() -> None:
    kinds = [type(module).__name__ for module in heads.mlp(6, [8, 4], 0.3)]
    layer = ["Linear", "BatchNorm1d", "LeakyReLU"]
    assert kinds == ["Standardise", *layer, "Dropout", *layer]


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.8])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_dropout_drops_a_share_p_and_keeps_the_mean(p: float, kind: torch.dtype) -> None:
    torch.manual_seed(0)
    dropped = heads.Dropout(p)(torch.ones(1000, 1001, dtype=kind))
    assert dropped.dtype == kind and dropped.unique().tolist() == [0, torch.tensor(1 / (1 - p), dtype=kind).item()]
    assert (dropped == 0).float().mean().item() == pytest.approx(p, abs=4 * (p * (1 - p) / 1e6) ** 0.5)
    assert dropped.float().mean().item() == pytest.approx(1, abs=0.01)


def test_dropout_favours_no_column_and_no_neighbour() -> None:
    """Four values share a drawn word: each must be dropped as often as the others, and none with its neighbour."""
    torch.manual_seed(0)
    dropped = (heads.Dropout(0.5)(torch.ones(40_000, 8)) == 0).double()
    assert torch.allclose(dropped.mean(dim=0), torch.tensor(0.5).double(), atol=0.015)
    assert torch.allclose(dropped.T.corrcoef(), torch.eye(8).double(), atol=0.025)


def test_dropout_sends_back_the_gradient_of_what_it_kept() -> None:
    torch.manual_seed(0)
    x = torch.randn(50, 7, requires_grad=True)
    dropped = heads.Dropout(0.4)(x)
    dropped.sum().backward()
    assert torch.allclose(x.grad * x, dropped) and set(x.grad.unique().tolist()) == {0, x.grad.max().item()}


def test_dropout_follows_torchs_seed_and_draws_anew_each_time() -> None:
    torch.manual_seed(0)
    first, second = (heads.Dropout(0.5)(torch.ones(9, 9)) for _ in range(2))
    torch.manual_seed(0)
    assert torch.equal(heads.Dropout(0.5)(torch.ones(9, 9)), first) and not torch.equal(first, second)


def test_dropout_does_nothing_in_evaluation_nor_with_p_0_and_nearly_drops_all_below_1() -> None:
    x = torch.randn(500, 500)
    assert torch.equal(heads.Dropout(0.5).eval()(x), x) and torch.equal(heads.Dropout(0.0)(x), x)
    assert (heads.Dropout(0.999999)(x) != 0).float().mean() < 1e-4


def test_standardised_training_embeddings_have_mean_0_and_deviation_1() -> None:
    encoder = heads.mlp(2, [3], 0.0)
    heads.standardise(encoder, np.array([[1, 5], [3, 5]], np.float32))
    # the second dimension never varies: it is shifted and not blown up
    assert encoder[0](torch.tensor([[1.0, 5.0], [3.0, 5.0], [5.0, 6.0]])).tolist() == [[-1, 0], [1, 0], [3, 1]]


def test_embedding_has_the_width_of_the_last_layer_and_length_1() -> None:
    tuned = heads.build(CONFIG).eval()
    embedded = heads.embed(tuned.encoder, vectors(20))
    assert embedded.shape == (20, 32) and embedded.dtype == np.float32
    assert np.allclose(np.linalg.norm(embedded, axis=1), 1, atol=1e-6)


def test_every_image_has_a_direction_even_where_all_units_are_below_zero() -> None:
    tuned = heads.build(CONFIG).eval()
    tuned.encoder[-2].bias.data.fill_(-5)
    embedded = heads.embed(tuned.encoder, vectors(20))
    assert (embedded < 0).all() and np.allclose(np.linalg.norm(embedded, axis=1), 1, atol=1e-6)


def test_equal_rows_are_embedded_to_the_same_bits_wherever_they_stand() -> None:
    tuned = heads.build(CONFIG | {"dim": 96, "layers": [257]}).eval()
    rows = vectors(50, 96)[np.random.default_rng(1).integers(0, 50, 333)]
    embedded = heads.embed(tuned.encoder, rows)
    for row in np.unique(rows, axis=0):
        assert len(np.unique(embedded[(rows == row).all(axis=1)], axis=0)) == 1


def test_embedding_by_blocks_agrees_with_one_row_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    tuned, rows = heads.build(CONFIG).eval(), vectors(23)
    monkeypatch.setattr(heads, "BLOCK", 5)
    slow = [nn.functional.normalize(tuned.encoder(torch.from_numpy(row[None])))[0].detach().numpy() for row in rows]
    assert np.allclose(heads.embed(tuned.encoder, rows), slow, atol=1e-6)


def test_a_saved_head_comes_back_to_the_bit_and_ready_to_use(tmp_path: Path) -> None:
    tuned = heads.build(CONFIG)
    heads.save(tmp_path, tuned, CONFIG)
    again, config = heads.load(tmp_path)
    assert config == CONFIG and not again.training
    assert np.array_equal(heads.embed(again.encoder, vectors(5)), heads.embed(tuned.eval().encoder, vectors(5)))
    before = store.sha256(tmp_path / "head.safetensors")
    heads.save(tmp_path, again, config)
    assert store.sha256(tmp_path / "head.safetensors") == before


def test_a_head_that_does_not_fit_its_config_is_refused_in_one_line(tmp_path: Path) -> None:
    heads.save(tmp_path, heads.build(CONFIG), CONFIG | {"layers": [8, 31]})
    with pytest.raises(UserError, match=r"head.safetensors does not hold the head of its config.json"):
        heads.load(tmp_path)


def test_an_unknown_head_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"unknown head 'mpl' in config.json; known: mlp. Did you mean 'mlp'"):
        heads.build(CONFIG | {"head": "mpl"})


def test_a_descended_sidecar_keeps_its_origin_and_leaves_shape_open() -> None:
    frozen = {"format_version": 1, "rows": 9, "dim": 6, "model": "m", "strategy": "pretrained", "weights_sha256": "w"}
    assert heads.descend(frozen, {"strategy": "top_tuned"}) == {
        "model": "m",
        "strategy": "top_tuned",
        "weights_sha256": "w",
    }
