"""Tune a small head on a dataset's pretrained embeddings.  python -m src.stages.top_tune <dataset>

Trains on the rows that the manifest gives to tuning = train, keeps the epoch that is best on its val rows, and writes
the head, its learning curve, and the embedding and predicted label of every image.
"""

from collections.abc import Iterator
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from src import command, device, manifest, paths, store
from src.params import load
from src.tuning import classifiers, curves, heads, lessons, loop
from src.tuning.lessons import Rows


def main(dataset: str) -> None:
    """Read manifest and frozen embeddings; train; write head, curve, embeddings, predictions, and what it cost."""
    start, params = perf_counter(), load()
    torch.set_num_threads(1)  # two are no faster on layers this small, and one gives the same bits on any machine
    table, manifest_sha256 = manifest.read(paths.manifest(dataset))
    frozen, sidecar = store.read_embeddings(paths.embeddings("pretrained", dataset), manifest_sha256)
    lesson = lessons.read(table, dataset)
    options = params.top_tune.model_dump()
    config = {"head": "mlp", "dim": frozen.shape[1]}
    config |= {"layers": options.pop("layers"), "dropout": options.pop("dropout"), "classes": lesson.classes}

    seed = loop.draw(params.seed, "top_tune", dataset)
    loop.sow(seed)
    tuned = heads.build(config)
    heads.standardise(tuned.encoder, frozen[lesson.train])
    with curves.live(paths.curve("top_tuned", dataset)) as log:
        curve = loop.fit(tuned, feed(frozen), lesson, loop.Recipe(**options), seed, f"top_tune {dataset}", log=log)

    config |= {"recipe": options, "validation": curves.chosen(curve), "weights_sha256": sidecar["weights_sha256"]}
    with store.whole_folder(paths.tuned("top_tuned", dataset)) as folder:
        heads.save(folder, tuned, config)
        encoder_sha256 = store.sha256(folder / heads.WEIGHTS)
    embeddings, place = heads.embed(tuned.encoder, frozen), paths.embeddings("top_tuned", dataset)
    made = {"strategy": "top_tuned", "encoder_sha256": encoder_sha256, "classes": lesson.classes}
    store.write_embeddings(place, embeddings, heads.descend(sidecar, made))
    store.write_array(place / "predictions.npy", classifiers.predict(tuned.classifier, embeddings))
    cost = loop.cost(lesson, curve, perf_counter() - start) | device.hardware(torch.device("cpu"))
    store.write_json(paths.cost("top_tune", dataset) / "cost.json", cost)
    print(
        f"top_tune {dataset}: {curves.describe(curve)}, {len(lesson.train):,} training images, {cost['seconds']:.1f} s"
    )


def feed(frozen: NDArray[np.float32]) -> loop.Feed:
    """Rows of the frozen embeddings; there is nothing to vary."""

    def give(parts: list[Rows], _: Generator | None) -> Iterator[Tensor]:
        return (torch.from_numpy(frozen[part]) for part in parts)

    return give


if __name__ == "__main__":
    command.run(main)
