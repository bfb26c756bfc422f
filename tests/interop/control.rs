//! Celery's own command line and control API, at a rcelery worker.

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::harness::{Python, Store, eventually, holds, patience, secs};
use super::{NODE, rust_worker};

#[test]
fn celery_inspect_gets_every_answer() {
    let store = Store::redis();
    let (_program, _worker) = rust_worker(&store, &[]);
    let mut py = Python::on(&store);
    py.run(
        r#"
done = add.delay(1, 2)
get(done)
running = sleepy.delay(600)
until(lambda: running.id in str(app.control.inspect().active()))
held = add.apply_async((1, 2), countdown=3600)
until(lambda: held.id in str(app.control.inspect().scheduled()))
asked = app.control.inspect(timeout=10, limit=1)
"#,
    );
    let ids = py.run("[running.id, held.id]");
    let (running, held) = (ids[0].as_str().unwrap(), ids[1].as_str().unwrap());

    let inspect = |args: &[&str]| {
        let mut all = vec!["inspect", "-j", "-t", "10", "-d", NODE];
        all.extend_from_slice(args);
        let mut reply = py.celery(&all).json();
        reply[NODE].take()
    };
    assert_eq!(inspect(&["ping"]), json!({"ok": "pong"}));
    let active = inspect(&["active"]);
    let request = &active[0];
    assert_eq!(request["id"], running);
    assert_eq!(request["name"], "proj.sleepy");
    assert_eq!(request["args"], json!([600]));
    assert_eq!(request["kwargs"], json!({}));
    assert_eq!(request["type"], "proj.sleepy");
    assert_eq!(request["hostname"], NODE);
    assert_eq!(request["acknowledged"], true);
    assert!(request["time_start"].is_number(), "{request}");
    assert_eq!(request["delivery_info"]["routing_key"], "celery");
    let scheduled = inspect(&["scheduled"]);
    assert_eq!(scheduled[0]["request"]["id"], held);
    assert!(scheduled[0]["eta"].is_string(), "{scheduled}");
    assert_eq!(inspect(&["reserved"]), json!([]));
    assert_eq!(inspect(&["revoked"]), json!([]));
    let registered = inspect(&["registered"]);
    let names: Vec<&str> = registered
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert!(
        names.contains(&"proj.add") && names.is_sorted(),
        "{names:?}"
    );
    let stats = inspect(&["stats"]);
    assert_eq!(stats["total"]["proj.add"], 1);
    assert_eq!(stats["pool"]["max-concurrency"], 4);
    assert_eq!(stats["broker"]["transport"], "redis");
    assert!(
        stats["clock"].is_string() && stats["pid"].is_number(),
        "{stats}"
    );
    assert_eq!(
        stats["rusage"].as_object().map(serde_json::Map::len),
        Some(16)
    );
    let queues = inspect(&["active_queues"]);
    assert_eq!(queues[0]["name"], "celery");
    assert_eq!(queues[0]["exchange"]["type"], "direct");
    assert_eq!(queues[0]["routing_key"], "celery");
    let found = inspect(&["query_task", running, held, "unknown"]);
    assert_eq!(found[running][0], "active");
    assert_eq!(found[held][0], "scheduled");
    assert_eq!(found.as_object().map(serde_json::Map::len), Some(2));
    assert!(inspect(&["clock"])["clock"].is_number());
    assert!(inspect(&["conf"])["broker_url"].is_string());
    assert!(inspect(&["report"])["ok"].is_string());
    assert!(inspect(&["memsample"]).is_string());
    assert!(inspect(&["memdump"]).is_string());
    let classic = py.celery(&["inspect", "-t", "10", "ping"]);
    assert_eq!(
        classic.ok(),
        format!("->  {NODE}: OK\n        pong\n\n1 node online.")
    );
    let status = py.celery(&["status", "-t", "5"]);
    assert_eq!(status.ok(), format!("->  {NODE}: OK\n\n1 node online."));

    let error = py.run("app.control.broadcast('nosuch', reply=True, limit=1, timeout=10)[0]");
    assert!(
        error[NODE]["error"].as_str().unwrap().contains("nosuch"),
        "{error}"
    );
    let bad =
        py.run("app.control.broadcast('rate_limit', arguments={'x': 1}, reply=True, limit=1, timeout=10)[0]");
    assert!(bad[NODE]["error"].is_string(), "{bad}");
    assert_eq!(
        py.run("app.control.inspect(pattern='rs@*', matcher='glob', limit=1, timeout=10).ping()"),
        json!({NODE: {"ok": "pong"}})
    );
    assert_eq!(
        py.run("app.control.inspect(['other@test'], timeout=0.3).ping()"),
        Value::Null,
        "another node is asked"
    );
}

