"""A child: takes one request after the other, has Celery's tracer run it, and reports how it ended."""
import json
import marshal
import os
import resource
import signal
import socket
import sys
import threading
import time
from _signal import getsignal  # without the names that `signal` looks up for each number

from billiard.einfo import ExceptionInfo, ExceptionWithTraceback
from billiard.exceptions import SoftTimeLimitExceeded
from celery import signals
from celery.app import trace
from celery.app.task import Context
from celery.app.trace import build_tracer, task_has_custom
from celery.exceptions import Ignore, Reject, Retry
from celery.utils.log import get_logger
from celery.utils.serialization import get_pickled_exception
from kombu.compression import decompress
from kombu.serialization import loads as kombu_loads
from kombu.serialization import prepare_accept_content
from kombu.utils.encoding import safe_repr, safe_str
from kombu.utils.json import loads as kombu_json

from _rcelery import aftermath, requests, storage
from _rcelery.port import END, Gone, Port

JSON = "application/json"
#: Raises SoftTimeLimitExceeded in the task that runs, limit or none (`line.rs`, interrupt).
INTERRUPT = getattr(signal, "SIGRTMIN", 0) and signal.SIGRTMIN + 1
#: The code of a process that leaves to be replaced (billiard.pool, EX_RECYCLE).
RECYCLE = 155

logger = get_logger("celery.worker")


class Tracer:
    """A task, and what is known of it before it runs."""

    __slots__ = ("task", "run", "is_quiet", "kind")

    def __init__(self, task, run):
        self.task = task
        self.run = run
        self.kind = requests.class_of(task)
        heard = signals.task_success.receivers or signals.task_postrun.receivers
        hooks = ("on_success", "after_return")
        self.is_quiet = not heard and not any(task_has_custom(task, hook) for hook in hooks)


class Tracers(dict):
    """Those of a thread, by the names of tasks: a tracer keeps to the stacks of the thread that has made it."""

    def __init__(self, app, make=None):
        self.app = app
        self.make = make or (lambda task: task.__trace__)

    def __missing__(self, name):
        task = self.app.tasks[name]
        self[name] = Tracer(task, self.make(task))
        return self[name]


class Limit:
    """The soft time limit of the task that runs, if it has one."""

    def __init__(self):
        self.seconds = None
        self.started = 0.0
        #: The limit that the last task has passed.
        self.has_passed = None
        #: Whether a task runs.
        self.is_running = False

    def interrupt(self, *_):
        if self.is_running:
            raise SoftTimeLimitExceeded()

    def passed(self, *_):
        # A signal that comes late is not for the task that runs by then.
        if self.seconds is not None and time.monotonic() - self.started >= self.seconds - 0.05:
            self.has_passed, self.seconds = self.seconds, None
            raise SoftTimeLimitExceeded()


