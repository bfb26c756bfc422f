//! Events: Celery's monitors see a rcelery worker.

use serde_json::{Value, json};

use super::harness::{Python, Store, eventually, patience};
use super::{NODE, rust_worker};

#[test]
fn celery_events_sees_workers_and_tasks() {
    let store = Store::redis();
    let (_program, worker) = rust_worker(&store, &["-E"]);
    let mut py = Python::on(&store);
    // The receiver that Flower and `celery events` are made of, and the picture of the cluster that it keeps.
    py.run(
        r#"
import threading
seen, cluster = [], app.events.State()
def handle(event):
    seen.append(event)
    cluster.event(event)
def capture():
    with app.connection_for_read() as connection:
        app.events.Receiver(connection, handlers={"*": handle}).capture(limit=None, timeout=None, wakeup=True)
threading.Thread(target=capture, daemon=True).start()
def types(task):
    return [e["type"] for e in seen if e.get("uuid") == task.id]
"#,
    );
    // Its wake-up broadcast makes the worker send a heartbeat; a task sent before that might not be seen.
    py.run("assert until(lambda: any(e['type'] == 'worker-heartbeat' for e in seen)), seen");
    let kinds = py.run(
        r#"
done, bad, again = add.delay(1, 2), fail.delay("no luck"), flaky.delay(1)
late = add.apply_async((1, 1), expires=-1)
ended = lambda: ("task-succeeded" in types(done) and "task-failed" in types(bad)
                 and "task-succeeded" in types(again) and "task-revoked" in types(late))
assert until(ended), seen
[types(done), types(bad), types(again), types(late)]
"#,
    );
    assert_eq!(
        kinds[0],
        json!(["task-received", "task-started", "task-succeeded"])
    );
    assert_eq!(
        kinds[1],
        json!(["task-received", "task-started", "task-failed"])
    );
    let retried: Vec<&str> = kinds[2]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(retried.contains(&"task-retried"), "{retried:?}");
    assert!(kinds[3].to_string().contains("task-revoked"), "{kinds}");
    let fields = py.run(
        r#"
by = {e["type"]: e for e in seen if e.get("uuid") == done.id}
received, started, succeeded = by["task-received"], by["task-started"], by["task-succeeded"]
failed = next(e for e in seen if e["type"] == "task-failed")
[received["name"], received["args"], received["kwargs"], received["root_id"] == done.id, received["retries"],
 received["hostname"], succeeded["result"], succeeded["runtime"] >= 0, failed["exception"],
 received["clock"] < started["clock"] < succeeded["clock"], "utcoffset" in received, "pid" in received]
"#,
    );
    assert_eq!(
        fields,
        json!([
            "proj.add",
            "(1, 2)",
            "{}",
            true,
            0,
            NODE,
            "3",
            true,
            "ValueError('no luck')",
            true,
            true,
            true
        ])
    );
    let picture = py.run(
        r#"
node = cluster.workers["rs@test"]
[node.alive, cluster.tasks[done.id].state, cluster.tasks[bad.id].state, cluster.tasks[done.id].worker.hostname,
 node.sw_ident is not None and node.freq > 0]
"#,
    );
    assert_eq!(picture, json!([true, "SUCCESS", "FAILURE", NODE, true]));
    worker.terminate().exit(0);
    py.run("assert until(lambda: any(e['type'] == 'worker-offline' for e in seen)), seen[-3:]");
}

#[test]
fn celery_events_dump_prints_them() {
    let store = Store::redis();
    let (_program, _worker) = rust_worker(&store, &["-E"]);
    let mut py = Python::on(&store);
    let dump = py.celery_spawn(&["events", "--dump"]);
    eventually("the dump sees the worker", patience(), || {
        if dump.stdout().contains("heartbeat") {
            Ok(())
        } else {
            Err(format!("{dump:?}"))
        }
    });
    let id = py.run("r = add.delay(1, 2)\nget(r)\nr.id");
    let id = id.as_str().unwrap();
    eventually("the dump shows the task", patience(), || {
        let out = dump.stdout();
        let shown = ["task received", "task started", "task succeeded"]
            .iter()
            .all(|w| out.contains(w));
        if shown && out.contains(id) && out.contains("proj.add(") {
            Ok(())
        } else {
            Err(out)
        }
    });
}

#[test]
fn events_can_be_switched_on_and_off() {
    let store = Store::redis();
    let (_program, _worker) = rust_worker(&store, &[]);
    let mut py = Python::on(&store);
    let dump = py.celery_spawn(&["events", "--dump"]);
    eventually("the dump sees the worker", patience(), || {
        if dump.stdout().contains("heartbeat") {
            Ok(())
        } else {
            Err(format!("{dump:?}"))
        }
    });
    let silent = py.run(
        "silent = add.delay(1, 2)\nget(silent)\napp.control.enable_events(reply=True, limit=1, timeout=10)\nsilent.id",
    );
    let loud = py.run("loud = add.delay(1, 2)\nget(loud)\nloud.id");
    eventually("the task after that is shown", patience(), || {
        let out = dump.stdout();
        if out.contains(loud.as_str().unwrap()) {
            Ok(())
        } else {
            Err(out)
        }
    });
    assert!(
        !dump.stdout().contains(silent.as_str().unwrap()),
        "{dump:?}"
    );
}
