"""How cost grows with what there is of it: rcelery alone, each size a contender."""

from .bench import Bench
from .contender import Rcelery
from .drain import drain
from .holding import HELD, hold
from .messages import Batch

C2 = Rcelery(("-c", "2"))


def ignored(queue: str = "celery", priority: int = 0):
    return lambda numbers: [Batch("bench.ignored", numbers, queue=queue, priority=priority)]


def payload(size: int):
    data = "x" * size
    return lambda numbers: [Batch("bench.payload", numbers, rest=(data,))]


def spread(queues: list[str]):
    """The same number of tasks in each queue."""
    return lambda numbers: [Batch("bench.ignored", part, queue=name) for name, part in _parts(numbers, queues)]


def ranked(numbers: range) -> list[Batch]:
    """The same number of tasks of each priority."""
    return [Batch("bench.ignored", part, priority=int(rank)) for rank, part in _parts(numbers, ["0", "3", "6", "9"])]


def _parts(numbers: range, names: list[str]) -> list[tuple[str, range]]:
    size = -(-len(numbers) // len(names))
    return [(name, numbers[i * size : (i + 1) * size]) for i, name in enumerate(names)]


def _queues(count: int) -> list[str]:
    return [f"q{number}" for number in range(count)]


GROWTH = [
    Bench(
        "growth-queued",
        "drain of more and more tasks that wait",
        "redis",
        {f"{count:,} queued": drain(C2, ignored(), count) for count in (1_000, 10_000, 100_000, 1_000_000)},
        base="100,000 queued",
    ),
    Bench(
        "growth-bodies",
        "drain of larger and larger tasks",
        "redis",
        {
            "100 B": drain(C2, payload(100), 100_000),
            "10 kB": drain(C2, payload(10_000), 20_000),
            "1 MB": drain(C2, payload(1_000_000), 400, quick=5, warm_up=5),
        },
        base=None,
    ),
    Bench(
        "growth-queues",
        "drain of more and more queues, 100,000 tasks in all",
        "redis",
        {
            f"{count} queue{'s'[: count - 1]}": drain(C2, spread(_queues(count)), 100_000, queues=",".join(_queues(count)))
            for count in (1, 4, 16, 64)
        },
        base="1 queue",
    ),
    Bench(
        "growth-priorities",
        "drain of one priority and of four",
        "redis",
        {"one": drain(C2, ignored(), 100_000), "four": drain(C2, ranked, 100_000)},
        base="one",
    ),
    Bench(
        "growth-slots",
        "drain with more and more slots",
        "redis",
        {f"-c {slots}": drain(Rcelery(("-c", str(slots))), ignored(), 100_000) for slots in (1, 2, 4, 16, 64)},
        base="-c 2",
    ),
    Bench(
        "growth-workers",
        "drain of one queue by one worker and by two",
        "redis",
        {
            "one worker": drain(C2, ignored(), 100_000),
            "two workers": drain(Rcelery(("-c", "2"), workers=2), ignored(), 100_000),
        },
        base="one worker",
    ),
    Bench(
        "growth-eta",
        "tasks with an eta held",
        "redis",
        {f"{count:,} held": hold(C2, count) for count in (1_000, 10_000, 50_000)},
        HELD,
        base=None,
    ),
]
