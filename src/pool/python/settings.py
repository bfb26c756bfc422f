"""A Celery configuration as JSON: queues, time spans, patterns and schedules become what a table can hold."""
import datetime
import enum
import pathlib
import re
import sys

#: What was left out: pairs of its place and the reason.
left = []


class Unsupported(Exception):
    pass


def seconds(delta):
    total = delta.total_seconds()
    return int(total) if total == int(total) else total


def queue(value):
    exchange = value.exchange
    table = {"name": value.name, "routing_key": value.routing_key or None}
    if exchange is not None and exchange.name:
        table["exchange"] = exchange.name
        table["exchange_type"] = exchange.type
    for name in ("durable", "auto_delete", "exclusive", "no_ack"):
        given = getattr(value, name, None)
        if given is not None and given != (name == "durable"):
            table[name] = bool(given)
    for name in ("expires", "message_ttl", "max_priority"):
        table[name] = getattr(value, name, None)
    table["queue_arguments"] = encode(value.queue_arguments or None, value.name)
    if value.bindings:
        left.append(["task_queues." + value.name, "several bindings"])
    return {key: given for key, given in table.items() if given is not None}


def inner(value, path):
    """As encode, for a part: what cannot be taken over is left out alone."""
    try:
        return True, encode(value, path)
    except Unsupported as reason:
        left.append([path, str(reason)])
        return False, None


def is_of_kombu(value, name):
    kombu = sys.modules.get("kombu")
    return kombu is not None and isinstance(value, getattr(kombu, name))


def encode(value, path):
    kind = type(value)
    if value is None or isinstance(value, (bool, int)) and not isinstance(value, enum.Enum):
        return value
    if isinstance(value, enum.Enum):
        return encode(value.value, path)
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, (str, pathlib.PurePath)):
        return str(value)
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, datetime.timedelta):
        return seconds(value)
    if isinstance(value, re.Pattern):
        return "/" + value.pattern + "/"
    if is_of_kombu(value, "Queue"):
        return queue(value)
    if is_of_kombu(value, "Exchange"):
        return value.name
    if hasattr(value, "_orig_minute") and hasattr(value, "_orig_day_of_week"):
        fields = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
        given = [getattr(value, "_orig_" + field) for field in fields]
        return " ".join(
            ",".join(map(str, sorted(field))) if isinstance(field, (set, list, tuple)) else str(field)
            for field in given
        )
    if isinstance(getattr(value, "run_every", None), datetime.timedelta):
        return seconds(value.run_every)
    if isinstance(value, dict):
        table = {}
        for key, part in value.items():
            name = "/" + key.pattern + "/" if isinstance(key, re.Pattern) else str(key)
            fine, part = inner(part, path + "." + name)
            if fine:
                table[name] = part
        return table
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
        parts = [inner(part, "%s[%d]" % (path, at)) for at, part in enumerate(items)]
        return [part for fine, part in parts if fine]
    if callable(value):
        raise Unsupported("a function")
    raise Unsupported("a " + kind.__name__)


def changed(conf):
    """The settings of an app that differ from Celery's defaults."""
    from celery.app.defaults import DEFAULTS

    found = []
    for key, default in DEFAULTS.items():
        value = conf[key] if key in conf else default
        if value != default:
            found.append((key, value))
    return found
