"""Log records as JSON, one object a line, in the form of the program that this process belongs to."""
import datetime
import json
import logging

from celery import current_task, signals
from celery.app import trace

#: What Celery's tracer says of the end of a task, and what monitors know it as.
EVENTS = {
    trace.LOG_SUCCESS: "task.succeeded",
    trace.LOG_RETRY: "task.retried",
    trace.LOG_IGNORED: "task.ignored",
    trace.LOG_REJECTED: "task.rejected",
    trace.LOG_FAILURE: "task.failed",
}
#: Its fields: ours, and Celery's.
FIELDS = (("runtime", "runtime"), ("result", "return_value"), ("exception", "exc"))


class Formatter(logging.Formatter):
    def __init__(self, worker):
        super().__init__()
        self.worker = worker

    def format(self, record):
        when = datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc)
        line = {
            "ts": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "event": "log",
        }
        message = record.getMessage()
        data = getattr(record, "data", None)
        if record.name == trace.__name__ and isinstance(data, dict):
            line["event"] = EVENTS.get(record.msg, "task.log")
            line.update(task=data.get("name"), id=data.get("id"))
            line.update((name, data[key]) for name, key in FIELDS if key in data)
        elif current_task and current_task.request.id:
            line["event"] = "task.log"
            line.update(task=current_task.name, id=current_task.request.id)
        if record.exc_info:
            message += "\n" + self.formatException(record.exc_info)
        line.update(process=record.processName, worker=self.worker, message=message)
        return json.dumps(line, default=str, ensure_ascii=False)


def connect(worker):
    """Has the handlers that Celery sets up write JSON."""
    formatter = Formatter(worker)

    def replace(logger, **_):
        for handler in logger.handlers:
            handler.setFormatter(formatter)

    signals.after_setup_logger.connect(replace, weak=False)
    signals.after_setup_task_logger.connect(replace, weak=False)
