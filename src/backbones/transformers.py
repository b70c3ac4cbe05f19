"""Floor 1. Image towers of the transformers library, from a repository of the hub or a folder laid out like one.

No code of a repository is ever run (`trust_remote_code` is off): only what the installed transformers knows.
"""

import inspect
import json
import shutil
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from transformers import AutoConfig, AutoImageProcessor, AutoModel, PreTrainedModel
from transformers.utils import logging

from src import images
from src.backbones import checkpoint, hub
from src.entries import Model
from src.errors import UserError

logging.set_verbosity_error()
logging.disable_progress_bar()

CONFIG = "config.json"
PROCESSORS = ("preprocessor_config.json", "processor_config.json")  # the second is what transformers 5 writes
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
OFFLINE = {"local_files_only": True, "trust_remote_code": False}
INTERPOLATIONS = {filter_: name for name, filter_ in images.FILTERS.items()}
CROP_PCT_BELOW = 384  # ConvNeXT's processor crops smaller images and squashes these and larger ones


class Tower(nn.Module):
    """A network of transformers that gives one vector an image: normalised float [B, 3, H, W] -> [B, D]."""

    def __init__(self, network: PreTrainedModel, features: str, projection: int | None, interpolate: bool) -> None:
        super().__init__()
        self.vision_model = network
        self.features = features
        self.visual_projection: nn.Module = nn.Identity()
        if projection:
            self.visual_projection = nn.Linear(network.config.hidden_size, projection, bias=False)
        self.how = {"interpolate_pos_encoding": True} if interpolate else {}

    def forward(self, pictures: Tensor) -> Tensor:
        """The pooled output, projected where text and images share a space; or the class token's last state."""
        found = self.vision_model(pixel_values=pictures, **self.how)
        vector = found.last_hidden_state[:, 0] if self.features == "class_token" else found.pooler_output.flatten(1)
        return self.visual_projection(vector)


def fetch(model: Model, folder: Path) -> dict[str, Any]:
    """Write `folder`/weights.safetensors; return source, preprocessing and what `build` needs.

    `model.checkpoint` is a repository of the hub (OWNER/NAME), unless `model.file` is a folder with its files. Of a
    text-image model text.safetensors and tokenizer/ are written as well, and `text` holds the whole configuration.
    """
    place, source, revision = obtain(model)
    full = load(place, source)
    fed = preprocessing(place, source, model)
    size = model.size or fed["size"]
    plan = {"build": describe(full, size, source)}
    tower = fill(plan, full, size, source)
    checkpoint.write(folder / "weights.safetensors", tower)
    if hasattr(full.config, "vision_config"):
        plan["text"] = write_text(place, full, folder)
    return {
        "architecture": full.config.model_type,
        **plan,
        "preprocessing": fed,
        "source": source,
        "revision": revision,
    }


def build(config: dict[str, Any]) -> Tower:
    """The image tower with random weights, offline: [B, 3, H, W] -> [B, D]."""
    how = config["build"]
    network = AutoModel.from_config(AutoConfig.for_model(**how["config"]), dtype=torch.float32)
    if how["features"] == "class_token" and hasattr(network, "pooler"):
        network.pooler = None
    return Tower(network, how["features"], how["projection"], how["interpolate"])


def obtain(model: Model) -> tuple[Path, str, str | None]:
    """A folder with the files of a checkpoint, its name for the records, and its commit on the hub."""
    if model.url:
        raise UserError("transformers needs a whole repository, not one `url`; name it as `checkpoint`")
    if model.file:
        place = Path(model.file)
        for wanted in ((CONFIG,), PROCESSORS, WEIGHTS):
            if not any((place / name).is_file() for name in wanted):
                raise UserError(f"{place} has no {' or '.join(wanted)}; bring the repository's folder as `file`")
        return place, place.name, model.revision
    config, source, commit = hub.fetch(model.checkpoint, CONFIG, model.revision)
    hub.first(source, PROCESSORS, commit)
    weights, _, _ = hub.first(source, WEIGHTS, commit)
    if weights.suffix == ".json" and model.sha256:
        raise UserError(f"{source} has its weights in several files, which no `sha256` covers; pin its `revision`")
    if weights.suffix == ".json":
        for shard in sorted(set(json.loads(weights.read_text())["weight_map"].values())):
            hub.fetch(source, shard, commit)
    elif model.sha256:
        hub.verify(weights, model.sha256)
    for name in hub.TOKENIZER if "vision_config" in json.loads(config.read_text()) else ():
        hub.optional(source, name, commit)
    return config.parent, source, commit


