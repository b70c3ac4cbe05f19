"""Floor 2. The one training loop of every tuning: warm-up and cosine, the best epoch chosen on validation."""

import copy
import ctypes
import hashlib
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.utils.checkpoint import checkpoint
from tqdm import tqdm

from src.errors import UserError
from src.progress import bar
from src.registry import lookup
from src.tuning import kernels, memory, optimisers, samplers, snapshots
from src.tuning.averaging import Average
from src.tuning.classifiers import Tuned, batch_norms, multiply
from src.tuning.curves import Curve, Log, best_epoch, unlogged
from src.tuning.lessons import Lesson, Rows
from src.tuning.losses import LOSSES
from src.tuning.recipes import Recipe
from src.tuning.snapshots import Keeper, State

PROBE = 10  # times as fast as with the encoder learns a classifier alone
MEASURED_STEPS = 3
BLOCK = 1024  # validation queries compared at once
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # of glibc's mallopt, see `man mallopt`

# The encoder's inputs for each part of manifest rows, in order; varied when a generator is given, as they are without.
Feed = Callable[[list[Rows], Generator | None], Iterator[Tensor]]


def fit(
    tuned: Tuned,
    feed: Feed,
    lesson: Lesson,
    recipe: Recipe,
    seed: int,
    title: str,
    snapshot: Path | None = None,
    log: Log = unlogged,
) -> Curve:
    """Train in place, leave the best epoch in `tuned`, and give a row an epoch; `log` gets each as it is finished.

    The best epoch has the highest validation mMP@5, then accuracy (or the other way round: `recipe.select`), then comes
    first; training stops `patience` epochs after it. Where validation has nothing to measure, the last epoch counts.
    Every epoch has a seed of its own and a snapshot the generators within it, so a run that continues from `snapshot`
    ends where an unbroken one does. With `recipe.ema` the averaged weights are what is measured and left.
    """
    keep_memory()
    arrange(tuned, recipe)
    state = State(tuned, optimisers.build(tuned, recipe), accumulate=recipe.accumulate)
    state.average = Average(tuned, recipe.ema) if recipe.ema else None
    if snapshot:
        snapshots.resume(snapshot, state)
        if state.curve or state.losses:
            print(f"{title}: continues after epoch {len(state.curve)}, step {len(state.losses)}", file=sys.stderr)
    keeper, judged = Keeper(snapshot, state), state.average.model if state.average else tuned
    for row in state.curve:
        log(row)
    size = sum(map(len, samplers.batches(lesson.targets, recipe, seed)))  # images an epoch trains on
    with bar(recipe.epochs * size, title) as progress:
        progress.update(len(state.curve) * size + len(state.losses) * recipe.batch_size)
        while not finished(state.curve, recipe):
            row = train_epoch(keeper, feed, lesson, recipe, seed, progress)
            row |= validate(judged, feed, lesson, recipe.batch_size)
            state.curve, state.losses = [*state.curve, row], []
            log(row)
            if best_epoch(state.curve, recipe.select) == len(state.curve):
                state.best = {name: tensor.clone() for name, tensor in judged.state_dict().items()}
            keeper.save()
            progress.set_postfix({key: row[key] for key in ("epoch", "loss", "validation mMP@5")}, refresh=False)
    tuned.load_state_dict(state.best)
    tuned.eval()
    return state.curve


def keep_memory() -> None:
    """Let this process keep the memory that a step frees, up to 1 GiB a tensor, for the next step.

    Otherwise glibc gives what is above 32 MiB back to Linux, which clears it again page by page: an eighth to a quarter
    of the time of fine-tuning a small network, and two fifths of a head's with 11,318 classes.
    """
    with suppress(AttributeError, TypeError):  # another C library, or Windows
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(MMAP_THRESHOLD, 2**30)
        mallopt(TRIM_THRESHOLD, 2**31 - 1)


def arrange(tuned: Tuned, recipe: Recipe) -> Tuned:
    """The model, as the recipe wants its norms and its memory."""
    if recipe.frozen_batch_norm:
        tuned.still = batch_norms(tuned.encoder)
    if recipe.gradient_checkpointing:
        memory.checkpoint(tuned.encoder)
    return tuned


