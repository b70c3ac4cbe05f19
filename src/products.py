"""Floor 1. Inner products of many vectors, good for a shortlist: numpy's float32, and what others replace of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Values = NDArray[np.float64]
Keys = NDArray[Any]  # numbers in the order of the products that they stand for


class Float32:
    """By numpy: vectors as they are, products rounded to float32 in any order of summing."""

    lost = 0.0  # relatively, when a product that is summed is written down
    least = -np.inf  # keys are in the order of the products from here on
    itemsize = 4  # bytes a key

    def narrow(self, vectors: Vectors) -> Any:
        """[n, D] as the products read them."""
        return vectors

    def widen(self, narrow: Any) -> Vectors:
        """[n, D] that was read, in float32."""
        return np.asarray(narrow, np.float32)

    def multiply(self, query: Any, gallery: Any) -> Keys:
        """Narrow [B, D], [n, D] -> keys [B, n]."""
        return np.asarray(query @ gallery.T)

    def value(self, keys: Keys) -> Values:
        """The products that keys stand for."""
        return keys.astype(np.float64)

    def below(self, values: Values) -> Keys:
        """Keys that all products of at least `values` reach."""
        return np.nextafter(values.astype(np.float32), np.float32(-np.inf))

    def above(self, values: Values) -> Keys:
        """Keys that no product of at most `values` exceeds."""
        return np.nextafter(values.astype(np.float32), np.float32(np.inf))