def load(place: Path, source: str) -> PreTrainedModel:
    """The whole network of a folder, by transformers' own loader; a UserError names the keys that do not fit.

    A checkpoint without the weights of the pooler (DINO's, or one trained with a classifier) leaves `pooler` None.
    """
    try:
        config = AutoConfig.from_pretrained(place, **OFFLINE)
        if config.model_type == "vit_mae":
            raise UserError(f"{source}: transformers' vit_mae masks its images at random; use timm's MAE")
        full, found = AutoModel.from_pretrained(
            place,
            config=config,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **OFFLINE,
        )
    except UserError:
        raise
    except Exception as error:  # transformers raises many kinds, some of a page
        raise UserError(f"{source} cannot be loaded by transformers: {_refusal(place, error)}") from None
    missing = sorted(found["missing_keys"])
    if missing and all(key.startswith("pooler.") for key in missing):
        full.pooler, missing = None, []
    wrong = sorted(key for key, *_ in found["mismatched_keys"])
    if missing or wrong:
        listed = checkpoint.listed({"missing": missing, "of another shape": wrong})
        raise UserError(f"{source} does not fit transformers' {config.model_type}: {listed}; bring another checkpoint")
    return full.eval()


def _refusal(place: Path, error: Exception) -> str:
    """Why a folder is not loaded, in one line."""
    raw = json.loads((place / CONFIG).read_text())
    if "auto_map" in raw:
        return f"its model type '{raw.get('model_type')}' needs code of its own, which is never run here"
    return " ".join(str(error).split())[:300]


def describe(full: PreTrainedModel, size: int, source: str) -> dict[str, Any]:
    """What `build` needs to make the image tower of a network: configuration, kind of vector, projection."""
    network: Any = full.vision_model if hasattr(full.config, "vision_config") else full
    keys = network.state_dict().keys()
    pooled = getattr(network, "pooler", True) is not None and getattr(network, "use_head", True)
    if not pooled and not any(key.endswith(("cls_token", "class_embedding")) for key in keys):
        raise UserError(f"{source} has neither pooled features nor a class token; choose another checkpoint")
    native = getattr(network.config, "image_size", size)
    takes = "interpolate_pos_encoding" in inspect.signature(network.forward).parameters
    projection = getattr(full, "visual_projection", None)
    return {
        "config": _plain(network.config),
        "features": "pooler_output" if pooled else "class_token",
        "projection": projection.out_features if projection is not None else None,
        "interpolate": takes and native not in (size, [size, size], (size, size)),
    }


def _plain(config: Any) -> dict[str, Any]:
    """A configuration as JSON, without what is of one machine or file."""
    left_out = ("_name_or_path", "transformers_version", "dtype", "torch_dtype", "architectures")
    return {key: value for key, value in json.loads(config.to_json_string()).items() if key not in left_out}


def fill(plan: dict[str, Any], full: PreTrainedModel, size: int, source: str) -> Tower:
    """The image tower with the weights of the whole network, tried on an image of `size` pixels.

    Of a text-image model it must give what transformers documents as image features.
    """
    tower = build(plan).eval()
    both = hasattr(full.config, "vision_config")
    weights = full.state_dict()
    mine = {name if both else f"vision_model.{name}": weights[name] for name in weights if _is_image(name) or not both}
    picture = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    try:
        tower.load_state_dict(mine)
        with torch.inference_mode():
            vector = expected = tower(picture)
            if both:
                expected = cast(Any, full).get_image_features(pixel_values=picture, **tower.how).pooler_output
    except Exception as error:  # of a kind of network that was not thought of here
        raise UserError(f"{source} gives no image features known here: {checkpoint.misfits(str(error))}") from None
    if not torch.allclose(vector, expected, rtol=1e-4, atol=1e-5):
        raise UserError(f"{source} makes its image features in a way that is not known here; use another library")
    return tower


