"""Floor 1. Any timm architecture, its weights from the hub, a web address, or a file or folder brought along."""

from pathlib import Path
from typing import Any, NamedTuple

import timm
from timm.data import resolve_model_data_config
from timm.models import (
    get_arch_pretrained_cfgs,
    get_pretrained_cfg,
    resolve_model_input_args,
    split_model_name_tag,
)
from torch import Tensor, nn

from src import store
from src.backbones import checkpoint, hub, web
from src.entries import Model
from src.errors import UserError
from src.images import FILTERS
from src.registry import nearest

HF_HUB = "hf-hub:"  # before the repository of a checkpoint that timm does not list
FILENAMES = ("model.safetensors", "pytorch_model.bin")  # in a repository of timm's, beside config.json


class Record(NamedTuple):
    """What timm knows of a checkpoint, from its own table or from the checkpoint's config.json."""

    name: str  # of the architecture, with the tag of its weights where timm lists them
    settings: dict[str, Any]  # timm's `pretrained_cfg`: classifier, place on the hub, input
    arguments: dict[str, Any]  # of the architecture, where they are not the usual ones


class Found(NamedTuple):
    """Weights, and what they are."""

    file: Path
    source: str  # for the records
    revision: str | None  # commit on the hub, or what params.yaml says of a file
    record: Record


def fetch(model: Model, folder: Path) -> dict[str, Any]:
    """Write `folder`/weights.safetensors; return source, preprocessing and what `build` needs.

    `model.checkpoint` is timm's name of an architecture, with the tag of its weights where there are several, or
    `hf-hub:OWNER/NAME`.
    """
    found = obtain(model)
    arguments = build_arguments(found.record, model.size)
    network = fill(found.record, arguments, checkpoint.read(found.file), found.source)
    checkpoint.write(folder / "weights.safetensors", network)
    return {
        "architecture": found.record.name,
        "build": arguments,
        "preprocessing": preprocessing(resolve_model_data_config(network), model),
        "source": found.source,
        "revision": found.revision,
    }


def build(config: dict[str, Any]) -> nn.Module:
    """The architecture with random weights, ending in its pooled features: [B, 3, H, W] -> [B, D]."""
    return timm.create_model(config["architecture"], pretrained=False, num_classes=0, **config["build"])


def obtain(model: Model) -> Found:
    """The weights of an entry, wherever they come from."""
    if model.file and Path(model.file).is_dir():
        return _of_folder(Path(model.file), model)
    if model.checkpoint.startswith(HF_HUB):
        if model.file or model.url:
            raise UserError(f"{model.checkpoint} is a repository; bring it as a folder, or name timm's architecture")
        return _of_hub(model.checkpoint.removeprefix(HF_HUB), None, model)
    record = listed(model.checkpoint)
    if model.file:
        return Found(Path(model.file), Path(model.file).name, model.revision, record)
    if model.url:
        return Found(web.fetch(model.url, model.sha256), model.url, None, record)
    repository = record.settings.get("hf_hub_id")
    if not repository:
        raise UserError(
            f"timm has no weights of {model.checkpoint} on the hub; bring a `file` and its `sha256`, or give its `url`"
        )
    return _of_hub(repository, record, model)


def _of_hub(repository: str, record: Record | None, model: Model) -> Found:
    """From a repository, which describes itself where timm has no record of it."""
    revision = model.revision
    if record is None:
        config, _, revision = hub.fetch(repository, "config.json", revision)
        record = described(config)
    file, source, commit = hub.first(repository, FILENAMES, revision)
    if model.sha256:
        hub.verify(file, model.sha256)
    return Found(file, source, commit, record)


def _of_folder(folder: Path, model: Model) -> Found:
    """From a folder laid out as a repository of timm's on the hub."""
    record = described(folder / "config.json")
    wanted, _ = split_model_name_tag(model.checkpoint)
    if not model.checkpoint.startswith(HF_HUB) and record.name != wanted:
        raise UserError(f"{folder} holds timm's {record.name}, not {wanted}; correct `checkpoint` or `file`")
    file = next((folder / name for name in FILENAMES if (folder / name).is_file()), None)
    if file is None:
        raise UserError(f"{folder} has no {' or '.join(FILENAMES)}; bring the repository's folder as `file`")
    return Found(file, folder.name, model.revision, record)


