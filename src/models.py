"""Floor 3. The models of params.yaml as a table: what each is, what an image costs.  python -m src.models

Nothing is downloaded: networks are built as shapes without weights. What a repository alone describes (hf-hub:, and
all of transformers) is known once it has been fetched; until then its figures are `-`.
"""

from collections.abc import Mapping
from typing import Any

import torch

from src import backbones, command
from src.backbones import costs, hub
from src.entries import AnyModel, Model, ServiceModel
from src.errors import UserError
from src.params import load

HEADER = ("model", "library", "checkpoint", "family", "dimension", "parameters (M)", "GMACs", "licence")
UNKNOWN = "-"

Outline = tuple[dict[str, Any], int]  # what the library's `build` needs, and the size of an image


def main() -> None:
    """Print the table in Markdown."""
    print("\n".join(table(load().models)))


def table(models: Mapping[str, AnyModel]) -> list[str]:
    """Lines of a Markdown table with a row a model."""
    rows = [HEADER, ["---"] * len(HEADER), *(row(slug, model) for slug, model in models.items())]
    return [f"| {' | '.join(cells)} |" for cells in rows]


def row(slug: str, model: AnyModel) -> list[str]:
    """A model's cells, as in HEADER."""
    source = f"`{model.checkpoint}`" + (" by url" if isinstance(model, Model) and model.url else "")
    return [slug, model.library, source, model.family, *figures(model), model.licence]


def figures(model: AnyModel) -> list[str]:
    """Dimension, millions of parameters of the image encoder, and GMACs at a size of image."""
    if isinstance(model, ServiceModel):
        return [str(model.dim or UNKNOWN), UNKNOWN, UNKNOWN]
    found = measure(model)
    if not found:
        return [UNKNOWN] * 3
    gmacs = f"{found['gmacs']:#.3g}".rstrip(".")
    return [str(found["dim"]), f"{found['parameters'] / 1e6:.1f}", f"{gmacs} at {found['size']} px"]


def measure(model: AnyModel) -> dict[str, float] | None:
    """dim, parameters, gmacs and size of an image; None of a service, or a repository that is not on this machine."""
    if isinstance(model, ServiceModel):
        return None
    try:
        config, size = OUTLINES[model.library](model)
    except UserError:
        return None
    with torch.device("meta"):
        return {**costs.measure(backbones.library(model.library).build(config).eval(), size), "size": size}


def of_sample(model: Model) -> Outline:
    """A sample backbone: all have the same architecture."""
    from src.backbones import sample

    return sample.ARCHITECTURE, sample.PREPROCESSING.size


def of_timm(model: Model) -> Outline:
    """timm's record of a checkpoint, or its repository's."""
    from src.backbones import timm

    repository = model.checkpoint.removeprefix(timm.HF_HUB)
    if repository == model.checkpoint:
        record = timm.listed(model.checkpoint)
    else:
        record = timm.described(hub.fetch(repository, "config.json", model.revision)[0])
    build = {"architecture": record.name, "build": timm.build_arguments(record, model.size)}
    return build, model.size or record.settings["input_size"][-1]


def of_open_clip(model: Model) -> Outline:
    """open_clip's record of a checkpoint, or its repository's."""
    from src.backbones import open_clip

    network = open_clip.describe(model).network
    return {"build": {"network": network, "size": model.size}}, model.size or network["vision_cfg"]["image_size"]


def of_transformers(model: Model) -> Outline:
    """A repository's own description."""
    from src.backbones import transformers

    config = transformers.AutoConfig.from_pretrained(hub.fetch(model.checkpoint, "config.json", model.revision)[0])
    with torch.device("meta"):
        whole = transformers.AutoModel.from_config(config)
    size = model.size or getattr(config, "vision_config", config).image_size
    return {"build": transformers.describe(whole, size, model.checkpoint)}, size


OUTLINES = {"open_clip": of_open_clip, "sample": of_sample, "timm": of_timm, "transformers": of_transformers}

if __name__ == "__main__":
    command.run(main)
