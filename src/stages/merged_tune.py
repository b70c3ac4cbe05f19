"""Tune one head or one network on several datasets at once.  python -m src.stages.merged_tune <recipe> <source>

Recipe: top_tune (a head on their pretrained embeddings) or fine_tune (all weights of the backbone). Source: all, or
all_but_<dataset>. All is as in those stages, on the tuning rows of every dataset but the one left out; labels of
different datasets are different labels. What is written, cross_tune uses as it uses what one dataset has tuned.
"""

import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from src import backbones, command, device, manifest, paths, store, unions
from src.errors import UserError
from src.images import Shards
from src.params import Params, load
from src.registry import lookup
from src.runtime import workers
from src.stages import fine_tune, top_tune
from src.tuning import curves, frozen, heads, hybrids, loop, networks, search, study, union
from src.tuning.curves import Curve, Log
from src.tuning.frozen import Frozen
from src.tuning.lessons import Lesson
from src.tuning.photos import Photos
from src.tuning.recipes import Recipe


@dataclass(frozen=True)
class Task:
    """What is to be learned, and how this run goes about it."""

    title: str
    source: str
    members: list[str]
    lesson: Lesson
    params: Params
    seed: int
    where: torch.device
    scratch: Path


# reads, trains, writes what was tuned -> the recipe as followed, the curve, and the trials of a search
Tuning = Callable[[Task, Log], tuple[Recipe, Curve, list[study.Row]]]


def main(recipe: str, source: str) -> None:
    """Read the manifests; train; write head or network, curve, and what it cost."""
    start, params = perf_counter(), load()
    method, tune = lookup(TUNINGS, recipe, "recipe", "the command")
    members = lookup(unions.members(params.datasets), source, "merged source", "the command")
    for folder in (paths.MANIFESTS, paths.SHARDS, paths.embeddings("pretrained")):
        store.tidy(folder, params.datasets)
    task = prepare(params, recipe, source, members)
    with curves.live(paths.curve(method, source)) as log:
        followed, curve, rows = tune(task, log)
    epochs = [*curve, *({} for row in rows for _ in row["along"])]
    cost = loop.cost(task.lesson, epochs, perf_counter() - start) | {"datasets": len(members), "trials": len(rows)}
    store.write_json(paths.cost("merged_tune", method, source) / "cost.json", cost | device.hardware(task.where))
    shutil.rmtree(task.scratch, ignore_errors=True)
    told = f"{curves.describe(curve, followed.select)}, {len(task.lesson.train):,} training images"
    print(f"{task.title}: {told} of {len(members)} datasets, {cost['seconds']:.1f} s")


def prepare(params: Params, recipe: str, source: str, members: list[str]) -> Task:
    """The lesson of all members, and a place for unfinished work that depends on everything that is read."""
    title, where = f"merged_tune {recipe} {source}", device.choose(params.runtime)
    lesson = union.read({name: manifest.read(paths.manifest(name))[0] for name in members}, source)
    seed = loop.draw(params.seed, "merged_tune", recipe, source)
    sidecars = [store.read_json(paths.embeddings("pretrained", name) / "sidecar.json") for name in members]
    options = getattr(params, recipe).model_dump(), params.chosen.model_dump()
    key = store.fingerprint(title, sidecars, options, seed, str(where), store.code_fingerprint())
    return Task(title, source, members, lesson, params, seed, where, store.scratch("merged_tune", key))


def tune_head(task: Task, log: Log) -> tuple[Recipe, Curve, list[study.Row]]:
    """As top_tune does, on the pretrained embeddings of all members."""
    params, lesson = task.params, task.lesson
    if params.top_tune.batch_size < top_tune.SMALL:
        torch.set_num_threads(1)
    vectors, weights_sha256 = read_embeddings(task.members)
    feed, recipe = Frozen(vectors, task.where), Recipe(**params.top_tune.model_dump(exclude=top_tune.SHAPE))
    config = frozen.config(feed, lesson, params.top_tune.layers, params.top_tune.dropout, params.top_tune.sharpness)
    rows = top_tune.explore(params, feed, lesson, recipe, task.seed, task.scratch / "study.json")
    if rows:
        config, recipe = search.settle(feed, lesson, recipe, study.best(rows)["point"])
    tuned, curve = frozen.train(feed, lesson, config, recipe, task.seed, task.title, log)
    config |= {"recipe": asdict(recipe), "validation": curves.chosen(curve, recipe.select)}
    config |= {"weights_sha256": weights_sha256, "datasets": task.members}
    with store.whole_folder(paths.tuned("top_tuned", task.source)) as folder:
        heads.save(folder, tuned.cpu(), config)
        store.write_json(folder / "study.json", rows)
    return recipe, curve, rows


def read_embeddings(members: list[str]) -> tuple[NDArray[np.float32], str]:
    """All pretrained embeddings, one dataset after another, and the sha256 of the weights that made them."""
    found = [
        store.read_embeddings(paths.embeddings("pretrained", name), manifest.read(paths.manifest(name))[1])
        for name in members
    ]
    weights = {sidecar["weights_sha256"] for _, sidecar in found}
    if len(weights) > 1:
        place = paths.embeddings("pretrained")
        raise UserError(f"{place} mixes embeddings of {len(weights)} backbones; run `dvc repro`")
    return np.concatenate([vectors for vectors, _ in found]), weights.pop()


def tune_network(task: Task, log: Log) -> tuple[Recipe, Curve, list[study.Row]]:
    """As fine_tune does, on the photos of all members."""
    params, lesson, backbone = task.params, task.lesson, backbones.load(paths.BACKBONE)
    recipe, origin = fine_tune.choose_recipe(params), backbone.config["weights_sha256"]
    count = hybrids.trained_parameters(backbone.network)
    networks.limit_threads(backbone.preprocessing.size)
    shards = union.Joined([Shards(paths.shards(name)) for name in task.members])
    photos = Photos(shards, backbone.preprocessing, workers(params.runtime), task.where)
    tuned = networks.begin(backbone.network, backbone.config["dim"], photos, lesson, recipe, task.seed, task.where)
    print(f"{task.title}: {networks.forecast(tuned, photos, lesson, recipe, 0)[1]}", file=sys.stderr)
    curve = loop.fit(tuned, photos, lesson, recipe, task.seed, task.title, task.scratch / "snapshot.safetensors", log)
    config = backbone.config | {"classes": lesson.classes, "recipe": asdict(recipe), "tuned_from": origin}
    config |= {"trained_parameters": count, "validation": curves.chosen(curve, recipe.select)}
    with store.whole_folder(paths.tuned("fine_tuned", task.source)) as folder:
        networks.save(folder, backbone.network, tuned.classifier, config | {"datasets": task.members})
    return recipe, curve, []


TUNINGS: dict[str, tuple[str, Tuning]] = {  # recipe -> what an encoder tuned so is called, and how it is tuned
    "top_tune": ("top_tuned", tune_head),
    "fine_tune": ("fine_tuned", tune_network),
}

if __name__ == "__main__":
    command.run(main)
