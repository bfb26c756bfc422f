"""Sends every task of `feats` to a worker and prints what came of it as JSON, without what differs from run to run.

usage: observe.py WORKER_CMD...   (BROKER, BACKEND and NOTES in the environment)
"""
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid

from celery import chain, chord, chunks, group
from celery.canvas import StampingVisitor
from feats import canvas, hooks, models, tasks
from feats.celery import app

CASES = {}
seen_events = {}
EVENTS = os.environ["BROKER"].startswith("redis")


def case(function):
    CASES[function.__name__] = function
    return function


def plain(name, task, *args, **options):
    """A task that is sent and waited for."""
    CASES[name] = lambda: outcome(send(task, *args, **options))


def send(task, *args, **options):
    prefix = options.pop("prefix", "")
    kwargs = options.pop("kwargs", {})
    return task.apply_async(args, kwargs, task_id=prefix + str(uuid.uuid4()), **options)


def tidy(value):
    """Without ids, addresses, times and numbers of processes."""
    text = json.dumps(value, default=repr, sort_keys=True, ensure_ascii=False)
    text = text.replace(os.environ["NOTES"], "NOTES")
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "ID", text)
    text = re.sub(r"0x[0-9a-f]+", "0xADDRESS", text)
    text = re.sub(r" Job: \d+\.", "", text)
    return json.loads(text)


def wait(result, timeout=25):
    end = time.time() + timeout
    while time.time() < end and not result.ready():
        time.sleep(0.02)
    return result


def last_line(text):
    return text.strip().splitlines()[-1] if text else None


def meta(result):
    meta = app.backend.get_task_meta(result.id, cache=False)
    children = meta.get("children")
    seen = {
        "state": meta["status"],
        "result": meta["result"],
        "traceback": last_line(meta.get("traceback")),
        "children": len(children) if children else 0,
        "dated": meta.get("date_done") is not None,
    }
    for key in ("name", "args", "kwargs", "retries", "queue"):
        if key in meta:
            seen[key] = meta[key]
    return seen


def outcome(result, timeout=25):
    wait(result, timeout)
    seen = meta(result)
    if result.id.startswith("noted-"):
        seen["notes"] = notes(result.id, settled=True)
    if EVENTS:
        seen["events"] = events(result.id)
    return seen


def notes(key, settled=False, count=None, timeout=10):
    """What was noted for a key, once there is no more to come."""
    end = time.time() + timeout
    before = None
    while time.time() < end:
        with open(os.environ["NOTES"]) as file:
            found = [line.rstrip("\n").split("\t")[1:] for line in file if line.split("\t")[0] == key]
        if (count is not None and len(found) >= count) or (settled and found and found == before):
            return found
        before = found
        time.sleep(0.3 if settled else 0.05)
    return found


def events(task_id, timeout=5):
    """The kinds of events of a task, in order, without repetition."""
    ends = {"task-succeeded", "task-failed", "task-revoked", "task-rejected"}
    end = time.time() + timeout
    while time.time() < end and not ends & {kind for kind, _ in seen_events.get(task_id, ())}:
        time.sleep(0.02)
    time.sleep(0.05)
    found = []
    for kind, fields in seen_events.get(task_id, ()):
        if not found or found[-1] != [kind, fields]:
            found.append([kind, fields])
    return found


def watch():
    def on_event(event):
        kind = event["type"]
        if kind.startswith("task-"):
            fields = {key: event[key] for key in ("result", "exception", "requeue", "terminated", "signum", "expired") if key in event}
            if event.get("traceback"):
                fields["traceback"] = last_line(event["traceback"])
            seen_events.setdefault(event["uuid"], []).append((kind, fields))

    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": on_event})
        receiver.capture(limit=None, timeout=None, wakeup=False)


def pickled(name, task, *args, **options):
    plain(name, task, *args, serializer="pickle", **options)


