"""The file in which tasks say that they ran, and when. The tasks of Rust write it with `stamps.rs`.

Words of eight bytes in the machine's order. A line of 64 bytes for the header: how many slots are taken. Then SLOTS lines,
one per thread or process: the first time, the last, how many. Then a byte for each task: how often that one ran.
Times are nanoseconds of CLOCK_MONOTONIC.
"""

import fcntl
import mmap
import os
import time
from pathlib import Path

VARIABLE = "BENCH_STAMPS"
LINE = 64
SLOTS = 256
TASKS = LINE + LINE * SLOTS
NEVER = 2**64 - 1


class Stamps:
    """The harness's side of the file."""

    def __init__(self, path: Path, tasks: int):
        self.path = path
        self.tasks = tasks
        path.write_bytes(bytes(TASKS + tasks))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self._words = memoryview(self._map)[:TASKS].cast("Q")
        self.clear()

    def clear(self) -> None:
        """Forgets all but who has which slot. Nothing may run."""
        for slot in range(SLOTS):
            at = self._slot(slot)
            self._words[at], self._words[at + 1], self._words[at + 2] = NEVER, 0, 0
        self._map[TASKS:] = bytes(self.tasks)

    def count(self) -> int:
        """How many tasks ran."""
        return sum(self._words[self._slot(slot) + 2] for slot in range(self._taken()))

    def seconds(self) -> float:
        """From the first task to the last."""
        slots = [self._slot(slot) for slot in range(self._taken())]
        first = min(self._words[at] for at in slots)
        return (max(self._words[at + 1] for at in slots) - first) / 1e9

    def wrong(self, expected: range) -> str | None:
        """Says which of the expected tasks did not run once."""
        counts = self._map[TASKS + expected.start : TASKS + expected.stop]
        total = self.count()
        if total == len(expected) and counts.count(1) == total:
            return None
        return f"{total} runs of {len(expected)} tasks; {counts.count(0)} tasks never ran, {len(expected) - counts.count(0) - counts.count(1)} more than once"

    def close(self) -> None:
        self._words.release()
        self._map.close()
        self.path.unlink()

    def _taken(self) -> int:
        return min(self._words[0], SLOTS)

    @staticmethod
    def _slot(number: int) -> int:
        return (LINE + LINE * number) // 8


_mine: tuple[int, memoryview, memoryview, int] | None = None


def stamp(n: int) -> None:
    """Notes that task number `n` runs at this moment."""
    global _mine
    if _mine is None or _mine[0] != os.getpid():
        _mine = _take()
    _, words, counts, at = _mine
    now = time.monotonic_ns()
    counts[n] += 1
    if now < words[at]:
        words[at] = now
    words[at + 1] = now
    words[at + 2] += 1


def _take() -> tuple[int, memoryview, memoryview, int]:
    """Maps the file and takes a slot for this process, which a fork of it does not inherit."""
    with open(os.environ[VARIABLE], "r+b") as file:
        mapped = memoryview(mmap.mmap(file.fileno(), 0))
        words = mapped[:TASKS].cast("Q")
        fcntl.lockf(file, fcntl.LOCK_EX)
        slot = words[0]
        words[0] += 1
        fcntl.lockf(file, fcntl.LOCK_UN)
    return os.getpid(), words, mapped[TASKS:], (LINE + LINE * (slot % SLOTS)) // 8
