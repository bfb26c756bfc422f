"""The figures as text."""

from itertools import groupby

from .bench import Bench
from .rounds import Row

HEADINGS = ["contender", "", "median", "min – max", "ratio", "goal", "", "CPU µs", "Redis µs", "peak MB", "PSS MB"]
LEFT = {0, 1}


def header(machine: dict, versions: dict, rounds: int) -> str:
    return (
        f"{machine['cores']} × {machine['cpu']}, {machine['memory_gb']} GB, Linux {machine['kernel']}; {machine['date']}\n"
        + ", ".join(f"{name} {version}" for name, version in versions.items())
        + f"; {rounds} rounds"
    )


def table(rows: list[Row], benches: list[Bench]) -> str:
    lines = [[*HEADINGS]]
    titles = {}
    by_name = {bench.name: bench for bench in benches}
    for name, of_bench in groupby(rows, lambda row: row.bench):
        bench = by_name[name]
        titles[len(lines)] = f"{name}: {bench.title}" + (f" ({bench.note})" if bench.note else "")
        lines += [_cells(row) for row in of_bench]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS))]
    text = []
    for number, line in enumerate(lines):
        if number in titles:
            text += ["", titles[number]]
        cells = (cell.ljust(width) if i in LEFT else cell.rjust(width) for i, (cell, width) in enumerate(zip(line, widths)))
        text.append("  " + "  ".join(cells).rstrip())
    if any(row.busy for row in rows):
        text += ["", "* others used more than 15 % of the machine during a run"]
    return "\n".join(text)


def _cells(row: Row) -> list[str]:
    return [
        row.contender + (" *" if row.busy else ""),
        row.metric,
        f"{_number(row.median)} {row.unit}",
        f"{_number(row.min)} – {_number(row.max)}",
        "" if row.ratio is None else f"{_number(row.ratio)} ×",
        row.goal or "",
        {True: "met", False: "MISSED", None: ""}[row.met],
        "" if row.cpu_us is None else _number(row.cpu_us),
        "" if row.redis_us is None else _number(row.redis_us),
        _number(row.peak_mb) if row.peak_mb else "",
        _number(row.pss_mb) if row.pss_mb else "",
    ]


def _number(value: float) -> str:
    """Three digits, or all before the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