def train_epoch(
    keeper: Keeper, feed: Feed, lesson: Lesson, recipe: Recipe, seed: int, progress: "tqdm[Any]"
) -> dict[str, Any]:
    """One pass over the training rows, or what is left of it; gives the epoch's number, mean loss, last learning rate.

    In an epoch of the probe the encoder stands still, as in evaluation.
    """
    state, model, epoch = keeper.state, keeper.state.model.train(), len(keeper.state.curve)
    probing = epoch < recipe.probe_epochs
    if probing:
        model.encoder.eval()
    device = next(model.parameters()).device
    generator = sow(draw(seed, epoch), device)
    parts = samplers.batches(lesson.targets, recipe, draw(seed, epoch))
    first = len(state.losses)
    if first:
        snapshots.redraw(state.chance, generator)
    batches = feed([lesson.train[part] for part in parts[first:]], generator)
    for step, (part, inputs) in enumerate(zip(parts[first:], batches, strict=True), first):
        rate = rate_at(recipe, epoch, step, len(parts))
        optimisers.set_rate(state.optimiser, rate)
        targets = torch.from_numpy(lesson.targets[part]).to(device)
        attempt = partial(learn, model, inputs, targets, recipe, probing)
        with kernels.chosen(model.encoder, device):
            loss, state.accumulate = memory.in_parts(attempt, state.accumulate, len(part))
        norm = nn.utils.clip_grad_norm_(model.parameters(), recipe.clip or math.inf)
        if not (math.isfinite(loss) and torch.isfinite(norm)):
            raise UserError(_diverged(epoch, step, loss, rate, lesson.names(part)))
        state.optimiser.step()
        if state.average:
            state.average.update(model, epoch * len(parts) + step + 1)
        state.losses.append(loss)
        keeper.after_step(generator)
        progress.update(len(part))
    rate = rate_at(recipe, epoch, len(parts) - 1, len(parts))
    return {"epoch": epoch + 1, "loss": round(float(np.mean(state.losses)), 6), "lr": float(f"{rate:.6g}")}


