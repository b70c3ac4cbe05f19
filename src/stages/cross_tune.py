"""Use what was tuned on one dataset, as it is, on every other one.  python -m src.stages.cross_tune <method> <source>

Method: top_tuned (the source's head on the others' pretrained embeddings) or fine_tuned (the source's network on the
others' photos). Source: a dataset, or what merged_tune has tuned on several, which is used on all. A pair whose encoder
and photos have not changed is not embedded again.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from src import backbones, calibration, command, device, embedding, engines, manifest, paths, store, unions
from src.embedding import Embeddings, Meter
from src.errors import UserError
from src.images import Shards
from src.params import Params, load
from src.registry import lookup
from src.tuning import heads

# a target and a folder for unfinished work -> its embeddings [N, D], and what their sidecar says of them
Encode = Callable[[str, Path], tuple[Embeddings, dict[str, Any]]]


def main(method: str, source: str) -> None:
    """Read the tuned encoder of `source`; write the embeddings it gives of all other datasets, and what they cost."""
    params, start = load(), perf_counter()
    opened = lookup(ENCODERS, method, "method", "the command")
    lookup(dict.fromkeys([*params.datasets, *unions.members(params.datasets)]), source, "source", "the command")
    for folder in (paths.MANIFESTS, paths.SHARDS, paths.embeddings("pretrained")):
        store.tidy(folder, params.datasets)
    where, meter = device.choose(params.runtime), Meter()
    encode = opened(source, params, meter)
    kept, used, embedded = store.scratch(f"cross_tune/{method}/{source}"), set(), []
    with store.whole_folder(paths.embeddings("cross_tuned", method, source)) as out:
        for target in (name for name in params.datasets if name != source):
            key = content_key(method, source, target, params)
            if not (kept / key).exists():
                unfinished = store.scratch("cross_tune_unfinished", key)
                vectors, made = encode(target, unfinished)
                made |= {"strategy": "cross_tuned", "method": method, "source": source, "target": target}
                store.write_embeddings(kept / key, vectors, made)
                shutil.rmtree(unfinished, ignore_errors=True)
                embedded.append(target)
            shutil.copytree(kept / key, out / target)
            used.add(key)
    store.keep_recent(kept, used)
    cost = meter.record() | {"targets": len(used)} | device.hardware(where)
    if source not in params.datasets:  # nobody else tells what tuning it took
        cost["tuning"] = store.read_json(paths.cost("merged_tune", method, source) / "cost.json")
    store.write_json(paths.cost("cross_tuned", method, source) / "cost.json", cost)
    new = f"{source} -> {', '.join(embedded)}, {meter}" if embedded else "nothing new"
    print(f"cross_tune {method}: {new}; {len(used) - len(embedded)} kept, {perf_counter() - start:.1f} s")


def content_key(method: str, source: str, target: str, params: Params) -> str:
    """Equal when nothing that the embeddings of a pair depend on has changed."""
    files = [*sorted(paths.tuned(method, source).iterdir()), paths.manifest(target) / "manifest.parquet"]
    if method == "top_tuned":
        files += sorted(paths.embeddings("pretrained", target).iterdir())
    versions = [torch.__version__, engines.installed(params.extract.engine)]
    made_by = [params.extract.model_dump(), params.runtime.device, versions, store.code_fingerprint()]
    return store.fingerprint(method, source, target, [store.sha256(file) for file in files], made_by)


def by_head(source: str, params: Params, meter: Meter) -> Encode:
    """The source's head, for pretrained embeddings of the backbone that it was tuned on."""
    folder = paths.tuned("top_tuned", source)
    tuned, config = heads.load(folder)
    encoder_sha256 = store.sha256(folder / heads.WEIGHTS)

    def encode(target: str, _: Path) -> tuple[Embeddings, dict[str, Any]]:
        begin = perf_counter()
        frozen, sidecar = store.read_embeddings(
            paths.embeddings("pretrained", target), manifest.read(paths.manifest(target))[1]
        )
        if sidecar["weights_sha256"] != config["weights_sha256"]:
            raise UserError(f"{folder} was tuned on another backbone than {target} was embedded with; run `dvc repro`")
        vectors = heads.embed(tuned.encoder, frozen)
        meter.images, meter.seconds = meter.images + len(vectors), meter.seconds + perf_counter() - begin
        return vectors, heads.descend(sidecar, {"encoder_sha256": encoder_sha256})

    return encode


def by_network(source: str, params: Params, meter: Meter) -> Encode:
    """The source's whole network, for photos."""
    backbone = backbones.load(paths.tuned("fine_tuned", source))
    engine = engines.choose(params.extract.engine, device.choose(params.runtime), f"cross_tune {source}")
    origin, sha256 = backbone.config["tuned_from"], backbone.config["weights_sha256"]
    made = embedding.provenance(backbone, params.extract.precision, engine)
    made |= {"weights_sha256": origin, "encoder_sha256": sha256}

    def encode(target: str, unfinished: Path) -> tuple[Embeddings, dict[str, Any]]:
        title, spent = f"cross_tune {source} -> {target}", Meter()
        table, manifest_sha256 = manifest.read(paths.manifest(target))
        shards, labels = Shards(paths.shards(target)), table["label"].tolist()
        vectors, about = calibration.embed(backbone, shards, made, labels, params.runtime, title, unfinished, spent)
        meter.images, meter.seconds = meter.images + spent.images, meter.seconds + spent.seconds
        return vectors, about | {"manifest_sha256": manifest_sha256}

    return encode


ENCODERS = {"top_tuned": by_head, "fine_tuned": by_network}

if __name__ == "__main__":
    command.run(main)
