"""Embed a dataset with the hybrid that hybrid.method names.  python -m src.stages.hybrid_embed <dataset>

Writes the embedding and predicted label of every image, and what that hybrid's tuning cost.
"""

import shutil

from src import command, device, embedding, engines, manifest, paths, store
from src.images import Shards
from src.params import load
from src.tuning import networks


def main(dataset: str) -> None:
    """Read the network and shards; write embeddings, predictions and cost."""
    params = load()
    method, where = params.hybrid.method, device.choose(params.runtime)
    table, manifest_sha256 = manifest.read(paths.manifest(dataset))
    backbone, classifier = networks.load(paths.tuned("hybrid_tuned", method, dataset))
    networks.limit_threads(backbone.preprocessing.size)
    config = backbone.config
    place, title = paths.embeddings("hybrid_tuned", dataset), f"hybrid_embed {method} {dataset}"
    engine = engines.choose(params.extract.engine, where, title)
    made = embedding.provenance(backbone, params.extract.precision, engine)
    made |= {"strategy": "hybrid_tuned", "hybrid": method, "trained_parameters": config["trained_parameters"]}
    made |= {"weights_sha256": config["tuned_from"], "encoder_sha256": config["weights_sha256"]}
    made |= {"manifest_sha256": manifest_sha256, "classes": config["classes"]}
    scratch = store.scratch("hybrid_embed", store.fingerprint(made, str(where), store.code_fingerprint()))
    shards, labels = Shards(paths.shards(dataset)), table["label"].tolist()
    networks.embed(place, backbone, classifier, shards, made, labels, params.runtime, title, scratch)
    shutil.rmtree(scratch, ignore_errors=True)
    cost = store.read_json(paths.cost("hybrid_tune", method, dataset) / "cost.json")
    cost = {"hybrid": method, "trained_parameters": config["trained_parameters"], **cost}
    store.write_json(paths.cost("hybrid_tuned", dataset) / "cost.json", cost)
    print(f"{title}: {made['trained_parameters']:,} trained parameters, {cost['seconds']:.1f} s of tuning")


if __name__ == "__main__":
    command.run(main)
