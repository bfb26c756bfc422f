"""Workers empty a queue: how many tasks a second, from the first task to the last."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from .bench import Run, Sample, Setup, Store
from .contender import Celery, Rcelery
from .messages import Batch
from .program import Failure, Program, wait_until
from .stamps import Stamps
from .watch import Watch

MEMORY = Path("/dev/shm")
STALL = 60
"""Seconds without another task after which a run is given up."""

Batches = Callable[[range], list[Batch]]


def drain(
    contender: Rcelery | Celery,
    batches: Batches,
    count: int,
    quick: int | None = None,
    warm_up: int = 200,
    queues: str = "",
) -> Run:
    """Makes a run of `count` tasks, in whatever batches these are to be sent."""

    def run(setup: Setup, store: Store) -> Sample:
        tasks = setup.count(count, quick)
        warm = range(tasks, tasks + (20 if setup.quick else warm_up))
        with running(contender, setup, store, tasks + len(warm), queues) as (workers, stamps):
            store.stage(batches(warm))
            store.release()
            _wait(workers[0], stamps, len(warm))
            _settle(store, stamps, warm)
            stamps.clear()
            sent = batches(range(tasks))
            stored = store.results()
            store.stage(sent)
            watch = Watch(store, workers)
            store.release()
            _wait(workers[0], stamps, tasks)
            _settle(store, stamps, range(tasks))
            if any(not batch.ignore_result for batch in sent):
                wait_until("all results are stored", lambda: store.results() >= stored + tasks)
            sample = watch.sample(tasks, rate=(tasks - 1) / stamps.seconds())
            ids = [id for batch in sent if not batch.ignore_result for id in batch.ids()]
            if (found := store.successes(ids)) != len(ids):
                raise Failure(f"{found} results of {len(ids)} tasks")
            if not ids and store.results():
                raise Failure(f"{store.results()} results of tasks that ignore them")
        return sample

    return run


@contextlib.contextmanager
def running(
    contender: Rcelery | Celery, setup: Setup, store: Store, tasks: int, queues: str = ""
) -> Iterator[tuple[list[Program], Stamps]]:
    """Workers on an empty store, ready, with a file for the stamps of so many tasks."""
    store.clear()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as directory:
        stamps = Stamps(Path(directory) / "stamps", tasks)
        workers = contender.start(setup, store, stamps, queues)
        try:
            yield workers, stamps
        finally:
            for worker in workers:
                worker.stop()
            stamps.close()


def _wait(worker: Program, stamps: Stamps, tasks: int) -> None:
    """Waits for the last task, as long as there are more from time to time."""
    seen = 0

    def all_ran_or_some_did() -> bool:
        nonlocal seen
        before, seen = seen, stamps.count()
        return seen >= tasks or seen > before

    while seen < tasks:
        worker.wait_until(f"{tasks} tasks have run, {seen} did", all_ran_or_some_did, STALL)


def _settle(store: Store, stamps: Stamps, expected: range) -> None:
    """Waits until nothing waits and all is acknowledged, and checks that each task ran once."""
    try:
        wait_until("every message is settled", lambda: store.waiting() + store.unsettled() == 0)
    except Failure as failure:
        left = f"{store.waiting()} wait, {store.unsettled()} are not acknowledged"
        raise Failure(f"{failure}: {left}; {stamps.wrong(expected) or 'each task ran once'}") from None
    if wrong := stamps.wrong(expected):
        raise Failure(wrong)
