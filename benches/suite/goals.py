"""What is to be reached on two cores, by benchmark, contender and metric."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    value: float
    kind: str
    """`ratio`: so many times as good as the base in the same round; `least`, `most`: in the metric's unit."""

    def __str__(self) -> str:
        return {"ratio": "≥ {:g} ×", "least": "≥ {:,g}", "most": "≤ {:g}"}[self.kind].format(self.value)

    def met(self, median: float, ratio: float | None) -> bool | None:
        """None where there is nothing to compare with."""
        match self.kind:
            case "ratio":
                return None if ratio is None else ratio >= self.value
            case "least":
                return median >= self.value
        return median <= self.value


def ratio(value: float) -> Goal:
    return Goal(value, "ratio")


def least(value: float) -> Goal:
    return Goal(value, "least")


def most(value: float) -> Goal:
    return Goal(value, "most")


GOALS = {
    ("drain-ignored", "rcelery -c 2", "rate"): ratio(50),
    ("drain-ignored", "rcelery -c 64", "rate"): ratio(50),
    ("drain-stored", "rcelery -c 2", "rate"): ratio(50),
    ("drain-stored", "rcelery -c 64", "rate"): ratio(50),
    ("drain-stored", "rcelery -c 2, no STARTED", "rate"): ratio(50),
    ("drain-10k", "rcelery -c 2", "rate"): ratio(30),
    ("drain-1m", "rcelery -c 2", "rate"): ratio(10),
    ("enqueue", "rcelery one by one", "rate"): ratio(5),
    ("enqueue", "rcelery by 100", "rate"): ratio(40),
    ("sqlite-drain", "rcelery -c 2", "rate"): least(20_000),
    ("sqlite-drain", "rcelery -c 2, four workers", "rate"): least(12_000),
    ("sqlite-enqueue", "rcelery one by one", "rate"): least(10_000),
    ("latency", "rcelery", "p50"): most(0.6),
    ("latency", "rcelery", "p99"): most(2),
    ("sqlite-latency", "rcelery", "p50"): most(10),
    ("update-state", "rcelery", "rate"): least(12_000),
    ("eta", "rcelery", "memory"): most(40),
    ("eta", "rcelery", "time"): most(3),
    ("version", "rcelery", "time"): most(4),
    ("send", "rcelery", "time"): most(10),
    ("status", "rcelery", "time"): most(40),
    ("idle", "rcelery", "rss"): most(15),
    ("idle", "rcelery", "ready"): most(100),
    ("python-ignored", "rcelery -A -c 2", "rate"): ratio(20),
    ("python-stored", "rcelery -A -c 2", "rate"): ratio(20),
    ("python-update-state", "rcelery -A", "rate"): ratio(5),
    ("python-idle", "rcelery -A", "ready"): ratio(1),
    # The rate is flat within 20 %.
    ("growth-queued", "1,000 queued", "rate"): ratio(0.8),
    ("growth-queued", "10,000 queued", "rate"): ratio(0.8),
    ("growth-queued", "1,000,000 queued", "rate"): ratio(0.8),
    # Where there are cores for workers and Redis.
    ("growth-workers", "two workers", "rate"): ratio(1.6),
}
