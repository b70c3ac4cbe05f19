"""Floor 2. Which images go together and which are set apart: groups, a test part, the validation part of training.

Images are set apart by whole groups, in the order of a hash of the group's name. So a part depends on the seed and on
what the images are, not on the order of the rows, and one image more moves few others.
"""

import hashlib
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Texts = NDArray[np.object_] | Sequence[str] | pd.Series
Mask = NDArray[np.bool_]

LEAST = 2  # images of a label in a part that is searched leave-one-out


def merge(given: Texts, image_id: Texts, sha256: Texts) -> NDArray[np.object_]:
    """Names of groups such that a given group ('' is none) and byte-equal images stay together: [N].

    An image on its own is a group called by its image_id; so is a group without a given name, by its first image's.
    """
    given, image_id = np.asarray(given, object), np.asarray(image_id, object)
    alone = np.arange(len(given)) + len(given)
    keys = [np.where(given == "", alone, pd.factorize(given)[0]), pd.factorize(np.asarray(sha256, object))[0]]
    first = np.arange(len(given))
    while True:  # carry the lowest row number along shared keys until nothing moves
        before = first
        for key in keys:
            first = pd.Series(first).groupby(key).transform("min").to_numpy()
        if (first == before).all():
            return np.where(given[first] == "", image_id[first], given[first])


def divide(label: Texts, group: Texts, fraction: float, seed: int) -> NDArray[np.object_]:
    """'train' or 'test' for each image of a dataset without splits: about `fraction` of every label is test. [N]"""
    return np.where(set_apart(label, group, fraction, 0.0, f"{seed} test"), "test", "train").astype(object)


def tuning(split: Texts, label: Texts, group: Texts, query: str, fraction: float, seed: int) -> NDArray[np.object_]:
    """What tuning does with each image: 'train' fits, 'val' chooses, '' never sees it. [N]

    A dataset's own `val` is taken as it is. Otherwise about `fraction` of train is set apart such that it mirrors the
    test: the share of labels that training never has is that of the `query` split.
    """
    split, label, group = (np.asarray(texts, object) for texts in (split, label, group))
    train = split == "train"
    if "val" in split:
        return np.where(train | (split == "val"), split, "").astype(object)
    unseen = unseen_share(label[split == query], label[train])
    role = np.where(train, "train", "").astype(object)
    apart = set_apart(label[train], group[train], fraction, unseen, f"{seed} val")
    role[np.flatnonzero(train)[apart]] = "val"
    return role


def unseen_share(query_label: Texts, train_label: Texts) -> float:
    """Fraction of the query labels that training never has; 0 where there is no query."""
    asked, known = set(query_label), set(train_label)
    return len(asked - known) / len(asked) if asked else 0.0


def set_apart(label: Texts, group: Texts, fraction: float, unseen: float, seed: str) -> Mask:
    """Which images form a part of about `fraction` of all, in whole groups: [N].

    A share `unseen` of the part comes as whole labels, the rest in proportion from the other labels, each of which
    gives LEAST images or more, or none, and keeps one. Where that leaves nothing (two images a label, say), whole
    labels are set apart instead; with three labels or fewer possibly nothing. A group of several labels counts as one
    of the commonest.
    """
    groups = _groups(label, group, seed)
    held = _held_out(groups, fraction * unseen, seed, least=LEAST if unseen == 1 else 0)
    taken = groups["home"].isin(held)
    if unseen < 1:
        rest, missing = groups[~taken], fraction * groups["images"].sum() - groups.loc[taken, "images"].sum()
        taken |= groups.index.isin(_stratified(rest, max(missing, 0) / max(rest["images"].sum(), 1)))
    if not taken.any():
        taken = groups["home"].isin(_held_out(groups, fraction, seed, least=LEAST))
    return pd.Series(np.asarray(group, object)).isin(groups.index[taken]).to_numpy()


def _groups(label: Texts, group: Texts, seed: str) -> pd.DataFrame:
    """One row a group, by hash: its home label and number of images."""
    pairs = pd.DataFrame({"group": np.asarray(group, object), "home": np.asarray(label, object)})
    counts = pairs.value_counts().reset_index(name="images").sort_values(["images", "home"], ascending=[False, True])
    homes = counts.groupby("group").agg(home=("home", "first"), images=("images", "sum"))
    return homes.iloc[_by_hash(homes.index, seed)]


def _held_out(groups: pd.DataFrame, fraction: float, seed: str, least: int) -> list[str]:
    """About `fraction` of the labels, `least` or more, each with LEAST images; two labels stay for training."""
    sizes = groups.groupby("home")["images"].sum()
    fit = sizes.index[sizes >= LEAST]
    count = min(max(round(fraction * len(sizes)), least), len(sizes) - 2)
    return list(fit[_by_hash(fit, seed)][: max(count, 0)])


def _stratified(groups: pd.DataFrame, fraction: float) -> list[str]:
    """Groups with about `fraction` of each label's images; what one label's whole groups miss, the next makes up.

    A label gives at most its quota rounded up to a group, so that no label makes up for many small ones.
    """
    labels: dict[str, dict[str, int]] = {}
    for name, home, images in zip(groups.index, groups["home"], groups["images"], strict=True):
        labels.setdefault(home, {})[name] = images
    taken: list[str] = []
    owed = 0.0
    for sizes in labels.values():
        total = sum(sizes.values())
        owed += fraction * total
        most = math.ceil(fraction * total) - 1 + min(sizes.values())
        wanted = min(owed, max(most, LEAST), total - 1)
        chosen = _nearest(sizes, wanted) if round(wanted) >= LEAST else []
        taken += chosen
        owed -= sum(sizes[name] for name in chosen)
    return taken


def _nearest(sizes: dict[str, int], wanted: float) -> list[str]:
    """Groups in order whose images add up to about `wanted`: LEAST or more and not all, else none."""
    chosen, total, images = [], 0, sum(sizes.values())
    for name, size in sizes.items():
        if abs(total + size - wanted) < abs(total - wanted) and total + size < images:
            chosen.append(name)
            total += size
    return chosen if total >= LEAST else []


def _by_hash(names: "pd.Index[str]", seed: str) -> NDArray[np.int64]:
    """The order of names by a seeded hash."""
    return np.argsort([hashlib.sha256(f"{seed} {name}".encode()).hexdigest() for name in names])
