"""Floor 1. Products by torch: float32 by oneDNN, and bf16 where the processor has it.

Apart, and imported for large galleries alone, because torch takes more than a second to start.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from src.products import Float32, Keys, Values, Vectors


class OneDNN(Float32):
    """float32. By itself torch takes MKL, which leaves half of an AMD core unused; numpy and faiss bring OpenBLAS."""

    def narrow(self, vectors: Vectors) -> Tensor:
        return torch.from_numpy(np.require(vectors, requirements=["C", "W"]))

    def multiply(self, query: Tensor, gallery: Tensor) -> Keys:
        if not torch.backends.mkldnn.is_available():
            return F.linear(query, gallery).numpy()
        return F.linear(query.to_mkldnn(), gallery).to_dense().numpy()


class BFloat16(Float32):
    """Vectors rounded to 8 significant bits; their products are summed in float32 and rounded to 8 bits again.

    Keys are the bits of a product, as int16: processors compare 32 of these at once. They are in the order of the
    products where these are positive, and negative where these are.
    """

    lost = 2.0**-8
    least = 0.0
    itemsize = 2

    def narrow(self, vectors: Vectors) -> Tensor:
        return torch.from_numpy(np.require(vectors, requirements=["C", "W"])).bfloat16()

    def widen(self, narrow: Tensor) -> Vectors:
        return narrow.float().numpy()

    def multiply(self, query: Tensor, gallery: Tensor) -> Keys:
        return torch.mm(query, gallery.T).view(torch.int16).numpy()

    def value(self, keys: Keys) -> Values:
        return (keys.astype(np.int32) << 16).view(np.float32).astype(np.float64)

    def below(self, values: Values) -> Keys:
        down = np.nextafter(values.astype(np.float32), np.float32(-np.inf))
        return (down.view(np.int32) >> 16).astype(np.int16)  # the bits cut off round down, as values are positive

    def above(self, values: Values) -> Keys:
        return self.below(values) + np.int16(1)


def choose(precision: str | None, threads: int) -> list[Float32]:
    """What to try in turn for a precision, fp32 or bf16, or for the fastest here; torch may use so many threads.

    bf16 is fast only where the processor itself multiplies it; and of x86 processors it is known (Intel's manual on
    VDPBF16PS and TDPBF16PS) that they sum the products in float32, rounded to nearest.
    """
    torch.set_num_threads(threads)
    able = torch.cpu.get_capabilities()
    fastest = "bf16" if able.get("avx512_bf16") or able.get("amx_bf16") else "fp32"
    return [BFloat16(), OneDNN()] if (precision or fastest) == "bf16" else [OneDNN()]
