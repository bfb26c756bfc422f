"""Tasks with classes of their own."""
import os
import time

from celery import Task
from celery.worker.request import Request

from .celery import app, note


class Hooked(Task):
    abstract = True

    def before_start(self, task_id, args, kwargs):
        note(task_id, "before_start", args, kwargs)

    def on_success(self, retval, task_id, args, kwargs):
        note(task_id, "on_success", retval)

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        note(task_id, "on_failure", repr(exc), str(einfo).strip().splitlines()[-1] if einfo else None)

    def on_retry(self, exc, task_id, args, kwargs, einfo):
        note(task_id, "on_retry", repr(exc))

    def after_return(self, status, retval, task_id, args, kwargs, einfo):
        note(task_id, "after_return", status, repr(retval))


@app.task(base=Hooked)
def hooked(x):
    return x


@app.task(base=Hooked)
def hooked_fails():
    raise ValueError("hooked")


@app.task(base=Hooked, bind=True, max_retries=1, default_retry_delay=0.05)
def hooked_retries(self):
    if not self.request.retries:
        raise self.retry(exc=KeyError("once"))
    return "retried"


@app.task(base=Hooked, time_limit=1)
def hooked_hard_limit():
    time.sleep(20)


class Called(Task):
    """Wraps each call."""

    def __call__(self, *args, **kwargs):
        return ["called", super().__call__(*args, **kwargs)]


@app.task(base=Called)
def called(x):
    return x


class Broken(Task):
    def on_success(self, retval, task_id, args, kwargs):
        raise RuntimeError("a hook that fails")


@app.task(base=Broken)
def breaks_in_hook():
    return "stored before"


class ByClass(Task):
    name = "feats.hooks.ByClass"

    def run(self, x, y=2):
        return [x, y, self.request.id is not None]


by_class = app.register_task(ByClass())


class Told(Request):
    """Is told how runs end."""

    def on_timeout(self, soft, timeout):
        if not soft:
            note(self.id, "request on_timeout", timeout, self.name, self.args)
        return super().on_timeout(soft, timeout)

    def on_failure(self, exc_info, send_failed_event=True, return_ok=False):
        note(self.id, "request on_failure", type(exc_info.exception).__name__ if return_ok else "lost", self.task.name, self.kwargs)
        return super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)

    def on_retry(self, exc_info):
        note(self.id, "request on_retry", self.request_dict["retries"])
        return super().on_retry(exc_info)


class Telling(Task):
    Request = "feats.hooks:Told"


@app.task(base=Telling, bind=True, max_retries=1)
def told(self, how):
    if how == "fails":
        raise ValueError("told")
    if how == "retries" and not self.request.retries:
        raise self.retry(exc=KeyError("once"), countdown=0.3)
    if how == "hangs":
        time.sleep(20)
    if how == "dies":
        os._exit(4)
    return how
