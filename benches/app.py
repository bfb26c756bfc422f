"""Celery as contender: the tasks of `tasks.rs`, under the same names.

`celery -A app worker` with this directory in PYTHONPATH. Broker and back end come from Celery's own variables.
"""

import os
from pathlib import Path

from celery import Celery, signals
from suite import stamps

app = Celery("bench", broker=os.environ["CELERY_BROKER_URL"], backend=os.environ["CELERY_RESULT_BACKEND"])


@signals.worker_ready.connect
def tell(**_):
    """Makes the file that `rcelery worker --ready-file` makes."""
    if path := os.environ.get("BENCH_READY"):
        Path(path).touch()


@app.task(name="bench.noop")
def noop(n):
    stamps.stamp(n)
    return n


@app.task(name="bench.ignored", ignore_result=True)
def ignored(n):
    stamps.stamp(n)


@app.task(name="bench.payload", ignore_result=True)
def payload(n, data):
    stamps.stamp(n)


@app.task(name="bench.progress", bind=True)
def progress(self, n, times):
    for current in range(times):
        self.update_state(state="PROGRESS", meta={"current": current, "total": times})
        stamps.stamp(n + current)
