"""Retrieval: pictures that can be checked by hand, then a double loop, on data made to break the order."""

from fractions import Fraction

import numpy as np
import pytest

from src import indexes, retrieval, shortlist
from src.fast_products import BFloat16, OneDNN
from src.neighbors import Neighbors
from src.products import Float32
from src.retrieval import Side
from src.shortlist import Shortlist

FIELDS = ("rows", "similarity", "hits", "n_relevant", "first_hit")


def side(vectors, labels, rows=None, groups=None) -> Side:
    """A side from plain lists; its own rows as groups unless told."""
    rows = np.arange(len(vectors)) if rows is None else np.array(rows)
    groups = rows if groups is None else np.array(groups)
    return Side(np.array(vectors, np.float32), np.array(labels), rows, groups)


def angles(*degrees: float) -> list[list[float]]:
    """Unit vectors in the plane."""
    return [[np.cos(np.radians(one)), np.sin(np.radians(one))] for one in degrees]


def bits(found: Neighbors, ranks: int) -> list[list[int]]:
    return np.unpackbits(found.hits, axis=1)[:, :ranks].tolist()


# Pictures


def test_neighbours_come_nearest_first_with_their_manifest_rows():
    found = retrieval.neighbors(side(angles(0), [1], [9]), side(angles(50, 10, 30), [1, 2, 1], [3, 4, 5]), 10)
    assert found.rows[0].tolist() == [4, 5, 3] + [-1] * 7
    assert found.similarity[0, :3] == pytest.approx(np.cos(np.radians([10, 30, 50])))
    assert bits(found, 4) == [[0, 1, 1, 0]]
    assert (found.n_relevant[0], found.first_hit[0], found.query[0]) == (2, 2, 9)


def test_a_query_never_retrieves_itself():
    photos = side(angles(0, 0, 0, 90), [1, 2, 1, 2])  # three byte-equal photos: rank 1 need not be oneself
    found = retrieval.neighbors(photos, photos, 10)
    assert found.rows[:, :3].tolist() == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]
    assert (found.rows[:, 3:] == -1).all()
    assert found.n_relevant.tolist() == [1, 1, 1, 1]


def test_a_query_keeps_its_byte_equal_twin_of_another_row():
    found = retrieval.neighbors(side(angles(0), [1], [7]), side(angles(0, 0), [1, 1], [7, 8]), 10)
    assert found.rows[0, :2].tolist() == [8, -1]
    assert found.similarity[0, 0] == 1


def test_equal_similarities_go_to_the_lower_row_whatever_the_order_in_memory():
    found = retrieval.neighbors(
        side(angles(0), [1], [9]), side(angles(20, 20, -20, 20), [1, 2, 3, 4], [6, 2, 4, 1]), 10
    )
    assert found.rows[0, :4].tolist() == [1, 2, 4, 6]


def test_a_query_with_nothing_to_find_is_kept_and_flagged():
    found = retrieval.neighbors(side(angles(0), [5], [9]), side(angles(10, 20), [1, 2]), 10)
    assert (found.n_relevant[0], found.first_hit[0]) == (0, 0)
    assert found.rows[0, :2].tolist() == [0, 1]


def test_a_query_ignores_its_whole_group_and_does_not_count_it_as_relevant():
    asking = side(angles(0), [1], [9], [50])
    found = retrieval.neighbors(asking, side(angles(5, 10, 15, 20), [1, 1, 2, 1], None, [50, 60, 50, 60]), 10)
    assert found.rows[0, :3].tolist() == [1, 3, -1]
    assert found.n_relevant[0] == 2


def test_a_group_that_the_gallery_lacks_takes_nothing_away():
    asking = side(angles(0), [1], [9], [2])
    found = retrieval.neighbors(asking, side(angles(5, 10), [1, 2], None, [1, 0]), 10)
    assert found.n_relevant[0] == 1


def test_hits_reach_to_the_last_relevant_rank_when_there_are_more_than_depth():
    gallery = side(angles(*range(1, 41)), [1] * 30 + [2] * 10)
    found = retrieval.neighbors(side(angles(0, 41), [1, 1], [90, 91]), gallery, 10)
    assert bits(found, 32) == [[1] * 30 + [0] * 2, [0] * 10 + [1] * 20 + [0] * 2]
    assert found.first_hit.tolist() == [1, 11]


