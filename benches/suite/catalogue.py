"""The table of benchmarks."""

from .bench import CELERY, Bench
from .commands import TIME, WHOLE, command, lines, loop, results
from .contender import Celery, Python, Rcelery
from .drain import drain
from .growth import GROWTH
from .holding import HELD, IDLE, hold, idle
from .messages import Batch
from .progress import update_state
from .sending import LATENCY, enqueue, latency

C2 = Rcelery(("-c", "2"))
C64 = Rcelery(("-c", "64"))
# By default rcelery tells that a task has started, and Celery does not.
NOT_STARTED = Rcelery(("-c", "2", "--", "task.track_started=false"))


def one(task: str, ignore_result: bool, *rest: object):
    """All tasks in one batch."""
    return lambda numbers: [Batch(task, numbers, ignore_result, rest)]


IGNORED = one("bench.ignored", True)
STORED = one("bench.noop", False)
TEN_KB = one("bench.payload", True, "x" * 10_000)
ONE_MB = one("bench.payload", True, "x" * 1_000_000)

AGAINST_CELERY = [
    Bench(
        "drain-ignored",
        "no-op tasks drained, results ignored, Redis",
        "redis",
        {
            "rcelery -c 2": drain(C2, IGNORED, 100_000),
            "rcelery -c 64": drain(C64, IGNORED, 100_000),
            CELERY: drain(Celery(), IGNORED, 2_000),
        },
    ),
    Bench(
        "drain-stored",
        "no-op tasks drained, results stored, Redis",
        "redis",
        {
            "rcelery -c 2": drain(C2, STORED, 100_000),
            "rcelery -c 64": drain(C64, STORED, 100_000),
            "rcelery -c 2, no STARTED": drain(NOT_STARTED, STORED, 100_000),
            CELERY: drain(Celery(), STORED, 2_000),
        },
        note="rcelery stores STARTED and SUCCESS by default, Celery SUCCESS alone",
    ),
    Bench(
        "enqueue",
        "calls sent by one program, Redis",
        "redis",
        {
            "rcelery one by one": enqueue(Rcelery(), 20_000),
            "rcelery by 100": enqueue(Rcelery(), 100_000, 100),
            CELERY: enqueue(Celery(), 4_000),
        },
    ),
    Bench(
        "latency",
        "send → result, idle worker, Redis",
        "redis",
        {"rcelery": latency(C2, 1_000), CELERY: latency(Celery(), 200)},
        LATENCY,
    ),
    Bench(
        "drain-kinds",
        "no-op tasks of other kinds drained, Redis",
        "redis",
        {
            "rcelery, yields once": drain(C2, one("bench.yielding", True), 100_000),
            "rcelery, blocking": drain(C2, one("bench.blocking", True), 100_000),
            CELERY: drain(Celery(), IGNORED, 2_000),
        },
    ),
    Bench(
        "drain-10k",
        "drained with bodies of 10 kB, Redis",
        "redis",
        {"rcelery -c 2": drain(C2, TEN_KB, 20_000), CELERY: drain(Celery(), TEN_KB, 1_500)},
    ),
    Bench(
        "drain-1m",
        "drained with bodies of 1 MB, Redis",
        "redis",
        {
            "rcelery -c 2": drain(C2, ONE_MB, 400, quick=10, warm_up=10),
            CELERY: drain(Celery(), ONE_MB, 150, quick=10, warm_up=10),
        },
    ),
    Bench(
        "update-state",
        "states stored from inside one task, Redis",
        "redis",
        {"rcelery": update_state(C2, 20_000), CELERY: update_state(Celery(), 3_000)},
    ),
    Bench(
        "eta",
        "100,000 tasks with an eta held, Redis",
        "redis",
        {"rcelery": hold(C2, 100_000), CELERY: hold(Celery(), 10_000, scale=10)},
        HELD,
        "Celery holds 10,000; its figures are ten times what was measured",
    ),
    Bench(
        "sqlite-drain",
        "no-op tasks drained, results stored, SQLite",
        "sqlite",
        {
            "rcelery -c 2": drain(C2, STORED, 50_000),
            "rcelery -c 2, four workers": drain(Rcelery(("-c", "2"), workers=4), STORED, 50_000),
            CELERY: drain(Celery(), STORED, 300, warm_up=20),
        },
        note="Celery: one worker",
    ),
    Bench(
        "sqlite-enqueue",
        "calls sent by one program, SQLite",
        "sqlite",
        {
            "rcelery one by one": enqueue(Rcelery(), 20_000),
            "rcelery by 100": enqueue(Rcelery(), 50_000, 100),
            CELERY: enqueue(Celery(), 400),
        },
    ),
    Bench(
        "sqlite-latency",
        "send → result, idle worker, SQLite",
        "sqlite",
        {"rcelery": latency(C2, 200), CELERY: latency(Celery(), 6, quick=2)},
        LATENCY,
    ),
    Bench(
        "version",
        "`--version`, whole process",
        "redis",
        {
            "rcelery": command(Rcelery(), ["--version"], 50, "0."),
            CELERY: command(Celery(), ["--version"], 5, "5."),
        },
        TIME,
    ),
    Bench(
        "send",
        "`send`, whole process, Redis",
        "redis",
        {
            "rcelery": command(Rcelery(), ["send", "bench.noop", "-a", "[0]"], 50, "-"),
            CELERY: command(Celery(), ["call", "bench.noop", "-a", "[0]"], 5, "-"),
        },
        TIME,
    ),
    Bench(
        "status",
        "`status` with a live worker, whole process, Redis",
        "redis",
        {
            "rcelery": command(Rcelery(), ["status"], 20, "1 node online", worker=True),
            CELERY: command(Celery(), ["status"], 3, "1 node online", worker=True),
        },
        TIME,
    ),
    Bench(
        "idle",
        "a worker that has nothing to do, Redis",
        "redis",
        {"rcelery": idle(C2), CELERY: idle(Celery())},
        IDLE,
        "Celery's memory is that of its processes added up",
    ),
    Bench(
        "jsonl",
        "`send --jsonl`, 100,000 lines, whole process, Redis",
        "redis",
        {"rcelery": lines(Rcelery(), 100_000), CELERY: lines(Celery(), 5_000, scale=20)},
        WHOLE,
        "Celery: a script that sends 5,000 lines, times 20",
    ),
    Bench(
        "shell-send",
        "1,000 `send` in a shell loop, Redis",
        "redis",
        {"rcelery": loop(Rcelery(), 1_000), CELERY: loop(Celery(), 10, scale=100)},
        WHOLE,
        "Celery: 10 `celery call`, times 100",
    ),
    Bench(
        "result-wait",
        "`result --wait` of 1,000 ids whose tasks run meanwhile, whole process, Redis",
        "redis",
        {"rcelery": results(C2, 1_000), CELERY: results(Celery(), 1_000)},
        WHOLE,
        "Celery: a script that gets one result after the other",
    ),
]

