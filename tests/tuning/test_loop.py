"""The training loop on points in the plane."""

import copy
import os
import platform
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from src import metrics
from src.errors import UserError
from src.tuning import heads, loop, snapshots
from src.tuning.classifiers import CosineClassifier, Tuned
from src.tuning.curves import Curve
from src.tuning.lessons import Lesson, Rows
from src.tuning.loop import Recipe
from src.tuning.losses import LOSSES

RECIPE = Recipe(lr=0.01, weight_decay=0.05, epochs=6, patience=6, batch_size=8, label_smoothing=0.1)
THOROUGH = replace(RECIPE, optimiser="sgd", accumulate=2, ema=0.8, layer_decay=0.7, probe_epochs=2)
ROWS = 60  # 3 labels x 20, of which the last 5 choose


def points() -> np.ndarray:
    """Three noisy directions in 6 dimensions."""
    rng = np.random.default_rng(3)
    return (np.repeat(np.eye(3, 6), 20, axis=0) + 0.15 * rng.normal(size=(ROWS, 6))).astype(np.float32)


def lesson() -> Lesson:
    codes = np.repeat(np.arange(3), 20)
    teaches = np.arange(ROWS) % 20 < 15
    rows = np.arange(ROWS)
    return Lesson(["a", "b", "c"], rows[teaches], codes[teaches], rows[~teaches], codes[~teaches])


def feed(parts: list[Rows], generator: Generator | None) -> Iterator[Tensor]:
    """The points, with a little noise when they may vary."""
    for part in parts:
        batch = torch.from_numpy(points()[part])
        yield batch if generator is None else batch + 0.1 * torch.randn(batch.shape, generator=generator)


def fresh(dropout: float = 0.3) -> Tuned:
    torch.manual_seed(0)
    return heads.build({"head": "mlp", "dim": 6, "layers": [16, 8], "dropout": dropout, "classes": ["a", "b", "c"]})


def fit(tuned: Tuned, recipe: Recipe = RECIPE, snapshot: Path | None = None, seed: int = 5, feed=feed) -> Curve:
    return loop.fit(tuned, feed, lesson(), recipe, seed, "toy", snapshot)


def same(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def slow_mmp5(embeddings: np.ndarray, codes: np.ndarray) -> float:
    """The definition, a query at a time."""
    scores = []
    for query in range(len(codes)):
        others = [i for i in range(len(codes)) if i != query]
        relevant = sum(codes[i] == codes[query] for i in others)
        if relevant:
            ranked = sorted(others, key=lambda i: -float(embeddings[i] @ embeddings[query]))
            depth = min(relevant, 5)
            scores.append(sum(codes[i] == codes[query] for i in ranked[:depth]) / depth)
    return float(np.mean(scores))


def test_mmp5_of_four_points_by_hand() -> None:
    """Labels x x y y on a circle, each finds its nearest: a b (1), b a (1), c b (0), d c (1)."""
    angles = torch.tensor([0.0, 0.1, 0.5, 1.5])
    embeddings = torch.stack([angles.cos(), angles.sin()], dim=1)
    assert loop.mmp5(embeddings, torch.tensor([0, 0, 1, 1])) == 0.75


def test_mmp5_agrees_with_a_plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "BLOCK", 7)
    rng = np.random.default_rng(0)
    embeddings = F.normalize(torch.from_numpy(rng.normal(size=(50, 4)))).numpy()
    codes = np.concatenate([rng.integers(0, 9, 48), [20, 21]])  # the last two have no partner
    found = loop.mmp5(torch.from_numpy(embeddings), torch.from_numpy(codes))
    assert found == pytest.approx(slow_mmp5(embeddings, codes), abs=1e-6)


