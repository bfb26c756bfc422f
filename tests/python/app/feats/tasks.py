"""Tasks of each kind."""
import asyncio
import datetime
import decimal
import os
import signal
import sys
import threading
import time
import uuid

from billiard.exceptions import SoftTimeLimitExceeded
from celery import Task, current_task, shared_task
from celery.exceptions import Ignore, Reject
from celery.utils.log import get_task_logger

from .celery import app, note

logger = get_task_logger(__name__)


class Odd(Exception):
    """One with more than a message."""

    def __init__(self, code, text="odd"):
        super().__init__(code, text)
        self.code = code


class Unpicklable(Exception):
    def __init__(self, *, handle=None):
        super().__init__("can't be sent")
        self.handle = handle or threading.Lock()


@app.task
def add(x, y):
    return x + y


@app.task
def echo(*args, **kwargs):
    return [args, kwargs]


@app.task
def nothing():
    pass


@shared_task
def shared(x):
    return x * 2


@app.task(name="another.name")
def named():
    return "by another name"


@app.task(bind=True)
def who(self):
    request = self.request
    return {
        "task": request.task,
        "args": request.args,
        "kwargs": request.kwargs,
        "retries": request.retries,
        "eager": request.is_eager,
        "direct": request.called_directly,
        "host": request.hostname.split("@")[0],
        "routing_key": request.delivery_info["routing_key"],
        "exchange": request.delivery_info["exchange"],
        "redelivered": request.delivery_info["redelivered"],
        "priority": request.delivery_info["priority"],
        "correlation": request.correlation_id == request.id,
        "root": request.root_id == request.id,
        "parent": request.parent_id,
        "timelimit": request.timelimit,
        "lang": request.properties is not None,
        "group": request.group,
        "chord": request.chord,
        "same": current_task.request.id == request.id,
        "argsrepr": request.argsrepr,
        "ignore_result": request.ignore_result,
        "origin": bool(request.origin),
        "reply_to": bool(request.reply_to),
        "expires": request.expires,
        "utc": request.utc,
        "keys": sorted(key for key in vars(request) if not key.startswith("_")),
    }


@app.task(bind=True)
def headers(self):
    return self.request.headers.get("tenant") if self.request.headers else self.request.get("tenant")


