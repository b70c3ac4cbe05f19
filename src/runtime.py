"""Floor 0. Processor, threads and workers: what changes speed and nothing else."""

import os

from src.params import RuntimeParams

# libgomp's idle threads spin by default: with one busy neighbour a small network runs twenty times slower.
# Read by torch when it is first imported, so this module is imported before torch.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers(runtime: RuntimeParams) -> int:
    """Decoding threads or rendering processes."""
    return cores() if runtime.workers == "auto" else runtime.workers


def threads(runtime: RuntimeParams) -> int:
    """Threads of the arithmetic."""
    return cores() if runtime.threads == "auto" else runtime.threads
