"""The Python side of the tests: an ordinary Celery app, used as producer, worker and command line.

`worker.rs` has the same tasks in Rust.
"""

import json
import os
import time

from celery import Celery, chain, chord, group, signature, uuid
from celery.exceptions import ChordError, Ignore, Reject, TaskRevokedError
from celery.result import AsyncResult, GroupResult

app = Celery("proj", broker=os.environ["BROKER"], backend=os.environ["BACKEND"])
app.conf.broker_connection_retry_on_startup = True
app.conf.result_extended = True
app.conf.update(json.loads(os.environ.get("CONF", "{}")))


def sig(name, *args, **options):
    """A signature of a task that this app does not have; `immutable` and `kwargs` are taken out of the options."""
    immutable = options.pop("immutable", False)
    kwargs = options.pop("kwargs", {})
    return signature(name, args=args, kwargs=kwargs, options=options, app=app, immutable=immutable)


def at(task_id):
    """The result of a task by its id."""
    return AsyncResult(task_id, app=app)


def get(result, timeout=30):
    """Waits for a value, or raises what the task raised."""
    return result.get(timeout=timeout, interval=0.02)


def outcome(result, timeout=30):
    """Waits for the end: the state and the value, or the state, the exception's type and its arguments."""
    value = result.get(timeout=timeout, interval=0.02, propagate=False)
    if isinstance(value, BaseException):
        return [result.state, type(value).__name__, list(value.args)]
    return [result.state, value]


def until(fact, seconds=20):
    """Polls until `fact()` is true, and returns what it gave."""
    end = time.time() + seconds
    while True:
        value = fact()
        if value or time.time() > end:
            return value
        time.sleep(0.02)


def waiting(queue="celery"):
    """How many messages wait in a queue."""
    with app.connection_for_read() as connection:
        return connection.default_channel._size(queue)


def put(text, queue="celery"):
    """Puts a text into a queue as it is, whatever it is."""
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        if hasattr(channel, "client"):
            channel.client.lpush(queue, text)
        else:
            # What kombu would do with an object, with a text that it would not write.
            channel.queue_declare(queue)
            message = channel.message_cls(text, channel._get_or_create(queue))
            channel.session.add(message)
            channel.session.commit()


def marks(path):
    """The lines of such a file, as numbers."""
    try:
        with open(path) as f:
            return [int(line) for line in f]
    except FileNotFoundError:
        return []


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
def identity(value):
    return value


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
def panic():
    raise RuntimeError("a bug of the task")


@app.task
def sleepy(seconds):
    time.sleep(seconds)
    return seconds


@app.task
def blocks(seconds):
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
def whoami(self, seconds=0):
    time.sleep(seconds)
    request = self.request
    return {"id": request.id, "root_id": request.root_id, "parent_id": request.parent_id, "retries": request.retries,
            "hostname": request.hostname, "headers": request.headers or {}}


@app.task(bind=True)
def sends(self, name, args):
    """Sends another task by name and does not wait for it."""
    return self.app.send_task(name, args=args).id


@app.task
def joins():
    """Waits for another task where that is not allowed."""
    try:
        return f"waited: {identity.delay(None).get(timeout=5)}"
    except RuntimeError as error:
        return str(error)


@app.task
def errback(failed_id):
    return f"handled {failed_id}"
