"""The app: found and loaded as `celery worker` does, and described for the program that feeds it."""
import os
import sys
import traceback

from _rcelery import settings

#: Options of a task that the worker acts on, or that those who send it need.
OPTIONS = (
    "acks_late",
    "reject_on_worker_lost",
    "ignore_result",
    "store_errors_even_if_ignored",
    "track_started",
    "time_limit",
    "soft_time_limit",
    "rate_limit",
    "max_retries",
    "default_retry_delay",
    "send_events",
    "queue",
    "exchange",
    "routing_key",
    "priority",
    "serializer",
    "compression",
    "expires",
)
#: Of Celery 5.7; before, one option stood for the first two.
LATER = ("acks_on_failure", "acks_on_timeout", "retry_on_worker_lost")
#: Signals of the worker's own process that it asks for only if somebody hears them.
HEARD = ("task_received", "task_unknown", "task_rejected", "heartbeat_sent")
#: Content that runs code when it is read.
PICKLES = {"pickle", "application/x-python-serialize"}
#: Pools whose tasks are no processes and no threads.
GREEN = ("gevent", "eventlet")


class Failure(Exception):
    """Why the app can't be used, with what to do about it."""

    def __init__(self, kind, message, hint=None, text=None):
        super().__init__(message)
        self.report = {"kind": kind, "message": message, "hint": hint, "traceback": text}


class Consumer:
    """The sender of `worker_ready`."""

    def __init__(self, worker):
        self.controller = worker
        self.app = worker.app
        self.hostname = worker.hostname
        self.pool = worker.pool


class Worker:
    """What receivers of the worker's signals get as the worker: its public data, and no machinery."""

    pool = None
    consumer = None
    blueprint = None
    exitcode = None

    def __init__(self, app, options):
        self.app = app
        self.options = dict(options)
        for name, value in options.items():
            setattr(self, name, value)
        self.concurrency = options["concurrency"] or app.conf.worker_concurrency or os.cpu_count()
        self.pool_cls = "celery.concurrency." + {"threads": "thread"}.get(options["pool"], options["pool"])
        self.consumer = Consumer(self)

    def __repr__(self):
        return "<Worker: %s>" % self.hostname


def find(name):
    """The app of that name, as `-A` of Celery finds it."""
    try:
        from celery.app.utils import find_app
    except ImportError as error:
        raise Failure(
            "python",
            "the app `%s` can't be loaded: %s can't import Celery: %s" % (name, sys.executable, error),
            "start rcelery in the app's virtual environment, or name its interpreter with --executable",
        ) from None
    try:
        return find_app(name)
    except ModuleNotFoundError as error:
        if error.name == name and isinstance(error.__context__, AttributeError):
            # Celery takes the whole for a module when the module has no such name.
            raise missing(name, error.__context__) from None
        if error.name == name.split(":")[0]:
            hint = "run it in the directory of the app, or name that with --workdir"
            raise Failure("app", "the module %s was not found: no app `%s`" % (error.name, name), hint) from None
        raise broken(name) from None
    except AttributeError as error:
        raise missing(name, error) from None
    except (Exception, SystemExit):
        raise broken(name) from None


def missing(name, error):
    """A module without the app; or one whose own code misses something."""
    if raised_in(error).split(".")[0] not in ("celery", "kombu"):
        return broken(name, error)
    hint = "name the app: -A %s:NAME" % name.split(":")[0]
    return Failure("app", "no app `%s`: %s" % (name, error), hint)


def raised_in(error):
    """The module whose code has raised an error."""
    place = error.__traceback__
    while place.tb_next is not None:
        place = place.tb_next
    return place.tb_frame.f_globals.get("__name__", "")


def broken(name, error=None, what="imported"):
    """An app whose own code fails; with the error that is being handled, if no other is named."""
    error = error or sys.exc_info()[1]
    said = traceback.format_exception_only(type(error), error)[-1].strip()
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return Failure("app", "the app `%s` can't be %s: %s" % (name, what, said), None, "".join(lines))


def load(order):
    """The app with its settings, and those of the command line over them."""
    app = find(order["app"])
    try:
        for pair in order["cmdline"]:
            try:
                app.config_from_cmdline([pair], namespace="worker")
            except (KeyError, ValueError):
                pass  # a setting of rcelery alone, or one that it refuses itself
        app.conf.broker_url  # reads the configuration
    except Exception:
        raise broken(order["app"]) from None
    return app


def start(app, order):
    """The steps of a starting worker, in Celery's order; the worker as its signals see it."""
    from celery import signals
    from celery.app.trace import setup_worker_optimizations

    options = order["options"]
    worker = Worker(app, options)
    hostname = worker.hostname
    try:
        app.loader.init_worker()
        setup_worker_optimizations(app, hostname)
        signals.celeryd_init.send(sender=hostname, instance=worker, conf=app.conf, options=worker.options)
        is_known = queues(app, options)
        modules = options["include"]
        for module in modules:
            app.loader.import_task_module(module)
        app.conf.include = tuple({*app.conf.include, *modules, *(type(t).__module__ for t in app.tasks.values())})
        signals.worker_init.send(sender=worker)
        custom = logging(app, worker, order)
        setup_worker_optimizations(app, hostname)
        refuse(app, options)
        signals.celeryd_after_setup.send(sender=hostname, instance=worker, conf=app.conf)
        worker.consumes = list(app.amqp.queues.consume_from) if is_known else None
        if not custom and app.conf.worker_redirect_stdouts:
            app.log.redirect_stdouts(app.conf.worker_redirect_stdouts_level)
    except Failure:
        raise
    except (Exception, SystemExit):
        raise broken(order["app"], what="started") from None
    return worker


