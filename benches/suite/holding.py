"""Workers that hold what they may not run yet, or have nothing to do."""

import datetime
import time

from . import usage
from .bench import Metric, Run, Sample, Setup, Store
from .contender import Celery, Rcelery
from .drain import running
from .messages import Batch
from .program import Failure
from .watch import Watch

HELD = (Metric("time", "s"), Metric("memory", "MB"))
IDLE = (Metric("rss", "MB"), Metric("ready", "ms"))
REST = 0.5
"""Seconds that a worker rests before its memory is looked at."""


def hold(contender: Rcelery | Celery, count: int, scale: int = 1) -> Run:
    """Makes a run in which a worker takes in `count` tasks that are due in a day.

    `scale`: what time and memory are multiplied by, for one that would take too long with all.
    """

    def run(setup: Setup, store: Store) -> Sample:
        tasks = setup.count(count)
        due = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
        batch = Batch("bench.ignored", range(tasks), eta=due.isoformat())
        with running(contender, setup, store, tasks) as (workers, stamps):
            (worker,) = workers
            time.sleep(REST)
            store.stage([batch])
            before = usage.memory(worker.pid)
            watch = Watch(store, workers)
            start = time.monotonic()
            store.release()
            worker.wait_until(f"{tasks} tasks are held", lambda: store.unsettled() >= tasks, 600, 0.01)
            seconds = time.monotonic() - start
            time.sleep(REST)
            grown = usage.memory(worker.pid).rss - before.rss
            sample = watch.sample(tasks, time=seconds * scale, memory=grown * scale / 1024)
            held, waiting = store.unsettled(), store.waiting()
            # It would give them all back, one by one; that is not what is measured.
            worker.kill()
            if (held, waiting, stamps.count()) != (tasks, 0, 0):
                raise Failure(f"{held} of {tasks} tasks are held, {waiting} wait and {stamps.count()} ran")
        return sample

    return run


def idle(contender: Rcelery | Celery) -> Run:
    """Makes a run in which a worker starts and has nothing to do."""

    def run(setup: Setup, store: Store) -> Sample:
        busy = usage.Busy()
        start = time.monotonic()
        with running(contender, setup, store, 1) as (workers, _):
            ready = time.monotonic() - start
            time.sleep(2 * REST)
            memory = usage.memory(workers[0].pid)
            return Sample(
                {"rss": memory.rss / 1024, "ready": ready * 1000},
                peak_kb=memory.peak,
                pss_kb=memory.pss,
                busy=busy.share(),
            )

    return run


