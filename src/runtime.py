"""Floor 0. Processor, threads, workers and memory: what changes speed and nothing else."""

import os
import platform
import resource
import sys
from pathlib import Path

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


def processor() -> str:
    """The maker's name of the processor."""
    listed = Path("/proc/cpuinfo")  # where Linux says it; platform.processor() is empty there
    lines = listed.read_text().splitlines() if listed.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def peak_memory() -> int:
    """The most bytes of main memory that this process has held at once, libraries and all."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024  # Linux counts in KiB
