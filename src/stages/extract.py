"""Embed every image of a dataset with the pretrained backbone; interrupted, it continues where it was.

python -m src.stages.extract <dataset>

An embedding service (library api) is asked over the network, for what it has not answered before.
"""

import shutil
from typing import Any

from src import backbones, calibration, command, device, embedding, engines, manifest, paths, remote, store
from src.embedding import Embeddings, Meter
from src.images import Shards
from src.params import Params, load


def main(dataset: str) -> None:
    """Read manifest, shards and backbone; embed; write embeddings with their sidecar, and what it cost."""
    params, meter, title = load(), Meter(), f"extract {dataset}"
    table, manifest_sha256 = manifest.read(paths.manifest(dataset))
    shards = Shards(paths.shards(dataset))
    assert len(shards) == len(table), (dataset, len(shards), len(table))
    config = store.read_json(paths.BACKBONE / backbones.CONFIG)
    weights = config["weights_sha256"]

    if config["library"] == "api":
        vectors, made = remote.embed_rows(config, shards, params.runtime, title, meter), remote.provenance(config)
        where: dict[str, Any] = {"service": config["endpoint"]}
    else:
        vectors, made = embed(params, shards, table["label"].tolist(), title, meter, manifest_sha256)
        where = device.hardware(device.choose(params.runtime))

    origin = {"strategy": "pretrained", "weights_sha256": weights, "encoder_sha256": weights}
    sidecar = {**made, **origin, "manifest_sha256": manifest_sha256}
    store.write_embeddings(paths.embeddings("pretrained", dataset), vectors, sidecar)
    cost = {**meter.record(), "precision": made["precision"], **where}
    store.write_json(paths.cost("pretrained", dataset) / "cost.json", cost)
    print(f"{title}: {len(vectors):,} images, {vectors.shape[1]}-d, {meter}")


def embed(
    params: Params, shards: Shards, labels: list[str], title: str, meter: Meter, manifest_sha256: str
) -> tuple[Embeddings, dict[str, Any]]:
    """By the network in models/backbone, chunk by chunk: vectors, and how they came about."""
    backbone = backbones.load(paths.BACKBONE)
    engine = engines.choose(params.extract.engine, device.choose(params.runtime), title)
    made = embedding.provenance(backbone, params.extract.precision, engine)
    origin = (backbone.config["weights_sha256"], manifest_sha256)
    scratch = store.scratch(
        "extract", store.fingerprint(made, *origin, params.runtime.device, store.code_fingerprint())
    )
    vectors, made = calibration.embed(backbone, shards, made, labels, params.runtime, title, scratch, meter)
    shutil.rmtree(scratch, ignore_errors=True)
    return vectors, made


if __name__ == "__main__":
    command.run(main)