class Child:
    def __init__(self, app, port, tracers, max_memory=None, limit=None):
        self.app = app
        self.port = port
        self.max_memory = max_memory
        self.limit = limit
        self.tracers = tracers
        self.accept = prepare_accept_content(app.conf.accept_content)
        self.takes_json = JSON in self.accept
        self.home = None
        self.handlers = {}

    def serve(self):
        """Runs what comes until there is no more, or the process is to be replaced; its exit code."""
        for kind, head, note, body in self.port.packets():
            if kind == b"X":
                return 0
            is_plain = kind.islower()
            if is_plain:
                request, loaded = marshal.loads(head), marshal.loads(body)
            else:
                text = str(head, "utf-8")
                request = kombu_json(text) if '"__type__"' in text else json.loads(text)
                loaded = None
            note = json.loads(bytes(note)) if note else None
            if kind in b"Aa":
                self.after(request, note, body, loaded)
                continue
            code = self.run(request, note, body, loaded)
            if code is not None:
                return code
        return 0

    def load(self, request, body, loaded):
        """The request with its arguments and with what goes along with them."""
        content_type, encoding = request.pop("_content_type"), request.pop("_content_encoding")
        if loaded is None or not self.takes_json:
            if request.get("compression"):
                body = decompress(bytes(body), request["compression"])
            loaded = kombu_loads(bytes(body), content_type, encoding, accept=self.accept)
        args, kwargs, embed = loaded
        request["args"], request["kwargs"], request["is_eager"] = args, kwargs, False
        if embed:
            request.update(embed)
        return args, kwargs

    def run(self, request, note, body, loaded=None):
        port = self.port
        try:
            args, kwargs = self.load(request, body, loaded)
        except Exception as error:
            return self.end(b"d", 0.0, safe_repr(error))
        tracer = self.tracers[request["task"]]
        port.may_hold = tracer.is_quiet
        limit = self.limit
        if note and limit is not None:
            limit.started, limit.seconds = time.monotonic(), note["soft"]
        leaving = None
        try:
            if limit is not None:
                limit.is_running = True
            R, I, T, Rstr = tracer.run(request["id"], args, kwargs, request)
        except Reject as error:
            R, I, T = None, error, None
        except (SystemExit, KeyboardInterrupt) as error:
            leaving = error
        except Gone:
            raise
        except BaseException as error:
            # Out of memory, or nothing that a task should raise: Celery's worker records it in its main process.
            return self.fail(tracer.task, request, error)
        finally:
            if limit is not None:
                limit.seconds, limit.is_running = None, False
            port.may_hold = False
            if self.home is not None:
                self.come_home()
        if limit is not None and limit.has_passed is not None:
            passed, limit.has_passed = limit.has_passed, None
            if tracer.kind is not None:
                requests.make(tracer.kind, self.app, tracer.task, request).on_timeout(True, passed)
        if leaving is not None:
            return self.leave(leaving)
        if I is None:
            return self.end(b"s", T or 0.0, Rstr)
        return self.explain(tracer, request, R, I, T)

    def fail(self, task, request, error):
        einfo = ExceptionInfo()
        context = Context(request)
        aftermath.failed(task, context, error, einfo.traceback)
        aftermath.heard(task, context, error, einfo)
        logger.error("Task handler raised error: %r", error, exc_info=einfo.exc_info)
        return self.end(b"f", 0.0, [safe_repr(error), einfo.traceback])

    def explain(self, tracer, request, einfo, info, took):
        """Reports an end that is no success."""
        task = tracer.task
        error, text = info, None
        if einfo is not None:
            error, text = einfo.exception, safe_str(einfo.traceback)
        if isinstance(error, ExceptionWithTraceback):
            error = error.exc
        took = took or 0.0
        if isinstance(error, (SystemExit, KeyboardInterrupt)):
            return self.leave(error)
        if isinstance(error, Reject):
            if not error.requeue:
                aftermath.rejected(task, Context(request), error, einfo)
            return self.end(b"q" if error.requeue else b"j", took, [safe_repr(error), text])
        if isinstance(error, Ignore):
            return self.end(b"i", took, "")
        if tracer.kind is not None:
            # Celery's own calls `on_retry` from it. It would get what was raised from another process, without wrapping.
            einfo.exception = error
            requests.make(tracer.kind, self.app, task, request).on_failure(einfo, return_ok=True)
        if isinstance(error, Retry):
            return self.end(b"r", took, [safe_repr(error.exc), text])
        return self.end(b"f", took, [safe_repr(get_pickled_exception(error)), text])

    def end(self, outcome, took, what, leaves=False):
        leaves = leaves or self.is_too_large()
        text = what if isinstance(what, str) else json.dumps(what)
        self.port.send(b"D", END.pack(outcome, leaves, took), text.encode("utf-8", "surrogatepass"))
        return RECYCLE if leaves else None

    def leave(self, error):
        """The task has asked for the end of its process."""
        self.end(b"x", 0.0, aftermath.status_of(error), leaves=True)
        raise error

    def is_too_large(self):
        if not self.max_memory:
            return False
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if used <= self.max_memory:
            return False
        logger.warning("child process exiting after exceeding memory limit (%dKiB / %dKiB)", used, self.max_memory)
        return True

    def after(self, request, note, body, loaded):
        """What is left to do for a request that did not come to its end by itself."""
        try:
            self.load(request, body, loaded)
            task = self.app.tasks[request["task"]]
            own = requests.of(self.app, task, request)
            outcome, what = getattr(aftermath, note.pop("what"))(task, Context(request), own, **note)
        except Exception as error:
            logger.error("Task %s[%s]: %r", request.get("task"), request.get("id"), error, exc_info=True)
            outcome, what = b"f", [safe_repr(error), None]
        self.end(outcome, 0.0, what)

    def settle_down(self):
        """Notes where the process is and who handles its signals: the next task finds both as they are now."""
        self.home = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
        numbers = (signal.SIGUSR1, *ENDS, signal.SIGINT, signal.SIGALRM)
        self.handlers = {int(number): getsignal(number) for number in numbers}

    def come_home(self):
        try:
            os.fchdir(self.home)
        except OSError:
            pass
        for number, handler in self.handlers.items():
            if getsignal(number) is not handler:
                signal.signal(number, handler)


