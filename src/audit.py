"""Floor 2. What copies of photos do to the numbers: queries found too easily, contradicted, or seen in tuning.

Photos come as one table of all datasets, a row an image: dataset, row (in its manifest), image_id, label, split,
tuning, group, sha256, and set, the number that `sets` gives to copies of one photo. A query is affected

- `gallery`: the gallery holds a copy of it with its own label, which even a poor encoder finds;
- `other_label`: the gallery holds a copy with another label, which no encoder can tell from a right answer;
- `tuning`: the images that tuning on `source` sees hold a copy. It counts for encoders tuned on that dataset alone.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from src.duplicates import Pairs
from src.entries import Protocol

Protocols = Mapping[str, Mapping[str, Protocol]]  # dataset -> its protocols

AFFECTED = ["dataset", "protocol", "row", "why", "source"]


def sets(photos: int, pairs: Pairs) -> NDArray[np.int32]:
    """A number for each of so many photos, equal where pairs [P, 2] of copies link them: [N].

    Being a copy is passed on: three versions of a photo are one set, even where the outer two are no pair.
    """
    links = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(photos, photos))
    return connected_components(links, directed=False)[1]


def affected(photos: pd.DataFrame, protocols: Protocols) -> pd.DataFrame:
    """The queries that copies affect, by protocol and reason: columns AFFECTED."""
    tuned = {source: photos[(photos["dataset"] == source) & (photos["tuning"] != "")] for source in protocols}
    found = []
    for dataset, played in protocols.items():
        images = photos[photos["dataset"] == dataset]
        for name, protocol in played.items():
            asking = images[images["split"] == protocol.query]
            same, other = _in_gallery(images, asking, protocol)
            met = {("gallery", ""): same, ("other_label", ""): other}
            met |= {("tuning", source): _count(asking, seen, ["set"]) for source, seen in tuned.items()}
            found += [
                asking.loc[count > 0, ["dataset", "row"]].assign(protocol=name, why=why, source=source)
                for (why, source), count in met.items()
            ]
    return pd.concat(found, ignore_index=True)[AFFECTED]


def _in_gallery(
    images: pd.DataFrame, asking: pd.DataFrame, protocol: Protocol
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many copies of each query, itself and what the protocol ignores left out, have its label and another: [Q]."""
    own = images["image_id"]
    if protocol.exclude_same:
        given = images[protocol.exclude_same]
        own = given.where(given != "", own)
    asking, gallery = (side.assign(own=own) for side in (asking, images[images["split"] == protocol.gallery]))
    every = _count(asking, gallery, ["set"]) - _count(asking, gallery, ["set", "own"])
    same = _count(asking, gallery, ["set", "label"]) - _count(asking, gallery, ["set", "label", "own"])
    return same, every - same


def _count(asking: pd.DataFrame, others: pd.DataFrame, columns: list[str]) -> NDArray[np.int64]:
    """How many of the others agree with each of those asking in these columns: [Q]."""
    sizes = others.groupby(columns).size().rename("n").reset_index()
    return asking[columns].merge(sizes, "left", on=columns)["n"].fillna(0).to_numpy(np.int64)


def counts(photos: pd.DataFrame, protocols: Protocols, affected: pd.DataFrame) -> dict[str, Any]:
    """By dataset: how many images have copies, where those lie, and by protocol how many queries they affect."""
    result: dict[str, Any] = {}
    for dataset, images in photos.groupby("dataset", sort=False):
        copied = images[images["set"].duplicated(keep=False)]
        copies = copied.groupby("set")
        elsewhere = photos.loc[photos["dataset"] != dataset, "set"]
        across = Counter(pair for splits in copies["split"].unique() for pair in combinations(sorted(splits), 2))
        result[str(dataset)] = {
            "images": len(images),
            "with_copies": len(copied),
            "byte_equal": int(images["sha256"].duplicated().sum()),
            "sets": copies.ngroups,
            "sets_of_several_labels": int((copies["label"].nunique() > 1).sum()),
            "sets_across_splits": {f"{a} {b}": n for (a, b), n in sorted(across.items())},
            "with_copies_elsewhere": int(images["set"].isin(elsewhere).sum()),
            "queries": {
                name: _affected_counts(affected, images, str(dataset), name, protocol)
                for name, protocol in protocols[str(dataset)].items()
            },
        }
    return result


