"""Tune all weights of the backbone on a dataset; interrupted, even killed, it continues where it was.

python -m src.stages.fine_tune <dataset>

Trains on the rows that the manifest gives to tuning = train, keeps the epoch that is best on its val rows, and writes
the network, its learning curve, and the embedding and predicted label of every image.
"""

import shutil
import sys
from dataclasses import asdict
from time import perf_counter

from src import backbones, command, device, embedding, engines, manifest, paths, store
from src.entries import Model
from src.images import Shards
from src.params import Params, load
from src.runtime import workers
from src.tuning import curves, hybrids, lessons, loop, networks
from src.tuning.photos import Photos
from src.tuning.recipes import Recipe

LONG = 30 * 60  # seconds from which it is worth knowing how to do without
WITHOUT = "without fine-tuning: dvc exp run -S 'strategies=[pretrained,top_tuned]'"


def main(dataset: str) -> None:
    """Read manifest, shards and backbone; train; write network, curve, embeddings, predictions, and what it cost."""
    start, params, title = perf_counter(), load(), f"fine_tune {dataset}"
    table, manifest_sha256 = manifest.read(paths.manifest(dataset))
    lesson, shards = lessons.read(table, dataset), Shards(paths.shards(dataset))
    backbone, recipe = backbones.load(paths.BACKBONE), choose_recipe(params)
    where, origin = device.choose(params.runtime), backbone.config["weights_sha256"]
    engine = engines.choose(params.extract.engine, where, title)
    made = embedding.provenance(backbone, params.extract.precision, engine)
    seed = loop.draw(params.seed, "fine_tune", dataset)
    networks.limit_threads(backbone.preprocessing.size)
    key = store.fingerprint(made, origin, manifest_sha256, vars(recipe), seed, str(where), store.code_fingerprint())
    scratch, count = store.scratch("fine_tune", key), hybrids.trained_parameters(backbone.network)

    photos = Photos(shards, backbone.preprocessing, workers(params.runtime), where)
    tuned = networks.begin(backbone.network, backbone.config["dim"], photos, lesson, recipe, seed, where)
    seconds, forecast = networks.forecast(tuned, photos, lesson, recipe, len(table))
    print(f"{title}: {forecast}" + (f"; {WITHOUT}" if seconds > LONG else ""), file=sys.stderr)
    with curves.live(paths.curve("fine_tuned", dataset)) as log:
        curve = loop.fit(tuned, photos, lesson, recipe, seed, title, scratch / "snapshot.safetensors", log)

    config = backbone.config | {"classes": lesson.classes, "recipe": asdict(recipe), "tuned_from": origin}
    config |= {"trained_parameters": count, "validation": curves.chosen(curve, recipe.select)}
    with store.whole_folder(paths.tuned("fine_tuned", dataset)) as folder:
        encoder_sha256 = networks.save(folder, backbone.network, tuned.classifier, config)
    made |= {"strategy": "fine_tuned", "weights_sha256": origin, "encoder_sha256": encoder_sha256}
    made |= {"manifest_sha256": manifest_sha256, "classes": lesson.classes, "trained_parameters": count}
    place = paths.embeddings("fine_tuned", dataset)
    labels = table["label"].tolist()
    networks.embed(place, backbone, tuned.classifier, shards, made, labels, params.runtime, title, scratch)
    cost = loop.cost(lesson, curve, perf_counter() - start) | device.hardware(where)
    store.write_json(paths.cost("fine_tuned", dataset) / "cost.json", cost)
    shutil.rmtree(scratch, ignore_errors=True)
    print(f"{title}: {curves.describe(curve)}, {len(lesson.train):,} training images, {cost['seconds']:.1f} s")


def choose_recipe(params: Params) -> Recipe:
    """The hyper-parameters of params.yaml, with the model's own learning rate where fine_tune.lr is auto."""
    options, model = params.fine_tune.model_dump(), params.chosen
    assert isinstance(model, Model), "params refuses to fine-tune a service"
    return Recipe(**{**options, "lr": model.lr if options["lr"] == "auto" else options["lr"]})


if __name__ == "__main__":
    command.run(main)