def test_mmp5_is_the_one_of_the_metrics() -> None:
    rng = np.random.default_rng(1)
    embeddings, codes = F.normalize(torch.from_numpy(rng.normal(size=(40, 3)))), rng.integers(0, 8, 40)
    similarity = (embeddings @ embeddings.T).numpy()
    np.fill_diagonal(similarity, -np.inf)
    hits = codes[np.argsort(-similarity, axis=1)[:, :-1]] == codes[:, None]
    found = hits.sum(axis=1) > 0
    values = metrics.mmp_at(5, hits[found], hits[found].sum(axis=1), hits[found].argmax(axis=1) + 1)
    assert loop.mmp5(embeddings, torch.from_numpy(codes)) == pytest.approx(values.mean(), abs=1e-6)


def test_mmp5_says_nothing_where_no_label_has_two_images() -> None:
    assert loop.mmp5(torch.eye(3), torch.tensor([0, 1, 2])) is None
    assert loop.mmp5(torch.eye(1), torch.tensor([0])) is None


def test_training_teaches() -> None:
    tuned = fresh()
    curve = fit(tuned, replace(RECIPE, epochs=15, patience=15))
    assert curve[-1]["loss"] < curve[0]["loss"]
    assert max(row["validation mMP@5"] for row in curve) > 0.8


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_teaches_encoder_and_classifier(loss: str) -> None:
    curve = fit(fresh(), replace(RECIPE, loss=loss, epochs=15, patience=15, images_per_label=2))
    assert max(row["validation mMP@5"] for row in curve) > 0.8
    assert max(row["validation accuracy"] for row in curve) > 0.8


