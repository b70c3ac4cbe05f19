"""Shortlists: the bound they rest on against exact sums, who is on them, what is counted, in every arithmetic."""

from fractions import Fraction

import numpy as np
import pytest

from src import shortlist
from src.fast_products import BFloat16, OneDNN, choose
from src.products import Float32
from src.retrieval import similarity
from src.shortlist import Shortlist

ARITHMETICS = [Float32, OneDNN, BFloat16]


def units(random: np.random.Generator, count: int, dim: int) -> np.ndarray:
    vectors = random.normal(size=(count, dim)) + 0.5  # not around zero: networks' are not
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def exact(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    return np.stack([similarity(one, gallery) for one in query])


# The bound


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@pytest.mark.parametrize("dim", [2, 64, 2048])
def test_products_stay_within_the_bound(arithmetic, dim):
    random = np.random.default_rng(dim)
    query, gallery = units(random, 30, dim), units(random, 300, dim)
    asked = Shortlist(gallery, arithmetic())
    k = 10 if arithmetic is BFloat16 else 300  # of all 300 some are below the mean, where its keys end
    ((_, places, products, settled),) = asked.nearest(query, k)
    assert settled.all()
    off = np.abs(products - np.take_along_axis(exact(query, gallery), places, 1))[places >= 0]
    assert off.max() <= asked.error(query, products)[places >= 0].min()


def test_a_product_of_rounded_vectors_is_summed_in_float32_and_rounded_once():
    """What is assumed of bf16 hardware, on products that make it visible: in sums of bf16 the ones would be lost."""
    query, gallery = np.ones((1, 513), np.float32), np.ones((2, 513), np.float32)
    gallery[0, 0] = 512
    keys = BFloat16().multiply(BFloat16().narrow(query), BFloat16().narrow(gallery))
    assert BFloat16().value(keys).tolist() == [[1024, 512]]  # of 513 and 1024: 8 bits of 513 are 512


def test_products_in_bf16_are_the_rounded_exact_sums_of_the_rounded_vectors():
    random = np.random.default_rng(1)
    query, gallery = units(random, 4, 96), units(random, 40, 96)
    bf16 = BFloat16()
    narrow = bf16.narrow(query), bf16.narrow(gallery)
    read = [bf16.widen(each) for each in narrow]
    for vector, products in zip(read[0], bf16.value(bf16.multiply(*narrow)), strict=True):
        for other, product in zip(read[1], products, strict=True):
            true = sum(Fraction(float(a)) * Fraction(float(b)) for a, b in zip(vector, other, strict=True))
            assert abs(Fraction(float(product)) / true - 1) <= 1.01 * 2**-8 + 96 * 2**-24


def test_rounding_to_bf16_is_measured_and_not_far_from_what_it_must_be():
    random = np.random.default_rng(2)
    gallery = units(random, 200, 256)
    error = Shortlist(gallery, BFloat16()).error(gallery[:20])
    spread = np.linalg.norm(gallery - gallery.mean(0), axis=1).max()
    assert (error > 2**-9 * spread).all() and (error < 2**-7 * spread).all()  # twice 2^-8 at the very worst
    assert (Shortlist(gallery, Float32()).error(gallery[:20]) < 2**-14).all()


# Keys


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
def test_keys_have_the_order_of_the_products_they_stand_for(arithmetic):
    one = arithmetic()
    values = np.array([1e-6, 0.11, 0.25, 0.2500001, 0.5, 0.9999, 1.0])
    below, above = one.below(values), one.above(values)
    assert (one.value(below) <= values).all() and (one.value(above) >= values).all()
    assert (np.diff(one.value(below)) >= 0).all() and (below < above).all()
    assert (one.value(above) - one.value(below) <= np.maximum(2 * one.lost, 2**-22) * 2 * values).all()


def test_a_negative_product_s_key_is_below_every_positive_one_s():
    bf16 = BFloat16()
    keys = bf16.multiply(
        *(bf16.narrow(np.array(each, np.float32)) for each in ([[1, 0]], [[-1, 0], [-1e-3, 0], [1e-3, 0]]))
    )
    assert (keys[0, :2] < 0).all() and keys[0, 2] > 0


# Who is on it


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@pytest.mark.parametrize(("tile", "threads"), [(4096, 1), (64, 1), (64, 3)])
def test_the_nearest_are_all_there_and_hardly_more(monkeypatch, arithmetic, tile, threads):
    monkeypatch.setattr(shortlist, "TILE", tile)
    monkeypatch.setattr(shortlist, "PART", 16 * threads)
    random = np.random.default_rng(3)
    gallery, query = units(random, 1000, 48), units(random, 50, 48)
    seen = 0
    for rows, places, products, settled in Shortlist(gallery, arithmetic(), threads).nearest(query, 20):
        assert settled.all() and (np.diff(products, axis=1) <= 0).all()
        for found, values in zip(places, exact(query[rows], gallery), strict=True):
            assert set(np.argsort(-values)[:20]) <= set(found[found >= 0])
            assert len(set(found[found >= 0])) == (found >= 0).sum() < 40
            seen += 1
    assert seen == 50


def test_groups_of_keys_never_promise_more_than_there_is():
    random = np.random.default_rng(4)
    for count, k in ((500, 10), (333, 5), (40, 30), (30, 30)):
        keys = random.normal(size=(7, count)).astype(np.float32)
        so_far = shortlist.largest([], keys[:, : max(count // 2, k)], k)
        least = shortlist.largest([so_far], keys[:, max(count // 2, k) :], k)[:, 0]
        true = np.sort(keys, axis=1)[:, -k]
        assert (least <= true).all() and (least >= np.sort(keys, axis=1)[:, -min(3 * k, count)]).all()


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
def test_rows_nearer_than_a_value_are_counted_or_named(monkeypatch, arithmetic):
    monkeypatch.setattr(shortlist, "TILE", 64)
    random = np.random.default_rng(5)
    gallery, query = units(random, 700, 48), units(random, 30, 48)
    true = exact(query, gallery)
    bar = np.sort(true, axis=1)[:, -100]
    groups = random.integers(0, 20, 700)
    mine = groups[:30]

    def ignored(asking: slice, at: slice) -> np.ndarray:
        return mine[asking, None] == groups[at]

    counts, unsure, settled = Shortlist(gallery, arithmetic(), 2).closer(query, bar, ignored, 700)
    assert settled.all()
    for one in range(30):
        counted = true[one] > bar[one]
        counted[mine[one] == groups] = False
        named = unsure[one][unsure[one] >= 0]
        assert counts[one] + counted[named].sum() == counted.sum()
        assert np.flatnonzero(true[one] == bar[one])[0] in named or mine[one] in groups[true[one] == bar[one]]
    assert not Shortlist(gallery, BFloat16()).closer(query, bar, ignored, 0)[2].any()


def test_bf16_comes_first_where_the_processor_has_it(monkeypatch):
    for capable, expected in (({"avx512_bf16": True}, "BFloat16"), ({"amx_bf16": True}, "BFloat16"), ({}, "OneDNN")):
        monkeypatch.setattr("torch.cpu.get_capabilities", lambda capable=capable: capable)
        assert type(choose(None, 1)[0]).__name__ == expected
        assert [type(one) for one in choose("bf16", 1)] == [BFloat16, OneDNN]
        assert [type(one) for one in choose("fp32", 1)] == [OneDNN]
