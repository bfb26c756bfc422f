"""Tasks with classes of their own."""
from celery import Task

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
    import time

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