C8 = ("-P", "prefork", "-c", "8")


def python_drains(batches):
    """Both workers, with two children and with eight."""
    return {
        "rcelery -A -c 2": drain(Python(), batches, 40_000),
        "rcelery -A -c 8": drain(Python(C8), batches, 40_000),
        CELERY: drain(Celery(), batches, 2_000),
        "celery -c 8": drain(Celery(C8), batches, 2_000),
    }


# The same Python app, run by both.
PYTHON = [
    Bench(
        "python-ignored",
        "no-op Python tasks drained, results ignored, Redis",
        "redis",
        python_drains(IGNORED),
    ),
    Bench(
        "python-stored",
        "no-op Python tasks drained, results stored, Redis",
        "redis",
        python_drains(STORED),
    ),
    Bench(
        "python-sqlite",
        "no-op Python tasks drained, results stored, SQLite",
        "sqlite",
        {"rcelery -A -c 2": drain(Python(), STORED, 20_000), CELERY: drain(Celery(), STORED, 300, warm_up=20)},
    ),
    Bench(
        "python-latency",
        "send → result of a Python task, idle worker, Redis",
        "redis",
        {"rcelery -A": latency(Python(), 400), CELERY: latency(Celery(), 200)},
        LATENCY,
    ),
    Bench(
        "python-update-state",
        "states stored from inside one Python task, Redis",
        "redis",
        {"rcelery -A": update_state(Python(), 20_000), CELERY: update_state(Celery(), 3_000)},
    ),
    Bench(
        "python-idle",
        "a worker of a Python app that has nothing to do, Redis",
        "redis",
        {"rcelery -A": idle(Python()), CELERY: idle(Celery())},
        IDLE,
        "memory is that of all processes added up",
    ),
]

BENCHES = AGAINST_CELERY + PYTHON + GROWTH


def chosen(names: list[str]) -> list[Bench]:
    """The benchmarks of these names, in the table's order; `growth` means all of that kind, nothing all others.

    Raises KeyError for a name that there is not.
    """
    if not names:
        return AGAINST_CELERY
    known = {bench.name for bench in BENCHES}
    for name in names:
        if name != "growth" and name not in known:
            raise KeyError(name)
    return [b for b in BENCHES if b.name in names or ("growth" in names and b in GROWTH)]
