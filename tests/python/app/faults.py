"""Tasks that break their process, and an app that counts how often each has run."""
import os
import signal
import time

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded
from celery.signals import worker_process_init
from kombu.exceptions import DecodeError

app = Celery("faults", broker=os.environ["BROKER"], backend=os.environ["BACKEND"])
app.conf.update(
    broker_transport_options={"polling_interval": 0.05},
    worker_max_tasks_per_child=int(os.environ.get("MAX_TASKS", "0")) or None,
)


def note(*words):
    fd = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(fd, ("\t".join(map(str, words)) + "\n").encode())
    os.close(fd)


@app.task(acks_late=True, reject_on_worker_lost=True, ignore_result=True)
def mark(n):
    time.sleep(0.01)
    note(n)


@app.task
def pid():
    return os.getpid()


@app.task
def sleep(seconds):
    time.sleep(seconds)
    return seconds


@app.task(ignore_result=True)
def noop():
    pass


@app.task
def add(x, y):
    return x + y


@app.task
def closes_descriptors():
    os.closerange(3, 200)


@app.task
def hangs():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1})
    while True:
        time.sleep(1)


@app.task
def grows(mebibytes):
    grows.kept = bytearray(mebibytes << 20)
    return os.getpid()


@app.task(bind=True)
def updates(self, times):
    start = time.perf_counter()
    for n in range(times):
        self.update_state(state="PROGRESS", meta={"current": n})
    return times / (time.perf_counter() - start)


@app.task
def stops_itself():
    os.kill(os.getpid(), signal.SIGSTOP)


@app.task(time_limit=1)
def saves_itself():
    """Comes to an end by itself when it is told that its time is over."""
    try:
        time.sleep(30)
    except BaseException:
        return "saved"


@app.task(time_limit=1, soft_time_limit=0.8)
def quick():
    return "in time"


@app.task
def interrupted():
    try:
        time.sleep(30)
    finally:
        note("cleaned up")


@app.task
def exits(code):
    os._exit(code)


@app.task
def presses_ctrl_c():
    raise KeyboardInterrupt


@worker_process_init.connect
def take_time(**_):
    how = os.environ.get("INIT", "0")
    if how == "dies":
        os._exit(9)
    time.sleep(float(how))


@app.task(acks_late=True)
def endures():
    note("endures")
    time.sleep(60)


@app.task(bind=True, soft_time_limit=1, time_limit=20)
def reports_much(self, waits):
    try:
        while True:
            self.update_state(state="PROGRESS", meta="x" * (4 << 20))
            if waits:
                app.backend.get_state(self.request.id)
    except (SoftTimeLimitExceeded, DecodeError) as error:
        # kombu wraps whatever is raised while it decodes.
        assert "SoftTimeLimitExceeded" in repr(error)
        return "soft"


@app.task
def inherits():
    """The sockets that a program has which a task starts."""
    read, write = os.pipe()
    os.set_inheritable(write, True)
    os.spawnlp(os.P_WAIT, "sh", "sh", "-c", "ls -l /proc/self/fd >&%d" % write)
    os.close(write)
    with os.fdopen(read) as file:
        return [line for line in file.read().splitlines() if "socket:" in line]
