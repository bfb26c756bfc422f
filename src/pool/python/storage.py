"""Results that the program at the other end stores: the back end of the app encodes them, and nothing waits.

Whoever reads through the back end, or writes anything but a result, waits first until all that was handed over is
stored: a task sees what it has written. Other back ends, and those of a kind of their own, store by themselves.
"""
import datetime
import struct
import threading

from billiard.exceptions import SoftTimeLimitExceeded
from celery.states import SUCCESS
from celery.utils import time as celery_time
from kombu.utils.encoding import bytes_to_str, ensure_bytes
from kombu.utils.json import JSONEncoder

#: Forms of what is handed over: the object as a key-value store keeps it, or the columns of a row.
OBJECT, ROW = b"o", b"r"
#: form, length of the task id, length of the state.
HEAD = struct.Struct("<cHB")
COLUMN = struct.Struct("<I")
#: The length of a column that is null.
NULL = 0xFFFFFFFF

COLUMNS = (
    "result",
    "date_done",
    "traceback",
    "children",
    "name",
    "args",
    "kwargs",
    "worker",
    "retries",
    "queue",
    "stamps",
)

_here = threading.local()
#: The port of a process with one; threads that a task starts use it, too.
_only = None


def use(port):
    """From now on results of this thread go over this port."""
    _here.port = port


def use_only(port):
    global _only
    _only = port


def port():
    return _only or getattr(_here, "port", None)


def head(form, task_id, state):
    task_id = task_id if isinstance(task_id, bytes) else task_id.encode()
    state = state.encode()
    return HEAD.pack(form, len(task_id), len(state)) + task_id + state


def wait():
    """Lets nobody read what is not written."""
    line = port()
    if line is not None and line.is_dirty:
        line.fence()


class Handed:
    """What the kinds of back ends have in common whose results are handed over."""

    #: Celery's own class.
    kind = None

    def mark_as_done(self, task_id, result, request=None, store_result=True, state=SUCCESS):
        line = port()
        if line is None:
            return super().mark_as_done(task_id, result, request=request, store_result=store_result, state=state)
        line.is_last = line.may_hold
        try:
            # As Celery's, without the policy of trying again: handing over does not fail.
            if store_result and not (request is not None and request.ignore_result):
                self._store_result(task_id, self.encode_result(result, state), state, request=request)
            if request and request.chord:
                self.on_chord_part_return(request, state, result)
        finally:
            line.is_last = False

    def __reduce__(self, args=(), kwargs=None):
        # Whoever unpickles it elsewhere gets Celery's own.
        make, (_, *rest) = super().__reduce__(args, kwargs)
        return make, (self.kind, *rest)


def of_objects(kind):
    """A key-value back end whose results are handed over."""

    class Objects(Handed, kind):
        def _store_result(self, task_id, result, state, traceback=None, request=None, **kwargs):
            line = port()
            if line is None:
                return super()._store_result(task_id, result, state, traceback=traceback, request=request, **kwargs)
            meta = self._get_result_meta(result=result, state=state, traceback=traceback, request=request)
            meta["task_id"] = bytes_to_str(task_id)
            text = self.encode(meta)
            line.store(head(OBJECT, task_id, state), text if isinstance(text, bytes) else text.encode())
            return result

        def _get_result_meta(self, result, state, traceback, request, format_date=True, encode=False):
            if self.is_extended or encode or not format_date:
                return super()._get_result_meta(result, state, traceback, request, format_date, encode)
            # Half of the time that a small task takes goes into looking the same settings up again.
            meta = {
                "status": state,
                "result": result,
                "traceback": traceback,
                "children": self.current_task_children(request),
                "date_done": self.date_done() if state in self.READY_STATES else None,
            }
            if request:
                if getattr(request, "group", None):
                    meta["group_id"] = request.group
                if getattr(request, "parent_id", None):
                    meta["parent_id"] = request.parent_id
            return meta

        def encode(self, data):
            if self.quick_encode is not None:
                try:
                    return self.quick_encode(data)
                except SoftTimeLimitExceeded:
                    raise
                except Exception:
                    pass  # said below, in kombu's words
            return super().encode(data)

        @property
        def client(self):
            wait()
            made = self.__dict__
            if "client" not in made:
                made["client"] = self._create_client(**self.connparams)
            return made["client"]

        @client.setter
        def client(self, value):
            self.__dict__["client"] = value

        @client.deleter
        def client(self):
            self.__dict__.pop("client", None)

    return Objects