#[test]
fn celery_call_result_and_purge_work_with_a_rust_worker() {
    let mut store = Store::redis();
    let (program, worker) = rust_worker(&store, &["-E"]);
    let py = Python::on(&store);
    let id = py.celery(&["call", "proj.add", "-a", "[2, 3]"]);
    assert_eq!(py.celery(&["result", id.ok()]).ok(), "5");
    let id = py.celery(&["call", "proj.fail"]);
    let failed = py.celery(&["result", id.ok()]);
    assert!(
        failed.exit(1).stderr.contains("ValueError: boom"),
        "{failed:?}"
    );
    let connections: String = store.server().query(&["CLIENT", "LIST"]);
    let worker_pid = worker.pid();
    worker.terminate().exit(0);
    let after: String = store.server().query(&["CLIENT", "LIST"]);
    let held = connections.lines().count() - after.lines().count();
    assert!(
        (1..=4).contains(&held),
        "{worker_pid} held {held} connections:\n{connections}"
    );
    program.run(&["send", "proj.add", "-a", "[1, 1]"]).ok();
    let erased = py.celery(&["purge", "-f"]);
    assert!(erased.ok().contains("Purged 1 message"), "{erased:?}");
}

#[test]
fn celery_control_changes_the_worker() {
    let store = Store::redis();
    let (_program, mut worker) = rust_worker(&store, &[]);
    let mut py = Python::on(&store);
    let control = |args: &[&str]| {
        let mut all = vec!["control", "-j", "-t", "10", "-d", NODE];
        all.extend_from_slice(args);
        let reply = py.celery(&all);
        // `control` prints a list of replies, `[{node: value}]`.
        let mut reply = reply.json();
        assert!(reply.is_array(), "{reply}");
        reply[0][NODE].take()
    };
    assert_eq!(
        control(&["rate_limit", "proj.add", "1/h"]),
        json!({"ok": "new rate limit set successfully"})
    );
    assert_eq!(
        control(&["rate_limit", "proj.nosuch", "1/h"]),
        json!({"error": "unknown task"})
    );
    assert_eq!(
        control(&["time_limit", "proj.sleepy", "0.5", "1"]),
        json!({"ok": "time limits set successfully"})
    );
    assert_eq!(
        control(&["add_consumer", "extra"]),
        json!({"ok": "add consumer extra"})
    );
    assert_eq!(
        control(&["pool_grow", "2"]),
        json!({"ok": "pool will grow"})
    );
    assert_eq!(
        control(&["pool_shrink", "1"]),
        json!({"ok": "pool will shrink"})
    );
    assert_eq!(
        control(&["enable_events"]),
        json!({"ok": "task events enabled"})
    );
    assert_eq!(
        control(&["enable_events"]),
        json!({"ok": "task events already enabled"})
    );
    assert_eq!(
        control(&["disable_events"]),
        json!({"ok": "task events disabled"})
    );
    assert_eq!(control(&["heartbeat"]), Value::Null);

    let second = py.run("get(add.delay(1, 1))\nsecond = add.delay(2, 2)\nsecond.id");
    let second = second.as_str().unwrap();
    worker.wait_for(&format!("proj.add[{second}] received"), patience());
    let limited = py.run("outcome(sleepy.delay(30))");
    assert_eq!(limited[0], "FAILURE");
    assert_eq!(limited[1], "SoftTimeLimitExceeded");
    assert_eq!(
        py.run("get(identity.apply_async(('here',), queue='extra'))"),
        "here",
        "the new queue is consumed"
    );
    assert_eq!(
        py.run(
            "app.control.inspect(timeout=10, limit=1).stats()['rs@test']['pool']['max-concurrency']"
        ),
        5
    );
    let reply = py
        .celery(&["control", "-j", "-t", "10", "cancel_consumer", "extra"])
        .json();
    assert_eq!(
        reply[0][NODE],
        json!({"ok": "no longer consuming from extra"})
    );
    eventually("the queue is no longer consumed", patience(), || {
        holds(
            py.run("[q['name'] for q in app.control.inspect(timeout=10, limit=1).active_queues()['rs@test']]"),
            |queues| *queues == json!(["celery"]),
        )
    });

    assert_eq!(
        py.run("second.state"),
        "PENDING",
        "its turn comes in an hour"
    );
    py.celery(&["control", "shutdown"]);
    let end = worker.wait(secs(30));
    end.exit(0);
    assert!(end.stderr.contains("Got shutdown from remote"), "{end:?}");
    assert_eq!(
        py.run("waiting()"),
        1,
        "the task that waited for its turn goes back"
    );
}

