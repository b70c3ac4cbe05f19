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
RESERVED = ("model", "weights_sha256", "strategy", "protocol_version", "mean", "classification", "images", *STRATEGIES)


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
    services: ServiceRuntime = ServiceRuntime()


class PreprocessingOverride(Record):
    """What differs from the library's own preprocessing of a checkpoint."""

    crop: Annotated[float, Field(gt=0, le=1)] | None = None
    squash: bool | None = None
    interpolation: Literal["bilinear", "bicubic", "lanczos"] | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None


class Model(Record):
    """A backbone: where it comes from and what differs from its library's own configuration."""

    library: Literal["sample", "timm", "open_clip", "transformers"]
    checkpoint: str  # as the library names it
    revision: str | None = None  # branch, tag or commit on the hub; none is its main branch
    url: str | None = None  # weights that no hub has, as a web address
    file: str | None = None  # weights brought along: a file, or a folder laid out as on the hub
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    family: Literal["supervised", "self_supervised", "text_image", "domain_specific", "unknown"] = "unknown"
    size: Positive | None = None  # pixels a side; none is the checkpoint's own
    licence: str = "unknown"
    preprocessing: PreprocessingOverride = PreprocessingOverride()
    lr: Rate = 1e-4  # of fine-tuning, where fine_tune.lr is auto; suits pretrained networks of any usual size
    trainable: bool = True

    @model_validator(mode="after")
    def _weights_are_named_once(self) -> "Model":
        if self.file and not self.sha256:
            cure = "run sha256sum; for a folder put 64 zeros, and `weights` names the right one"
            raise ValueError(f"a `file` needs its `sha256` beside it, so that its content is a param ({cure})")
        if self.file and self.url:
            raise ValueError("has a `file` and a `url`; leave one out")
        return self


class ServiceModel(Record):
    """An embedding service: an image goes to an HTTP API and a vector comes back."""

    library: Literal["api"]
    service: Literal["cohere", "openai", "vertex", "voyage"]  # whose request format
    checkpoint: str  # the model's name there
    endpoint: Annotated[str, Field(pattern="^https?://")] | None = None  # none is the service's own address
    key: Annotated[str, Field(pattern="^[A-Z][A-Z0-9_]*$")] | None = None  # name of the environment variable with it
    dim: Positive | None = None  # asked for where the service lets one choose
    size: Positive = 512  # pixels of the longer side of what is sent; smaller photos go as they are
    price: Annotated[float, Field(ge=0)] | None = None  # of 1,000 images, in whatever currency
    family: Literal["proprietary"] = "proprietary"
    licence: str = "terms of the service"
    trainable: Literal[False] = False


AnyModel = Annotated[Model | ServiceModel, Field(discriminator="library")]


class Protocol(Record):
    """Who asks and who is searched; the same split on both sides is leave-one-out."""

    query: str
    gallery: str
    exclude_same: Literal["group"] | None = None


class Dataset(Record):
    """What every catalogue entry says, whatever its layout."""

    protocols: Annotated[dict[Name, Protocol], Field(min_length=1)]
    splits: dict[str, str] = {}  # the dataset's own split name -> ours


class UnsplitDataset(Dataset):
    """A dataset that may have no splits of its own."""

    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.4  # used when it has none


class OfficialDataset(Dataset):
    """A public dataset in its official layout."""

    reader: Literal["food101", "food2k", "grocery", "inshop", "products10k", "rp2k", "sop"]
    strict: bool = True  # False accepts other counts than the official ones


class Cars196Dataset(Dataset):
    """Stanford Cars, with the split of its authors or the one that metric learning uses (classes 1-98, 99-196)."""

    reader: Literal["cars196"]
    split: Literal["classification", "metric_learning"] = "classification"
    strict: bool = True


class FashionDataset(UnsplitDataset):
    """Fashion Product Images, with the column of styles.csv that counts as the label."""

    reader: Literal["fashion"]
    label: Literal["masterCategory", "subCategory", "articleType"] = "masterCategory"
    strict: bool = True


class FolderDataset(UnsplitDataset):
    """A folder a class, optionally below a folder a split."""

    reader: Literal["folder"]


class TableDataset(UnsplitDataset):
    """A csv or parquet table with a row an image."""

    reader: Literal["table"]
    table: str
    columns: dict[str, str] = {}  # our column -> the table's


Entry = Annotated[
    OfficialDataset | Cars196Dataset | FashionDataset | FolderDataset | TableDataset, Field(discriminator="reader")
]


class Published(Record):
    """A number that somebody else published for `pretrained`, to be printed beside ours."""

    model: str
    dataset: str
    protocol: str
    metric: str  # as in metrics/<strategy>.json
    value: float
    source: str


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
        for key in ("datasets", "strategies"):
            names = getattr(self, key)
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
    def _the_model_can_be_trained(self) -> "Params":
        tuned = {"fine_tuned"} & {
            *self.strategies,
            *(self.cross_tune.methods if "cross_tuned" in self.strategies else []),
        }
        if tuned and not self.chosen.trainable:
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
        raise UserError(_line(error, raw, place)) from None


def _line(error: ValidationError, raw: Any, place: str) -> str:
    """The first problem in one line, and how many more there are."""
    if not isinstance(raw, dict):
        return f"{place} holds no keys; compare it with the one in git (git diff {place})"
    first, *more = error.errors()
    key = ".".join(str(part) for part in _untagged(first["loc"]))
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = f"is not a known key.{nearest(str(first['loc'][-1]), _siblings(first['loc']))}"
    elif first["type"] == "missing":
        message = "is missing; add it"
    elif first["type"].startswith("union_tag"):
        message = _of_no_kind(first)
    elif key.endswith(".key"):
        message = "must be the NAME of an environment variable, in capitals; never write a key into this file"
    elif key:
        message = f"is {_short(first['input'])}: {message[0].lower()}{message[1:]}"
    tail = f" ({len(more)} more after this)" if more else ""
    return f"{place}: {key} {message}{tail}" if key else f"{message}{tail}"


def _of_no_kind(problem: Any) -> str:
    """About an entry whose `library` or `reader` is missing or unknown."""
    key = problem["ctx"]["discriminator"].strip("'")
    if "tag" not in problem["ctx"]:
        return f"has no '{key}'; add it"
    known = problem["ctx"]["expected_tags"].replace("'", "").split(", ")
    return "has an " + unknown(problem["ctx"]["tag"], known, key, "its entry")


def _untagged(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Without the third part, where pydantic names the kind of entry it took: models.siglip.open_clip.size."""
    return location[:2] + location[3:] if location[:1] in (("models",), ("catalogue",)) else location


def _short(value: Any) -> str:
    """A value as it fits into a line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _siblings(location: tuple[int | str, ...]) -> list[str]:
    """Every key of any record that could have been meant at this place."""
    inner: list[type[Record]] = _below(Record)
    records = [Params] if len(location) == 1 else inner
    return sorted({name for record in records for name in record.model_fields})


def _below(record: type[Record]) -> list[type[Record]]:
    """Every kind of a record, and their kinds."""
    return [other for child in record.__subclasses__() for other in (child, *_below(child))]
