"""Floor 0. params.yaml, read once at the door into strict frozen records."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from src import paths, unions
from src.entries import AnyModel, Entry, Model, Name, Published, ServiceModel
from src.errors import UserError
from src.records import Auto, Fraction, Positive, Rate, Record, Slug, complaint
from src.registry import unknown
from src.tunings import CrossTuneParams, FineTuneParams, HybridParams, TopTuneParams
from src.words import HYBRIDS, STRATEGIES


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
    """Arithmetic of a network that embeds."""

    precision: Literal["fp32", "bf16", "auto"]
    engine: Literal["torch", "openvino"] = "torch"


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


class CostParams(Record):
    """Sizes of a catalogue, in images, of which a search is timed or told in proportion."""

    measured: Annotated[list[Positive], Field(min_length=1)]
    extrapolated: list[Positive]


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
    cost: CostParams
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
