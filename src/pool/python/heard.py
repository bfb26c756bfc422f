"""Signals about messages that Celery's worker sends in its main process: received, of an unknown task, no task at all."""
import base64
import json
import marshal

from celery import signals
from celery.worker.request import Request
from kombu.message import Message
from kombu.serialization import prepare_accept_content

from _rcelery import requests


def message_of(app, order):
    """The message as kombu has it, and its arguments if they are at hand."""
    head, body = (base64.b64decode(order[part]) for part in ("head", "body"))
    headers = marshal.loads(head) if order["plain"] else json.loads(head)
    loaded = marshal.loads(body) if order["plain"] else None
    content_type, encoding = headers.pop("_content_type"), headers.pop("_content_encoding")
    message = Message(
        body=json.dumps(loaded) if order["plain"] else body,
        content_type=content_type,
        content_encoding=encoding,
        headers=headers,
        properties=headers.get("properties") or {},
        delivery_info=headers.get("delivery_info"),
        accept=prepare_accept_content(app.conf.accept_content),
    )
    return message, loaded


def send(worker, order):
    app, sender = worker.app, worker.consumer
    message, loaded = message_of(app, order)
    name, id = message.headers.get("task"), message.headers.get("id")
    if order["signal"] == "task_unknown":
        signals.task_unknown.send(sender=sender, message=message, exc=KeyError(name), name=name, id=id)
    elif order["signal"] == "task_rejected":
        signals.task_rejected.send(sender=sender, message=message, exc=None)
    else:
        more = {} if loaded is None else {"body": loaded, "decoded": True, "headers": message.headers}
        task = app.tasks[name]
        kind = requests.class_of(task) or Request
        request = kind(message, app=app, task=task, hostname=worker.hostname, **more)
        signals.task_received.send(sender=sender, request=request)