def test_a_first_hit_beyond_depth_is_counted_over_the_whole_gallery():
    gallery = side(angles(*range(1, 180)), [2] * 150 + [1] + [2] * 28)
    found = retrieval.neighbors(side(angles(0), [1], [999]), gallery, 10)
    assert found.first_hit[0] == 151
    assert not found.hits.any()


def test_one_label_only_makes_every_rank_a_hit():
    photos = side(angles(*range(0, 60, 2)), [1] * 30)
    found = retrieval.neighbors(photos, photos, 10)
    assert (found.n_relevant == 29).all() and bits(found, 29) == [[1] * 29] * 30


# Against a double loop


def slow(query: Side, gallery: Side, depth: int) -> dict[str, list]:
    """Every pair on its own, Python's sort by (-similarity, row)."""
    result: dict[str, list] = {"rows": [], "hits": [], "n_relevant": [], "first_hit": []}
    for one in range(len(query)):
        wide = query.vectors[one].astype(np.float64)
        ranking = sorted(
            (-float(np.einsum("d,d->", vector.astype(np.float64), wide)), int(row), bool(label == query.labels[one]))
            for vector, row, label, group in zip(
                gallery.vectors, gallery.rows, gallery.labels, gallery.groups, strict=True
            )
            if group != query.groups[one]
        )
        marks = [hit for _, _, hit in ranking]
        result["rows"].append([row for _, row, _ in ranking][:depth])
        result["n_relevant"].append(sum(marks))
        result["hits"].append(marks[: max(sum(marks), depth)])
        result["first_hit"].append(marks.index(True) + 1 if any(marks) else 0)
    return result


def check(query: Side, gallery: Side, depth: int) -> None:
    expected = slow(query, gallery, depth)
    for precision in (None, "fp32", "bf16"):  # the last two as if the gallery were large
        compare(retrieval.neighbors(query, gallery, depth, precision=precision), expected, depth)


def compare(found: Neighbors, expected: dict[str, list], depth: int) -> None:
    assert found.n_relevant.tolist() == expected["n_relevant"]
    assert found.first_hit.tolist() == expected["first_hit"]
    for one, (rows, marks) in enumerate(zip(expected["rows"], expected["hits"], strict=True)):
        assert found.rows[one].tolist() == rows + [-1] * (depth - len(rows)), one
        width = found.hits.shape[1] * 8
        assert bits(found, width)[one] == [int(mark) for mark in marks] + [0] * (width - len(marks)), one