def find_headers_quickly():
    """Has a request find the caller's own headers without making the list of all others each time.

    That is a third of what a small task costs. Nothing is changed where Celery does it in another way.
    """
    find = getattr(Context, "_get_custom_headers", None)
    probe = {"id": "1", "lang": "py", "task": "t", "argsrepr": "()", "kwargsrepr": "{}", "compression": None, "mine": 2}
    known = frozenset((*vars(Context), "lang", "task", "argsrepr", "kwargsrepr", "compression"))

    def _get_custom_headers(self, *args, **kwargs):
        headers = dict(*args, **kwargs)
        return {key: headers[key] for key in headers if key not in known} or None

    try:
        same = find(Context(), probe, args=()) == _get_custom_headers(Context(), probe, args=()) == {"mine": 2}
    except Exception:
        return
    if same:
        Context._get_custom_headers = _get_custom_headers


def end_process(number, _):
    """A signal that ends the process: what the task has to clean up is cleaned up, the second time nothing is."""
    if _ending:
        os._exit(number)
    _ending.append(number)
    sys.exit(-(256 - number))


_ending = []
#: What ends a process that may clean up before it goes.
ENDS = (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)


def exit_code(leaving):
    code = leaving.code
    if code is None:
        return 0
    return code if isinstance(code, int) else 1


def end_as(code):
    """Ends this process; by the signal that it was told to end by, if it was."""
    number = code & 0xFF
    if code < 0 and number in ENDS:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(number)


def name_process(order):
    """The name that logs and tasks see, as billiard gives it."""
    import multiprocessing

    from billiard import process

    name = "ForkPoolWorker-%d" % order["id"]
    own = process.current_process()
    own._name, own.index = name, order["index"]
    own._config["daemon"] = True
    multiprocessing.current_process().name = name
    from billiard.util import _run_after_forkers

    _run_after_forkers()


def main(app, worker, order, fds):
    """The life of a child; its exit code."""
    ports = [Port(socket.socket(fileno=inbox), socket.socket(fileno=stream)) for inbox, stream in zip(fds[::2], fds[1::2])]
    os.register_at_fork(after_in_child=lambda: [port.close() for port in ports])
    for number in (signal.SIGQUIT, signal.SIGUSR2, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    if order["pool"] != "threads":
        name_process(order)
    find_headers_quickly()
    if order["hands_over"]:
        storage.install(app)
    if order["pool"] == "prefork":
        from celery.concurrency.prefork import process_initializer

        process_initializer(app, worker.hostname)
    else:
        initialize(app, worker, order)
    if order["pool"] == "threads":
        return serve_threads(app, worker, ports)
    (port,) = ports
    storage.use_only(port)
    limit = Limit()
    signal.signal(signal.SIGUSR1, limit.passed)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in ENDS:
        signal.signal(number, end_process)
    if INTERRUPT:
        signal.signal(INTERRUPT, limit.interrupt)
    child = Child(app, port, Tracers(app), order["max_memory"], limit)
    child.settle_down()
    port.send(b"U")
    code = 1
    try:
        code = child.serve()
    except Gone:
        code = 0
    except SystemExit as leaving:
        code = exit_code(leaving)
    finally:
        if order["pool"] == "prefork":
            from celery.concurrency.prefork import process_destructor

            process_destructor(os.getpid(), code)
    return code


def initialize(app, worker, order):
    """As Celery's pools without processes of their own."""
    from celery._state import set_default_app
    from celery.platforms import set_pdeathsig

    set_pdeathsig("SIGKILL")
    app.set_current()
    set_default_app(app)
    for task in app.tasks.values():
        task.__trace__ = tracer(app, worker, task)
    if order["pool"] == "solo":
        signals.worker_process_init.send(sender=None)


def tracer(app, worker, task):
    return build_tracer(task.name, task, app.loader, worker.hostname, app=app)


def serve_threads(app, worker, ports):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def serve(port):
        storage.use(port)
        port.send(b"U")
        tracers = Tracers(app, lambda task: tracer(app, worker, task))
        while True:
            try:
                return Child(app, port, tracers).serve()
            except Gone:
                return None
            except (SystemExit, KeyboardInterrupt):
                pass  # said already; the thread goes on

    threads = [threading.Thread(target=serve, args=(port,), name="ThreadPool-%d" % at) for at, port in enumerate(ports)]
    for thread in threads:
        thread.daemon = True
        thread.start()
    for thread in threads:
        thread.join()
    return 0
