"""Floor 0. The entries of params.yaml's tables: models, datasets of the catalogue, published numbers."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from src.records import Positive, Rate, Record, slug
from src.words import RESERVED


def _name(name: str) -> str:
    if name in RESERVED:
        raise ValueError("must be another name: metrics files use this one themselves")
    return slug(name)


Name = Annotated[str, AfterValidator(_name)]  # of a dataset or protocol


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
