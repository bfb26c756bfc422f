"""What a benchmark is, and what one run of it gives."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .redis import Redis
from .sqlite import Sqlite

Store = Redis | Sqlite

CELERY = "celery"
"""The contender to whom the others are compared, where it is one."""


@dataclass
class Setup:
    """Where everything is."""

    repository: Path
    built: Path
    """Cargo's directory of the profile."""
    python: str
    home: Path
    quick: bool

    def count(self, full: int, quick: int | None = None) -> int:
        """How many tasks: few where it is only to be seen that all works."""
        return (quick or max(20, full // 100)) if self.quick else full

    def env(self, store: Store | None, **more: str) -> dict[str, str]:
        """The environment of every program that is run: nothing of the caller's."""
        home = str(self.home)
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": home, "TMPDIR": home, "XDG_STATE_HOME": home}
        env |= {"PYTHONPATH": str(self.repository / "benches"), "PYTHONDONTWRITEBYTECODE": "1", "C_FORCE_ROOT": "1"}
        if store:
            env |= {"CELERY_BROKER_URL": store.broker, "CELERY_RESULT_BACKEND": store.backend}
        return env | more


@dataclass
class Sample:
    """One run of one contender."""

    values: dict[str, float]
    """By the names of the benchmark's metrics."""
    tasks: int = 0
    cpu_us: float | None = None
    """CPU of the contender's processes, microseconds per task."""
    redis_us: float | None = None
    peak_kb: int = 0
    """The most that its processes had in memory, added up."""
    pss_kb: int = 0
    """What they had at the end, with shared pages counted once."""
    busy: float = 0.0
    """How much of the machine others used meanwhile, 0 to 1."""


@dataclass(frozen=True)
class Metric:
    name: str
    unit: str
    more_is_better: bool = False


RATE = Metric("rate", "/s", more_is_better=True)

Run = Callable[[Setup, Store], Sample]


@dataclass(frozen=True)
class Bench:
    name: str
    title: str
    store: str
    """`redis` or `sqlite`."""
    contenders: dict[str, Run]
    metrics: tuple[Metric, ...] = (RATE,)
    note: str = ""
    base: str | None = CELERY
    """The contender to whom the others are compared."""
