"""Distractors: pictures in the plane, then every subset of them really merged into the gallery."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from test_matching import side

from src import distractors, retrieval
from src.distractors import count_better, curve, recall, sizes
from src.retrieval import Side


def enlarged(query: Side, gallery: Side, parts: list[np.ndarray]) -> pd.DataFrame:
    """The curve, every query drawn for itself."""
    return curve(query, gallery, parts, np.arange(len(query)), "toy")


def vectors(*degrees: float) -> np.ndarray:
    return side(degrees, range(len(degrees))).vectors


def test_a_distractor_nearer_than_the_best_right_image_takes_its_place():
    table = enlarged(side([0], [1], first=2), side([10, 40], [1, 2]), [vectors(5, 20)])
    assert table["gallery"].tolist() == [2, 4]
    assert table["distractors"].tolist() == [0, 2]
    assert table["R@1"].tolist() == [1, 0]
    assert table["R@5"].tolist() == [1, 1]


def test_of_two_distractors_one_is_better_so_drawing_one_halves_recall():
    first, better = np.array([1], np.int32), np.array([1])
    assert recall(1, first, better, 2, np.array([0, 1, 2]))[0] == pytest.approx([1, 0.5, 0])


def test_a_gallery_is_doubled_until_all_distractors_are_in():
    assert sizes(100, 1000).tolist() == [0, 100, 300, 700, 1000]
    assert sizes(100, 100).tolist() == [0, 100]
    assert sizes(100, 0).tolist() == [0]


def test_without_distractors_recall_is_what_it_was():
    table = enlarged(side([0, 50], [1, 2], first=2), side([10, 40], [1, 1]), [])
    assert table[["gallery", "distractors", "R@1", "R@5"]].to_numpy().tolist() == [[2, 0, 1, 1]]


def test_an_equal_distractor_comes_behind_the_right_image_and_a_last_bit_decides():
    random = np.random.default_rng(0)
    query, right = random.normal(size=(2, 64)).astype(np.float32)
    nearer = right.copy()
    nearer[0] = np.nextafter(nearer[0], np.float32(np.sign(query[0]) * 9))
    best = retrieval.similarity(query, right[None])
    many = np.repeat([right], 70, 0)  # a matrix product gives equal vectors unequal last bits
    assert count_better(query[None], best, many).tolist() == [0]
    assert count_better(query[None], best, np.concatenate([many, [nearer]])).tolist() == [1]


def cloud(random: np.random.Generator, count: int, first: int, labels: int) -> Side:
    made = random.normal(size=(count, 4))
    rows = np.arange(first, first + count)
    unit = np.float32(made / np.linalg.norm(made, axis=1, keepdims=True))
    return Side(unit, random.integers(0, labels, count), rows, rows)


@pytest.mark.parametrize("inside", [True, False])
def test_the_curve_is_the_mean_over_every_merged_gallery(inside):
    random = np.random.default_rng(5)
    gallery, others = cloud(random, 6, 0, 2), cloud(random, 9, 100, 1)
    query = gallery if inside else cloud(random, 20, 6, 3)
    table = enlarged(query, gallery, [others.vectors[:4], others.vectors[4:]])
    assert table["distractors"].tolist() == [0, 6, 9]
    asked = query[retrieval.count_relevant(query, gallery) > 0]
    for row in table.to_dict("records"):
        galleries = [merged(gallery, others[list(chosen)]) for chosen in combinations(range(9), row["distractors"])]
        first = np.stack([retrieval.neighbors(asked, each, 5).first_hit for each in galleries])
        assert row["R@1"] == pytest.approx((first <= 1).mean())
        assert row["R@5"] == pytest.approx((first <= 5).mean())
    assert table["R@1"].iloc[-1] < table["R@1"].iloc[0]


def merged(gallery: Side, distractors: Side) -> Side:
    """One gallery; a distractor has a label that nobody asks for."""
    labels = np.append(gallery.labels, np.full(len(distractors), 99))
    rows = np.append(gallery.rows, distractors.rows)
    return Side(np.concatenate([gallery.vectors, distractors.vectors]), labels, rows, rows)


def test_blocks_make_no_difference(monkeypatch):
    random = np.random.default_rng(2)
    query, others = cloud(random, 30, 0, 2).vectors, cloud(random, 500, 0, 2).vectors
    right = random.uniform(0, 1, 30)
    whole = count_better(query, right, others)
    assert whole.tolist() == ((query.astype(float) @ others.T.astype(float)) > right[:, None]).sum(1).tolist()
    monkeypatch.setattr(distractors, "BLOCK", 7)
    assert count_better(query, right, others).tolist() == whole.tolist()


def test_r1_has_an_interval_around_it():
    random = np.random.default_rng(3)
    table = enlarged(cloud(random, 60, 60, 9), cloud(random, 60, 0, 9), [cloud(random, 200, 0, 1).vectors])
    assert ((table["low"] < table["R@1"]) & (table["R@1"] < table["high"])).all()
