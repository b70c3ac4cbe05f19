"""Floor 0. Processor, threads and workers: what changes speed and nothing else."""

import os

from src.params import RuntimeParams


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers(runtime: RuntimeParams) -> int:
    """Decoding threads or rendering processes."""
    return cores() if runtime.workers == "auto" else runtime.workers


def threads(runtime: RuntimeParams) -> int:
    """Threads of the arithmetic."""
    return cores() if runtime.threads == "auto" else runtime.threads
