"""Programs that send, and wait for what comes back."""

import json

from .bench import Metric, Run, Sample, Setup, Store
from .contender import Celery, Rcelery
from .drain import running
from .program import Ended, Failure
from .usage import Busy
from .watch import Watch

LATENCY = (Metric("p50", "ms"), Metric("p99", "ms"))


def enqueue(contender: Rcelery | Celery, count: int, batch: int = 1) -> Run:
    """Makes a run in which one program sends `count` calls, `batch` at a time."""

    def run(setup: Setup, store: Store) -> Sample:
        store.clear()
        tasks = setup.count(count)
        busy, before = Busy(), store.cpu()
        ended = contender.client(setup, store, "enqueue", str(tasks), str(batch))
        answer = json.loads(ended.stdout)
        if (waiting := store.waiting()) != tasks + answer["warm_up"]:
            raise Failure(f"{waiting} messages of {tasks + answer['warm_up']} wait")
        sample = of_program(ended, tasks, busy, rate=tasks / answer["seconds"])
        # Without what it takes to start.
        sample.cpu_us = answer["cpu"] * 1e6 / tasks
        sample.redis_us = (store.cpu() - before) * 1e6 / tasks if store.name == "redis" else None
        return sample

    return run


def latency(contender: Rcelery | Celery, count: int, quick: int | None = None) -> Run:
    """Makes a run in which one program sends to an idle worker, and waits for each result before the next."""

    def run(setup: Setup, store: Store) -> Sample:
        tasks = setup.count(count, quick)
        # The client warms up with a few more.
        with running(contender, setup, store, tasks + 100) as (workers, _):
            watch = Watch(store, workers)
            ended = contender.client(setup, store, "latency", str(tasks))
            times = sorted(json.loads(ended.stdout)["seconds"])
            if len(times) != tasks:
                raise Failure(f"{len(times)} results of {tasks} tasks")
            return watch.sample(tasks, p50=_part(times, 0.5) * 1000, p99=_part(times, 0.99) * 1000)

    return run


def of_program(ended: Ended, tasks: int, busy: Busy, **values: float) -> Sample:
    """The sample of a program that has run to its end."""
    return Sample(values, tasks, ended.cpu * 1e6 / tasks, peak_kb=ended.peak, busy=busy.share())


def _part(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]
