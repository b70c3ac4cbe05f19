"""Floor 2. Instance search: a query's best right and best wrong match, products instead of images, hubs.

A product is what a shop sells: the manifest's `sku` where it has that column, else the label. Right and wrong go by the
label, as everywhere; of a product only its best image stands in the ranking. Where labels are products, exactly one
product is right, and mMP@5 says what R@1 says.

`match` takes what `retrieve` has found. Where that does not reach far enough (a hundred images of few products) it
searches deeper, exactly, only for the queries that are left open.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from src import metrics, retrieval
from src.evaluation import rounded
from src.neighbors import Neighbors
from src.retrieval import Side

Codes = NDArray[np.int64]
Similarities = NDArray[np.float32]

FIRST = 10  # products of a query's ranking; places in which being found makes a hub
DEEPER = 8  # times as many neighbours for a query that is left open
CELLS = 2**22  # of a block, query x neighbour

PRODUCT_METRICS: dict[str, Callable[[metrics.Hits, metrics.Counts, metrics.Counts], metrics.Values]] = {
    "R@1": partial(metrics.recall_at, 1),
    "R@5": partial(metrics.recall_at, 5),
    "R@10": partial(metrics.recall_at, 10),
    "mMP@5": partial(metrics.mmp_at, 5),
}


@dataclass(frozen=True)
class Matches:
    """What Q queries match best."""

    right: Similarities  # [Q] with the most similar gallery image of its label, NaN where there is none
    wrong: Similarities  # [Q] of another label: what a query answers whose own label is taken out of the gallery
    hits: metrics.Hits  # [Q, FIRST] is the product right, best first; False beyond the gallery
    n_relevant: metrics.Counts  # [Q] right products


def products(table: pd.DataFrame) -> Codes:
    """The product of every manifest row as an integer: [N]. Images of two labels are never one product."""
    names = table[["label", *(["sku"] if "sku" in table else [])]].astype(str)
    return names.groupby(list(names), sort=True).ngroup().to_numpy().astype(np.int64)


def match(found: Neighbors, query: Side, gallery: Side, product: Codes) -> Matches:
    """The best matches of every query, exactly; `product` [N] as `products`, for the manifest rows of both sides."""
    assert np.array_equal(found.query, query.rows)
    labels, product = np.full(len(product) + 1, -1, np.int64), np.append(product, -1)  # the last one is row -1: nobody
    labels[gallery.rows] = gallery.labels
    right, wrong = np.full((2, len(query)), np.nan, np.float32)
    best = Matches(right, wrong, np.zeros((len(query), FIRST), bool), count_products(query, gallery, product))

    def enter(block: Codes, rows: NDArray[np.int32], similarity: Similarities) -> Codes:
        """Enter the neighbours [B, k] of the queries `block` [B]; those of them that need more are given back."""
        hits, there = labels[rows] == query.labels[block, None], rows >= 0
        best.right[block] = _first(similarity, hits)
        best.wrong[block] = _first(similarity, there & ~hits)
        best.hits[block], seen = collapse(product[rows], hits)
        told = (seen >= FIRST) | (best.hits[block].sum(1) == best.n_relevant[block])
        return block[there[:, -1] & ~(told & ~np.isnan(best.wrong[block]))]

    depth, left = found.rows.shape[1], np.arange(len(query))
    left = np.concatenate([enter(block, found.rows[block], found.similarity[block]) for block in _blocks(left, depth)])
    while len(left) and depth < len(gallery):
        depth = min(DEEPER * depth, len(gallery))
        deeper = ((block, retrieval.neighbors(query[block], gallery, depth)) for block in _blocks(left, depth))
        left = np.concatenate([enter(block, more.rows, more.similarity) for block, more in deeper])
    for one in np.flatnonzero(np.isnan(best.right) & (best.n_relevant > 0)):
        relevant = (gallery.labels == query.labels[one]) & (gallery.groups != query.groups[one])
        best.right[one] = retrieval.similarity(query.vectors[one], gallery.vectors[relevant]).max()
    return best


def _blocks(queries: Codes, width: int) -> Iterator[Codes]:
    size = max(CELLS // width, 1)
    return (queries[start : start + size] for start in range(0, len(queries), size))


def _first(similarity: Similarities, chosen: NDArray[np.bool_]) -> Similarities:
    """The first chosen one of each row, NaN where there is none: [B, k] -> [B]."""
    values = np.take_along_axis(similarity, chosen.argmax(1)[:, None], 1)[:, 0]
    return np.where(chosen.any(1), values, np.float32(np.nan))


def collapse(product: Codes, hits: metrics.Hits) -> tuple[metrics.Hits, metrics.Counts]:
    """Images [B, k], best first, -1 for nobody -> are their first FIRST products hits [B, FIRST], and how many: [B].

    Products c, c, a, c, b give c, a, b.
    """
    order = np.argsort(product, axis=1, kind="stable")
    ordered = np.take_along_axis(product, order, 1)
    again = np.zeros(product.shape, bool)
    np.put_along_axis(again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], 1)
    new = ~again & (product >= 0)
    rank = new.cumsum(1, dtype=np.int32)
    first = np.zeros((len(product), FIRST), bool)
    query, place = np.nonzero(new & (rank <= FIRST))
    first[query, rank[query, place] - 1] = hits[query, place]
    return first, rank[:, -1]


def count_products(query: Side, gallery: Side, product: Codes) -> metrics.Counts:
    """Per query, products of its label with an image outside its own group: [Q]."""
    _, first, of = np.unique(product[gallery.rows], return_index=True, return_inverse=True)
    groups = gallery.groups[first]
    several = np.bincount(of[gallery.groups != groups[of]], minlength=len(first)) > 0
    groups[several] = max(query.groups.max(initial=0), gallery.groups.max(initial=0)) + 1  # nobody's own
    return retrieval.count_relevant(query, replace(gallery[first], groups=groups)).astype(np.int32)


def score(found: Matches) -> pd.DataFrame:
    """A row a query: right, wrong, margin (right less wrong), and every product metric, NaN without a right one."""
    asked = found.n_relevant > 0
    arrays = found.hits[asked], found.n_relevant[asked], found.n_relevant[asked]  # the last one is not looked at
    scores = pd.DataFrame({"right": found.right, "wrong": found.wrong, "margin": found.right - found.wrong})
    for name, metric in PRODUCT_METRICS.items():
        scores.loc[asked, f"product_{name}"] = metric(*arrays)
    return scores


def hubness(found: Neighbors, gallery: NDArray[np.int64]) -> dict[str, float | None]:
    """How unevenly queries find the gallery, manifest rows [G], among their first FIRST neighbours.

    skewness of how often an image is found, None where all are found equally often (Radovanović et al., Hubs in Space,
    JMLR 2010); never_found: the share of images that no query finds; most_found: the share of queries that find the
    largest hub.
    """
    rows = found.rows[:, :FIRST]
    times = np.bincount(rows[rows >= 0], minlength=int(gallery.max()) + 1)[gallery]
    centred, spread = times - times.mean(), times.std()
    return {
        "skewness": rounded((centred**3).mean() / spread**3 if spread > 0 else np.nan),
        "never_found": rounded((times == 0).mean()),
        "most_found": rounded(times.max() / len(rows)),
    }


def summary(scores: pd.DataFrame) -> dict[str, Any]:
    """Means of `score` over the queries that have something to find, for a metrics file."""
    means = scores[scores["product_R@1"].notna()].mean()
    return {
        "products": {name: rounded(means[f"product_{name}"]) for name in PRODUCT_METRICS},
        "similarity": {name: rounded(means[name]) for name in ("right", "wrong", "margin")},
    }


def lines(figures: Mapping[str, Any], datasets: Sequence[str]) -> list[str]:
    """For people: a line a dataset and protocol; nothing of what is nested deeper (cross-tuned pairs)."""
    found = []
    for dataset, protocol in ((name, each) for name in datasets for each in figures.get(name, {})):
        of = figures[dataset][protocol]
        if "products" in of:
            answered = ", ".join(
                f"{rate} {'–' if at['right'] is None else format(at['right'], '.3f')}"
                for rate, at in of["false_accepts"].items()
            )
            found.append(
                f"  {dataset} {protocol}: R@1 {of['products']['R@1']:.3f}; right answers at false accepts {answered}"
            )
    return found
