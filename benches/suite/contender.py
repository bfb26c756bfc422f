"""The workers and clients that are compared."""

from dataclasses import dataclass
from pathlib import Path

from .bench import Setup, Store
from .program import Ended, Program, run
from .stamps import VARIABLE, Stamps


@dataclass(frozen=True)
class Rcelery:
    """rcelery's worker and the program that uses its library."""

    worker_args: tuple[str, ...] = ()
    workers: int = 1

    def start(self, setup: Setup, store: Store, stamps: Stamps | None, queues: str = "") -> list[Program]:
        started = []
        for number in range(self.workers):
            ready = setup.home / f"ready-{number}"
            args = [str(setup.built / "examples/bench_worker"), "worker", "-n", f"w{number}@bench"]
            args += ["--ready-file", str(ready), *(["-Q", queues] if queues else []), *self.worker_args]
            started.append(_start(setup, store, stamps, args, ready))
        return started

    def client(self, setup: Setup, store: Store, *args: str, stdin: Path | None = None) -> Ended:
        return run([str(setup.built / "examples/bench_client"), *args], setup.env(store), setup.home, stdin)

    def command(
        self, setup: Setup, store: Store, *args: str, stdin: Path | None = None, look: bool = True
    ) -> Ended:
        return run([str(setup.built / "rcelery"), *args], setup.env(store), setup.home, stdin, look)


@dataclass(frozen=True)
class Celery:
    """Celery's, with `app.py` and `client.py`."""

    worker_args: tuple[str, ...] = ("-P", "prefork", "-c", "2")

    def start(self, setup: Setup, store: Store, stamps: Stamps | None, queues: str = "") -> list[Program]:
        ready = setup.home / "ready-celery"
        args = [setup.python, "-m", "celery", "-A", "app", "worker", "-n", "py@bench", *self.worker_args]
        return [_start(setup, store, stamps, args + (["-Q", queues] if queues else []), ready)]

    def client(self, setup: Setup, store: Store, *args: str, stdin: Path | None = None) -> Ended:
        script = setup.repository / "benches/client.py"
        return run([setup.python, str(script), *args], setup.env(store), setup.home, stdin)

    def command(
        self, setup: Setup, store: Store, *args: str, stdin: Path | None = None, look: bool = True
    ) -> Ended:
        return run([setup.python, "-m", "celery", *args], setup.env(store), setup.home, stdin, look)


@dataclass(frozen=True)
class Python:
    """rcelery's worker with the tasks of `app.py`."""

    worker_args: tuple[str, ...] = ("-P", "prefork", "-c", "2")

    def start(self, setup: Setup, store: Store, stamps: Stamps | None, queues: str = "") -> list[Program]:
        ready = setup.home / "ready-python"
        args = [str(setup.built / "rcelery"), "-A", "app", "worker", "-n", "ry@bench", "--executable", setup.python]
        args += ["--ready-file", str(ready), *(["-Q", queues] if queues else []), *self.worker_args]
        return [_start(setup, store, stamps, args, ready)]

    client = Celery.client


def _start(setup: Setup, store: Store, stamps: Stamps | None, args: list[str], ready: Path) -> Program:
    """Starts a worker and waits until it takes tasks."""
    ready.unlink(missing_ok=True)
    env = setup.env(store, BENCH_READY=str(ready))
    if stamps:
        env[VARIABLE] = str(stamps.path)
    program = Program(args, env, setup.home, f"{ready.name}.log")
    program.wait_until("the worker is ready", ready.exists, pause=0.001)
    return program
