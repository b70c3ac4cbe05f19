"""Floor 0. params.yaml, read once at the door into strict frozen records."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from src import paths, unions
from src.entries import AnyModel, Entry, Model, Name, Published, ServiceModel
from src.errors import UserError
from src.records import Auto, Fraction, Positive, Rate, Record, Slug, complaint
from src.registry import unknown
from src.words import HYBRIDS, PAIRWISE, STRATEGIES


class SampleParams(Record):
    """The rendered catalogue."""

    seed: int
    labels: Positive
    unseen_labels: dict[Slug, Positive] = {}
    photos: dict[Slug, Positive]
    messiness: Annotated[float, Field(ge=0, le=2)]
    size: Annotated[int, Field(ge=32, le=512)]


class PrepareParams(Record):
    """How raw photos become a manifest."""

    seed: int
    validation: Annotated[float, Field(gt=0, lt=1)]
    max_quarantined: Fraction


class ExtractParams(Record):
    """Arithmetic of the frozen backbone."""

    precision: Literal["fp32", "bf16"]


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
    merged: list[str] = []


class RetrieveParams(Record):
    """How many neighbours of each query are kept."""

    depth: Annotated[int, Field(ge=20)]  # as far as a metric looks


class DistractParams(Record):
    """Whose galleries are enlarged, besides those of `pretrained`."""

    tuned: list[Literal["top_tuned", "fine_tuned"]]


class CompressParams(Record):
    """Ways to store a catalogue's vectors in fewer bytes, tried on at most so many queries of a dataset."""

    queries: Positive
    dimensions: list[Positive]  # kept by PCA and by truncation
    parts: list[Positive]  # of a vector, a byte each, in product quantisation


class ReportParams(Record):
    """What the page shows."""

    queries: Annotated[int, Field(ge=0, le=50)]


class ServiceRuntime(Record):
    """How embedding services are called; none of it changes a vector."""

    max_images: Annotated[int, Field(ge=0)] = 0  # how many images may be paid for in a stage; 0: ask first
    concurrency: Positive = 4
    timeout: Rate = 60.0  # seconds
    retries: Annotated[int, Field(ge=0)] = 6


class RuntimeParams(Record):
    """What changes only speed; no stage declares it."""

    device: str = "auto"
    threads: Positive | Auto = "auto"
    workers: Positive | Auto = "auto"
    batch_size: Positive = 64
    price_per_hour: Annotated[float, Field(ge=0)] | None = None  # of this machine, in whatever currency
    services: ServiceRuntime = ServiceRuntime()


class Params(Record):
    """All of params.yaml."""

    model: str
    datasets: Annotated[list[str], Field(min_length=1)]
    strategies: Annotated[list[str], Field(min_length=1)]
    seed: int
    sample: SampleParams
    prepare: PrepareParams
    extract: ExtractParams
    top_tune: TopTuneParams
    fine_tune: FineTuneParams
    hybrid: HybridParams
    cross_tune: CrossTuneParams
    retrieve: RetrieveParams
    distract: DistractParams
    compress: CompressParams
    report: ReportParams
    runtime: RuntimeParams = RuntimeParams()
    models: dict[Slug, AnyModel]
    catalogue: dict[Name, Entry]
    suites: dict[Slug, Annotated[list[str], Field(min_length=1)]] = {}
    published: list[Published] = []

    @model_validator(mode="after")
    def _names_are_known(self) -> "Params":
        for name in self.datasets:
            _known(name, self.catalogue, "dataset")
        for name in self.strategies:
            _known(name, STRATEGIES, "strategy")
        _known(self.model, self.models, "model")
        _known(self.hybrid.method, HYBRIDS, "hybrid.method")
        for key, names in {
            "datasets": self.datasets,
            "strategies": self.strategies,
            "cross_tune.merged": self.cross_tune.merged,
        }.items():
            if twice := {name for name in names if names.count(name) > 1}:
                raise ValueError(f"{key} names {', '.join(sorted(twice))} twice; once is enough")
        for name in (dataset for suite in self.suites.values() for dataset in suite):
            _known(name, self.catalogue, "dataset of a suite")
        for row in self.published:
            _known(row.model, self.models, "model of a published number")
            _known(row.dataset, self.catalogue, "dataset of a published number")
            _known(row.protocol, self.catalogue[row.dataset].protocols, f"protocol of {row.dataset}")
        if "cross_tuned" in self.strategies and len(self.datasets) < 2:
            raise ValueError("cross_tuned needs two datasets or more; add one or take cross_tuned out of strategies")
        return self

    @model_validator(mode="after")
    def _merged_sources_have_datasets_to_merge(self) -> "Params":
        known = unions.members(self.datasets)
        for name in self.cross_tune.merged:
            _known(name, known, "merged source")
            if len(known[name]) < 2:
                raise ValueError(
                    f"cross_tune.merged: {name} leaves {known[name][0]} alone, and a merged source needs two datasets; "
                    "add one to datasets, or take it out"
                )
            if name in self.datasets:
                raise ValueError(f"cross_tune.merged: {name} is also the name of a dataset; rename that")
        return self

    @model_validator(mode="after")
    def _the_model_can_be_trained(self) -> "Params":
        wanted = [*self.strategies, *(self.cross_tune.methods if "cross_tuned" in self.strategies else [])]
        if {"fine_tuned", "hybrid_tuned"} & set(wanted) and not self.chosen.trainable:
            raise ValueError(
                f"model '{self.model}' cannot be trained; run it with -S 'strategies=[pretrained,top_tuned]'"
                " (cross_tuned goes too, with cross_tune.methods=[top_tuned])"
            )
        return self

    @property
    def chosen(self) -> Model | ServiceModel:
        """The model this workspace is about."""
        return self.models[self.model]


def _known(name: str, known: Any, kind: str) -> None:
    if name not in known:
        raise ValueError(unknown(name, known, kind, "params.yaml"))


def load(path: Path = paths.PARAMS) -> Params:
    """params.yaml as a record; a UserError names the key, the value and the cure."""
    try:
        raw = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise UserError(f"{path} is not here; run the command in the repository root") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    return parse(raw, str(path))


def parse(raw: Any, place: str = "params.yaml") -> Params:
    """The record of an already parsed file. Numbers written as text ('1e-05', as DVC does) are read as numbers."""
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        raise UserError(complaint(error, raw, place, Params)) from None
