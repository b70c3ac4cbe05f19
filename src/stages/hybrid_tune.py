"""Tune a part of the backbone on a dataset; interrupted, even killed, it continues where it was.

python -m src.stages.hybrid_tune <method> <dataset>

Method: lora, last_blocks, bitfit or norms. All else is as in fine_tune, whose recipe it follows. What was trained ends
in the network's own weights, so that they load as any other network.
"""

import shutil
import sys
from dataclasses import asdict
from time import perf_counter
from typing import Any

from src import backbones, command, device, manifest, paths, store
from src.entries import Model
from src.images import Shards
from src.params import Params, load
from src.registry import lookup
from src.runtime import workers
from src.tuning import curves, hybrids, lessons, loop, networks
from src.tuning.photos import Photos
from src.tuning.recipes import Recipe


def main(method: str, dataset: str) -> None:
    """Read manifest, shards and backbone; train; write network, curve, and what it cost."""
    start, params, title = perf_counter(), load(), f"hybrid_tune {method} {dataset}"
    part, where = lookup(hybrids.METHODS, method, "method", "the command"), device.choose(params.runtime)
    table, manifest_sha256 = manifest.read(paths.manifest(dataset))
    lesson, backbone = lessons.read(table, dataset), backbones.load(paths.BACKBONE)
    recipe, options = choose_recipe(params, method)
    seed, size = loop.draw(params.seed, "hybrid_tune", method, dataset), backbone.preprocessing.size
    networks.limit_threads(size)
    origin, code = backbone.config["weights_sha256"], store.code_fingerprint()
    key = store.fingerprint(origin, manifest_sha256, asdict(recipe), method, options, seed, str(where), code)
    scratch = store.scratch("hybrid_tune", key)

    loop.sow(seed)
    encoder = part(backbone.network, size, **options)
    count, still = hybrids.trained_parameters(encoder), hybrids.frozen_norms(encoder)
    photos = Photos(Shards(paths.shards(dataset)), backbone.preprocessing, workers(params.runtime), where)
    tuned = networks.begin(encoder, backbone.config["dim"], photos, lesson, recipe, seed, where, still)
    _, forecast = networks.forecast(tuned, photos, lesson, recipe, 0)
    print(f"{title}: {count:,} trained parameters, {forecast}", file=sys.stderr)
    with curves.live(paths.curve("hybrid_tuned", method, dataset)) as log:
        curve = loop.fit(tuned, photos, lesson, recipe, seed, title, scratch / "snapshot.safetensors", log)

    config = backbone.config | {"classes": lesson.classes, "recipe": asdict(recipe), "tuned_from": origin}
    config |= {"hybrid": method, "options": options, "trained_parameters": count, "validation": curves.chosen(curve)}
    with store.whole_folder(paths.tuned("hybrid_tuned", method, dataset)) as folder:
        networks.save(folder, hybrids.plain(encoder), tuned.classifier, config)
    cost = loop.cost(lesson, curve, perf_counter() - start) | device.hardware(where)
    store.write_json(paths.cost("hybrid_tune", method, dataset) / "cost.json", cost)
    shutil.rmtree(scratch, ignore_errors=True)
    print(f"{title}: {curves.describe(curve)}, {count:,} trained parameters, {cost['seconds']:.1f} s")


def choose_recipe(params: Params, method: str) -> tuple[Recipe, dict[str, Any]]:
    """fine_tune's recipe at the method's multiple of its learning rate, and the method's own options.

    No layer learns slower than another: which ones learn is what the method says.
    """
    options, recipe, model = getattr(params.hybrid, method).model_dump(), params.fine_tune.model_dump(), params.chosen
    assert isinstance(model, Model), "params refuses to tune a service"
    rate = model.lr if recipe["lr"] == "auto" else recipe["lr"]
    recipe |= {"lr": rate * options.pop("lr_factor"), "layer_decay": 1.0}
    return Recipe(**recipe), options


if __name__ == "__main__":
    command.run(main)
