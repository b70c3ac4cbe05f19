"""Tune a small head on a dataset's pretrained embeddings.  python -m src.stages.top_tune <dataset>

Trains on the rows that the manifest gives to tuning = train, keeps the epoch that is best on its val rows, and writes
the head, its learning curve, and the embedding and predicted label of every image. With `top_tune.search` the
hyper-parameters are searched first, and every trial is written down; interrupted, it continues after the last one.
"""

import shutil
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from src import command, device, manifest, paths, store
from src.params import Params, load
from src.tuning import classifiers, curves, frozen, heads, hybrids, lessons, loop, search, study
from src.tuning.frozen import Frozen
from src.tuning.lessons import Lesson
from src.tuning.recipes import Recipe

SMALL = 512  # images in a batch; below, two threads are no faster, and one gives the same bits on any machine
SHAPE = {"layers", "dropout", "sharpness", "search"}  # what is no part of the recipe


def main(dataset: str) -> None:
    """Read manifest and frozen embeddings; search, train; write head, curve, trials, embeddings, predictions, cost."""
    start, params, title = perf_counter(), load(), f"top_tune {dataset}"
    where, seed = device.choose(params.runtime), loop.draw(params.seed, "top_tune", dataset)
    if params.top_tune.batch_size < SMALL:
        torch.set_num_threads(1)
    table, manifest_sha256 = manifest.read(paths.manifest(dataset))
    vectors, sidecar = store.read_embeddings(paths.embeddings("pretrained", dataset), manifest_sha256)
    lesson, feed = lessons.read(table, dataset), Frozen(vectors, where)

    key = store.fingerprint(sidecar, params.top_tune.model_dump(), seed, str(where), store.code_fingerprint())
    scratch = store.scratch("top_tune", key)
    config, recipe, rows = choose(params, feed, lesson, seed, scratch / "study.json")
    with curves.live(paths.curve("top_tuned", dataset)) as log:
        tuned, curve = frozen.train(feed, lesson, config, recipe, seed, title, log)

    tuned.cpu()
    config |= {"recipe": asdict(recipe), "validation": curves.chosen(curve, recipe.select)}
    config |= {"weights_sha256": sidecar["weights_sha256"]}
    with store.whole_folder(paths.tuned("top_tuned", dataset)) as folder:
        heads.save(folder, tuned, config)
        store.write_json(folder / "study.json", rows)
        encoder_sha256 = store.sha256(folder / heads.WEIGHTS)
    study.write(paths.trials(dataset), rows)
    embeddings, place = heads.embed(tuned.encoder, vectors), paths.embeddings("top_tuned", dataset)
    made: dict[str, Any] = {"strategy": "top_tuned", "encoder_sha256": encoder_sha256, "classes": lesson.classes}
    made |= {"trained_parameters": hybrids.trained_parameters(tuned.encoder)}
    store.write_embeddings(place, embeddings, heads.descend(sidecar, made))
    store.write_array(place / "predictions.npy", classifiers.predict(tuned.classifier, embeddings))
    epochs = [*curve, *({} for row in rows for _ in row["along"])]
    cost = loop.cost(lesson, epochs, perf_counter() - start) | {"trials": len(rows)} | device.hardware(where)
    store.write_json(paths.cost("top_tuned", dataset) / "cost.json", cost)
    shutil.rmtree(scratch, ignore_errors=True)
    kept = f"best of {len(rows)} trials, " if rows else ""
    kept += curves.describe(curve, recipe.select)
    print(f"{title}: {kept}, {len(lesson.train):,} training images, {cost['seconds']:.1f} s")


def choose(
    params: Params, feed: Frozen, lesson: Lesson, seed: int, path: Path
) -> tuple[dict[str, Any], Recipe, list[study.Row]]:
    """The head and the recipe of params.yaml, or those that a search finds; and its trials, kept in `path`."""
    asked = params.top_tune
    recipe = Recipe(**asked.model_dump(exclude=SHAPE))
    if not asked.search:
        return frozen.config(feed, lesson, asked.layers, asked.dropout, asked.sharpness), recipe, []
    rows = search.explore(feed, lesson, recipe, search.Plan(**asked.search.model_dump()), seed, path)
    return *search.settle(feed, lesson, recipe, study.best(rows)["point"]), rows


if __name__ == "__main__":
    command.run(main)
