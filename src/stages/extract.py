"""Embed every image of a dataset with the pretrained backbone; interrupted, it continues where it was.

python -m src.stages.extract <dataset>
"""

import shutil

from src import backbones, command, device, embedding, manifest, paths, store
from src.images import Shards
from src.params import load


def main(dataset: str) -> None:
    """Read manifest, shards and backbone; embed; write embeddings with their sidecar, and what it cost."""
    params = load()
    table, manifest_sha256 = manifest.read(paths.manifest(dataset))
    shards = Shards(paths.shards(dataset))
    assert len(shards) == len(table), (dataset, len(shards), len(table))
    backbone = backbones.load(paths.BACKBONE)
    precision, weights = params.extract.precision, backbone.config["weights_sha256"]
    made = embedding.provenance(backbone, precision)

    key = store.fingerprint(made, weights, manifest_sha256, params.runtime.device, store.code_fingerprint())
    scratch, meter = store.scratch("extract", key), embedding.Meter()
    vectors = embedding.embed_rows(backbone, shards, precision, params.runtime, f"extract {dataset}", scratch, meter)

    origin = {"strategy": "pretrained", "weights_sha256": weights, "encoder_sha256": weights}
    sidecar = {**made, **origin, "manifest_sha256": manifest_sha256}
    store.write_embeddings(paths.embeddings("pretrained", dataset), vectors, sidecar)
    cost = {**meter.record(), "precision": precision, **device.hardware(device.choose(params.runtime))}
    store.write_json(paths.cost("extract", dataset) / "cost.json", cost)
    shutil.rmtree(scratch, ignore_errors=True)
    print(f"extract {dataset}: {len(vectors):,} images, {vectors.shape[1]}-d, {meter}")


if __name__ == "__main__":
    command.run(main)
