"""`benches/run` calls this with what it has set up; see README.md."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from .bench import Setup, Store
from .catalogue import BENCHES, chosen
from .machine import machine, versions
from .redis import Redis
from .rounds import Outcome, play
from .sqlite import Sqlite
from .table import header, table


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches/run", description="Benchmarks of rcelery against Celery.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="benchmarks; `growth`: all that show how cost grows")
    parser.add_argument("--only", metavar="NAME,…", default="", help="the same, separated by commas")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each contender runs [default: 5]")
    parser.add_argument("--quick", action="store_true", help="few tasks and one round: shows that all works, not how fast")
    parser.add_argument("--json", metavar="FILE", help="write everything that was measured there; `-`: to standard output")
    parser.add_argument("--profile", choices=["release", "dev"], help="how rcelery is built [default: release]")
    parser.add_argument("--list", action="store_true", help="print names and titles, and run nothing")
    for name in ("repository", "built", "python"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    args = options()
    if args.list:
        for bench in BENCHES:
            print(f"{bench.name:<18} {bench.title}")
        return 0
    try:
        benches = chosen(args.names + [name for name in args.only.split(",") if name])
    except KeyError as error:
        print(f"benches/run: there is no benchmark {error}; --list shows them", file=sys.stderr)
        return 2
    rounds = args.rounds or (1 if args.quick else 5)
    outcomes: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        home = Path(directory)
        setup = Setup(Path(args.repository), Path(args.built), args.python, home, args.quick)
        about, used = machine(), versions(setup)
        stores: dict[str, Store] = {}
        try:
            for bench in benches:
                if bench.store not in stores:
                    stores[bench.store] = {"redis": Redis, "sqlite": Sqlite}[bench.store](home)
                outcomes.append(play(bench, setup, stores[bench.store], rounds))
        finally:
            for store in stores.values():
                store.close()
    rows = [row for outcome in outcomes for row in outcome.rows()]
    # Standard output is one document if it is JSON.
    print(header(about, used, rounds), table(rows, benches), sep="\n", file=sys.stderr if args.json == "-" else sys.stdout)
    if args.json:
        document = {
            "machine": about,
            "versions": used,
            "rounds": rounds,
            "quick": args.quick,
            "rows": [vars(row) for row in rows],
            "benches": [outcome.as_json() for outcome in outcomes],
        }
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        sys.stdout.write(text) if args.json == "-" else Path(args.json).write_text(text)
    return 1 if any(outcome.failures for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
