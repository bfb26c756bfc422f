"""Commands, each from its start to its end as a process."""

import json
import statistics
from pathlib import Path

from .bench import Metric, Run, Sample, Setup, Store
from .contender import Celery, Rcelery
from .drain import running
from .messages import Batch
from .program import Ended, Failure
from .program import run as run_program
from .sending import of_program
from .usage import Busy

TIME = (Metric("time", "ms"),)
WHOLE = (Metric("time", "s"),)


def command(contender: Rcelery | Celery, args: list[str], times: int, says: str, worker: bool = False) -> Run:
    """Makes a run of a command, `times` in a row: the median. Its output has `says` in it."""

    def run(setup: Setup, store: Store) -> Sample:
        def repeat() -> Sample:
            # Looking disturbs what is over in a few milliseconds: once, before it counts.
            peak = contender.command(setup, store, *args, look=True).peak
            busy = Busy()
            ended = [contender.command(setup, store, *args, look=False) for _ in range(setup.count(times, 2))]
            for one in ended:
                if says not in one.stdout:
                    raise Failure(f"`{' '.join(args)}` says {one.stdout!r}")
            return Sample(
                {"time": statistics.median(one.seconds for one in ended) * 1000},
                len(ended),
                statistics.median(one.cpu for one in ended) * 1e6,
                peak_kb=peak,
                busy=busy.share(),
            )

        if not worker:
            store.clear()
            return repeat()
        with running(contender, setup, store, 1):
            return repeat()

    return run


def lines(contender: Rcelery | Celery, count: int, scale: int = 1) -> Run:
    """Makes a run that sends a file of calls. `scale`: how often the sending, not the start, is to be counted."""

    def run(setup: Setup, store: Store) -> Sample:
        store.clear()
        tasks = setup.count(count)
        calls = setup.home / "calls.jsonl"
        calls.write_text("".join(f'{json.dumps({"task": "bench.noop", "args": [n]})}\n' for n in range(tasks)))
        busy = Busy()
        if isinstance(contender, Rcelery):
            ended = contender.command(setup, store, "send", "--jsonl", "-", stdin=calls)
        else:
            ended = contender.client(setup, store, "lines", stdin=calls)
        if (waiting := store.waiting()) != tasks:
            raise Failure(f"{waiting} messages of {tasks} wait")
        more = (scale - 1) * json.loads(ended.stdout)["seconds"] if scale > 1 else 0
        return of_program(ended, tasks, busy, time=ended.seconds + more)

    return run


def loop(contender: Rcelery | Celery, count: int, scale: int = 1) -> Run:
    """Makes a run of a shell script that starts a program for each call."""

    def run(setup: Setup, store: Store) -> Sample:
        store.clear()
        tasks = setup.count(count)
        if isinstance(contender, Rcelery):
            send = f"{setup.built / 'rcelery'} send bench.noop -a \"[$i]\""
        else:
            send = f"{setup.python} -m celery call bench.noop -a \"[$i]\""
        script = f"i=0; while [ $i -lt {tasks} ]; do {send} || exit 1; i=$((i + 1)); done"
        busy = Busy()
        ended = run_program(["/bin/sh", "-c", script], setup.env(store), setup.home, look=False)
        if (waiting := store.waiting()) != tasks:
            raise Failure(f"{waiting} messages of {tasks} wait")
        return of_program(ended, tasks, busy, time=ended.seconds * scale)

    return run


def results(contender: Rcelery | Celery, count: int) -> Run:
    """Makes a run of a command that waits for many results, which come while it does."""

    def ask(setup: Setup, store: Store, ids: Path) -> Ended:
        if isinstance(contender, Rcelery):
            return contender.command(setup, store, "result", "--wait", "-", stdin=ids)
        return contender.client(setup, store, "results", stdin=ids)

    def run(setup: Setup, store: Store) -> Sample:
        tasks = setup.count(count)
        batch = Batch("bench.noop", range(tasks), ignore_result=False)
        ids = setup.home / "ids"
        ids.write_text("\n".join(batch.ids()) + "\n")
        with running(contender, setup, store, tasks) as (_, stamps):
            store.stage([batch])
            busy = Busy()
            store.release()
            ended = ask(setup, store, ids)
            if wrong := stamps.wrong(range(tasks)):
                raise Failure(wrong)
            sample = of_program(ended, tasks, busy, time=ended.seconds)
        return sample

    return run
