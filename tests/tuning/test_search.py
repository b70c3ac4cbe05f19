"""A search on three directions in six dimensions."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from optuna.distributions import IntDistribution

from src.errors import UserError
from src.tuning import search, study
from src.tuning.frozen import Frozen
from src.tuning.lessons import Lesson
from src.tuning.recipes import Recipe
from src.tuning.search import Plan

RECIPE = Recipe(lr=1e-3, weight_decay=0.05, epochs=60, patience=5, batch_size=16, label_smoothing=0.1)
BY_CLASS = replace(RECIPE, select="accuracy")
PLAN = Plan(trials=4, epochs=3, repeats=2)
POINT = search.START | {"layers": 3, "width": 8, "dim": 7}


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads of 16 or 32 units, which train in no time."""
    monkeypatch.setattr(search, "NAMES", search.NAMES | dict.fromkeys(("width", "dim"), IntDistribution(4, 5)))
    monkeypatch.setattr(search, "START", search.START | {"width": 5, "dim": 4})


def frozen() -> Frozen:
    rng = np.random.default_rng(3)
    return Frozen((np.repeat(np.eye(3, 6), 20, axis=0) + 0.3 * rng.normal(size=(60, 6))).astype(np.float32))


def lesson() -> Lesson:
    """3 labels x 20, of which the last 5 choose."""
    rows, codes = np.arange(60), np.repeat(np.arange(3), 20)
    teaches = rows % 20 < 15
    return Lesson(["a", "b", "c"], rows[teaches], codes[teaches], rows[~teaches], codes[~teaches])


def explore(path: Path, recipe: Recipe = RECIPE, seed: int = 5, taught: Lesson | None = None) -> list[study.Row]:
    return search.explore(frozen(), taught or lesson(), recipe, PLAN, seed, path)


def test_the_start_is_a_point_of_the_space() -> None:
    assert search.START.keys() == search.NAMES.keys()
    assert all(search.NAMES[name]._contains(search.NAMES[name].to_internal_repr(v)) for name, v in search.START.items())


def test_a_point_is_a_head_and_a_recipe() -> None:
    config, recipe = search.settle(frozen(), lesson(), RECIPE, POINT)
    assert config["layers"] == [256, 256, 128] and config["dropout"] == POINT["dropout"] and config["dim"] == 6
    assert (recipe.lr, recipe.label_smoothing, recipe.epochs) == (POINT["lr"], POINT["label_smoothing"], 60)


def test_one_layer_is_the_embedding_itself() -> None:
    assert search.settle(frozen(), lesson(), RECIPE, POINT | {"layers": 1})[0]["layers"] == [128]


def test_sgd_learns_faster_and_decays_a_weight_as_much_in_a_step() -> None:
    adamw, sgd = (search.settle(frozen(), lesson(), RECIPE, POINT | {"optimiser": o})[1] for o in ("adamw", "sgd"))
    assert sgd.lr == search.SGD * adamw.lr
    assert sgd.lr * sgd.weight_decay == pytest.approx(adamw.lr * adamw.weight_decay)


def test_the_same_study_twice_is_the_same_trials(tmp_path: Path, narrow: None) -> None:
    first = explore(tmp_path / "a")
    assert explore(tmp_path / "b") == first and len(first) == 4
    assert explore(tmp_path / "c", seed=6) != first


def test_a_trial_is_worth_the_mean_over_its_repeats_of_their_best_epochs(tmp_path: Path, narrow: None) -> None:
    first = explore(tmp_path / "a")[0]
    scores = dict(first["along"])
    assert list(scores) == [1, 2, 3, 4, 5, 6]
    assert first["score"] == pytest.approx((scores[3] + scores[6]) / 2, abs=1e-6)


def test_the_metric_that_chooses_can_be_accuracy(tmp_path: Path, narrow: None) -> None:
    by_retrieval, by_class = explore(tmp_path / "a"), explore(tmp_path / "b", BY_CLASS)
    assert by_retrieval[0]["point"] == by_class[0]["point"] and by_retrieval[0]["score"] != by_class[0]["score"]


def test_a_search_without_validation_stops_and_says_what_would_do(tmp_path: Path, narrow: None) -> None:
    blind = replace(lesson(), validation=np.arange(0), validation_codes=np.arange(0))
    with pytest.raises(UserError, match=r"no validation images that share a label.*set top_tune.search to off"):
        explore(tmp_path / "a", taught=blind)


def test_accuracy_cannot_choose_among_labels_that_training_never_saw(tmp_path: Path, narrow: None) -> None:
    unseen = replace(lesson(), validation_codes=lesson().validation_codes + 3)
    with pytest.raises(UserError, match="no validation images of a label that training saw, so accuracy cannot"):
        explore(tmp_path / "a", BY_CLASS, taught=unseen)
    assert explore(tmp_path / "b", taught=unseen)[0]["score"] > 0


def test_single_images_cannot_choose_by_retrieval_but_by_accuracy(tmp_path: Path, narrow: None) -> None:
    single = replace(lesson(), validation=lesson().validation[::5], validation_codes=lesson().validation_codes[::5])
    with pytest.raises(UserError, match="share a label"):
        explore(tmp_path / "a", taught=single)
    assert explore(tmp_path / "b", BY_CLASS, taught=single)
