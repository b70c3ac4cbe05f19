"""Floor 1. Any timm architecture, its weights from a safetensors file or from the hub."""

from pathlib import Path
from typing import Any

import timm
from timm.data import resolve_model_data_config
from timm.models import (
    PretrainedCfg,
    get_arch_pretrained_cfgs,
    get_pretrained_cfg,
    resolve_model_input_args,
    split_model_name_tag,
)
from torch import Tensor, nn

from src.backbones import checkpoint, hub
from src.errors import UserError
from src.images import FILTERS
from src.params import Model
from src.registry import nearest

FILENAME = "model.safetensors"  # in every repository of timm's on the hub


def fetch(model: Model, folder: Path) -> dict[str, Any]:
    """Write `folder`/weights.safetensors; return source, preprocessing and what `build` needs.

    `model.checkpoint` is timm's name of an architecture, with the tag of its weights where there are several.
    """
    check_name(model.checkpoint)
    file, source, revision = obtain(model)
    arguments = build_arguments(model.checkpoint, model.size)
    network = fill(model.checkpoint, arguments, checkpoint.read(file), source)
    checkpoint.write(folder / "weights.safetensors", network)
    return {
        "architecture": model.checkpoint,
        "build": arguments,
        "preprocessing": preprocessing(resolve_model_data_config(network), model),
        "source": source,
        "revision": revision,
    }


def build(config: dict[str, Any]) -> nn.Module:
    """The architecture with random weights, ending in its pooled features: [B, 3, H, W] -> [B, D]."""
    return timm.create_model(config["architecture"], pretrained=False, num_classes=0, **config["build"])


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


def settings_of(name: str) -> PretrainedCfg:
    """timm's record about a checkpoint: classifier, place on the hub, input."""
    settings = get_pretrained_cfg(name)
    assert settings is not None, name
    return settings


def obtain(model: Model) -> tuple[Path, str, str | None]:
    """The checkpoint file, its name for the records, and its commit on the hub (or what params.yaml says of a file)."""
    if model.file:
        return Path(model.file), Path(model.file).name, model.revision
    repository = settings_of(model.checkpoint).hf_hub_id
    if not repository:
        raise UserError(
            f"timm has no weights of {model.checkpoint} on the hub; bring a safetensors `file` and its `sha256`"
        )
    file, source, commit = hub.fetch(repository, FILENAME, model.revision)
    if model.sha256:
        checkpoint.verify(file, model.sha256)
    return file, source, commit


def build_arguments(name: str, size: int | None) -> dict[str, Any]:
    """What `build` passes on: an image size other than the architecture's own, where the architecture must know it."""
    arguments = resolve_model_input_args(name, args={"img_size": size}) if size else {}
    return {key: list(value) for key, value in arguments.items() if key == "img_size"}


def fill(name: str, arguments: dict[str, Any], weights: dict[str, Tensor], source: str) -> nn.Module:
    """The network with exactly these weights, its classifier left away; a UserError names the keys that do not fit.

    timm's own loader does it, so that position embeddings are resized and foreign layouts translated. It loads
    strictly when network and checkpoint have equally many classes: none.
    """
    classifier = settings_of(name).classifier or ()
    heads = [classifier] if isinstance(classifier, str) else classifier
    body = {key: tensor for key, tensor in weights.items() if key.rpartition(".")[0] not in heads}
    if not body:
        raise UserError(f"{source} holds no backbone ({len(weights)} tensors); bring another file")
    given = {"state_dict": body, "num_classes": 0, "label_offset": 0, "source": ""}
    try:
        return timm.create_model(name, pretrained=True, num_classes=0, pretrained_cfg_overlay=given, **arguments)
    except Exception as error:  # timm's translators of layouts raise many kinds on keys they do not know
        raise UserError(f"{source} does not fit timm's {name}: {checkpoint.misfits(str(error))}") from None


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
