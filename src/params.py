"""Floor 0. params.yaml, read once at the door into strict frozen records."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from src import paths
from src.errors import UserError
from src.registry import nearest, unknown

STRATEGIES = ("pretrained", "top_tuned", "fine_tuned", "cross_tuned")
METHODS = ("top_tuned", "fine_tuned")  # what a cross-tuned encoder can have been tuned by
# keys that metrics files use themselves, beside the names of datasets and protocols
RESERVED = ("model", "weights_sha256", "strategy", "protocol_version", "mean", "classification", *STRATEGIES)


def _slug(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ValueError("must be a slug: a lower-case letter, then letters, digits or _ (no dots, DVC nests on them)")
    return name


def _name(name: str) -> str:
    if name in RESERVED:
        raise ValueError("must be another name: metrics files use this one themselves")
    return _slug(name)


Slug = Annotated[str, AfterValidator(_slug)]
Name = Annotated[str, AfterValidator(_name)]  # of a dataset or protocol
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0)]
Auto = Literal["auto"]


class Record(BaseModel):
    """A frozen record that knows its keys: one too many is a mistake, not a wish."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class TuneParams(Record):
    """What both tunings share: AdamW, warm-up and cosine, early stopping on validation."""

    weight_decay: Annotated[float, Field(ge=0)]
    epochs: Positive
    patience: Positive
    batch_size: Annotated[int, Field(ge=2)]
    label_smoothing: Annotated[float, Field(ge=0, lt=1)]


class TopTuneParams(TuneParams):
    """A small MLP on frozen embeddings; the layer before the classifier is the new embedding."""

    lr: Rate
    layers: Annotated[list[Positive], Field(min_length=1, max_length=4)]
    dropout: Annotated[float, Field(ge=0, lt=1)]


class FineTuneParams(TuneParams):
    """The whole backbone. lr `auto` is the model's own."""

    lr: Rate | Auto
    warmup: Fraction
    precision: Literal["fp32", "bf16"]


class CrossTuneParams(Record):
    """Which tuned encoders are tried on the other datasets."""

    methods: Annotated[list[Literal["top_tuned", "fine_tuned"]], Field(min_length=1)]


class RetrieveParams(Record):
    """How many neighbours of each query are kept."""

    depth: Annotated[int, Field(ge=10)]


class ReportParams(Record):
    """What the page shows."""

    queries: Annotated[int, Field(ge=0, le=50)]


class RuntimeParams(Record):
    """What changes only speed; no stage declares it."""

    device: str = "auto"
    threads: Positive | Auto = "auto"
    workers: Positive | Auto = "auto"
    batch_size: Positive = 64


class PreprocessingOverride(Record):
    """What differs from the library's own preprocessing of a checkpoint."""

    size: Positive | None = None
    crop: Annotated[float, Field(gt=0, le=1)] | None = None
    squash: bool | None = None
    interpolation: Literal["bilinear", "bicubic", "lanczos"] | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None


class Model(Record):
    """A backbone: where it comes from and what differs from its library's own configuration."""

    library: Literal["timm", "sample"]
    checkpoint: str
    family: Literal["supervised", "self_supervised", "text_image"]
    licence: str
    revision: str | None = None
    file: str | None = None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    preprocessing: PreprocessingOverride = PreprocessingOverride()
    lr: Rate = 1e-4  # of fine-tuning, where fine_tune.lr is auto; suits pretrained networks of any usual size

    @model_validator(mode="after")
    def _file_has_its_hash(self) -> "Model":
        if self.file and not self.sha256:
            raise ValueError("a `file` needs its `sha256` beside it, so that its content is a param (run sha256sum)")
        return self


class Protocol(Record):
    """Who asks and who is searched; the same split on both sides is leave-one-out."""

    query: str
    gallery: str
    exclude_same: Literal["group"] | None = None


class Dataset(Record):
    """What every catalogue entry says, whatever its layout."""

    protocols: Annotated[dict[Name, Protocol], Field(min_length=1)]
    splits: dict[str, str] = {}  # the dataset's own split name -> ours


class FolderDataset(Dataset):
    """A folder a class, optionally below a folder a split."""

    reader: Literal["folder"]
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.4  # used when there are no split folders


class TableDataset(Dataset):
    """A csv or parquet table with a row an image."""

    reader: Literal["table"]
    table: str
    columns: dict[str, str] = {}  # our column -> the table's
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.4  # used when there is no split column


class GroceryDataset(Dataset):
    """The Grocery Store Dataset in its official layout."""

    reader: Literal["grocery"]
    strict: bool = True  # False accepts a subset of the official counts


READERS = ("folder", "table", "grocery")
Entry = Annotated[FolderDataset | TableDataset | GroceryDataset, Field(discriminator="reader")]


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
    cross_tune: CrossTuneParams
    retrieve: RetrieveParams
    report: ReportParams
    runtime: RuntimeParams = RuntimeParams()
    models: dict[Slug, Model]
    catalogue: dict[Name, Entry]

    @model_validator(mode="after")
    def _names_are_known(self) -> "Params":
        for name in self.datasets:
            _known(name, self.catalogue, "dataset")
        for name in self.strategies:
            _known(name, STRATEGIES, "strategy")
        _known(self.model, self.models, "model")
        for key in ("datasets", "strategies"):
            names = getattr(self, key)
            if twice := {name for name in names if names.count(name) > 1}:
                raise ValueError(f"{key} names {', '.join(sorted(twice))} twice; once is enough")
        if "cross_tuned" in self.strategies and len(self.datasets) < 2:
            raise ValueError("cross_tuned needs two datasets or more; add one or take cross_tuned out of strategies")
        return self

    @property
    def chosen(self) -> Model:
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
        raise UserError(_line(error, raw, place)) from None


def _line(error: ValidationError, raw: Any, place: str) -> str:
    """The first problem in one line, and how many more there are."""
    if not isinstance(raw, dict):
        return f"{place} holds no keys; compare it with the one in git (git diff {place})"
    first, *more = error.errors()
    key = ".".join(str(part) for part in first["loc"] if part not in READERS)
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = f"is not a known key.{nearest(str(first['loc'][-1]), _siblings(first['loc']))}"
    elif first["type"] == "missing":
        message = "is missing; add it"
    elif key:
        message = f"is {_short(first['input'])}: {message[0].lower()}{message[1:]}"
    tail = f" ({len(more)} more after this)" if more else ""
    return f"{place}: {key} {message}{tail}" if key else f"{message}{tail}"


def _short(value: Any) -> str:
    """A value as it fits into a line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _siblings(location: tuple[int | str, ...]) -> list[str]:
    """Every key of any record that could have been meant at this place."""
    inner: list[type[Record]] = [*Record.__subclasses__(), *TuneParams.__subclasses__(), *Dataset.__subclasses__()]
    records = [Params] if len(location) == 1 else inner
    return sorted({name for record in records for name in record.model_fields})
