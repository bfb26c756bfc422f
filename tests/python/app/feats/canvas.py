"""Steps of chains, groups and chords."""
import time

from celery import chain, chord, group

from .celery import app, note
from .tasks import add, fails


@app.task
def xsum(numbers):
    return sum(numbers)


@app.task
def identity(x):
    return x


@app.task
def double(x):
    return x * 2


@app.task
def collect(results, *more):
    return ["collected", results, *more]


@app.task
def callback(result, key):
    note(key, "callback", result)


@app.task
def errback(task_id, key="errback"):
    note(key, "errback by id")


@app.task
def new_errback(request, exc, traceback, key="errback"):
    note(key, "errback", request.task, repr(exc), bool(traceback))


@app.task(bind=True)
def replaced(self, x):
    raise self.replace(add.s(x, 100))


@app.task(bind=True)
def replaced_by_chain(self, x):
    raise self.replace(chain(add.s(x, 1), double.s()))


@app.task(bind=True)
def replaced_by_group(self, n):
    raise self.replace(group(identity.s(i) for i in range(n)))


@app.task(bind=True)
def replaced_by_chord(self, n):
    raise self.replace(chord([identity.s(i) for i in range(n)], xsum.s()))


@app.task(bind=True)
def replaced_by_failure(self):
    raise self.replace(fails.s("replacement"))


@app.task(bind=True)
def adds_to_chord(self, x):
    self.add_to_chord(identity.s(x * 10))
    return x


@app.task(bind=True)
def sends(self):
    return [add.delay(1, 1).id and 1, add.apply_async((2, 2), countdown=0.05).id and 2]


@app.task(bind=True)
def sends_a_chain(self):
    chain(add.s(1, 1), double.s()).apply_async()
    return "sent"


@app.task(bind=True)
def lineage(self, *_):
    return [self.request.root_id == self.request.id, bool(self.request.parent_id), bool(self.request.group)]


@app.task(bind=True)
def stamps(self, *_):
    request = self.request
    return [sorted(request.stamped_headers or []), request.stamps]


@app.task
def slow_identity(x, seconds=0.1):
    time.sleep(seconds)
    return x
