"""What Celery's worker does in its main process for a task that did not come to its end: results, errbacks, signals.

Each function returns how the run ended, as `Child.end` takes it. `own` is the request of a class of the app's own, if it
has one: its methods do the same then.
"""
from billiard.common import human_status
from billiard.einfo import ExceptionInfo
from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import signals, states
from celery.app.trace import task_has_custom
from celery.exceptions import Retry
from celery.utils.log import get_logger
from kombu.utils.encoding import safe_repr, safe_str

logger = get_logger("celery.worker.request")


def stores_errors(task, request):
    ignores = request.ignore_result
    ignores = task.ignore_result if ignores is None else ignores
    return not ignores or task.store_errors_even_if_ignored


def status_of(error):
    """Why a process ends that a task has ended, in billiard's words."""
    if isinstance(error, SystemExit):
        code = error.code
        code = 0 if code is None else code if isinstance(code, int) else 1
        # What `child.end_process` makes of a signal.
        return human_status(-(code & 0xFF) if code < -128 else code)
    return type(error).__name__


def raised(error):
    """The error with a traceback."""
    try:
        raise error
    except type(error):
        return ExceptionInfo()


def failed(task, request, error, traceback=None):
    task.backend.mark_as_failure(
        request.id, error, traceback, request=request, store_result=stores_errors(task, request)
    )


def heard(task, request, error, einfo):
    """Tells the receivers of `task_failure`."""
    signals.task_failure.send(
        sender=task,
        task_id=request.id,
        exception=error,
        args=request.args,
        kwargs=request.kwargs,
        traceback=einfo and einfo.traceback,
        einfo=einfo,
    )


def rejected(task, request, error, einfo):
    """A message that is rejected for good: its task will never run."""
    failed(task, request, error)
    heard(task, request, error, einfo)


def timed_out(task, request, own, limit):
    """The hard time limit has passed."""
    error = TimeLimitExceeded(limit)
    if own is not None:
        own.on_timeout(False, limit)
        return b"f", [safe_repr(error), raised(error).traceback]
    failed(task, request, error)
    einfo = raised(error)
    task.on_failure(error, request.id, request.args, request.kwargs, einfo)
    if task_has_custom(task, "after_return"):
        task.after_return(states.FAILURE, error, request.id, request.args, request.kwargs, None)
    heard(task, request, error, einfo)
    return b"f", [safe_repr(error), einfo.traceback]


def lost(task, request, own, text, retries):
    """The process is gone in the middle of the run."""
    error = WorkerLostError(text)
    einfo = raised(error)
    if retries and try_again(task, request, error, einfo):
        return b"r", [safe_repr(error), safe_str(einfo.traceback)]
    if own is not None:
        own.on_failure(einfo)
        return b"f", [safe_repr(error), einfo.traceback]
    failed(task, request, error)
    task.request_stack.push(request)
    try:
        heard(task, request, error, einfo)
    finally:
        task.request_stack.pop()
    logger.error("Task handler raised error: %r", error, exc_info=einfo.exc_info)
    return b"f", [safe_repr(error), einfo.traceback]


def try_again(task, request, error, einfo):
    """Sends the task once more (`task_retry_on_worker_lost`)."""
    if task.max_retries is not None and request.retries >= task.max_retries:
        return False
    countdown = task.default_retry_delay
    try:
        task.signature_from_request(request, countdown=countdown, retries=request.retries + 1).apply_async()
    except Exception as reason:
        logger.error(
            "Failed to retry task %s[%s] after worker was lost: %r", task.name, request.id, reason, exc_info=True
        )
        return False
    if stores_errors(task, request):
        task.backend.mark_as_retry(request.id, error, einfo.traceback, request=request)
    reason = Retry(exc=error, when=countdown)
    task.request_stack.push(request)
    try:
        task.on_retry(error, request.id, request.args, request.kwargs, einfo)
        signals.task_retry.send(task, request=request, reason=reason, einfo=einfo)
    finally:
        task.request_stack.pop()
    logger.info("Task %s[%s] retry: %s", task.name, request.id, reason)
    return True


def revoked(task, request, own, reason, terminated, signum, expired):
    """It will not run, or not on."""
    task.backend.mark_as_revoked(
        request.id, reason, request=request, store_result=stores_errors(task, request)
    )
    signals.task_revoked.send(
        sender=task, request=request, terminated=terminated, signum=signum, expired=expired
    )
    return b"v", ""