@app.task
def types():
    return {
        "when": datetime.datetime(2030, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
        "day": datetime.date(2030, 1, 2),
        "exact": decimal.Decimal("1.10"),
        "id": uuid.UUID(int=7),
        "bytes": b"abc",
        "tuple": (1, 2),
        "big": 2**70,
        "text": "Grüße \u2603",
    }


@app.task
def takes(value):
    return [type(value).__name__, repr(value)]


@app.task
def fails(text="boom"):
    raise ValueError(text)


@app.task
def fails_oddly():
    raise Odd(42)


@app.task
def fails_unpicklably():
    raise Unpicklable()


@app.task
def fails_in_a_chain():
    try:
        raise KeyError("inner")
    except KeyError as error:
        raise RuntimeError("outer") from error


@app.task(throws=(KeyError,))
def throws():
    raise KeyError("expected")


@app.task
def not_serializable():
    return object()


@app.task
def exits():
    sys.exit(3)


@app.task
def interrupts():
    raise KeyboardInterrupt


@app.task
def out_of_memory():
    raise MemoryError("no more")


@app.task(bind=True, max_retries=2, default_retry_delay=0.1)
def retries(self, until):
    if self.request.retries < until:
        raise self.retry(exc=ConnectionError("upstream is down"))
    return self.request.retries


@app.task(bind=True, max_retries=3)
def retries_with_args(self, n):
    if n < 3:
        raise self.retry(args=(n + 1,), countdown=0.05)
    return n


@app.task(bind=True, max_retries=1)
def retries_without_reason(self):
    raise self.retry(countdown=0.05)


@app.task(autoretry_for=(ConnectionError,), retry_kwargs={"max_retries": 2, "countdown": 0.05})
def autoretries():
    raise ConnectionError("again")


@app.task(bind=True, autoretry_for=(ValueError,), max_retries=5, retry_backoff=False, default_retry_delay=0.05)
def autoretries_then_works(self):
    if self.request.retries < 2:
        raise ValueError("not yet")
    return "worked at %d" % self.request.retries


@app.task(ignore_result=True)
def ignored_result():
    return "nobody reads this"


@app.task(ignore_result=True, store_errors_even_if_ignored=True)
def ignored_but_errors():
    raise ValueError("kept")


@app.task
def ignores():
    raise Ignore()


@app.task(bind=True)
def ignores_with_state(self):
    self.update_state(state="CUSTOM", meta={"mine": 1})
    raise Ignore()


@app.task(acks_late=True)
def rejects():
    raise Reject("no good", requeue=False)


@app.task(bind=True, acks_late=True)
def rejects_once(self):
    if not self.request.delivery_info["redelivered"]:
        raise Reject("try again", requeue=True)
    return "second time"


@app.task(bind=True)
def progresses(self, steps):
    for step in range(steps):
        self.update_state(state="PROGRESS", meta={"current": step, "total": steps})
        time.sleep(0.05)
    return steps


@app.task(bind=True)
def reads_own_state(self):
    self.update_state(state="PROGRESS", meta={"current": 1})
    return [self.AsyncResult(self.request.id).state, self.AsyncResult(self.request.id).info]


@app.task(bind=True, track_started=True)
def tracked(self):
    return self.AsyncResult(self.request.id).state


@app.task(rate_limit="100/s")
def limited():
    return "limited"


@app.task
def routed():
    return "over there"


@app.task(bind=True)
def annotated(self):
    return self.max_retries


@app.task(soft_time_limit=0.5)
def soft_limit():
    time.sleep(20)


@app.task(soft_time_limit=0.5, time_limit=10)
def handles_soft_limit():
    try:
        time.sleep(20)
    except SoftTimeLimitExceeded:
        return "cleaned up"


@app.task(time_limit=1)
def hard_limit():
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    time.sleep(20)


@app.task
def sleeps(seconds):
    time.sleep(seconds)
    return seconds


@app.task
def cleans_up(path):
    try:
        time.sleep(20)
    finally:
        with open(path, "w") as file:
            file.write("clean")


@app.task
def dies(number=signal.SIGKILL):
    os.kill(os.getpid(), number)
    time.sleep(20)


@app.task
def leaves(code):
    os._exit(code)


@app.task(acks_late=True, reject_on_worker_lost=True, bind=True)
def dies_once(self):
    if not self.request.delivery_info["redelivered"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return "the second time"


@app.task(acks_late=True)
def dies_late():
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(acks_late=True, retry_on_worker_lost=True, default_retry_delay=0.1, bind=True)
def dies_and_is_retried(self):
    if self.request.retries == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return self.request.retries


@app.task
def prints(text):
    print(text)
    print(text, file=sys.stderr)
    logger.warning("logged %s", text)


@app.task
def prints_much():
    for _ in range(1000):
        print("x" * 10_000)
    return "printed"


@app.task
def changes_directory():
    os.chdir("/")
    return os.getcwd()


@app.task
def where():
    return os.getcwd()


@app.task
def breaks_signals():
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    return "ignored all"


@app.task
def forks():
    pid = os.fork()
    if pid == 0:
        return "the child goes on"
    os.waitpid(pid, 0)
    return "the parent"


@app.task
def closes_descriptors():
    os.closerange(3, 200)
    return "closed"


@app.task
def large(size):
    return "x" * size


@app.task
def length(text):
    return len(text)


@app.task
def pid():
    return os.getpid()


@app.task
def stores_from_a_thread():
    thread_id = current_task.request.id
    thread = threading.Thread(target=lambda: app.backend.store_result(thread_id, {"by": "thread"}, "PROGRESS"))
    thread.start()
    thread.join()
    return app.AsyncResult(thread_id).state


@app.task
async def coroutine():
    await asyncio.sleep(0)
    return "async"


class Counting(Task):
    """State that lives as long as the process."""

    _made = None

    @property
    def connection(self):
        if self._made is None:
            self._made = ["connection"]
        return self._made


@app.task(base=Counting, bind=True)
def has_a_base(self):
    return self.connection


@app.task(bind=True)
def counts(self, path):
    note(path, self.request.id)
    return self.request.id
