"""Floor 1. Text-image models of open_clip: the image tower to embed with, the text tower and tokenizer kept beside it.

Their files come from the hub, or from a folder or file that was brought along; open_clip itself never downloads here.
"""

import json
import shutil
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from open_clip import (
    CLIP,
    CustomTextCLIP,
    get_model_config,
    get_pretrained_cfg,
    list_models,
    list_pretrained_tags_by_model,
    load_checkpoint,
)
from open_clip.constants import HF_CONFIG_NAME, HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME
from open_clip.factory import HF_HUB_PREFIX
from open_clip.transform import PreprocessCfg, merge_preprocess_dict
from torch import nn

from src import tensors
from src.backbones import checkpoint, hub, web
from src.entries import Model
from src.errors import UserError
from src.images import FILTERS
from src.registry import nearest

IMAGE = "visual."  # what the names of the image tower's tensors begin with
TOKENIZER = (*hub.TOKENIZER, "config.json")
# A text tower of next to no memory, for a model of which only the image tower is wanted.
NO_TEXT = {"context_length": 1, "vocab_size": 1, "width": 64, "heads": 1, "layers": 1}


@dataclass(frozen=True)
class Record:
    """What is known of a checkpoint: open_clip's own record of it, or open_clip_config.json of its repository."""

    network: dict[str, Any]  # the towers, in the words of CLIP's arguments
    preprocessing: dict[str, Any]  # in the words of PreprocessCfg
    repository: str
    filenames: tuple[str, ...]  # of the weights, the best first
    revision: str | None


def fetch(model: Model, folder: Path) -> dict[str, Any]:
    """Write `folder`/weights.safetensors, text.safetensors and tokenizer/; return what `build` and a text tower need.

    `model.checkpoint` is ARCHITECTURE/TAG, as open_clip lists them, or hf-hub:OWNER/NAME. `text` says which tokenizer:
    `built-in` is CLIP's, which comes with the library; the files of any other are `kept`, or `missing` from a `file`.
    """
    record = describe(model)
    file, source, commit = obtain(model, record)
    network = fill(model, record, file, source, folder)
    rest = {name: value for name, value in network.state_dict().items() if not name.startswith(IMAGE)}
    checkpoint.write(folder / "weights.safetensors", network.visual)
    checkpoint.write_tensors(folder / "text.safetensors", rest)
    return {
        "build": {"network": record.network, "size": model.size},
        "text": keep_tokenizer(model, record, commit, folder / "tokenizer"),
        "preprocessing": preprocessing(record, network.visual.image_size, model),
        "source": source,
        "revision": commit,
    }


def build(config: dict[str, Any]) -> nn.Module:
    """The image tower with random weights, offline: [B, 3, H, W] -> [B, D], as encode_image without normalising."""
    how = config["build"]
    return resized(assemble({**how["network"], "text_cfg": NO_TEXT}, how["size"]), how["size"]).visual


def describe(model: Model) -> Record:
    """The record of a checkpoint; a UserError where there is none, or its text tower is not one of open_clip's own."""
    if model.checkpoint.startswith(HF_HUB_PREFIX):
        record = _described_by_repository(model)
    else:
        record = _described_by_library(model)
    if "multimodal_cfg" in record.network or record.network["text_cfg"].get("hf_model_name"):
        raise UserError(f"{model.checkpoint} is a CoCa or has a text tower of transformers; choose another checkpoint")
    return record


def _described_by_library(model: Model) -> Record:
    check_name(model.checkpoint)
    architecture, _, tag = model.checkpoint.partition("/")
    network, weights = get_model_config(architecture), get_pretrained_cfg(architecture, tag)
    # the activation belongs to the weights: open_clip only warns of a ViT-B-16/openai without it, and embeds badly
    network["quick_gelu"] = weights.get("quick_gelu", False)
    repository, _, name = weights["hf_hub"].rpartition("/")
    names = (str(Path(name).with_suffix(".safetensors")), name) if name else (HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME)
    return Record(network, weights, repository, names, model.revision)


def _described_by_repository(model: Model) -> Record:
    repository = model.checkpoint.removeprefix(HF_HUB_PREFIX)
    if model.url:
        raise UserError(
            f"{model.checkpoint} is a repository with weights; leave out `url`, or name open_clip's ARCHITECTURE/TAG"
        )
    file, commit = find(model, repository, (HF_CONFIG_NAME,), model.revision)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        network, how = content["model_cfg"], content.get("preprocess_cfg", {})
        network |= {tower: dict(network[tower]) for tower in ("vision_cfg", "text_cfg")}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{file} does not describe a model of open_clip; choose another checkpoint") from None
    return Record(network, how, repository, (HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME), commit)


def check_name(name: str) -> None:
    """A UserError where open_clip has no such architecture, or no such tag of it."""
    architecture, _, tag = name.partition("/")
    known = list_models()
    if architecture not in known:
        cure = f"{nearest(architecture, known)} Write ARCHITECTURE/TAG, or hf-hub:OWNER/NAME"
        raise UserError(f"open_clip has no architecture '{architecture}' among its {len(known)}.{cure}")
    tags = list_pretrained_tags_by_model(architecture)
    if tag not in tags:
        wrong = f"has no tag '{tag}'" if tag else "needs a tag"
        cure = f"known: {', '.join(tags) or 'none, choose another architecture'}.{nearest(tag, tags)}"
        raise UserError(f"open_clip's {architecture} {wrong}; {cure}")