#[test]
fn revoked_tasks_are_not_run() {
    let store = Store::redis();
    let (_program, mut worker) = rust_worker(&store, &[]);
    let mut py = Python::on(&store);
    let early = py.run(
        r#"
mine = uuid()
app.control.revoke(mine, reply=True, limit=1, timeout=10)
before = at(mine).state
add.apply_async((1, 2), task_id=mine)
get(add.delay(0, 0))
[before, outcome(at(mine))]
"#,
    );
    assert_eq!(
        early,
        json!(["REVOKED", ["REVOKED", "TaskRevokedError", ["revoked"]]]),
        "before it arrived"
    );
    worker.wait_for("Discarding revoked task: proj.add[", patience());
    let held = py.run(
        r#"
held = add.apply_async((1, 2), countdown=2)
until(lambda: held.id in str(app.control.inspect(timeout=10, limit=1).scheduled()))
held.revoke()
[outcome(held), held.id in app.control.inspect(timeout=10, limit=1).revoked()['rs@test']]
"#,
    );
    assert_eq!(
        held,
        json!([["REVOKED", "TaskRevokedError", ["revoked"]], true])
    );
    let running = py.run(
        r#"
running = sleepy.delay(600)
until(lambda: running.id in str(app.control.inspect(timeout=10, limit=1).active()))
running.revoke(terminate=True, signal="SIGKILL")
[outcome(running), get(add.delay(1, 1))]
"#,
    );
    assert_eq!(
        running,
        json!([["REVOKED", "TaskRevokedError", ["terminated"]], 2])
    );
    let stamped = py.run(
        r#"
stamped = sig("proj.add", 1, 2)
stamped.stamp(project="p-9")
app.control.revoke_by_stamped_headers({"project": "p-9"}, reply=True, limit=1, timeout=10)
outcome(stamped.apply_async(countdown=1))
"#,
    );
    assert_eq!(
        stamped,
        json!(["REVOKED", "TaskRevokedError", ["revoked"]]),
        "by a stamp"
    );
    assert!(worker.is_running());
}

/// A worker that starts asks its neighbours, so that what was revoked stays revoked (mingle).
#[test]
fn a_new_worker_learns_what_was_revoked() {
    let store = Store::redis();
    let (program, old) = rust_worker(&store, &[]);
    let mut py = Python::on(&store);
    py.run("mine = uuid()\napp.control.revoke(mine, reply=True, limit=1, timeout=10)");
    let new = program.worker(&["-n", "rs2@test"]);
    assert!(new.log().contains("mingle: sync with 1 nodes"), "{new:?}");
    old.terminate().exit(0);
    let outcome =
        py.run("add.apply_async((1, 2), task_id=mine)\nget(add.delay(1, 1))\noutcome(at(mine))");
    assert_eq!(outcome, json!(["REVOKED", "TaskRevokedError", ["revoked"]]));
}

#[test]
fn signals_stop_a_worker_warm_or_cold() {
    let store = Store::redis();
    let mut py = Python::on(&store);
    let (program, worker) = rust_worker(&store, &[]);
    py.run("running = sleepy.delay(5)\nuntil(lambda: app.control.inspect(timeout=10, limit=1).active()['rs@test'])");
    let end = worker.terminate();
    end.exit(0);
    assert!(
        end.stdout.contains("worker: Warm shutdown (MainProcess)"),
        "{end:?}"
    );
    assert_eq!(
        py.run("outcome(running)"),
        json!(["SUCCESS", 5.0]),
        "it was let finish"
    );

    let worker = program.worker(&["-n", NODE]);
    py.run("running = sleepy.delay(600)\nuntil(lambda: app.control.inspect(timeout=10, limit=1).active()['rs@test'])");
    worker.signal(Signal::SIGQUIT);
    let end = worker.wait(secs(30));
    end.exit(1);
    assert!(
        end.stdout.contains("worker: Cold shutdown (MainProcess)"),
        "{end:?}"
    );
}
