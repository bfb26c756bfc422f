"""Runs the contenders of a benchmark in turns."""

import sys
import time
from dataclasses import asdict, dataclass, field
from statistics import median

from .bench import Bench, Metric, Sample, Setup, Store
from .goals import GOALS
from .program import Failure

BUSY = 0.15
"""Runs during which others used more of the machine than this are marked."""


@dataclass
class Row:
    """One line of the table: a metric of a contender over all rounds."""

    bench: str
    contender: str
    metric: str
    unit: str
    median: float
    min: float
    max: float
    ratio: float | None
    """Median of how many times better than the benchmark's base, each within its round."""
    cpu_us: float | None
    redis_us: float | None
    peak_mb: float
    pss_mb: float
    goal: str | None
    met: bool | None
    busy: bool


@dataclass
class Outcome:
    bench: Bench
    samples: list[dict[str, Sample]] = field(default_factory=list)
    """By contender, for each round."""
    failures: list[dict] = field(default_factory=list)

    def rows(self) -> list[Row]:
        rows = [self._row(name, metric) for metric in self.bench.metrics for name in self.bench.contenders]
        return [row for row in rows if row]

    def as_json(self) -> dict:
        samples = [
            {"round": number, "contender": contender, **asdict(sample)}
            for number, of_round in enumerate(self.samples)
            for contender, sample in of_round.items()
        ]
        bench = self.bench
        names = {"name": bench.name, "title": bench.title, "store": bench.store, "base": bench.base, "note": bench.note}
        return names | {"samples": samples, "failures": self.failures}

    def _row(self, contender: str, metric: Metric) -> Row | None:
        bench = self.bench
        samples = [of_round[contender] for of_round in self.samples if contender in of_round]
        if not samples:
            return None
        values = [sample.values[metric.name] for sample in samples]
        ratio = None if contender == bench.base else self._ratio(contender, metric)
        goal = GOALS.get((bench.name, contender, metric.name))
        return Row(
            bench.name,
            contender,
            metric.name,
            metric.unit,
            median(values),
            min(values),
            max(values),
            ratio,
            _median([sample.cpu_us for sample in samples]),
            _median([sample.redis_us for sample in samples]),
            max(sample.peak_kb for sample in samples) / 1024,
            max(sample.pss_kb for sample in samples) / 1024,
            str(goal) if goal else None,
            goal.met(median(values), ratio) if goal else None,
            any(sample.busy > BUSY for sample in samples),
        )

    def _ratio(self, contender: str, metric: Metric) -> float | None:
        base, ratios = self.bench.base, []
        for of_round in self.samples:
            if contender in of_round and base in of_round:
                ours, theirs = (of_round[name].values[metric.name] for name in (contender, base))
                better, worse = (ours, theirs) if metric.more_is_better else (theirs, ours)
                if worse > 0:
                    ratios.append(better / worse)
        return median(ratios) if ratios else None


def play(bench: Bench, setup: Setup, store: Store, rounds: int) -> Outcome:
    """Runs all contenders once per round, each time another one first."""
    outcome = Outcome(bench)
    names = list(bench.contenders)
    for number in range(rounds):
        of_round: dict[str, Sample] = {}
        first = number % len(names)
        for contender in names[first:] + names[:first]:
            start = time.monotonic()
            try:
                sample = bench.contenders[contender](setup, store)
            except Failure as failure:
                outcome.failures.append({"round": number, "contender": contender, "what": str(failure)})
                _say(f"{bench.name}: {contender}: FAILED: {failure}")
                continue
            of_round[contender] = sample
            values = ", ".join(f"{name} {value:,.4g}" for name, value in sample.values.items())
            mark = " *" if sample.busy > BUSY else ""
            _say(f"{bench.name}: {contender}: {values}{mark} ({time.monotonic() - start:.1f} s)")
        outcome.samples.append(of_round)
    return outcome


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
