"""The app and its signals; what happens is noted in a file, one line at a time."""
import os

from celery import Celery, signals
from kombu import Queue

app = Celery("feats", broker=os.environ["BROKER"], backend=os.environ["BACKEND"], include=["feats.tasks", "feats.hooks", "feats.canvas", "feats.models"])
app.conf.update(
    task_queues=[Queue("celery"), Queue("other", routing_key="other")],
    task_routes={"feats.tasks.routed": {"queue": "other"}},
    task_annotations={"feats.tasks.annotated": {"max_retries": 7}},
    accept_content=["json", "pickle", "yaml"],
    result_accept_content=["json", "pickle"],
    result_serializer=os.environ.get("RESULT_SERIALIZER", "json"),
    result_extended=os.environ.get("RESULT_EXTENDED") == "1",
    worker_proc_alive_timeout=30,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"polling_interval": 0.05} if os.environ["BROKER"].startswith("redis") else {},
    result_chord_retry_interval=0.1,
)


def note(key, *words):
    line = "\t".join([str(key), *map(str, words)]) + "\n"
    fd = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(fd, line.encode())
    os.close(fd)


def heard(task_id):
    """Whether a task wants its signals noted."""
    return str(task_id).startswith("noted-")


@signals.import_modules.connect
def on_import_modules(**_):
    note("worker", "import_modules")


@signals.celeryd_init.connect
def on_celeryd_init(sender, instance, conf, options, **_):
    note("worker", "celeryd_init", sender == instance.hostname, conf is app.conf)


@signals.celeryd_after_setup.connect
def on_after_setup(sender, instance, **_):
    note("worker", "celeryd_after_setup", instance.app is app)


@signals.worker_init.connect
def on_worker_init(sender, **_):
    note("worker", "worker_init", sender.app is app)


@signals.worker_ready.connect
def on_worker_ready(sender, **_):
    note("worker", "worker_ready", sender.hostname.split("@")[0])


@signals.worker_shutting_down.connect
def on_shutting_down(sender, sig, how, **_):
    note("worker", "worker_shutting_down", sig, how)


@signals.worker_shutdown.connect
def on_worker_shutdown(sender, **_):
    note("worker", "worker_shutdown")


@signals.worker_process_init.connect
def on_process_init(**_):
    note("process", "worker_process_init")


@signals.worker_process_shutdown.connect
def on_process_shutdown(pid, exitcode, **_):
    note("process", "worker_process_shutdown")


@signals.task_prerun.connect
def on_prerun(task_id, task, args, kwargs, **_):
    if heard(task_id):
        note(task_id, "prerun", task.name, args, kwargs)


@signals.task_postrun.connect
def on_postrun(task_id, state, retval, **_):
    if heard(task_id):
        note(task_id, "postrun", state, repr(retval))


@signals.task_success.connect
def on_success(sender, result, **_):
    if heard(sender.request.id):
        note(sender.request.id, "success", result)


@signals.task_failure.connect
def on_failure(task_id, exception, **_):
    if heard(task_id):
        note(task_id, "failure", repr(exception).split(" Job:")[0])


@signals.task_retry.connect
def on_retry(request, reason, **_):
    if heard(request.id):
        note(request.id, "retry", reason)


@signals.task_revoked.connect
def on_revoked(request, terminated, signum, expired, **_):
    if heard(request.id):
        note(request.id, "revoked", terminated, signum and int(signum), expired)