def learn(model: Tuned, inputs: Tensor, targets: Tensor, recipe: Recipe, probing: bool, parts: int) -> float:
    """Gradients of a batch whose images go through the network in `parts` parts, of two or more; gives its loss.

    The loss sees the batch as a whole, so one over pairs sees every pair. In return each part is computed twice, the
    second time on the way back, when the others need no memory (GradCache, arXiv 2101.06983).
    """
    model.zero_grad()
    pieces = inputs.tensor_split(min(parts, max(len(inputs) // memory.LEAST, 1)))
    encode = model.encoder if len(pieces) == 1 else partial(checkpoint, model.encoder, use_reentrant=False)
    with arithmetic(recipe.precision, inputs.device), torch.set_grad_enabled(not probing):
        embeddings = torch.cat([encode(piece) for piece in pieces])
    loss_of = lookup(LOSSES, recipe.loss, "loss")
    with arithmetic(recipe.precision, inputs.device):
        loss = loss_of(embeddings.float(), model.classifier, targets, recipe.label_smoothing)
    loss.backward()
    return loss.item()


def _diverged(epoch: int, step: int, loss: float, rate: float, names: list[str]) -> str:
    what = "gradient" if math.isfinite(loss) else "loss"
    which = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return (
        f"the {what} is not a number at epoch {epoch + 1}, step {step + 1} (learning rate {rate:.3g}, images {which}); "
        "try a tenth of the learning rate, or look at these images"
    )


def rate_at(recipe: Recipe, epoch: int, step: int, steps: int) -> float:
    """Learning rate of a step, both from 0: the probe's epochs rise and fall for themselves, and so do the others."""
    probing = epoch < recipe.probe_epochs
    first, last = (0, recipe.probe_epochs) if probing else (recipe.probe_epochs, recipe.epochs)
    share = schedule(((epoch - first) * steps + step + 1) / ((last - first) * steps), recipe.warmup)
    return recipe.lr * share * (PROBE if probing else 1)


def arithmetic(precision: str, device: torch.device) -> torch.autocast:
    """A training step's arithmetic: products in bf16, while weights, loss and validation stay in float32; or as is."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")


def finished(curve: Curve, recipe: Recipe) -> bool:
    """Whether all epochs are done, or best one and probe lie `patience` epochs back."""
    best = max(best_epoch(curve, recipe.select), recipe.probe_epochs)
    return len(curve) == recipe.epochs or len(curve) - best >= recipe.patience


def schedule(progress: float, warmup: float) -> float:
    """Share of the full learning rate at `progress` (0..1) of all steps: a straight rise, then half a cosine to 0."""
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / max(1 - warmup, 1e-9)))


def split(rows: Rows, batch_size: int) -> list[Rows]:
    """Rows in order, in batches."""
    return [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]


@torch.inference_mode()
def encode(tuned: Tuned, feed: Feed, rows: Rows, batch_size: int) -> Tensor:
    """Embeddings of manifest rows, unvaried, by the encoder in evaluation mode: [len(rows), D] of length 1."""
    tuned.eval()
    with kernels.chosen(tuned.encoder, next(tuned.parameters()).device):
        return torch.cat([F.normalize(tuned.encoder(inputs)) for inputs in feed(split(rows, batch_size), None)])


@torch.inference_mode()
def validate(tuned: Tuned, feed: Feed, lesson: Lesson, batch_size: int) -> dict[str, float | None]:
    """mMP@5 of the validation rows, each asking the others of its part, and accuracy over those with a trained label.

    Of several parts (datasets) mMP@5 is the mean, however many images each has.
    """
    scores: dict[str, float | None] = {"validation mMP@5": None, "validation accuracy": None}
    if len(lesson.validation):
        embeddings = encode(tuned, feed, lesson.validation, batch_size)
        codes = torch.from_numpy(lesson.validation_codes).to(embeddings.device)
        known = codes < len(lesson.classes)
        found = [mmp5(embeddings[part], codes[part]) for part in lesson.validation_parts]
        measured = [score for score in found if score is not None]
        scores["validation mMP@5"] = round(float(np.mean(measured)), 6) if measured else None
        if known.any():
            correct = tuned.classifier(embeddings[known]).argmax(dim=1) == codes[known]
            scores["validation accuracy"] = round(correct.float().mean().item(), 6)
    return scores


def mmp5(embeddings: Tensor, codes: Tensor) -> float | None:
    """Leave-one-out mMP@5 of [n, D] vectors of length 1 with label codes [n]; None where no label has two images.

    `src.metrics` defines it; a second, in-memory one stands here so that a new metric there trains nothing again.
    """
    relevant = codes.bincount()[codes] - 1
    total, depth = 0.0, min(5, len(codes) - 1)
    for block in torch.arange(len(codes), device=codes.device).split(BLOCK):
        similarity = multiply(embeddings[block], embeddings)
        similarity[torch.arange(len(block)), block] = -torch.inf  # never oneself
        hits = codes[similarity.topk(depth).indices] == codes[block, None]
        counted = relevant[block].clamp(max=5)
        hits &= torch.arange(depth, device=codes.device) < counted[:, None]
        total += (hits.sum(dim=1) / counted.clamp(min=1)).double().sum().item()
    queries = int((relevant > 0).sum())
    return round(total / queries, 6) if queries else None


def seconds_per_image(tuned: Tuned, feed: Feed, lesson: Lesson, recipe: Recipe) -> float:
    """Of training, measured on a few steps of a copy, the first not counted; a third of it is the forward pass."""
    trial = arrange(copy.deepcopy(tuned), recipe).train()

    def measure(parts: int) -> float:
        size = max(recipe.batch_size // parts, 1)
        rows = split(np.resize(lesson.train, (MEASURED_STEPS + 1) * size), size)
        stamps = []
        for inputs in feed(rows, sow(0, next(trial.parameters()).device)):
            with kernels.chosen(trial.encoder, inputs.device):
                with arithmetic(recipe.precision, inputs.device):
                    logits = trial(inputs)
                logits.float().sum().backward()
            stamps.append(time.perf_counter())
        return (stamps[-1] - stamps[0]) / MEASURED_STEPS / size

    return memory.in_parts(measure, recipe.accumulate, recipe.batch_size)[0]


def cost(lesson: Lesson, curve: Curve, seconds: float) -> dict[str, Any]:
    """For a cost file: how many times an image was trained on, and how long all of it took."""
    images = len(lesson.train) * len(curve)
    rate = round(images / seconds, 2)
    return {"images": images, "epochs": len(curve), "seconds": round(seconds, 3), "images_per_second": rate}


def draw(*parts: object) -> int:
    """A seed that depends on nothing but its parts: draw(0, "top_tune", "sample_cars")."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:7])


def sow(seed: int, device: torch.device | str = "cpu") -> Generator:
    """Seed torch's own generators (weights, dropout), and give another one, on `device`, for augmentation."""
    torch.set_deterministic_debug_mode("warn")  # use_deterministic_algorithms would import the compiler, a second
    # 5 % of a step, and nothing reads it unwritten
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.manual_seed(seed)
    return Generator(device).manual_seed(seed)
