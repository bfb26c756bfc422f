"""Celery as contender: what `client.rs` does, with the same arguments and the same answer."""

import json
import sys
import time

from app import noop
from celery.result import AsyncResult

WARM_UP = 20


def enqueue(count):
    """One by one: Celery has no call for many."""
    for n in range(WARM_UP):
        noop.delay(n)
    start, used = time.perf_counter(), time.process_time()
    for n in range(WARM_UP, WARM_UP + count):
        noop.delay(n)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "cpu": time.process_time() - used, "warm_up": WARM_UP}


def latency(count):
    seconds = []
    warm_up = min(count, WARM_UP)
    for n in range(warm_up + count):
        start = time.perf_counter()
        noop.delay(n).get(timeout=60)
        if n >= warm_up:
            seconds.append(time.perf_counter() - start)
    return seconds


def lines():
    """Sends what is on standard input, a call per line: `rcelery send --jsonl -`."""
    start = time.perf_counter()
    for line in sys.stdin:
        call = json.loads(line)
        noop.app.send_task(call["task"], call["args"])
    return {"seconds": time.perf_counter() - start}


def results():
    """Waits for the ids on standard input: `rcelery result --wait -`."""
    waiting = [AsyncResult(line.strip(), app=noop.app) for line in sys.stdin]
    return [result.get(timeout=60) for result in waiting]


match sys.argv[1:]:
    case ["enqueue", count, "1"]:
        answer = enqueue(int(count))
    case ["latency", count]:
        answer = {"seconds": latency(int(count))}
    case ["lines"]:
        answer = lines()
    case ["results"]:
        answer = results()
    case _:
        sys.exit("usage: client.py enqueue COUNT 1 | latency COUNT | lines | results")
print(json.dumps(answer))
