"""Floor 1. Where the arithmetic runs, and with how many threads."""

import torch

from src.errors import UserError
from src.params import RuntimeParams
from src.runtime import peak_memory, processor, threads


def choose(runtime: RuntimeParams) -> torch.device:
    """The device of params.yaml (auto: a GPU where there is one), with torch's threads set.

    A UserError where torch does not know the device or this machine does not have it.
    """
    torch.set_num_threads(threads(runtime))
    torch.backends.cudnn.allow_tf32 = False  # fp32 means fp32 on a GPU too; on by default, it keeps 10 bits of 23
    if runtime.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(runtime.device)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"runtime.device '{runtime.device}' cannot be used here ({reason}); try auto or cpu") from None
    return device


def hardware(device: torch.device) -> dict[str, str | int | float]:
    """What a timing was measured on, and how much memory it took there: at its peak, in MB."""
    peak = {"peak_memory_mb": round(peak_memory() / 1e6, 1)}
    if device.type == "cuda":
        peak["peak_gpu_memory_mb"] = round(torch.cuda.max_memory_allocated(device) / 1e6, 1)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    return {"device": str(device), "threads": torch.get_num_threads(), "processor": name, **peak}
