"""Floor 0. The sections of params.yaml that say how encoders are tuned."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from src.records import Auto, Fraction, Positive, Rate, Record
from src.words import PAIRWISE


def _switch(value: Any) -> Any:
    """`off` and `on` as DVC reads them (text) and as PyYAML does (booleans): nothing, or a record of defaults."""
    if value in ("off", "on", False, True):
        return {} if value in ("on", True) else None
    if isinstance(value, str):
        raise ValueError("must be off, on, or a table like {trials: 40, epochs: 30, repeats: 2}")
    return value


class TuneParams(Record):
    """What both tunings share: AdamW, warm-up and cosine, early stopping on validation."""

    weight_decay: Annotated[float, Field(ge=0)]
    epochs: Positive
    patience: Positive
    batch_size: Annotated[int, Field(ge=2)]
    loss: Literal["cross_entropy", "arcface", "proxy_anchor", "supcon", "multi_similarity"]
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]
    sampler: Literal["auto", "shuffle", "balanced", "pk"]
    images_per_label: Annotated[int, Field(ge=2)]

    @model_validator(mode="after")
    def _a_batch_has_room(self) -> "TuneParams":
        pairs = self.sampler == "pk" or (self.sampler == "auto" and self.loss in PAIRWISE)
        if pairs and self.batch_size < 2 * self.images_per_label:
            raise ValueError(
                f"batch_size {self.batch_size} has no room for two labels of {self.images_per_label} images each; "
                "raise it, or lower images_per_label"
            )
        return self


class SearchParams(Record):
    """How many points are tried on validation, with how many epochs and seeds each."""

    trials: Positive = 40
    epochs: Positive = 30
    repeats: Positive = 2


class TopTuneParams(TuneParams):
    """A small MLP on frozen embeddings; the layer before the classifier is the new embedding.

    search: `off`, `on`, or what differs from SearchParams' defaults.
    """

    optimiser: Literal["adamw", "sgd"]
    lr: Rate
    momentum: Annotated[float, Field(ge=0, lt=1)]
    layers: Annotated[list[Positive], Field(min_length=1, max_length=4)]
    dropout: Annotated[float, Field(ge=0, lt=1)]
    sharpness: Rate
    ema: Annotated[float, Field(ge=0, lt=1)]
    precision: Literal["fp32", "bf16"]
    select: Literal["mMP@5", "accuracy"]
    search: Annotated[SearchParams | None, BeforeValidator(_switch)]


class FineTuneParams(TuneParams):
    """The whole backbone. lr `auto` is the model's own."""

    lr: Rate | Auto
    warmup: Fraction
    precision: Literal["fp32", "bf16"]
    optimiser: Literal["adamw", "sgd"]
    momentum: Annotated[float, Field(ge=0, lt=1)]
    clip: Annotated[float, Field(ge=0)]
    layer_decay: Annotated[float, Field(gt=0, le=1)]
    ema: Annotated[float, Field(ge=0, lt=1)]
    probe_epochs: Annotated[int, Field(ge=0)]
    frozen_batch_norm: bool
    accumulate: Positive
    gradient_checkpointing: bool

    @model_validator(mode="after")
    def _the_probe_leaves_epochs(self) -> "FineTuneParams":
        if self.probe_epochs >= self.epochs:
            raise ValueError(
                f"probe_epochs {self.probe_epochs} leaves nothing of {self.epochs} epochs; lower it, or raise epochs"
            )
        return self

    @model_validator(mode="after")
    def _a_part_holds_two_images(self) -> "FineTuneParams":
        if self.batch_size < 2 * self.accumulate:
            raise ValueError(
                f"accumulate {self.accumulate} leaves less than two images of a batch of {self.batch_size} in a part; "
                "lower it, or raise batch_size"
            )
        return self


class PartOptions(Record):
    """Of a hybrid that trains a part of the backbone as fine_tune trains all of it."""

    lr_factor: Rate  # times the learning rate of fine_tune


class LoraOptions(PartOptions):
    """Thin matrices of `rank` columns beside the weights; what they add is multiplied by alpha / rank."""

    rank: Positive
    alpha: Positive


class LastBlocksOptions(PartOptions):
    """How many layers, counted from the output."""

    blocks: Positive


class InterpolateOptions(Record):
    """Into how many steps the way from pretrained to fine-tuned weights is cut."""

    steps: Annotated[int, Field(ge=2, le=100)]


class HybridParams(Record):
    """What lies between a head and all weights; `method` is what `hybrid_tuned` stands for."""

    method: str
    lora: LoraOptions
    last_blocks: LastBlocksOptions
    bitfit: PartOptions
    norms: PartOptions
    interpolate: InterpolateOptions


class CrossTuneParams(Record):
    """Which tuned encoders are tried on the other datasets; `merged` ones, tuned on several datasets, on all."""

    methods: Annotated[list[Literal["top_tuned", "fine_tuned"]], Field(min_length=1)]
    merged: Annotated[list[str], Field(default_factory=list)]