def _is_image(name: str) -> bool:
    return name.startswith(("vision_model.", "visual_projection."))


def write_text(place: Path, full: PreTrainedModel, folder: Path) -> dict[str, Any]:
    """text.safetensors (all but the image tower) and tokenizer/; returns the whole configuration."""
    rest = {name: value for name, value in full.state_dict().items() if not _is_image(name)}
    checkpoint.write_tensors(folder / "text.safetensors", rest)
    (folder / "tokenizer").mkdir()
    for name in hub.TOKENIZER:
        if (place / name).is_file():
            shutil.copyfile(place / name, folder / "tokenizer" / name)
    return {"config": _plain(full.config)}


def preprocessing(place: Path, source: str, model: Model) -> dict[str, Any]:
    """The processor of a checkpoint in our words; a UserError where ours cannot follow and nothing overrides it."""
    try:
        processor = AutoImageProcessor.from_pretrained(place, backend="pil", **OFFLINE)
    except Exception as error:
        raise UserError(
            f"{source} has no image processor that is known here ({' '.join(str(error).split())[:200]})"
        ) from None
    how = translate(processor)
    if how is None or (model.preprocessing.squash is None and not agree(processor, how)):
        kind = type(processor).__name__.removesuffix("Pil")
        cure = "set preprocessing.squash (and mean and std), or choose another library" if how else "choose another one"
        raise UserError(f"{source} prepares its images in a way that ours cannot ({kind}); {cure}")
    return how


def translate(processor: Any) -> dict[str, Any] | None:
    """Size, crop, filter, mean and std of an image processor in the words of images.Preprocessing, if it has a size."""
    shorter = getattr(processor.size, "shortest_edge", None)
    edge = shorter or getattr(processor.size, "height", None)
    if not edge:
        return None
    side, squash = edge, not shorter
    if getattr(processor, "crop_pct", None):
        squash = edge >= CROP_PCT_BELOW
        edge = edge if squash else int(edge / processor.crop_pct)
    elif processor.do_center_crop:
        side = processor.crop_size.height
    normalised = processor.do_normalize
    return {
        "size": side,
        "mean": tuple(processor.image_mean) if normalised else (0.0, 0.0, 0.0),
        "std": tuple(processor.image_std) if normalised else (1.0, 1.0, 1.0),
        "crop": fraction(side, edge),
        "squash": squash,
        "interpolation": INTERPOLATIONS.get(processor.resample, "bicubic"),
    }


def fraction(size: int, edge: int) -> float:
    """The crop fraction with which `size` is cut from exactly `edge` pixels, whatever the rounding.

    >>> fraction(224, 256)
    0.875
    """
    return next(crop for crop in (size / edge, size / (edge + 0.5)) if int(size / crop) == edge)


def agree(processor: Any, how: dict[str, Any]) -> bool:
    """Whether a ramp of colours comes out of the processor as it comes out of ours, up to a pixel or two.

    Its centre crop lies a pixel off ours (torchvision's) where an odd number of pixels is cut away.
    """
    across, down = np.meshgrid(np.linspace(0, 255, 640), np.linspace(0, 255, 480))
    picture = Image.fromarray(np.stack([across, down, 255 - across], axis=-1).astype(np.uint8))
    theirs = np.asarray(processor(picture, return_tensors="np")["pixel_values"][0])
    ours = images.preprocess(picture, images.Preprocessing(**how)).transpose(2, 0, 1) / 255
    ours = (ours - np.reshape(how["mean"], (3, 1, 1))) / np.reshape(how["std"], (3, 1, 1))
    return theirs.shape == ours.shape and float(np.abs(theirs - ours).max()) < 0.1
