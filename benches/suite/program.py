"""Child processes: started in a group of their own, and gone with it."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .usage import peak


class Failure(Exception):
    """A run that gives no number: something was lost, ran twice, or did not end."""


def wait_until(what: str, fact: Callable[[], object], seconds: float = 60, pause: float = 0.003) -> None:
    """Polls until a fact holds."""
    end = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > end:
            raise Failure(f"not within {seconds:g} s: {what}")
        time.sleep(pause)


class Program:
    """A child that runs on its own, with its output in a file."""

    def __init__(self, args: list[str], env: dict[str, str], home: Path, log: str):
        self.args = args
        self._log = home / log
        with self._log.open("wb") as log_file:
            self._child = subprocess.Popen(
                args, env=env, cwd=home, stdin=subprocess.DEVNULL, stdout=log_file, stderr=log_file, process_group=0
            )
        self.pid = self._child.pid

    def is_running(self) -> bool:
        return self._child.poll() is None

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_until(self, what: str, fact: Callable[[], object], seconds: float = 60, pause: float = 0.003) -> None:
        """Polls until a fact holds, and fails at once if the program has ended."""

        def look() -> bool:
            running = self.is_running()
            if fact():
                return True
            if not running:
                raise Failure(f"{what}: `{' '.join(self.args)}` ended with {self._child.returncode}\n{self.log()}")
            return False

        try:
            wait_until(what, look, seconds, pause)
        except Failure as failure:
            raise Failure(f"{failure}\n{self.log()[-4000:]}") from None

    def stop(self, seconds: float = 20) -> None:
        """Asks for a warm shutdown, and kills what is left."""
        if self.is_running():
            self._child.terminate()
            try:
                self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        self.kill()

    def kill(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._child.wait()


@dataclass
class Ended:
    """A child that ran to its end."""

    seconds: float
    """From before it was started until it was reaped."""
    cpu: float
    peak: int
    """kB; 0 where nobody looked."""
    stdout: str


def run(
    args: list[str], env: dict[str, str], home: Path, stdin: Path | None = None, look: bool = True, seconds: float = 600
) -> Ended:
    """Runs a program to its end, and looks at its memory meanwhile.

    By posix_spawn and wait4: what Python itself does around a child counts, and this is the least of it. What wait4 says
    of memory is no use: a child begins with what its parent had.
    """
    out, err = home / "stdout", home / "stderr"
    create = os.O_CREAT | os.O_TRUNC | os.O_WRONLY
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, str(stdin or os.devnull), os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(out), create, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, str(err), create, 0o600),
    ]
    signal.signal(signal.SIGALRM, _late)
    start = time.perf_counter()
    pid = os.posix_spawn(args[0], args, env | {"PWD": str(home)}, file_actions=actions, setpgroup=0)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    watcher = _Watcher(pid) if look else None
    try:
        _, status, usage = os.wait4(pid, 0)
    except Failure:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        taken = time.perf_counter() - start
        most = watcher.stop() if watcher else 0
    if status:
        code = os.waitstatus_to_exitcode(status)
        raise Failure(f"`{' '.join(args)}` ended with {code}: {err.read_text(errors='replace')[-4000:]}")
    return Ended(taken, usage.ru_utime + usage.ru_stime, most, out.read_text(errors="replace"))


class _Watcher(threading.Thread):
    """Looks at the peak of a process: often at first, as some are soon over."""

    def __init__(self, pid: int):
        super().__init__(daemon=True)
        self._pid, self._peak = pid, 0
        self._end = threading.Event()
        self.start()

    def run(self) -> None:
        pause = 0.0002
        while not self._end.wait(pause):
            self._peak = max(self._peak, peak(self._pid))
            pause = min(pause * 1.1, 0.02)

    def stop(self) -> int:
        self._end.set()
        self.join()
        return self._peak


def _late(*_: object) -> None:
    raise Failure("a program did not end in time")