def find(model: Model, repository: str, names: tuple[str, ...], revision: str | None) -> tuple[Path, str | None]:
    """The first of these files and its commit: from the hub, or from the folder that was brought in its place."""
    if not model.file:
        file, _, commit = hub.first(repository, names, revision)
        return file, commit
    for name in names:
        if (Path(model.file) / name).is_file():
            return Path(model.file) / name, revision
    raise UserError(f"file {model.file} has no {' or '.join(names)}; bring a folder as {repository} is on the hub")


def obtain(model: Model, record: Record) -> tuple[Path, str, str | None]:
    """The weights of both towers, their name for the records, and their commit (or what params.yaml says of a file)."""
    if model.url:
        return web.fetch(model.url, model.sha256), model.url, None
    if model.file and Path(model.file).is_file():
        return Path(model.file), Path(model.file).name, model.revision
    file, commit = find(model, record.repository, record.filenames, record.revision)
    if model.file:
        return file, Path(model.file).name, commit
    if model.sha256:
        hub.verify(file, model.sha256)
    return file, record.repository, commit


def fill(model: Model, record: Record, file: Path, source: str, folder: Path) -> CLIP | CustomTextCLIP:
    """Both towers with exactly these weights; a UserError names the keys that do not fit.

    open_clip's own loader does it, so that position embeddings are resized and old layouts translated. It wants a file:
    what is not safetensors is read by us, as plain tensors, and lies converted in `folder` for that long.
    """
    weights, converted = checkpoint.read(file), folder / "converted.safetensors"
    if file.suffix != ".safetensors":
        tensors.write(converted, weights)
        file = converted
    try:
        with torch.device("meta"):  # shapes alone: random weights would take ten seconds, to be thrown away
            network = assemble(record.network, model.size)
        load_checkpoint(network.to_empty(device="cpu"), str(file))
        return resized(network, model.size)
    except Exception as error:  # of configurations and layouts that it does not know, open_clip raises many kinds
        raise UserError(
            f"{source} does not fit open_clip's {model.checkpoint}: {checkpoint.misfits(str(error) or repr(error))}"
        ) from None
    finally:
        converted.unlink(missing_ok=True)


def assemble(settings: dict[str, Any], size: int | None) -> CLIP | CustomTextCLIP:
    """open_clip's model of both towers, for images of `size` instead of its own."""
    settings = deepcopy(settings)
    kind = CustomTextCLIP if settings.pop("custom_text", False) else CLIP
    settings["vision_cfg"] |= {"timm_model_pretrained": False} | ({"image_size": size} if size else {})
    return kind(**settings)


def resized(network: CLIP | CustomTextCLIP, size: int | None) -> CLIP | CustomTextCLIP:
    """With another image size in a tower of timm's, which learns of it only now; as open_clip's force_image_size."""
    if size and hasattr(network.visual, "set_input_size"):
        network.visual.set_input_size(size)
    return network


def keep_tokenizer(model: Model, record: Record, commit: str | None, folder: Path) -> dict[str, Any]:
    """Copy the files of the tokenizer that the text tower wants, if it is not open_clip's built-in one."""
    name = record.network["text_cfg"].get("hf_tokenizer_name")
    if not name:
        return {"tokenizer": "built-in"}
    if model.file:
        found = [Path(model.file) / file for file in TOKENIZER if (Path(model.file) / file).is_file()]
    else:
        if model.url or name != record.repository:
            commit = hub.fetch(name, TOKENIZER[0], None)[2]
        found = [file for file in (hub.optional(name, file, commit) for file in TOKENIZER) if file]
    for file in found:
        folder.mkdir(exist_ok=True)
        shutil.copyfile(file, folder / file.name)
    return {"tokenizer": "kept" if found else "missing", "name": name, "revision": commit}


def preprocessing(record: Record, size: int | tuple[int, int], model: Model) -> dict[str, Any]:
    """open_clip's settings of a checkpoint in our words; a UserError where ours cannot follow and nothing overrides it.

    The size is the image tower's, whatever the record says: that is open_clip's rule.
    """
    merged = merge_preprocess_dict(merge_preprocess_dict(PreprocessCfg(), record.preprocessing), {"size": size})
    how = PreprocessCfg(**merged)
    _, height, width = how.input_size
    if how.resize_mode == "longest" and model.preprocessing.squash is None:
        raise UserError("it wants its images padded to a square, which we do not; set preprocessing.squash")
    if height != width:
        raise UserError(f"it wants images of {height} x {width}, ours are square; set `size`")
    return {
        "size": height,
        "mean": how.mean,
        "std": how.std,
        "crop": 1.0,
        "squash": how.resize_mode == "squash",
        "interpolation": how.interpolation if how.interpolation in FILTERS else "bicubic",  # as open_clip does
    }