plain("add", tasks.add, 2, 3)
plain("add_noted", tasks.add, 2, 3, prefix="noted-")
plain("echo", tasks.echo, 1, "two", [3], kwargs={"four": {"five": None}})
plain("nothing", tasks.nothing)
plain("shared", tasks.shared, 4)
plain("named", tasks.named)
plain("who", tasks.who, time_limit=100, soft_time_limit=50, priority=3)
plain("who_with_arguments", tasks.echo, "x", kwargs={"y": 1.5})
plain("types", tasks.types)
plain("pickled_argument", tasks.takes, (1, 2)) if os.environ.get("PICKLE") == "0" else pickled("pickled_argument", tasks.takes, {1, 2})
plain("yaml_argument", tasks.takes, [1, {"a": "b"}], serializer="yaml")
plain("compressed", tasks.length, "y" * 5000, compression="gzip")
plain("fails", tasks.fails, "boom", prefix="noted-")
plain("fails_oddly", tasks.fails_oddly)
plain("fails_unpicklably", tasks.fails_unpicklably)
plain("fails_in_a_chain", tasks.fails_in_a_chain)
CASES["wrong_arity"] = lambda: outcome(app.send_task("feats.tasks.add", (1,)))
plain("throws", tasks.throws)
plain("not_serializable", tasks.not_serializable)
plain("exits", tasks.exits)
plain("interrupts", tasks.interrupts)
plain("retries", tasks.retries, 2, prefix="noted-")
plain("retries_exhausted", tasks.retries, 5)
plain("retries_with_args", tasks.retries_with_args, 0)
plain("retries_without_reason", tasks.retries_without_reason)
plain("autoretries", tasks.autoretries)
plain("autoretries_then_works", tasks.autoretries_then_works)
plain("ignored_but_errors", tasks.ignored_but_errors)
plain("rejects", tasks.rejects)
plain("rejects_once", tasks.rejects_once)
plain("reads_own_state", tasks.reads_own_state)
plain("tracked", tasks.tracked)
plain("limited", tasks.limited)
plain("routed", tasks.routed)
plain("annotated", tasks.annotated)
plain("soft_limit", tasks.soft_limit, prefix="noted-")
plain("handles_soft_limit", tasks.handles_soft_limit)
plain("hard_limit", tasks.hard_limit, prefix="noted-")
plain("dies", tasks.dies, prefix="noted-")
plain("leaves", tasks.leaves, 7)
plain("dies_once", tasks.dies_once)
plain("dies_late", tasks.dies_late)
plain("dies_and_is_retried", tasks.dies_and_is_retried)
plain("large", tasks.large, 300_000)
plain("large_argument", tasks.length, "z" * 300_000)
plain("stores_from_a_thread", tasks.stores_from_a_thread)
plain("has_a_base", tasks.has_a_base)
plain("called", hooks.called, 5)
plain("hooked", hooks.hooked, 5, prefix="noted-")
plain("hooked_fails", hooks.hooked_fails, prefix="noted-")
plain("hooked_retries", hooks.hooked_retries, prefix="noted-")
plain("hooked_hard_limit", hooks.hooked_hard_limit, prefix="noted-")
plain("told_nothing", hooks.told, "works", prefix="noted-")
plain("told_of_a_failure", hooks.told, "fails", prefix="noted-")
plain("told_of_a_retry", hooks.told, "retries", prefix="noted-")
plain("told_of_a_hard_limit", hooks.told, "hangs", time_limit=1, prefix="noted-")
plain("told_of_a_loss", hooks.told, "dies", prefix="noted-")
plain("breaks_in_hook", hooks.breaks_in_hook)
plain("by_class", hooks.by_class, 1)
plain("pydantic", models.bills, {"item": "tea", "count": 4})
plain("pydantic_refuses", models.bills, {"count": "many"})
plain("replaced", canvas.replaced, 1)
plain("replaced_by_chain", canvas.replaced_by_chain, 1)
plain("replaced_by_chord", canvas.replaced_by_chord, 3)
plain("replaced_by_failure", canvas.replaced_by_failure)
plain("sends", canvas.sends)
plain("sends_a_chain", canvas.sends_a_chain)
plain("countdown", tasks.add, 1, 1, countdown=0.3)
plain("expired", tasks.add, 1, 1, expires=-1, prefix="noted-")
plain("with_header", tasks.headers, headers={"tenant": "acme"})
plain("printed", tasks.prints, "a line")
plain("prints_much", tasks.prints_much)


@case
def coroutine():
    return tidy_state(send(tasks.coroutine))


def tidy_state(result):
    return {"state": wait(result).state}


