"""Matches: pictures in the plane that can be checked by hand, then the obvious loops."""

import numpy as np
import pandas as pd
import pytest

from src import matching, retrieval
from src.matching import Matches
from src.retrieval import Side


def side(degrees, labels, first=0, groups=None) -> Side:
    """Images as angles in the plane, in manifest rows from `first` on."""
    radians, rows = np.radians(np.array(degrees, float)), np.arange(first, first + len(degrees))
    vectors = np.stack([np.cos(radians), np.sin(radians)], 1).astype(np.float32)
    return Side(vectors, np.array(labels, np.int64), rows, rows if groups is None else np.array(groups, np.int64))


def match(query: Side, gallery: Side, product=None, depth: int = 20) -> Matches:
    """Labels are products unless told."""
    rows = max(query.rows.max(), gallery.rows.max()) + 1
    labels = np.zeros(rows, np.int64)
    labels[query.rows], labels[gallery.rows] = query.labels, gallery.labels
    found = retrieval.neighbors(query, gallery, depth)
    return matching.match(found, query, gallery, labels if product is None else np.array(product, np.int64))


def cosine(*degrees: float):
    return pytest.approx(np.cos(np.radians(degrees)), abs=1e-6)


def test_a_query_has_a_best_right_and_a_best_wrong_match():
    found = match(side([0, 50], [1, 2], first=4), side([10, 20, 30, 60], [2, 1, 1, 3]))
    assert found.right == cosine(20, 40)
    assert found.wrong == cosine(10, 10)


def test_images_of_a_product_count_as_its_best_one():
    gallery = side([1, 2, 3, 4, 5, 6], [7, 7, 7, 8, 7, 9])
    found = match(side([0], [9], first=6), gallery)
    assert found.hits[0].tolist() == [False, False, True] + [False] * 7
    scores = matching.score(found).iloc[0]
    assert (scores["product_R@1"], scores["product_R@5"]) == (0, 1)


def test_where_labels_are_products_mmp5_says_what_recall_at_1_says():
    random = np.random.default_rng(0)
    photos = side(random.uniform(0, 360, 80), random.integers(0, 12, 80))
    scores = matching.score(match(photos, photos))
    assert 0 < scores["product_R@1"].mean() < 1
    assert scores["product_R@1"].equals(scores["product_mMP@5"])


def test_products_of_one_label_are_all_right():
    product = [0, 0, 1, 2, 3, 0]  # mugs a, a, b; a plate; a mug; who asks, for mugs
    found = match(side([0], [1], first=5), side([1, 2, 4, 3, 9], [1, 1, 1, 2, 1]), product)
    assert found.n_relevant.tolist() == [3]
    assert found.hits[0, :5].tolist() == [True, False, True, True, False]
    assert matching.score(found)["product_mMP@5"].tolist() == [2 / 3]


def test_a_product_that_only_the_query_s_own_group_shows_is_not_to_be_found():
    gallery = side([1, 2, 3, 4], [1, 1, 1, 2], groups=[9, 9, 0, 0])
    query = side([0, 0], [1, 1], first=4, groups=[9, 8])
    assert match(query, gallery, [0, 1, 1, 2, 0, 0]).n_relevant.tolist() == [1, 2]


def test_sku_tells_products_of_a_label_apart_and_labels_of_a_sku():
    table = pd.DataFrame({"label": ["mug", "mug", "mug", "cup"], "sku": ["a", "b", "a", "a"]})
    first, second, third, fourth = matching.products(table)
    assert first == third and len({first, second, fourth}) == 3
    assert len(set(matching.products(table.drop(columns="sku")))) == 2


def test_a_query_without_a_right_image_has_a_wrong_match_only():
    found = match(side([0], [5], first=2), side([10, 30], [1, 2]))
    assert np.isnan(found.right).all() and found.wrong == cosine(10)
    scores = matching.score(found)
    assert scores.filter(like="product_").isna().all(axis=None) and scores["margin"].isna().all()