def _affected_counts(
    affected: pd.DataFrame, images: pd.DataFrame, dataset: str, name: str, protocol: Protocol
) -> dict[str, Any]:
    """Of one protocol: how many ask, and how many of them are affected why."""
    chosen = affected[(affected["dataset"] == dataset) & (affected["protocol"] == name)]
    numbers: dict[str, Any] = {"asked": int((images["split"] == protocol.query).sum())}
    numbers |= {why: int((chosen["why"] == why).sum()) for why in ("gallery", "other_label")}
    sources = chosen.loc[chosen["why"] == "tuning", "source"].value_counts()
    return numbers | {"tuning": {source: int(sources.get(source, 0)) for source in sorted({dataset, *sources.index})}}


def headlines(queries: pd.DataFrame, affected: pd.DataFrame, metric: str = "mMP@5") -> pd.DataFrame:
    """Each mean with all queries and without those that copies affect, from per-query tables of any strategies.

    Columns strategy, method, source, dataset, protocol, queries, affected, <metric>, without. A copy among the images
    of a tuning affects the encoders tuned on them: pretrained ones never.
    """
    asked = queries[queries["n_relevant"] > 0]
    tuned = asked["source"].where(asked["source"] != "", asked["dataset"]).where(asked["strategy"] != "pretrained", "")
    keys = asked[["dataset", "protocol", "row"]].assign(tuned=tuned)
    everywhere, leaked = (affected[affected["why"].eq("tuning") == leak] for leak in (False, True))
    hit = _among(keys.drop(columns="tuned"), everywhere) | _among(keys, leaked.rename(columns={"source": "tuned"}))
    places = ["strategy", "method", "source", "dataset", "protocol"]
    grouped = asked.assign(hit=hit, kept=asked[metric].mask(hit)).groupby(places, sort=False)
    found = grouped.agg(queries=("hit", "size"), affected=("hit", "sum"), **{metric: (metric, "mean")})
    return found.assign(without=grouped["kept"].mean()).reset_index()


def _among(keys: pd.DataFrame, rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Which keys are found in the columns of the same names: [Q]."""
    columns = list(keys.columns)
    return pd.MultiIndex.from_frame(keys).isin(pd.MultiIndex.from_frame(rows[columns]))


def lines(counted: Mapping[str, Any]) -> list[str]:
    """For people: a line a dataset."""
    width = max(map(len, counted))
    return [f"  {dataset:<{width}}  {_line(found)}" for dataset, found in counted.items()]


def _line(found: Mapping[str, Any]) -> str:
    """What a dataset's numbers say, as far as they are not zero."""
    parts = [(found["with_copies"], f"of {found['images']:,} images are copies ({found['byte_equal']:,} byte-equal)")]
    parts += [(n, f"across {splits.replace(' ', ' and ')}") for splits, n in found["sets_across_splits"].items()]
    parts += [(found["sets_of_several_labels"], "of several labels")]
    parts += [(found["with_copies_elsewhere"], "have a copy in another dataset")]
    for name, asked in found["queries"].items():
        of = f"of {asked['asked']:,} queries of {name} have a copy"
        parts += [(asked["gallery"], f"{of} in the gallery"), (asked["other_label"], f"{of} of another label there")]
        parts += [(n, f"{of} in the tuning of {source}") for source, n in asked["tuning"].items()]
    return "; ".join(f"{n:,} {text}" for n, text in parts if n) or f"no copies among {found['images']:,} images"
