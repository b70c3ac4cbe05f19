"""A network under tuning: how its classifier begins, how long it will take, and what is kept of it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from src import backbones, store
from src.backbones import sample
from src.tuning import loop, networks
from src.tuning.classifiers import CosineClassifier
from src.tuning.lessons import Lesson, Rows
from src.tuning.recipes import Recipe

RECIPE = Recipe(0.1, 0.1, epochs=3, patience=3, batch_size=4, label_smoothing=0.1)
VECTORS = torch.randn(12, 5, generator=torch.manual_seed(0))
CODES = np.arange(12) % 3
LESSON = Lesson(["a", "b", "c"], np.arange(9), CODES[:9], np.arange(9, 12), CODES[9:])
CPU = torch.device("cpu")


def feed(parts: list[Rows], _: Generator | None) -> Iterator[Tensor]:
    return (VECTORS[part] for part in parts)


def test_every_class_begins_at_the_mean_direction_of_its_embeddings() -> None:
    tuned = networks.begin(nn.Identity(), 5, feed, LESSON, RECIPE, 0, CPU)
    for code in range(3):
        mean = F.normalize(VECTORS[:9][CODES[:9] == code]).mean(dim=0)
        torch.testing.assert_close(tuned.classifier.weight[code], F.normalize(mean, dim=0))


def test_folded_and_named_norms_stand_still() -> None:
    folded, moving, named = nn.BatchNorm1d(5), nn.BatchNorm1d(5), nn.BatchNorm1d(5)
    for norm in (moving, named):
        norm.running_mean.fill_(1)
    tuned = networks.begin(nn.Sequential(folded, moving, named), 5, feed, LESSON, RECIPE, 0, CPU, still=[named])
    tuned.train()
    assert (folded.training, moving.training, named.training) == (False, True, False)


def test_the_forecast_counts_a_forward_pass_as_a_third_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "seconds_per_image", lambda *_: 10.0)
    tuned = networks.begin(nn.Identity(), 5, feed, LESSON, RECIPE, 0, CPU)
    # 3 epochs of 9 images, a third of 3 x 3 validation images and of 30 to embed
    seconds, words = networks.forecast(tuned, feed, LESSON, RECIPE, 30)
    assert seconds == pytest.approx(400)
    assert words == "9 training images x 3 epochs, at most about 7 min here"


def test_what_was_saved_is_read_again_network_and_classifier(tmp_path: Path) -> None:
    config = {"model": "toy", "library": "sample", "build": {"stem": 4, "channels": [4, 8, 8, 8]}, "dim": 8}
    config |= {"preprocessing": {"size": 16, "mean": [0.5] * 3, "std": [0.25] * 3}, "classes": ["a", "b", "c"]}
    network, classifier = sample.build(config).eval(), CosineClassifier(8, 3)
    sha256 = networks.save(tmp_path, network, classifier, config)
    again, its_classifier = networks.load(tmp_path)
    picture = torch.randn(2, 3, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(again.network(picture), network(picture))
    assert torch.equal(its_classifier.weight, classifier.weight)
    assert again.config["weights_sha256"] == sha256 == store.sha256(tmp_path / backbones.WEIGHTS)


def test_small_pictures_get_one_thread() -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        networks.limit_threads(224)
        assert torch.get_num_threads() == 2
        networks.limit_threads(96)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)
