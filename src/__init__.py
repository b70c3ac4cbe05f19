"""Vitrine: which image embedding, tuned how, at what cost, finds my products best?"""

import os

# libgomp's idle threads spin by default: beside one busy neighbour a small network runs twenty times slower.
# Torch reads this when it is first imported, and everything of ours passes here before.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
