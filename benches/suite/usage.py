"""What processes and the machine have used, from /proc."""

import os
from dataclasses import dataclass
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")
CPUS = os.cpu_count() or 1
PROC = Path("/proc")


def tree(root: int) -> list[int]:
    """A process and all below it that are there."""
    parents: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def cpu(root: int) -> float:
    """Seconds of CPU that a tree has used, with the children that have ended."""
    total = 0
    for pid in tree(root):
        if fields := _stat(pid):
            total += sum(map(int, fields[11:15]))
    return total * TICK


@dataclass
class Memory:
    """kB. Pages that forked children share count once in `pss` and in each of them in `peak` and `rss`."""

    rss: int = 0
    peak: int = 0
    pss: int = 0


def peak(pid: int) -> int:
    """The most memory that one process had, kB; 0 if it is gone."""
    try:
        return _kb((PROC / str(pid) / "status").read_text(), "VmHWM:")
    except (OSError, ProcessLookupError):
        return 0


def memory(root: int) -> Memory:
    total = Memory()
    for pid in tree(root):
        try:
            status = (PROC / str(pid) / "status").read_text()
            rollup = (PROC / str(pid) / "smaps_rollup").read_text()
        except (OSError, ProcessLookupError):
            continue
        total.rss += _kb(status, "VmRSS:")
        total.peak += _kb(status, "VmHWM:")
        total.pss += _kb(rollup, "Pss:")
    return total


class Busy:
    """How much of the machine others used since this was made: 0 to 1."""

    def __init__(self) -> None:
        self._start = self._now()

    def share(self) -> float:
        busy, total, own = (now - then for now, then in zip(self._now(), self._start))
        return max(0.0, busy - own) / total if total else 0.0

    @staticmethod
    def _now() -> tuple[float, float, float]:
        ticks = [int(n) for n in (PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]]
        idle = ticks[3] + ticks[4]
        return (sum(ticks) - idle) * TICK, sum(ticks) * TICK, cpu(os.getpid())


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the third on: those before may have blanks in them."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (OSError, ProcessLookupError):
        return None


def _kb(text: str, name: str) -> int:
    for line in text.splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    return 0
