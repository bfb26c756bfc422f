"""One task that reports its progress again and again."""

from .bench import Run, Sample, Setup, Store
from .contender import Celery, Rcelery
from .drain import running
from .messages import Batch
from .program import Failure
from .watch import Watch


def update_state(contender: Rcelery | Celery, times: int) -> Run:
    """Makes a run of a task that stores `times` states, each awaited."""

    def run(setup: Setup, store: Store) -> Sample:
        count = setup.count(times)
        batch = Batch("bench.progress", range(1), ignore_result=False, rest=(count,))
        with running(contender, setup, store, count) as (workers, stamps):
            store.stage([batch])
            watch = Watch(store, workers)
            store.release()
            workers[0].wait_until(f"{count} states are stored", lambda: stamps.count() >= count)
            workers[0].wait_until("the task's result is stored", lambda: store.successes(batch.ids()))
            if wrong := stamps.wrong(range(count)):
                raise Failure(wrong)
            return watch.sample(count, rate=(count - 1) / stamps.seconds())

    return run