def units(random: np.random.Generator, count: int, dim: int) -> np.ndarray:
    vectors = random.normal(size=(count, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def duplicates(random, count, dim):
    return units(random, max(count // 8, 1), dim)[random.integers(0, max(count // 8, 1), count)]


def near_ties(random, count, dim):
    """A crowd around one direction: as float32 products nearly all are equal, as float64 ones hardly any."""
    return units(random, 1, dim) + random.integers(-1, 2, (count, dim)).astype(np.float32) * np.float32(2.0**-24)


def all_equal(random, count, dim):
    return np.repeat(units(random, 1, dim), count, 0)


def last_bits(random, count, dim):
    """Copies of few vectors, some with one component moved by its last bit."""
    vectors = duplicates(random, count, dim)
    moved = np.flatnonzero(random.random(count) < 0.5)
    vectors[moved, random.integers(0, dim, len(moved))] *= np.float32(1 + 2.0**-23)
    return vectors


@pytest.mark.parametrize("make", [units, duplicates, near_ties, all_equal, last_bits])
@pytest.mark.parametrize(("labels", "depth"), [(1, 10), (3, 10), (40, 10), (120, 10), (40, 400)])
def test_neighbours_agree_with_a_double_loop(make, labels, depth):
    random = np.random.default_rng(labels + depth)
    photos = side(make(random, 130, 40), random.integers(0, labels, 130))
    check(photos, photos, depth)  # leave-one-out
    check(photos[np.arange(0, 130, 3)], photos[np.arange(130) % 3 > 0], depth)  # two splits


@pytest.mark.parametrize("make", [units, duplicates, near_ties])
def test_groups_agree_with_a_double_loop(make):
    random = np.random.default_rng(1)
    labels, groups = random.integers(0, 12, 130), random.integers(0, 30, 130)
    photos = side(make(random, 130, 24), labels, None, groups)
    check(photos, photos, 10)
    crowd = side(make(random, 130, 24), labels, None, np.minimum(groups, 1))  # nearly all of the gallery ignored
    check(crowd, crowd, 10)


def test_a_first_hit_inside_a_far_crowd_of_ties_agrees_with_a_double_loop():
    random = np.random.default_rng(10)
    near = units(random, 60, 12) * np.float32(0.01) + np.eye(12, dtype=np.float32)[0]
    gallery = side(np.concatenate([near, near_ties(random, 80, 12), all_equal(random, 40, 12)]), np.arange(180))
    asking = side(near[:40], random.integers(60, 180, 40), np.arange(900, 940))
    assert settled(asking, gallery, Float32()).all()  # all of these are found by counting
    check(asking, gallery, 10)


def settled(query: Side, gallery: Side, arithmetic: Float32) -> np.ndarray:
    """Which queries a shortlist of the nearest ten decides."""
    decided = np.zeros(len(query), bool)
    for rows, *_, done in retrieval._nearest(query, gallery, 10, Shortlist(gallery.vectors, arithmetic)):
        decided[rows] = done
    return decided


def test_a_shortlist_is_enough_for_groups_larger_than_it():
    random = np.random.default_rng(15)
    photos = side(units(random, 400, 24), random.integers(0, 30, 400), None, random.integers(0, 4, 400))
    assert settled(photos, photos, Float32()).mean() > 0.9
    check(photos[np.arange(0, 400, 9)], photos, 10)


@pytest.mark.parametrize(("labels", "depth"), [(1, 10), (3, 10), (40, 10), (300, 10), (40, 150)])
def test_a_gallery_that_passes_in_tiles_agrees_with_a_double_loop(monkeypatch, labels, depth):
    monkeypatch.setattr(shortlist, "TILE", 64)
    random = np.random.default_rng(labels + depth)
    for make in (units, duplicates, near_ties, last_bits):
        photos = side(make(random, 300, 40), random.integers(0, labels, 300))
        check(photos[np.arange(0, 300, 7)], photos, depth)


def test_threads_change_nothing(monkeypatch):
    random = np.random.default_rng(11)
    photos = side(last_bits(random, 200, 24), random.integers(0, 60, 200))
    alone = retrieval.neighbors(photos, photos, 10, precision="bf16")
    monkeypatch.setattr(indexes, "threads", lambda: 3)
    together = retrieval.neighbors(photos, photos, 10, precision="bf16")
    for name in FIELDS:
        assert np.array_equal(getattr(alone, name), getattr(together, name)), name


def test_an_arithmetic_that_keeps_no_bound_is_found_out(monkeypatch):
    class Sloppy(Float32):
        def multiply(self, query, gallery):
            return super().multiply(query, gallery) * np.float32(1.001)

    random = np.random.default_rng(12)
    photos = side(units(random, 200, 24), random.integers(0, 60, 200))
    assert settled(photos, photos, Float32()).all() and not settled(photos, photos, Sloppy()).any()
    monkeypatch.setattr(retrieval, "Float32", Sloppy)
    compare(retrieval.neighbors(photos, photos, 10), slow(photos, photos, 10), 10)


def test_a_collapsed_network_s_crowd_is_left_to_float32():
    random = np.random.default_rng(13)
    crowd = units(random, 1, 32) + 1e-3 * random.normal(size=(400, 32)).astype(np.float32)
    wide = 10 * np.eye(32, dtype=np.float32)[:1]
    photos = side(np.concatenate([crowd, wide]), random.integers(0, 90, 401))  # one far off keeps the mean away
    assert not settled(photos, photos, BFloat16())[:400].any() and settled(photos, photos, Float32()).any()
    check(photos[np.arange(0, 401, 9)], photos, 10)


def test_small_blocks_give_the_same_as_one(monkeypatch):
    random = np.random.default_rng(2)
    photos = side(last_bits(random, 150, 16), random.integers(0, 20, 150))
    whole = retrieval.neighbors(photos, photos, 10)
    monkeypatch.setattr(retrieval, "WORKSPACE", 48 * 1000)
    parts = retrieval.neighbors(photos, photos, 10)
    for name in ("rows", "similarity", "hits", "n_relevant", "first_hit"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name)), name


def test_the_order_of_the_gallery_in_memory_changes_nothing():
    random = np.random.default_rng(3)
    photos = side(near_ties(random, 150, 33), random.integers(0, 20, 150))
    straight, mixed = (retrieval.neighbors(photos, photos[at], 10) for at in (np.arange(150), random.permutation(150)))
    for name in ("rows", "similarity", "hits", "first_hit"):
        assert np.array_equal(getattr(straight, name), getattr(mixed, name)), name


def test_renumbering_the_gallery_moves_nothing_but_ties():
    random = np.random.default_rng(4)
    vectors, labels = units(random, 80, 16), random.integers(0, 9, 80)
    asking, new = side(units(random, 20, 16), random.integers(0, 9, 20), np.arange(500, 520)), random.permutation(80)
    before = retrieval.neighbors(asking, side(vectors, labels), 10)
    after = retrieval.neighbors(asking, side(vectors, labels, new), 10)
    assert np.array_equal(new[before.rows], after.rows)
    assert np.array_equal(before.hits, after.hits)


def test_every_query_is_reported_to_the_progress_bar_once():
    random = np.random.default_rng(5)
    photos, heard = side(near_ties(random, 200, 16), random.integers(0, 4, 200)), []
    retrieval.neighbors(photos, photos, 10, heard.append)
    assert sum(heard) == 200


# The arithmetic that the proof rests on


def test_similarity_of_a_pair_does_not_depend_on_its_place():
    random = np.random.default_rng(6)
    for dim in (1, 3, 31, 192, 769):
        vector, others = units(random, 1, dim)[0], units(random, 50, dim)
        together = retrieval.similarity(vector, others)
        for one in range(50):
            assert retrieval.similarity(vector, others[one : one + 1])[0] == together[one]
            assert retrieval.similarity(others[one], vector[None])[0] == together[one]
        assert np.array_equal(retrieval.similarity(vector, others[::-1]), together[::-1])


def test_similarity_stays_within_its_bound_of_the_exact_sum():
    random = np.random.default_rng(8)
    query, gallery = units(random, 3, 200), units(random, 4, 200)
    bound = Fraction(retrieval.product_error(query, gallery, retrieval.FLOAT64)) / 2
    for one in query:
        for value, other in zip(retrieval.similarity(one, gallery), gallery, strict=True):
            exact = sum(Fraction(float(a)) * Fraction(float(b)) for a, b in zip(one, other, strict=True))
            assert abs(Fraction(float(value)) - exact) <= bound


def test_a_cut_through_a_crowd_of_ties_is_not_trusted_to_the_shortlist():
    random = np.random.default_rng(9)
    for arithmetic in (Float32(), OneDNN(), BFloat16()):
        crowd = near_ties(random, 300, 16)
        photos = side(np.concatenate([crowd, -crowd]), np.arange(600))  # one less its mean would be told apart
        assert not settled(photos, photos, arithmetic).any()
        spread = side(units(random, 300, 16), np.arange(300))
        assert settled(spread, spread, arithmetic).mean() > 0.9


def test_scores_in_parts_are_similarities():
    random = np.random.default_rng(14)
    query, gallery = units(random, 5, 33), units(random, 300, 33)
    places = np.argsort(random.random((5, 300)), axis=1)
    places[np.arange(300) >= np.array([[300], [130], [64], [1], [0]])] = -1
    for threads in (1, 2):
        values = retrieval._scored(query, gallery, places, threads)
        for one in range(5):
            real = places[one] >= 0
            assert np.array_equal(values[one, real], retrieval.similarity(query[one], gallery[places[one, real]]))
            assert (values[one, ~real] == -np.inf).all()