def described(config: Path) -> Record:
    """What a repository's config.json says of its checkpoint; a UserError where it is not one of timm's."""
    about = store.read_json(config) if config.is_file() else {}
    if not {"architecture", "pretrained_cfg"} <= about.keys():
        raise UserError(
            f"{config} does not describe a checkpoint of timm (architecture, pretrained_cfg); choose another `library`"
        )
    check_name(about["architecture"])
    arguments = {key: value for key, value in about.get("model_args", {}).items() if key != "num_classes"}
    return Record(about["architecture"], about["pretrained_cfg"], arguments)


def listed(name: str) -> Record:
    """timm's own record of a checkpoint."""
    check_name(name)
    settings = get_pretrained_cfg(name)
    assert settings is not None, name
    return Record(name, settings.to_dict(), {})


def check_name(name: str) -> None:
    """A UserError where timm has no such architecture, or no such tag of it."""
    architecture, tag = split_model_name_tag(name)
    if not timm.is_model(architecture):
        all_ = timm.list_models()
        raise UserError(
            f"timm has no architecture '{architecture}' among its {len(all_)}.{nearest(architecture, all_)}"
        )
    tags = [other.partition(".")[2] for other in get_arch_pretrained_cfgs(architecture)]
    if tag and tag not in tags:
        cure = f"known: {', '.join(filter(None, tags)) or 'none, leave it out'}"
        raise UserError(f"timm's {architecture} has no tag '{tag}'; {cure}.{nearest(tag, tags)}")


def build_arguments(record: Record, size: int | None) -> dict[str, Any]:
    """What `build` passes on: an image size other than the architecture's own, where the architecture must know it."""
    if not size:
        return record.arguments
    resolved = resolve_model_input_args(
        record.name, args={"img_size": size}, pretrained_cfg=record.settings, **record.arguments
    )
    return record.arguments | {key: list(value) for key, value in resolved.items() if key == "img_size"}


def fill(record: Record, arguments: dict[str, Any], weights: dict[str, Tensor], source: str) -> nn.Module:
    """The network with exactly these weights, its classifier left away; a UserError names the keys that do not fit.

    timm's own loader does it, so that position embeddings are resized and foreign layouts translated. It loads
    strictly when network and checkpoint have equally many classes: none.
    """
    classifier = record.settings.get("classifier") or ()
    heads = [classifier] if isinstance(classifier, str) else classifier
    body = {key: tensor for key, tensor in weights.items() if key.rpartition(".")[0] not in heads}
    if not body:
        raise UserError(f"{source} holds no backbone ({len(weights)} tensors); bring another file")
    given = {**record.settings, "state_dict": body, "num_classes": 0, "label_offset": 0, "source": ""}
    try:
        return timm.create_model(record.name, pretrained=True, num_classes=0, pretrained_cfg=given, **arguments)
    except Exception as error:  # timm's translators of layouts raise many kinds on keys they do not know
        raise UserError(f"{source} does not fit timm's {record.name}: {checkpoint.misfits(str(error))}") from None


def preprocessing(settings: dict[str, Any], model: Model) -> dict[str, Any]:
    """timm's settings of a checkpoint in our words; a UserError where ours cannot follow and nothing overrides it."""
    override = model.preprocessing
    mode, crop, interpolation = settings["crop_mode"], settings["crop_pct"], settings["interpolation"]
    _, height, width = settings["input_size"]
    if mode not in ("center", "squash") and override.squash is None:
        raise UserError(f"it wants its images padded to a square ({mode}), which we do not; set preprocessing.squash")
    if height != width and model.size is None:
        raise UserError(f"it wants images of {height} x {width}, ours are square; set `size`")
    if interpolation not in FILTERS and override.interpolation is None:
        raise UserError(f"it wants interpolation '{interpolation}'; set preprocessing.interpolation")
    return {
        "size": height,
        "mean": settings["mean"],
        "std": settings["std"],
        "crop": crop,
        "squash": mode == "squash",
        "interpolation": interpolation,
    }