def queues(app, options):
    """`-Q` and `-X`; false if they name what there is not, which is said by the worker."""
    known = app.amqp.queues
    try:
        known.select(options["queues"] or None)
        known.deselect(options["exclude_queues"] or None)
    except KeyError:
        return False
    return True


def logging(app, worker, order):
    """Celery's own logging; true if the app has set up one of its own."""
    log = order["log"]
    if log.get("json"):
        from _rcelery import records

        records.connect(log["json"])
    colour = log["colour"]
    return app.log.setup(worker.loglevel, log["file"], redirect_stdouts=False, colorize=colour, hostname=worker.hostname)


def refuse(app, options):
    """What only Celery's own worker has, and what is too dangerous."""
    from celery.app.defaults import DEFAULTS

    for part in ("worker", "consumer"):
        steps = sorted(getattr(step, "__qualname__", str(step)) for step in app.steps[part])
        if steps:
            message = "the app adds steps to the %s, which rcelery does not run: %s" % (part, ", ".join(steps))
            raise Failure("unsupported", message, "take them out of `app.steps`, or run this app with `celery worker`")
    for name in ("worker_consumer", "worker_agent", "worker_autoscaler", "worker_timer"):
        given, usual = app.conf.get(name), DEFAULTS.get(name)
        if given != usual:
            message = "the app has a %s of its own, which is never asked here: %s" % (name, given)
            raise Failure("unsupported", message, "take the setting out, or run this app with `celery worker`")
    if PICKLES & set(app.conf.accept_content or ()) and os.geteuid() == 0 and not os.environ.get("C_FORCE_ROOT"):
        message = "the app accepts pickle and this worker runs as root: whoever can send a message could run anything here"
        raise Failure("unsupported", message, "name another user with --uid; C_FORCE_ROOT=1 runs it all the same")
    pool = options["pool_option"] or app.conf.worker_pool
    if pool in GREEN:
        raise Failure("unsupported", "there is no %s pool" % pool, "use -P prefork or -P threads")
    if not isinstance(pool, str) or pool not in ("prefork", "processes", "threads", "solo"):
        raise Failure("unsupported", "there is no pool `%s`" % (pool,), "use -P prefork, threads or solo")


def task(app, name, each):
    """What the worker knows of a task."""
    found = {}
    for option in OPTIONS + LATER:
        fine, value = settings.inner(getattr(each, option, None), name + "." + option)
        if fine and value is not None:
            found[option] = value
    if getattr(each, "max_retries", 0) is None:
        found["max_retries"] = None
    either = getattr(each, "acks_on_failure_or_timeout", True)
    found.setdefault("acks_on_failure", either)
    found.setdefault("acks_on_timeout", either)
    return found


def describe(app, worker):
    """All that the worker has to know of the app."""
    import celery

    answer = {
        "celery": celery.__version__,
        "python": "%d.%d.%d" % sys.version_info[:3],
        "executable": sys.executable,
        "name": app.main or app.loader.__module__,
        "settings": {},
        "left": settings.left,
    }
    for key, value in settings.changed(app.conf):
        # Annotations are applied to the tasks already, functions among them as well.
        if key == "task_annotations":
            continue
        fine, value = settings.inner(value, key)
        if fine:
            answer["settings"][key] = value
    if worker is None:
        return answer
    from celery import signals

    answer["tasks"] = {name: task(app, name, each) for name, each in app.tasks.items()}
    answer["consumes"] = worker.consumes
    queues = [settings.inner(queue, "task_queues." + queue.name) for queue in app.amqp.queues.values()]
    answer["queues"] = [queue for fine, queue in queues if fine]
    answer["hears"] = [name for name in HEARD if getattr(signals, name).receivers]
    answer["logs"] = has_own_log(app)
    if app.user_options["worker"] or app.user_options["preload"]:
        settings.left.append(["user_options", "options of its own"])
    return answer


def has_own_log(app):
    """Whether records of the worker are to look as the app wants them."""
    from celery import signals
    from celery.app.defaults import DEFAULTS

    own = signals.setup_logging.receivers or signals.after_setup_logger.receivers
    names = ("worker_log_format", "worker_log_datefmt")
    return bool(own) or any(app.conf.get(name) != DEFAULTS.get(name) for name in names)


def shown(app, with_defaults):
    """The settings as `inspect conf` shows them: secrets are stars, what is no JSON is shown as text."""
    from celery.utils.serialization import jsonify
    from kombu.utils.encoding import safe_repr

    table = app.conf.table(with_defaults=with_defaults)
    return jsonify(
        table,
        keyfilter=lambda key: isinstance(key, str) and not key.startswith("__"),
        unknown_type_filter=safe_repr,
    )