def test_a_loss_of_pairs_is_fed_batches_of_few_labels() -> None:
    seen: list[list[int]] = []

    def watched(parts: list[Rows], generator: Generator | None) -> Iterator[Tensor]:
        if generator:
            seen.extend((part // 20).tolist() for part in parts)  # labels, for rows come 20 a label
        return feed(parts, generator)

    fit(fresh(), replace(RECIPE, loss="supcon", epochs=2), feed=watched)
    assert seen and all(sorted(labels.count(label) for label in set(labels)) == [4, 4] for labels in seen)


def test_the_best_epoch_is_what_remains() -> None:
    tuned = fresh()
    curve = fit(tuned)
    scores = [row["validation mMP@5"] for row in curve]
    kept = loop.validate(tuned, feed, lesson(), 8)["validation mMP@5"]
    assert kept == max(scores) and not tuned.training


def test_training_stops_patience_epochs_after_the_best() -> None:
    curve = fit(fresh(), replace(RECIPE, lr=1e-9, epochs=50, patience=3))  # nothing moves
    scores = [(row["validation mMP@5"], row["validation accuracy"]) for row in curve]
    assert len(curve) == scores.index(max(scores)) + 1 + 3


def test_without_validation_the_last_epoch_counts() -> None:
    taught = lesson()
    blind = replace(taught, validation=taught.validation[:0], validation_codes=taught.validation_codes[:0])
    curve = loop.fit(fresh(), feed, blind, replace(RECIPE, patience=1), 5, "toy")
    assert len(curve) == RECIPE.epochs
    assert curve[-1]["validation mMP@5"] is None and curve[-1]["validation accuracy"] is None


def test_a_label_of_one_image_and_one_that_validation_lacks_are_taught_all_the_same() -> None:
    """Of c only the first photo teaches; b chooses with none, c with one, which no other can find."""
    taught = lesson()
    one = np.flatnonzero((taught.targets != 2) | (taught.train == 40))
    kept = np.flatnonzero((taught.validation_codes == 0) | (taught.validation == 55))
    few = replace(taught, train=taught.train[one], targets=taught.targets[one])
    few = replace(few, validation=taught.validation[kept], validation_codes=taught.validation_codes[kept])
    curve = loop.fit(fresh(), feed, few, replace(RECIPE, epochs=15, patience=15), 5, "toy")
    assert [len(few.train), len(few.validation)] == [31, 6]
    assert max(row["validation mMP@5"] for row in curve) == 1.0  # of the five photos of a alone
    assert max(row["validation accuracy"] for row in curve) > 0.8


def test_the_seed_decides_everything() -> None:
    one, two, three = fresh(), fresh(), fresh()
    assert fit(one) == fit(two) and same(one, two)
    fit(three, seed=6)
    assert not same(one, three)


class Interrupted(Exception):
    """Ctrl-C at an inconvenient moment."""


def breaking(after: int):
    """The feed, interrupted before it gives training batch number `after` (from 0, over all epochs)."""
    seen = 0

    def give(parts: list[Rows], generator: Generator | None) -> Iterator[Tensor]:
        nonlocal seen
        for batch in feed(parts, generator):
            if generator and seen == after:
                raise Interrupted
            seen += generator is not None
            yield batch

    return give


@pytest.mark.parametrize("often", [False, True], ids=["each epoch", "each step"])
@pytest.mark.parametrize("after", [5, 7, 9, 18])  # an epoch has 5 steps
@pytest.mark.parametrize("recipe", [RECIPE, THOROUGH], ids=["plain", "thorough"])
def test_an_interrupted_training_ends_as_an_unbroken_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: Recipe, after: int, often: bool
) -> None:
    monkeypatch.setattr(snapshots, "SECONDS", 0 if often else 1e9)
    monkeypatch.setattr(snapshots, "SHARE", 1e9)
    whole, broken, continued, snapshot = fresh(), fresh(), fresh(), tmp_path / "snapshot.safetensors"
    expected = fit(whole, recipe)
    with pytest.raises(Interrupted):
        fit(broken, recipe, snapshot, feed=breaking(after))
    torch.manual_seed(99)  # whatever the new process did before
    left = recipe.epochs * 5 - (after if often else after - after % 5)
    with pytest.raises(Interrupted):  # it takes up where the snapshot was: no more steps are left, and no fewer
        fit(copy.deepcopy(continued), recipe, shutil.copy(snapshot, tmp_path / "copy"), feed=breaking(left - 1))
    assert fit(continued, recipe, snapshot, feed=breaking(left)) == expected
    assert same(continued, whole)


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    first, again = fresh(), fresh()
    curve = fit(first, snapshot=tmp_path / "s")

    def never(parts: list[Rows], generator: Generator | None) -> Iterator[Tensor]:
        raise AssertionError

    assert fit(again, snapshot=tmp_path / "s", feed=never) == curve
    assert same(first, again)


def test_a_loss_that_is_no_number_names_epoch_step_and_images() -> None:
    def poisoned(parts: list[Rows], generator: Generator | None) -> Iterator[Tensor]:
        for number, batch in enumerate(feed(parts, generator)):
            yield batch * (float("nan") if number == 2 and generator else 1.0)

    with pytest.raises(UserError, match=r"loss is not a number at epoch 1, step 3 .*images (row \d+, ){7}row \d+\)"):
        fit(fresh(), feed=poisoned)


def test_a_gradient_that_is_no_number_stops_before_it_reaches_the_weights() -> None:
    class Cliff(nn.Module):
        """The root of 0 is 0, and its slope is infinite."""

        def forward(self, x: Tensor) -> Tensor:
            return x + (x - x.detach()).abs().sqrt()

    tuned = fresh()
    tuned.encoder.append(Cliff())
    before = copy.deepcopy(tuned)
    with pytest.raises(UserError, match=r"the gradient is not a number at epoch 1, step 1 .*a tenth of the learning"):
        fit(tuned)
    assert all(torch.equal(*pair) for pair in zip(tuned.parameters(), before.parameters(), strict=True))


def test_the_learning_rate_rises_then_falls_to_zero() -> None:
    rates = [loop.schedule(step / 100, 0.1) for step in range(1, 101)]
    assert rates[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert rates[54] == pytest.approx(0.5) and rates[-1] == pytest.approx(0)
    assert loop.schedule(0.5, 0.0) == pytest.approx(0.5) and loop.schedule(1.0, 1.0) == pytest.approx(1)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_memory_that_was_freed_is_mostly_used_again_without_page_faults() -> None:
    loop.keep_memory()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(2**24)  # 64 MiB, 16,384 pages
    assert resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before < 10 * 16_384


def test_measuring_the_speed_changes_nothing() -> None:
    tuned, untouched = fresh(), fresh()
    assert loop.seconds_per_image(tuned, feed, lesson(), RECIPE) > 0
    assert same(tuned, untouched)


def test_draws_depend_on_all_their_parts_and_nothing_else() -> None:
    assert loop.draw(0, "top_tune", "a") == loop.draw(0, "top_tune", "a")
    assert len({loop.draw(0, "top_tune", "a"), loop.draw(1, "top_tune", "a"), loop.draw(0, "top_tune", "b")}) == 3


def test_bf16_learns_nearly_the_same_and_leaves_float32_weights() -> None:
    exact, rough = fresh(), fresh()
    first, second = fit(exact)[0]["loss"], fit(rough, replace(RECIPE, precision="bf16"))[0]["loss"]
    assert first != second
    assert second == pytest.approx(first, rel=0.02)
    assert all(parameter.dtype == torch.float32 for parameter in rough.parameters())


def plain() -> Tuned:
    """Nothing in it looks at the batch as a whole."""
    torch.manual_seed(0)
    return Tuned(nn.Linear(6, 8), CosineClassifier(8, 3))


@pytest.mark.parametrize("parts", [2, 3, 8])
@pytest.mark.parametrize("loss", ["cross_entropy", "supcon"])
def test_a_batch_in_parts_gives_the_gradients_of_the_whole_all_pairs_included(parts: int, loss: str) -> None:
    one, other = plain(), plain()
    recipe = replace(RECIPE, loss=loss)
    inputs, targets = torch.from_numpy(points()[:8]), torch.tensor([0, 1, 2, 0, 1, 2, 0, 0])
    losses = [loop.learn(model, inputs, targets, recipe, False, n) for model, n in ((one, 1), (other, parts))]
    assert losses[0] == pytest.approx(losses[1])
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.allclose(mine.grad, theirs.grad, atol=1e-7)


class Narrow(nn.Module):
    """An encoder on a machine that holds `most` images at once; it remembers the batches it got."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.inner, self.most, self.sizes = nn.Linear(6, 8), most, []

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            self.sizes.append(len(x))
            if len(x) > self.most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return self.inner(x)


def narrow(most: int) -> Tuned:
    torch.manual_seed(0)
    return Tuned(Narrow(most), CosineClassifier(8, 3))


def test_out_of_memory_halves_the_batch_says_so_and_learns_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    roomy, tight = narrow(8), narrow(3)
    first, second = fit(roomy), fit(tight)
    assert tight.encoder.sizes[:3] == [8, 4, 2] and set(tight.encoder.sizes[2:]) == {2}
    assert [row["loss"] for row in second] == pytest.approx([row["loss"] for row in first], rel=1e-4)
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("out of memory")]
    assert len(said) == 2 and said[1].startswith("out of memory: batches of 8 images from now on in 4 parts of 2 (")


def test_a_continued_training_remembers_how_much_memory_there_is(tmp_path: Path) -> None:
    fit(narrow(4), snapshot=tmp_path / "s")
    tight = narrow(4)
    fit(tight, replace(RECIPE, epochs=7, patience=7), snapshot=tmp_path / "s")
    assert set(tight.encoder.sizes) == {4}


def test_out_of_memory_with_two_images_is_a_clear_end() -> None:
    with pytest.raises(UserError, match="out of memory with 2 images at once; set fine_tune"):
        fit(narrow(1))


def test_another_error_of_the_encoder_is_not_taken_for_want_of_memory() -> None:
    with pytest.raises(RuntimeError, match="primitive"):
        loop.fit(plain(), lambda parts, _: (torch.ones(len(p), 5) for p in parts), lesson(), RECIPE, 5, "toy")


def test_a_probe_teaches_the_classifier_and_leaves_the_encoder_alone() -> None:
    tuned, untouched = fresh(), fresh()
    with pytest.raises(Interrupted):
        fit(tuned, replace(RECIPE, probe_epochs=2), feed=breaking(10))
    assert same(tuned.encoder, untouched.encoder) and not same(tuned.classifier, untouched.classifier)


def test_probe_and_training_have_a_learning_rate_curve_each() -> None:
    recipe = replace(RECIPE, lr=0.1, epochs=6, probe_epochs=2, warmup=0.0)
    rates = [loop.rate_at(recipe, epoch, step, 5) for epoch in range(6) for step in range(5)]
    assert rates[4] == pytest.approx(10 * 0.05) and rates[9] == pytest.approx(0)
    assert rates[19] == pytest.approx(0.05) and rates[29] == pytest.approx(0)
    assert np.diff(rates[:10]).max() < 0 and np.diff(rates[10:]).max() < 0 < rates[10] - rates[9]


def test_patience_begins_after_the_probe() -> None:
    tuned = fresh()
    tuned.still = list(tuned.encoder)
    curve = fit(tuned, replace(RECIPE, lr=1e-9, epochs=50, patience=3, probe_epochs=9))  # nothing moves
    assert len(curve) == 9 + 3


def test_with_an_average_it_is_what_is_measured_and_left() -> None:
    tuned, plain_end = fresh(), fresh()
    curve = fit(tuned, replace(RECIPE, ema=0.6))
    fit(plain_end)
    assert not same(tuned, plain_end)
    kept = loop.validate(tuned, feed, lesson(), 8)["validation mMP@5"]
    assert kept == max(row["validation mMP@5"] for row in curve)


def test_clipping_bounds_the_gradient_and_0_leaves_it() -> None:
    """A step of plain SGD is as long as its gradient times the learning rate."""
    lengths = []
    for clip in (0.0, 1e-3):
        tuned, before = plain(), plain()
        recipe = replace(RECIPE, optimiser="sgd", momentum=0.0, weight_decay=0.0, lr=1.0, warmup=0.0, clip=clip)
        with pytest.raises(Interrupted):
            fit(tuned, recipe, feed=breaking(1))
        moves = [(a - b).norm() for a, b in zip(tuned.parameters(), before.parameters(), strict=True)]
        lengths.append(torch.stack(moves).norm().item() / loop.rate_at(recipe, 0, 0, 5))
    assert lengths[0] > 0.1 and lengths[1] == pytest.approx(1e-3, rel=1e-3)


def test_frozen_batch_norms_keep_their_statistics_and_learn_their_gains() -> None:
    tuned, untouched = fresh(), fresh()
    fit(tuned, replace(RECIPE, frozen_batch_norm=True))
    norms = [[m for m in model.encoder if isinstance(m, nn.BatchNorm1d)] for model in (tuned, untouched)]
    for after, before in zip(*norms, strict=True):
        assert torch.equal(after.running_mean, before.running_mean)
        assert torch.equal(after.running_var, before.running_var)
        assert not torch.equal(after.weight, before.weight)


def test_a_recipe_may_ask_for_what_a_network_cannot_do() -> None:
    with pytest.raises(UserError, match="Sequential has no gradient checkpointing; set"):
        fit(fresh(), replace(RECIPE, gradient_checkpointing=True))


def test_training_does_not_import_torchs_compiler() -> None:
    """A second or more of every process that trains."""
    code = "import sys, test_loop as t; t.fit(t.fresh()); print('torch._dynamo' in sys.modules)"
    paths = os.pathsep.join([str(Path(__file__).parent), str(Path.cwd())])
    ran = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "False"
