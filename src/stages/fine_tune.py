"""Tune all weights of the backbone on a dataset; interrupted, even killed, it continues where it was.

python -m src.stages.fine_tune <dataset>

Trains on the rows that the manifest gives to tuning = train, keeps the epoch that is best on its val rows, and writes
the network, its learning curve, and the embedding and predicted label of every image.
"""

import shutil
import sys
from dataclasses import asdict
from time import perf_counter

import torch

from src import backbones, command, device, embedding, manifest, paths, store, tensors
from src.backbones import Backbone
from src.entries import Model
from src.images import Shards
from src.params import Params, load
from src.runtime import workers
from src.tuning import classifiers, curves, lessons, loop
from src.tuning.classifiers import CosineClassifier, Tuned
from src.tuning.lessons import Lesson
from src.tuning.loop import Recipe
from src.tuning.photos import Photos

SMALL = 96  # pixels; up to here two threads wait for each other: 26 s with two and 20 s with one for a sample dataset
LONG = 30 * 60  # seconds from which it is worth knowing how to do without
WITHOUT = "without fine-tuning: dvc exp run -S 'strategies=[pretrained,top_tuned]'"


def main(dataset: str) -> None:
    """Read manifest, shards and backbone; train; write network, curve, embeddings, predictions, and what it cost."""
    start, params, title = perf_counter(), load(), f"fine_tune {dataset}"
    table, manifest_sha256 = manifest.read(paths.manifest(dataset))
    lesson, shards = lessons.read(table, dataset), Shards(paths.shards(dataset))
    backbone, recipe = backbones.load(paths.BACKBONE), choose_recipe(params)
    made, origin = embedding.provenance(backbone, params.extract.precision), backbone.config["weights_sha256"]
    where, seed = device.choose(params.runtime), loop.draw(params.seed, "fine_tune", dataset)
    if backbone.preprocessing.size <= SMALL:
        torch.set_num_threads(1)
    hardware = device.hardware(where)
    key = store.fingerprint(made, origin, manifest_sha256, vars(recipe), seed, str(where), store.code_fingerprint())
    scratch = store.scratch("fine_tune", key)

    photos = Photos(shards, backbone.preprocessing, workers(params.runtime), where)
    tuned = begin(backbone, photos, lesson, recipe, seed, where)
    print(f"{title}: {forecast(tuned, photos, lesson, recipe, len(table))}", file=sys.stderr)
    with curves.live(paths.curve("fine_tuned", dataset)) as log:
        curve = loop.fit(tuned, photos, lesson, recipe, seed, title, scratch / "snapshot.safetensors", log)

    config = backbone.config | {"classes": lesson.classes, "recipe": asdict(recipe), "tuned_from": origin}
    config |= {"validation": curves.chosen(curve)}
    with store.whole_folder(paths.tuned("fine_tuned", dataset)) as folder:
        backbones.save(folder, backbone.network, config)
        tensors.write(folder / "classifier.safetensors", tuned.classifier.state_dict())
        encoder_sha256 = store.sha256(folder / backbones.WEIGHTS)
    vectors = embedding.embed_rows(backbone, shards, params.extract.precision, params.runtime, title, scratch)
    made |= {"strategy": "fine_tuned", "weights_sha256": origin, "encoder_sha256": encoder_sha256}
    made |= {"manifest_sha256": manifest_sha256, "classes": lesson.classes}
    place = paths.embeddings("fine_tuned", dataset)
    store.write_embeddings(place, vectors, made)
    store.write_array(place / "predictions.npy", classifiers.predict(tuned.classifier.cpu(), vectors))
    cost = loop.cost(lesson, curve, perf_counter() - start) | hardware
    store.write_json(paths.cost("fine_tune", dataset) / "cost.json", cost)
    shutil.rmtree(scratch, ignore_errors=True)
    print(f"{title}: {curves.describe(curve)}, {len(lesson.train):,} training images, {cost['seconds']:.1f} s")


def choose_recipe(params: Params) -> Recipe:
    """The hyper-parameters of params.yaml, with the model's own learning rate where fine_tune.lr is auto."""
    options, model = params.fine_tune.model_dump(), params.chosen
    assert isinstance(model, Model), "params refuses to fine-tune a service"
    return Recipe(**{**options, "lr": model.lr if options["lr"] == "auto" else options["lr"]})


def begin(backbone: Backbone, photos: Photos, lesson: Lesson, recipe: Recipe, seed: int, where: torch.device) -> Tuned:
    """The backbone, and a classifier that begins at the mean embedding of each class: it need not be found first."""
    loop.sow(seed)
    classifier = CosineClassifier(backbone.config["dim"], len(lesson.classes))
    tuned = Tuned(backbone.network, classifier, still=classifiers.folded_norms(backbone.network)).to(where)
    embeddings = loop.encode(tuned, photos, lesson.train, recipe.batch_size)
    classifier.imprint(embeddings, torch.from_numpy(lesson.targets).to(where))
    return tuned


def forecast(tuned: Tuned, photos: Photos, lesson: Lesson, recipe: Recipe, images: int) -> str:
    """How long it will take at most, by a few measured steps; a forward pass is a third of a step."""
    trained, looked_at = recipe.epochs * len(lesson.train), recipe.epochs * len(lesson.validation) + images
    seconds = loop.seconds_per_image(tuned, photos, lesson, recipe) * (trained + looked_at / 3)
    long = f"; {WITHOUT}" if seconds > LONG else ""
    duration = f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"
    return f"{len(lesson.train):,} training images x {recipe.epochs} epochs, at most about {duration} here{long}"


if __name__ == "__main__":
    command.run(main)