def test_a_gallery_of_one_label_has_no_wrong_match():
    photos = side([0, 10, 20], [1, 1, 1])
    assert np.isnan(match(photos, photos).wrong).all()


def test_neighbours_that_do_not_reach_far_enough_are_searched_deeper():
    """Two hundred of the right label come first, and of another query two hundred of one wrong label."""
    gallery = side([*np.linspace(1, 20, 200), *np.linspace(30, 40, 200), 50], [1] * 200 + [2] * 200 + [3])
    found = match(side([0, 35, 25], [1, 3, 3], first=401), gallery)
    assert found.wrong == cosine(30, np.abs(gallery_nearest(35, 30, 40)), 5)
    assert found.right == cosine(1, 15, 25)
    assert [row.index(True) for row in found.hits.tolist()] == [0, 1, 2]


def gallery_nearest(angle: float, low: float, high: float) -> float:
    return float(np.abs(np.linspace(low, high, 200) - angle).min())


def slow(query: Side, gallery: Side, product: np.ndarray) -> list[tuple]:
    """Query by query: everything but its group, sorted; the first image of each product stays."""
    found = []
    for one in range(len(query)):
        others = [at for at in range(len(gallery)) if gallery.groups[at] != query.groups[one]]
        values = retrieval.similarity(query.vectors[one], gallery.vectors[others])
        ranked = sorted(zip(-values, gallery.rows[others], gallery.labels[others] == query.labels[one], strict=True))
        right = [-value for value, _, hit in ranked if hit]
        wrong = [-value for value, _, hit in ranked if not hit]
        first = {product[row]: bool(hit) for _, row, hit in reversed(ranked)}  # in the order of the last entry
        order = list(dict.fromkeys(product[row] for _, row, _ in ranked))
        hits = [first[name] for name in order]
        found.append((right[:1], wrong[:1], (hits + [False] * 10)[:10], sum(hits)))
    return found


@pytest.mark.parametrize("labels", [2, 5, 40])
@pytest.mark.parametrize("inside", [True, False])
def test_matches_agree_with_the_obvious_loop(labels, inside):
    random = np.random.default_rng(labels)
    degrees = random.integers(0, 90, 240) * 1.0  # many ties
    product = random.integers(0, 3 * labels, 300)  # three products a label
    groups = random.integers(0, 120, 300)
    gallery = side(degrees, product[:240] // 3, groups=groups[:240])
    query = gallery if inside else side(random.uniform(0, 90, 60), product[240:] // 3, 240, groups[240:])
    found = match(query, gallery, product)
    for one, (right, wrong, hits, n_relevant) in enumerate(slow(query, gallery, product)):
        assert found.right[[one]] == pytest.approx(right or [np.nan], abs=1e-6, nan_ok=True)
        assert found.wrong[[one]] == pytest.approx(wrong or [np.nan], abs=1e-6, nan_ok=True)
        assert found.hits[one].tolist() == hits
        assert found.n_relevant[one] == n_relevant


def test_hubs_are_found_by_many_and_others_by_nobody():
    gallery = side([*range(0, 110, 10), 200], range(12))
    near = retrieval.neighbors(side([40, 50, 60, 55], [0, 1, 2, 3], first=12), gallery, 20)
    found = matching.hubness(near, gallery.rows)
    assert found["most_found"] == 1  # ten of eleven in reach: nine of them by everybody
    assert found["never_found"] == pytest.approx(1 / 12, abs=1e-6)
    times = np.array([sum(row in found for found in near.rows[:, :10]) for row in gallery.rows])
    assert found["skewness"] == pytest.approx(
        pd.Series(times).skew() * 10 / np.sqrt(12 * 11), abs=1e-6
    )  # pandas: unbiased


def test_a_gallery_that_everybody_finds_whole_has_no_skewness():
    near = retrieval.neighbors(side([40, 50], [0, 1], first=3), side([1, 2, 3], [0, 1, 2]), 20)
    assert matching.hubness(near, np.arange(3)) == {"skewness": None, "never_found": 0, "most_found": 1}
