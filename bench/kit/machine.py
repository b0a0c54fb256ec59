"""The machine: what it is, and the CPU time that processes have used (Linux; nothing to tell elsewhere)."""

import os
import platform
from contextlib import suppress
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def _stat(pid: int) -> list[str]:
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def cpu_seconds(pid: int, *, children: bool = False) -> float:
    """CPU time of a process so far; with `children` that of its children too, whether they live or have ended."""
    if not PROC.is_dir():
        return 0.0
    own = _stat(pid)
    ticks = int(own[11]) + int(own[12])
    if children:
        listed = (PROC / str(pid) / "task" / str(pid) / "children").read_text().split()
        living = sum(_ticks(int(child)) for child in listed)
        # Those that have ended are read after the living: a child that ends between the two is counted at least once.
        own = _stat(pid)
        ticks = living + sum(int(own[place]) for place in (11, 12, 13, 14))
    return ticks / TICK


def _ticks(pid: int) -> int:
    """CPU time of a child in ticks; 0 when it has just ended, and then it is in its parent's account."""
    try:
        found = _stat(pid)
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(found[11]) + int(found[12])


def cpu_nanoseconds(pid: int) -> int:
    """CPU time of a process's living threads so far: the scheduler's own account, a million times finer than ticks."""
    total = 0
    for task in (PROC / str(pid) / "task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            total += int((task / "schedstat").read_text().split()[0])
    return total


def describe() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "cpu": _first("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _first(path: str, key: str) -> str:
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), "")
