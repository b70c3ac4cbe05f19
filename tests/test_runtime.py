"""What a machine says of itself."""

import numpy as np

from src import runtime


def test_the_processor_has_a_name() -> None:
    assert len(runtime.processor()) > 2


def test_peak_memory_counts_bytes_that_were_held_and_given_back() -> None:
    before = runtime.peak_memory()
    held = np.ones(before + 50_000_000, np.uint8)  # alone it takes more than the process ever had
    assert runtime.peak_memory() >= held.nbytes
    del held
    assert runtime.peak_memory() >= before + 50_000_000