@case
def ignored_result():
    result = send(tasks.ignored_result, prefix="noted-")
    return {"notes": notes(result.id, settled=True), "state": result.state}


@case
def ignored_by_call():
    result = send(tasks.add, 1, 2, prefix="noted-", ignore_result=True)
    return {"notes": notes(result.id, settled=True), "state": app.AsyncResult(result.id).state}


@case
def ignores():
    result = send(tasks.ignores, prefix="noted-")
    return {"notes": notes(result.id, settled=True), "state": result.state}


@case
def ignores_with_state():
    result = send(tasks.ignores_with_state, prefix="noted-")
    return {"notes": notes(result.id, settled=True), "state": result.state, "info": result.info}


@case
def progresses():
    result = send(tasks.progresses, 6)
    states = []
    while not result.ready():
        # Both of one look: the task may end in between.
        seen = app.backend.get_task_meta(result.id)
        if seen["status"] == "PROGRESS" and seen["result"] not in states:
            states.append(seen["result"])
        time.sleep(0.005)
    return {"in order": states == sorted(states, key=lambda info: info["current"]), "many": len(states) >= 3, "end": result.get()}


@case
def revoked_before():
    result = send(tasks.add, 1, 1, prefix="noted-", countdown=1)
    app.control.revoke(result.id)
    return outcome(result)


@case
def terminated(path=None):
    path = os.environ["NOTES"] + ".cleaned"
    result = send(tasks.cleans_up, path, prefix="noted-")
    notes(result.id, count=1)
    time.sleep(0.2)
    app.control.revoke(result.id, terminate=True)
    seen = outcome(result)
    end = time.time() + 5
    while time.time() < end and not os.path.exists(path):
        time.sleep(0.05)
    return {**seen, "cleaned": os.path.exists(path)}


@case
def killed():
    result = send(tasks.sleeps, 20, prefix="noted-")
    notes(result.id, count=1)
    time.sleep(0.2)
    app.control.revoke(result.id, terminate=True, signal="SIGKILL")
    return outcome(result)


@case
def linked():
    key = str(uuid.uuid4())
    result = tasks.add.apply_async((1, 2), link=[canvas.callback.s(key), canvas.callback.s(key)])
    return {**outcome(result), "notes": notes(key, count=2)}


@case
def errbacks():
    key = str(uuid.uuid4())
    result = tasks.fails.apply_async(("linked",), link_error=[canvas.errback.s(key=key), canvas.new_errback.s(key=key)])
    return {**outcome(result), "notes": sorted(notes(key, count=2))}


@case
def errback_of_the_dead():
    key = str(uuid.uuid4())
    result = tasks.dies.apply_async(link_error=[canvas.new_errback.s(key=key)])
    return {**outcome(result), "notes": notes(key, count=1)}


@case
def chained():
    result = chain(tasks.add.s(1, 2), tasks.add.s(3), canvas.double.s()).apply_async()
    return [outcome(result), outcome(result.parent), outcome(result.parent.parent)]


@case
def chain_that_fails():
    result = chain(tasks.add.s(1, 2), tasks.fails.si("middle"), canvas.double.s()).apply_async()
    return [outcome(result), outcome(result.parent)]


@case
def chain_of_lineage():
    result = chain(canvas.lineage.s(), canvas.lineage.s()).apply_async()
    return [outcome(result), outcome(result.parent)]


@case
def grouped():
    result = group(tasks.add.s(i, i) for i in range(5)).apply_async()
    return [wait(result).ready(), result.get()]


@case
def group_with_failure():
    result = group(tasks.add.s(1, 1), tasks.fails.s("in a group")).apply_async()
    wait(result)
    return [meta(part) for part in result.results]


def got(result):
    """The value of a canvas, or what it failed with."""
    try:
        return result.get(timeout=25)
    except Exception as error:
        return tidy(repr(error))


@case
def chorded():
    return got(chord([tasks.add.s(i, i) for i in range(6)], canvas.xsum.s()).apply_async())


@case
def chord_of_one():
    return got(chord([tasks.add.s(2, 2)], canvas.collect.s("x")).apply_async())


