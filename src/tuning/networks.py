"""Floor 2. A network under tuning: how it begins, how long it will take, and how it is kept and used afterwards."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from src import backbones, calibration, store, tensors
from src.backbones import Backbone
from src.images import Shards
from src.params import RuntimeParams
from src.progress import duration
from src.tuning import classifiers, loop
from src.tuning.classifiers import CosineClassifier, Tuned
from src.tuning.lessons import Lesson
from src.tuning.loop import Feed
from src.tuning.recipes import Recipe

CLASSIFIER = "classifier.safetensors"
SMALL = 96  # pixels; up to here two threads wait for each other: 26 s with two and 20 s with one for a sample dataset


def limit_threads(size: int) -> None:
    """One thread where pictures of `size` pixels are too small for more."""
    if size <= SMALL:
        torch.set_num_threads(1)


def begin(
    encoder: nn.Module,
    dim: int,
    feed: Feed,
    lesson: Lesson,
    recipe: Recipe,
    seed: int,
    where: torch.device,
    still: Sequence[nn.Module] = (),
) -> Tuned:
    """The encoder, and a classifier that begins at the mean embedding of each class: it need not be found first.

    Modules in `still` stay as in evaluation, and so do folded batch norms.
    """
    loop.sow(seed)
    classifier = CosineClassifier(dim, len(lesson.classes))
    tuned = Tuned(encoder, classifier, still=[*still, *classifiers.folded_norms(encoder)]).to(where)
    embeddings = loop.encode(tuned, feed, lesson.train, recipe.batch_size)
    classifier.imprint(embeddings, torch.from_numpy(lesson.targets).to(where))
    return tuned


def forecast(tuned: Tuned, feed: Feed, lesson: Lesson, recipe: Recipe, images: int) -> tuple[float, str]:
    """Seconds a training takes at most with `images` to embed after it, by a few measured steps; and that in words.

    A forward pass is a third of a step.
    """
    trained, looked_at = recipe.epochs * len(lesson.train), recipe.epochs * len(lesson.validation) + images
    seconds = loop.seconds_per_image(tuned, feed, lesson, recipe) * (trained + looked_at / 3)
    words = f"{len(lesson.train):,} training images x {recipe.epochs} epochs, at most about"
    return seconds, f"{words} {duration(seconds)} here"


def save(folder: Path, network: nn.Module, classifier: CosineClassifier, config: dict[str, Any]) -> str:
    """Write a tuned network as `backbones.load` reads it, and its classifier beside; gives the weights' sha256."""
    backbones.save(folder, network, config)
    tensors.write(folder / CLASSIFIER, classifier.state_dict())
    return store.sha256(folder / backbones.WEIGHTS)


def load(folder: Path) -> tuple[Backbone, CosineClassifier]:
    """A tuned network and its classifier; its config names the `classes`."""
    backbone = backbones.load(folder)
    classifier = CosineClassifier(backbone.config["dim"], len(backbone.config["classes"]))
    classifier.load_state_dict(tensors.read(folder / CLASSIFIER)[0])
    return backbone, classifier


def embed(
    place: Path,
    backbone: Backbone,
    classifier: CosineClassifier,
    shards: Shards,
    made: dict[str, Any],
    labels: Sequence[str],
    runtime: RuntimeParams,
    title: str,
    scratch: Path,
) -> None:
    """Write the embedding and the predicted class of every image; `made` is their sidecar, for `calibration.embed`."""
    vectors, made = calibration.embed(backbone, shards, made, labels, runtime, title, scratch)
    store.write_embeddings(place, vectors, made)
    store.write_array(place / "predictions.npy", classifiers.predict(classifier.cpu(), vectors))
