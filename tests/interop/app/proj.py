"""The Python side of the tests: an ordinary Celery app, used as producer, worker and command line."""

import json
import os
import time

from celery import Celery, chain, chord, group, signature, uuid
from celery.exceptions import Ignore, Reject
from celery.result import AsyncResult, GroupResult

app = Celery("proj", broker=os.environ["BROKER"], backend=os.environ["BACKEND"])
app.conf.broker_connection_retry_on_startup = True
app.conf.update(json.loads(os.environ.get("CONF", "{}")))


def sig(name, *args, **options):
    """A signature of a task that this app does not have; `immutable` and `kwargs` are taken out of the options."""
    immutable = options.pop("immutable", False)
    kwargs = options.pop("kwargs", {})
    return signature(name, args=args, kwargs=kwargs, options=options, app=app, immutable=immutable)


def state(task_id):
    """The state and the value of a task, as AsyncResult reads them."""
    result = AsyncResult(task_id, app=app)
    return [result.state, result.result]


def until(fact, seconds=20):
    """Polls until `fact()` is true, and returns what it gave."""
    end = time.time() + seconds
    while True:
        value = fact()
        if value or time.time() > end:
            return value
        time.sleep(0.02)


def mark(path, line):
    """Adds a line to a file that several processes write to."""
    with open(path, "a") as f:
        f.write(f"{line}\n")


@app.task
def add(x, y):
    return x + y


@app.task
def xsum(numbers):
    return sum(numbers)


@app.task
def echo(*args, **kwargs):
    return {"args": list(args), "kwargs": kwargs}


@app.task
def fail(message="boom"):
    raise ValueError(message)


@app.task(bind=True)
def progress(self, total, step=0.05):
    for i in range(total):
        self.update_state(state="PROGRESS", meta={"current": i, "total": total, "status": f"step {i}"})
        time.sleep(step)
    return {"current": total, "total": total, "status": "done"}


@app.task(bind=True, max_retries=3)
def flaky(self, succeed_at):
    if self.request.retries < succeed_at:
        raise self.retry(exc=ConnectionError("not yet"), countdown=0)
    return self.request.retries


@app.task
def sleepy(seconds):
    time.sleep(seconds)
    return seconds


@app.task(ignore_result=True)
def quiet():
    return "nobody reads this"


@app.task(acks_late=True)
def late(path, n, seconds=0):
    mark(path, n)
    time.sleep(seconds)
    return n


@app.task
def ignored():
    raise Ignore()


@app.task(acks_late=True)
def rejected():
    raise Reject("no good", requeue=False)


@app.task(bind=True)
def whoami(self):
    request = self.request
    return {"id": request.id, "root_id": request.root_id, "parent_id": request.parent_id, "retries": request.retries,
            "hostname": request.hostname, "headers": request.headers}


@app.task(bind=True)
def sends(self, name, args):
    """Sends another task by name: a child in another worker."""
    return self.app.send_task(name, args=args).id


@app.task
def errback(failed_id):
    return f"handled {failed_id}"
