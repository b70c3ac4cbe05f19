"""Floor 0. models/sample/params.yaml: what the sample backbones learn from and how, as strict frozen records."""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError

from src.errors import UserError
from src.records import Positive, Record, Slug

PATH = Path("models/sample/params.yaml")


class CatalogueParams(Record):
    """The rendered pre-training catalogue; counts are for each product family."""

    seed: int
    products: Positive
    photos: dict[Slug, Positive]  # of each product, by split; photos of the split `studio` are clean
    cutouts: Positive
    messiness: Annotated[float, Field(ge=0, le=2)]
    size: Annotated[int, Field(ge=64, le=512)]


class RecipeParams(Record):
    """One training: AdamW, warm-up and cosine."""

    seed: int
    epochs: Positive
    batch_size: Annotated[int, Field(ge=2)]
    lr: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]


class PretrainingParams(Record):
    """All of models/sample/params.yaml."""

    catalogue: CatalogueParams
    recipes: dict[Slug, RecipeParams]


def load(path: Path = PATH) -> PretrainingParams:
    """The file as a record; a UserError names the first key that is wrong."""
    try:
        return PretrainingParams.model_validate(yaml.safe_load(path.read_text()))
    except FileNotFoundError:
        raise UserError(f"{path} is not here; run the command in the repository root") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise UserError(f"{path}: {key}: {first['msg']} (given: {first['input']!r}); correct it") from None
