"""The machine: what it is, and the CPU time that processes have used (Linux; nothing to tell elsewhere)."""

import os
import platform
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def _stat(pid: int) -> list[str]:
    return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()


def cpu_seconds(pid: int, *, children: bool = False) -> float:
    """CPU time of a process so far; with `children` that of its children too, whether they live or have ended."""
    try:
        own = _stat(pid)
        ticks = int(own[11]) + int(own[12])
        if children:
            ticks += int(own[13]) + int(own[14])
            for child in (PROC / str(pid) / "task" / str(pid) / "children").read_text().split():
                found = _stat(int(child))
                ticks += int(found[11]) + int(found[12])
        return ticks / TICK
    except (OSError, IndexError):
        return 0.0


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
