"""Floor 3. Read params.yaml and the catalogue, and say what is wrong before anything runs.  python -m src.check

Unknown models, datasets, strategies and keys, wrong types, missing or empty folders, unreadable tables, splits that a
protocol names and nobody has. Labels with a single photo are told and kept. Looks at names, never at pixels: seconds.
"""

from pathlib import Path

import pandas as pd

from src import command, datasets, paths
from src.datasets.raw import Raw
from src.entries import Entry, Model
from src.errors import UserError
from src.params import Params, load
from src.registry import unknown

PAGES = Path("docs/datasets")  # a page a reader of a public dataset


def main() -> None:
    """One line for each dataset, or one line for the first thing that is wrong."""
    params = load()
    check_weights(params)
    for dataset in params.datasets:
        print(check_dataset(dataset, params.catalogue[dataset]))
    print(
        f"params.yaml is sound: model {params.model}, {len(params.datasets)} datasets, {', '.join(params.strategies)}"
    )


def check_weights(params: Params) -> None:
    """Local weights must be there; whether they are the right ones is the `weights` stage's business."""
    model = params.chosen
    file = model.file if isinstance(model, Model) else None
    if file and not Path(file).exists():
        raise UserError(f"models.{params.model}.file: {file} is missing; bring it or correct the path")


def check_dataset(dataset: str, entry: Entry) -> str:
    """What the reader finds in a dataset's folder, in a line."""
    folder = paths.raw(dataset)
    if not folder.exists():
        return f"{dataset}: {origin(dataset, entry, folder)}"
    records = datasets.read(Raw(folder), entry, f"catalogue.{dataset}")
    check_protocols(records, entry, f"catalogue.{dataset}.protocols")
    labels = records["label"].value_counts()
    single = labels.index[labels == 1]
    note = f"; {len(single)} labels have a single photo (first: {single[0]})" if len(single) else ""
    return f"{dataset}: {len(records):,} images, {len(labels):,} labels, splits {splits(records)}{note}"


def check_protocols(records: pd.DataFrame, entry: Entry, place: str) -> None:
    """Every split that a protocol names must have an image."""
    known = set(records["split"]) if "split" in records else {"train", "test"}
    for name, protocol in entry.protocols.items():
        for side, split in (("query", protocol.query), ("gallery", protocol.gallery)):
            if split not in known:
                raise UserError(unknown(split, known, "split", f"{place}.{name}.{side}"))


def origin(dataset: str, entry: Entry, folder: Path) -> str:
    """Where a folder that is not there will come from; a UserError if from nowhere."""
    if Path(f"{folder}.dvc").exists():
        return f"tracked by DVC but not here yet; fetch it by `dvc pull {folder}.dvc`"
    if dataset.startswith("sample_"):
        return "will be rendered"
    guide = PAGES / f"{entry.reader}.md"
    where = f"; {guide} says where to get it" if guide.exists() else "; put your photos there"
    raise UserError(
        f"dataset '{dataset}': {folder} is missing{where}, then `dvc add {folder}` or "
        f"`dvc import-url <your folder> {folder}`"
    )


def splits(records: pd.DataFrame) -> str:
    """'train 320, test 80', or that there are none yet."""
    if "split" not in records:
        return "none (a seeded one will be made)"
    return ", ".join(f"{name} {count:,}" for name, count in records["split"].value_counts().items())


if __name__ == "__main__":
    command.run(main)
