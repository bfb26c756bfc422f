"""Request classes of an app's own (`Task.Request`): what they do at the end of a run is done in the process of the task.

Celery has them in its main process. There is no pool and no connection here: `on_failure`, `on_retry` and `on_timeout` are
called, and whatever they send of events or acknowledge has been, or will be, by the program that feeds this process.
"""
from celery.app.task import Task
from celery.utils.imports import symbol_by_name
from kombu.message import Message

_found = {}


def class_of(task):
    """The class, if it is not Celery's."""
    given = task.Request
    if given is Task.Request or given == Task.Request:
        return None
    if given not in _found:
        _found[given] = symbol_by_name(given)
    return _found[given]


def make(kind, app, task, request):
    """The request of a run as an object of that class. `request` is what the run was told."""
    names = ("callbacks", "errbacks", "chain", "chord")
    args, kwargs = request["args"], request["kwargs"]
    message = Message(
        content_type="application/json",
        content_encoding="utf-8",
        headers=request,
        properties=request.get("properties") or {},
        delivery_info=request.get("delivery_info"),
    )
    return kind(
        message,
        app=app,
        task=task,
        hostname=request.get("hostname"),
        headers=request,
        body=(args, kwargs, {name: request.get(name) for name in names}),
        decoded=True,
    )


def of(app, task, request):
    """The request as the app wants it; none if it has no class of its own."""
    kind = class_of(task)
    return kind and make(kind, app, task, request)
