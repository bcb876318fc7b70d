"""What a computation runs on: for the records and reports that say how fast it was, and whether it has the memory."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import torch


def hardware(device: torch.device) -> str:
    """A GPU by its name; a CPU by its name and the number of threads that torch uses."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    threads = torch.get_num_threads()
    return f"{threads} thread{'s' if threads > 1 else ''} of {model}"


def memory() -> int | None:
    """Bytes that a program can have: on Linux, which ends one that takes more, what is left, swap included; on macOS
    what the machine has. None on Windows, which itself refuses what is not there, and where it is not told.
    """
    if sys.platform == "win32":
        return None
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    kilobytes = dict(line.removesuffix(" kB").split(":", 1) for line in meminfo.read_text().splitlines())
    if "MemAvailable" not in kilobytes:  # of systems before 2014, and of some that only look like Linux
        return None
    return 1024 * (int(kilobytes["MemAvailable"]) + int(kilobytes.get("SwapFree", 0)))
