"""Floor 0. Where everything lives, relative to the repository root. Constant paths: one workspace = one experiment."""

from pathlib import Path

PARAMS = Path("params.yaml")
MANIFESTS = Path("data/manifests")
SHARDS = Path("data/shards")
EMBEDDINGS = Path("data/embeddings")
NEIGHBORS = Path("data/neighbors")
QUERIES = Path("data/queries")
SIMILARITY = Path("data/similarity")
AUDIT = Path("data/audit")
MATCHES = Path("data/matches")
DISTRACTORS = Path("data/distractors")
COMPRESSION = Path("data/compression")
BACKBONE = Path("models/backbone")
METRICS = Path("metrics")
COST = Path("data/cost")
SUMMARY = METRICS / "summary.json"
REPORT = METRICS / "report"


def raw(dataset: str) -> Path:
    """The photos as their owner laid them out."""
    return Path("data/raw") / dataset


def manifest(dataset: str) -> Path:
    """Folder with `manifest.parquet` (a row an image) and `quarantine.parquet` (what could not be read)."""
    return MANIFESTS / dataset


def shards(dataset: str) -> Path:
    """Folder with the original image bytes in a few tar files, and their index."""
    return SHARDS / dataset


def embeddings(strategy: str, *place: str) -> Path:
    """Folder with `embeddings.npy` [N, D] and its sidecar; place = dataset, or (method, source, target)."""
    return EMBEDDINGS.joinpath(strategy, *place)


def tuned(strategy: str, *place: str) -> Path:
    """Folder with the head (`top_tuned`) or the whole network that was tuned; place = dataset, or (hybrid, dataset)."""
    return Path("models").joinpath(strategy, *place)


def curve(strategy: str, *place: str) -> Path:
    """Folder of a tuning's learning curve, as `tuning.curves` writes it; `dvc plots show` draws what is in plots/."""
    return METRICS.joinpath("curves", strategy, *place)


def trials(dataset: str) -> Path:
    """The trials of a search for hyper-parameters, a row each; `dvc plots show` draws their scores."""
    return METRICS / "trials" / f"{dataset}.csv"


def neighbors(strategy: str, *place: str) -> Path:
    """Folder with one `<protocol>.safetensors` a protocol: the nearest gallery rows of every query."""
    return NEIGHBORS.joinpath(strategy, *place)


def queries(strategy: str) -> Path:
    """Folder with `queries.parquet` (every metric of every query) and `metrics.json` (their means)."""
    return QUERIES / strategy


def compression(strategy: str) -> Path:
    """Folder with `datasets.csv` and `means.csv`: ways to store vectors in fewer bytes, and what they lose."""
    return COMPRESSION / strategy


def metrics(strategy: str) -> Path:
    """The metrics file that DVC shows and git keeps."""
    return METRICS / f"{strategy}.json"


def cost_metrics(strategy: str) -> Path:
    """The metrics file of times and sizes, apart from `metrics` because times are never the same."""
    return METRICS / "cost" / f"{strategy}.json"


def cost(strategy: str, *place: str) -> Path:
    """What making a strategy's embeddings took, `cost.json`: not deterministic, so only other timings are made of it.

    place = dataset or (method, source), as for embeddings. What every hybrid took lies in `hybrid_tune` by method.
    """
    return COST.joinpath(strategy, *place)