@case
def chord_with_failure():
    key = str(uuid.uuid4())
    body = canvas.xsum.s().on_error(canvas.errback.s(key=key))
    result = chord([tasks.add.s(1, 1), tasks.fails.s("a part")], body).apply_async()
    return [re.sub("Dependency .* raised", "Dependency raised", got(result)), notes(key, count=1)]


@case
def chord_in_chain():
    return got(chain(tasks.add.s(1, 1), group(tasks.add.s(i) for i in range(3)), canvas.xsum.s(), canvas.double.s()).apply_async())


@case
def nested_chords():
    inner = chord([canvas.identity.s(i) for i in range(3)], canvas.xsum.s())
    return got(chord([inner, canvas.identity.s(10)], canvas.collect.s()).apply_async())


@case
def group_of_chains_in_a_chord():
    chains = group(chain(tasks.add.s(i, 1), canvas.double.s()) for i in range(3))
    return got((chains | canvas.collect.s()).apply_async())


@case
def chord_with_a_dead_part():
    return re.sub("Dependency .* raised", "Dependency raised", got(chord([tasks.add.s(1, 1), tasks.dies.s()], canvas.xsum.s()).apply_async()))


@case
def chord_with_a_late_part():
    return got(chord([canvas.slow_identity.s(1, 0.3), canvas.identity.s(2)], canvas.xsum.s()).apply_async())


@case
def replaced_in_a_chord():
    return got(chord([canvas.replaced.s(1), canvas.replaced_by_chain.s(2)], canvas.collect.s()).apply_async())


@case
def adds_to_chord():
    return sorted(got(chord([canvas.adds_to_chord.s(1), canvas.adds_to_chord.s(2)], canvas.collect.s()).apply_async())[1])


@case
def replaced_by_group():
    result = canvas.replaced_by_group.delay(3)
    wait(result)
    return tidy(meta(result))


@case
def mapped():
    return got(canvas.xsum.map([[1, 2], [3, 4]]).apply_async())


@case
def starmapped():
    return got(tasks.add.starmap([(1, 2), (3, 4)]).apply_async())


@case
def chunked():
    return got(tasks.add.chunks([(i, i) for i in range(7)], 3).group().apply_async())


class Stamp(StampingVisitor):
    def on_signature(self, signature, **headers):
        return {"batch": "b7", "stamped_headers": ["batch"]}


@case
def stamped():
    step = chain(canvas.stamps.s(), canvas.stamps.s())
    step.stamp(Stamp())
    result = step.apply_async()
    return [outcome(result), outcome(result.parent)]


@case
def harmless():
    """What one task does to its process, the next does not feel."""
    home = got(tasks.where.delay())
    seen = {"root": got(tasks.changes_directory.delay()), "forked": got(tasks.forks.delay()), "signals": got(tasks.breaks_signals.delay())}
    pids = {got(tasks.where.delay()) == home for _ in range(6)}
    soft = [outcome(send(tasks.soft_limit))["state"] for _ in range(3)]
    return {**seen, "home": sorted(pids), "soft": soft}


def main():
    only = os.environ.get("ONLY")
    open(os.environ["NOTES"], "w").close()
    if EVENTS:
        threading.Thread(target=watch, daemon=True).start()
        time.sleep(0.5)
    log = open(os.environ["NOTES"] + ".log", "wb")
    worker = subprocess.Popen(sys.argv[1:], stdout=log, stderr=log, start_new_session=True)
    seen = {}
    try:
        notes("worker", count=5, timeout=30)
        for name, run in CASES.items():
            if only and name not in only.split(",") or name == os.environ.get("EXCEPT"):
                continue
            try:
                seen[name] = tidy(run())
            except Exception as error:
                seen[name] = {"error": repr(error)}
            if os.environ.get("VERBOSE"):
                print(name, json.dumps(seen[name])[:300], file=sys.stderr, flush=True)
            if worker.poll() is not None:
                seen["the worker ended"] = worker.returncode
                break
    finally:
        worker.send_signal(signal.SIGTERM)
        try:
            seen["exit code"] = worker.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, signal.SIGKILL)
            seen["exit code"] = "it had to be killed"
    seen["worker"] = notes("worker", settled=True, timeout=2)
    print(json.dumps(seen, indent=1, sort_keys=True, ensure_ascii=False))


main()
