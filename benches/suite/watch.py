"""What a run used, from one moment to another."""

from . import usage
from .bench import Sample, Store
from .program import Program


class Watch:
    """Looks at workers and server when it is made, and again when it is asked."""

    def __init__(self, store: Store, workers: list[Program]):
        self._store = store
        self._workers = workers
        self._busy = usage.Busy()
        self._start = self._now()

    def sample(self, tasks: int, **values: float) -> Sample:
        """The run is over: puts together what is known of it. The workers are still there."""
        workers, store = (now - then for now, then in zip(self._now(), self._start))
        memory = [usage.memory(worker.pid) for worker in self._workers]
        return Sample(
            values=values,
            tasks=tasks,
            cpu_us=workers * 1e6 / tasks,
            redis_us=store * 1e6 / tasks if self._store.name == "redis" else None,
            peak_kb=sum(m.peak for m in memory),
            pss_kb=sum(m.pss for m in memory),
            busy=self._busy.share(),
        )

    def _now(self) -> tuple[float, float]:
        return sum(usage.cpu(worker.pid) for worker in self._workers), self._store.cpu()
