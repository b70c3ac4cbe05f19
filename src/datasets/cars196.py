"""Floor 1. Stanford Cars, also called Cars196 (Krause et al., 3dRR 2013), in its official layouts.

cars_train/, cars_test/ with devkit/*.mat and cars_test_annos_withlabels.mat; or the older car_ims/ with cars_annos.mat.
"""

import io
import posixpath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from src.datasets import official
from src.datasets.official import Official
from src.datasets.raw import Raw
from src.entries import Cars196Dataset
from src.errors import UserError

OFFICIAL = {
    "classification": {"train": Official(8144, 196), "test": Official(8041, 196)},
    "metric_learning": {"train": Official(8054, 98), "test": Official(8131, 98)},
}
TRAINED = 98  # metric learning trains on classes 1-98 and tests on the other 98
BODIES = {"Cab", "Convertible", "Coupe", "Hatchback", "Minivan", "SUV", "Sedan", "Van", "Wagon"}


def read(raw: Raw, entry: Cars196Dataset, place: str) -> pd.DataFrame:
    """A row an image: file, label (Audi S4 Sedan 2012), category (Sedan, '' where the label does not say) and split.

    A UserError where counts are not the official ones and `entry.strict` is set.
    """
    together = any("/car_ims/" in f"/{name}" for name in raw.names)
    photos, names = (_one_folder if together else _two_folders)(raw, entry.reader)
    number = photos.pop("class").to_numpy()
    if unnamed := sorted(set(number) - set(range(1, len(names) + 1))):
        raise UserError(f"{raw.place}: a photo is of class {unnamed[0]}, names are there for 1 to {len(names)}")
    if entry.split == "metric_learning":
        photos["split"] = np.where(number <= TRAINED, "train", "test")
    photos["label"] = names[number - 1]
    photos["category"] = photos["label"].map(body)
    if entry.strict:
        official.check(photos, OFFICIAL[entry.split], raw, place)
    return photos


def body(label: str) -> str:
    """The body type in the name of a class, the last where it has two; '' where it has none.

    >>> body("Ram C-V Cargo Van Minivan 2012")
    'Minivan'
    """
    return next((word for word in reversed(label.split()) if word in BODIES), "")


def _two_folders(raw: Raw, reader: str) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """Photos (file, class, split) of cars_train and cars_test, and the names of classes 1, 2, ..."""
    parts = []
    for split, name in {"train": "cars_train_annos.mat", "test": "cars_test_annos_withlabels.mat"}.items():
        folder = official.folder(raw, f"cars_{split}", reader)
        annotations = _annotations(raw, name, ("fname", "class"), reader)
        parts.append(_photos(annotations["fname"], annotations["class"], folder).assign(split=split))
    return pd.concat(parts, ignore_index=True), _load(raw, "cars_meta.mat", "class_names", reader)


def _one_folder(raw: Raw, reader: str) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """The same of car_ims, where the annotations say which photos are for the test."""
    name, folder = "cars_annos.mat", official.folder(raw, "car_ims", reader)
    annotations = _annotations(raw, name, ("relative_im_path", "class", "test"), reader)
    photos = _photos(annotations["relative_im_path"], annotations["class"], folder)
    split = np.where(annotations["test"].astype(bool), "test", "train")
    return photos.assign(split=split), _load(raw, name, "class_names", reader)


def _photos(paths: NDArray[np.object_], number: NDArray[np.object_], folder: str) -> pd.DataFrame:
    """File and class of photos that lie in a folder."""
    return pd.DataFrame({"file": [folder + posixpath.basename(path) for path in paths], "class": number.astype(int)})


def _annotations(raw: Raw, name: str, fields: tuple[str, ...], reader: str) -> NDArray[Any]:
    """The annotations of a .mat file, records with at least `fields`: [N]."""
    annotations = _load(raw, name, "annotations", reader)
    if missing := set(fields).difference(annotations.dtype.names or ()):
        raise UserError(
            f"{raw.place}: {name} has no field '{min(missing)}'; docs/datasets/{reader}.md says where the right one is"
        )
    return annotations


def _load(raw: Raw, name: str, variable: str, reader: str) -> NDArray[Any]:
    """A variable of a .mat file: [N]. Reading it runs no code of the file's."""
    from scipy.io import loadmat  # a seventh of the start of `prepare`, and this reader's alone

    full = official.find(raw, name, reader)
    data = io.BytesIO(official.contents(raw, full, reader))
    try:
        return np.atleast_1d(loadmat(data, variable_names=[variable], squeeze_me=True)[variable])
    except Exception as error:  # what scipy raises on a cut or foreign file has no common class
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{raw.place}: {full} is not the official one ({reason}); fetch it again") from None
