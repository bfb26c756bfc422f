"""The parent of the children: one thread, which imports the app once and forks when it is told to.

It runs no task. Orders and reports are JSON with their length before them; the two sockets of a new child come with its
order.
"""
import gc
import json
import logging
import os
import select
import signal
import socket
import sys
import traceback

from _rcelery import application

logger = logging.getLogger("celery.worker")


class Control:
    """The socket to the program that gives the orders."""

    def __init__(self, sock):
        self.sock = sock
        self.data = bytearray()
        self.fds = []

    def send(self, report):
        data = json.dumps(report).encode()
        self.sock.sendall(len(data).to_bytes(4, "little") + data)

    def receive(self):
        """The next order with its descriptors; none once there is nobody left."""
        while True:
            if len(self.data) >= 4:
                size = 4 + int.from_bytes(self.data[:4], "little")
                if len(self.data) >= size:
                    order = json.loads(self.data[4:size])
                    del self.data[:size]
                    fds = [self.fds.pop(0) for _ in range(order.get("fds", 0))]
                    return order, fds
            data, fds, _, _ = socket.recv_fds(self.sock, 65536, 64)
            if not data:
                return None, []
            for fd in fds:
                os.set_inheritable(fd, False)
            self.data += data
            self.fds += fds

    def is_empty(self):
        return not self.data


class Parent:
    def __init__(self, control):
        self.control = control
        self.children = {}
        self.app = None
        self.worker = None
        self.woken, waker = os.pipe()
        for fd in (self.woken, waker):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self):
        sources = [self.control.sock, self.woken]
        while True:
            ready = select.select(sources, [], [])[0]
            if self.woken in ready:
                try:
                    os.read(self.woken, 4096)
                except BlockingIOError:
                    pass
            self.reap()
            if self.control.sock in ready:
                while True:
                    order, fds = self.control.receive()
                    if order is None:
                        return
                    self.do(order, fds)
                    if self.control.is_empty():
                        break

    def do(self, order, fds):
        value = None
        try:
            value = getattr(self, "on_" + order["do"])(order, fds)
        except Exception as error:
            logger.error("%s: %r", order["do"], error, exc_info=True)
        if "number" in order:
            self.control.send({"answer": order["number"], "value": value})

    def reap(self):
        for pid, child in list(self.children.items()):
            try:
                found, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                # The app has waited for it: nobody knows how it ended.
                found, status = pid, 0
            if found:
                del self.children[pid]
                self.control.send({"exited": child, "pid": pid, "code": os.waitstatus_to_exitcode(status)})

    def on_fork(self, order, fds):
        gc.collect()
        gc.freeze()
        try:
            pid = os.fork()
        except OSError as error:
            for fd in fds:
                os.close(fd)
            self.control.send({"unforked": order["id"], "error": str(error)})
            return
        if pid == 0:
            self.become_child(order, fds)
        self.children[pid] = order["id"]
        for fd in fds:
            os.close(fd)
        self.control.send({"forked": order["id"], "pid": pid})

    def become_child(self, order, fds):
        from _rcelery import child

        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.control.sock.close()
            os.close(self.woken)
            code = child.main(self.app, self.worker, order, fds)
        except SystemExit as leaving:
            code = child.exit_code(leaving)
        except KeyboardInterrupt:
            pass  # a task's; it is told as the reason for which the process ends
        except BaseException:
            # Not to the log, to which standard error may lead by now.
            traceback.print_exc(file=sys.__stderr__)
        finally:
            for stream in (sys.__stdout__, sys.__stderr__):
                try:
                    stream.flush()
                except Exception:
                    pass
            child.end_as(code)

    def on_kill(self, order, _):
        # Only this process waits for them, so the number is still that of the child.
        for pid, child in self.children.items():
            if child == order["id"]:
                os.kill(pid, order["signal"])

    def on_ready(self, *_):
        from celery import signals

        signals.worker_ready.send(sender=self.worker.consumer)

    def on_stopping(self, order, _):
        from celery import signals

        signals.worker_shutting_down.send(
            sender=self.worker.hostname, sig=order["signal"], how=order["how"], exitcode=0
        )

    def on_stopped(self, *_):
        from celery import signals

        self.app.loader.shutdown_worker()
        signals.worker_shutdown.send(sender=self.worker)

    def on_beat(self, *_):
        from celery import signals

        signals.heartbeat_sent.send(sender=self.worker.consumer)

    def on_heard(self, order, _):
        from _rcelery import heard

        heard.send(self.worker, order)

    def on_conf(self, order, _):
        return application.shown(self.app, order["with_defaults"])

    def on_report(self, *_):
        return self.app.bugreport()

    def on_log(self, order, _):
        log = logging.getLogger(order["name"])
        if log.isEnabledFor(order["level"]):
            log.log(order["level"], "%s", order["message"])


def die_with_parent():
    """This process ends when whoever started it does, however that ends."""
    try:
        from celery.platforms import set_pdeathsig

        set_pdeathsig("SIGKILL")
    except Exception:
        pass


def take_fast_locals():
    """Has Celery keep its stacks of tasks and requests in plain thread locals, if nobody has decided otherwise.

    A task's run spends a quarter of its time in the others, which are for greenlets. Read once, when Celery is imported;
    the function that is returned takes the variable out of the environment again.
    """
    name = "USE_FAST_LOCALS"
    if name in os.environ:
        return lambda: None
    os.environ[name] = "1"
    return lambda: os.environ.pop(name, None)


def warm_up(app):
    """What each child would have to load by itself is loaded once, before the fork."""
    from _rcelery import aftermath, child, storage  # noqa: F401

    app.amqp.producer_pool  # the modules of the transport, not a connection
    app.backend
    for task in app.tasks.values():
        task.backend


def main(sock, order):
    sys.argv = order["argv"]
    # `-c` leaves an empty entry, which would follow a task that changes the directory.
    sys.path[:] = [os.getcwd()] + [place for place in sys.path if place]
    control = Control(sock)
    asked_by = os.getppid()
    # A terminal's Ctrl-C and a service manager's TERM reach all processes; what follows is for one to decide.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    worker = None
    leave_environment = take_fast_locals()
    try:
        try:
            app = application.load(order)
        finally:
            leave_environment()
        die_with_parent()
        if os.getppid() != asked_by:
            sys.exit(1)
        if order["worker"]:
            worker = application.start(app, order)
            warm_up(app)
        answer = application.describe(app, worker)
    except application.Failure as failure:
        control.send({"failed": failure.report})
        return
    except Exception:
        control.send({"failed": application.broken(order["app"], what="used").report})
        return
    control.send(answer)
    if worker is None:
        return
    parent = Parent(control)
    parent.app, parent.worker = app, worker
    parent.run()
