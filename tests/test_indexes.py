"""Doors to search engines."""

import numpy as np
from threadpoolctl import threadpool_limits

from src import indexes


def test_the_largest_products_come_first():
    random = np.random.default_rng(0)
    query, gallery = (random.normal(size=(count, 24)).astype(np.float32) for count in (5, 60))
    values, places = indexes.search(query, gallery, 7)
    products = query.astype(np.float64) @ gallery.T.astype(np.float64)
    assert np.array_equal(places, np.argsort(-products, axis=1)[:, :7])
    assert np.allclose(values, np.take_along_axis(products, places, 1), rtol=1e-5)


def test_a_search_takes_the_threads_that_are_allowed():
    with threadpool_limits(3):
        assert indexes.threads() == 3
    with threadpool_limits(1):
        assert indexes.threads() == 1