def of_rows(kind):
    """A database back end whose results are handed over."""

    class Rows(Handed, kind):
        def _store_result(self, task_id, result, state, traceback=None, request=None, **kwargs):
            line = port()
            if line is None:
                return super()._store_result(task_id, result, state, traceback=traceback, request=request, **kwargs)
            meta = self._get_result_meta(
                result=ensure_bytes(self.encode(result)),
                state=state,
                traceback=traceback,
                request=request,
                format_date=False,
                encode=True,
            )
            if meta["date_done"] is not None:
                meta["date_done"] = meta["date_done"].strftime("%Y-%m-%d %H:%M:%S.%f")
            meta["children"] = ensure_bytes(self.encode(meta["children"])) if meta.get("children") else None
            stamped = meta.get("stamped_headers")
            if stamped:
                stamps = {name: meta[name] for name in stamped if name in meta}
                stamps = self.encode({"stamped_headers": stamped, "stamps": stamps})
            meta["stamps"] = ensure_bytes(stamps) if stamped else None
            parts = [head(ROW, task_id, state)]
            for name in COLUMNS:
                value = meta.get(name)
                if value is None:
                    parts.append(COLUMN.pack(NULL))
                    continue
                value = value if isinstance(value, bytes) else str(value).encode()
                parts += (COLUMN.pack(len(value)), value)
            line.store(*parts)

        def ResultSession(self, *args, **kwargs):
            wait()
            return super().ResultSession(*args, **kwargs)

    return Rows


def is_own(kind, name):
    """Whether a back end is Celery's own class, which is known to do nothing else with a result."""
    return kind.__module__ + ":" + kind.__qualname__ == name


_kinds = {}


def handed(kind):
    """The same kind of back end with its results handed over; none if it has to store by itself."""
    if kind not in _kinds:
        made = None
        if is_own(kind, "celery.backends.redis:RedisBackend"):
            made = of_objects(kind)
        elif is_own(kind, "celery.backends.database:DatabaseBackend"):
            made = of_rows(kind)
        if made is not None:
            made.kind, made.__name__, made.__qualname__, made.__module__ = (
                kind,
                kind.__name__,
                kind.__qualname__,
                kind.__module__,
            )
        _kinds[kind] = made
    return _kinds[kind]


def quick_encoder(backend):
    """The encoder that kombu would make anew for each result, where nobody has registered another."""
    from kombu.serialization import registry
    from kombu.utils.json import dumps

    if backend.serializer != "json" or getattr(backend, "compression", None):
        return None
    usual = getattr(registry._encoders.get("json"), "encoder", None) is dumps
    return JSONEncoder().encode if usual else None


def clock(app):
    """The time as `date_done` has it."""
    from celery import Celery

    now = type(app).now is Celery.now and "now" not in vars(app)
    if now and app.timezone in (datetime.timezone.utc, getattr(celery_time.timezone, "utc", None)):
        return lambda: datetime.datetime.now(datetime.timezone.utc).isoformat()
    return lambda: app.now().isoformat()


def hand_over(backend):
    """Has the results of a back end handed over, if it is of a kind that can be."""
    kind = handed(type(backend))
    if kind is not None:
        backend.__class__ = kind
        backend.quick_encode = quick_encoder(backend)
        backend.date_done = clock(backend.app)
        backend.is_extended = backend.app.conf.find_value_for_key("extended", "result")
    return backend


def install(app):
    """From now on the app's back end hands its results over, in each thread."""
    make = app._get_backend
    app._get_backend = lambda: hand_over(make())
    if app._backend is not None:
        hand_over(app._backend)
