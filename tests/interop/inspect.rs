//! rcelery's command line at a Python worker.

use serde_json::json;

use super::harness::{Python, PythonWorker, Rcelery, Store, at_best, eventually, patience, secs};
use super::on_both;

#[test]
fn status_and_inspect_ask_python_workers() {
    let store = Store::redis();
    let rcelery = Rcelery::on(&store);
    let nobody = at_best(secs(1), || rcelery.run(&["status"]));
    nobody.exit(69);
    assert!(
        nobody
            .stderr
            .contains("No nodes replied within time constraint"),
        "{nobody:?}"
    );

    let _worker = PythonWorker::on(&store);
    let mut py = Python::on(&store);
    assert_eq!(
        rcelery.run(&["status"]).ok(),
        "->  py@test: OK\n\n1 node online."
    );
    let document = rcelery.run(&["status", "-j"]);
    assert_eq!(document.json(), json!({"py@test": {"ok": "pong"}}));
    assert_eq!(document.stderr, "");
    rcelery
        .run(&["status", "-d", "py@test,other@test", "-t", "0.5"])
        .exit(69);

    let ids = py.run("[sleepy.delay(30).id, add.apply_async((1, 2), countdown=3600).id]");
    let (running, held) = (ids[0].as_str().unwrap(), ids[1].as_str().unwrap());
    eventually("both tasks are received", patience(), || {
        let seen = rcelery.run(&["inspect", "-j", "query_task", running, held]);
        if seen.stdout.contains("active") && seen.stdout.contains("scheduled") {
            return Ok(());
        }
        Err(format!("{seen:?}"))
    });
    // What ours prints is what Celery's own prints, but for what changes from one call to the next.
    for command in [
        "ping",
        "active",
        "scheduled",
        "reserved",
        "revoked",
        "registered",
        "active_queues",
        "conf",
    ] {
        let ours = rcelery.run(&["inspect", "-j", command]).json();
        let theirs = py.run(&format!(
            "app.control.inspect(timeout=10, limit=1).{command}()"
        ));
        assert_eq!(ours, theirs, "{command}");
    }
    let stats = rcelery.run(&["inspect", "-j", "stats"]).json();
    assert_eq!(stats["py@test"]["pool"]["max-concurrency"], 2);
    for command in ["clock", "report", "memsample", "memdump"] {
        let reply = rcelery.run(&["inspect", "-j", command]).json();
        assert!(reply.get("py@test").is_some(), "{command}: {reply}");
    }
    for command in ["ping", "active", "scheduled", "registered", "active_queues"] {
        let ours = rcelery.run(&["inspect", command]);
        let theirs = py.celery(&["inspect", command, "-t", "20", "-d", "py@test"]);
        assert_eq!(ours.ok(), theirs.ok(), "{command}, as text");
    }
    let error = rcelery.run(&["inspect", "objgraph"]);
    error.exit(1);

    rcelery.run(&["control", "revoke", held]).ok();
    eventually("the worker has it revoked", patience(), || {
        let reply = rcelery.run(&["inspect", "-j", "revoked"]).json();
        if reply["py@test"] == json!([held]) {
            return Ok(());
        }
        Err(reply.to_string())
    });
    rcelery.run(&["control", "shutdown"]).ok();
    eventually("the worker is gone", patience(), || {
        let status = rcelery.run(&["status", "-t", "0.3"]);
        if status.code == 69 {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    });
}

on_both!(our_own_control_plane_works);

/// Remote control of a rcelery worker works on SQLite too, where kombu has none.
fn our_own_control_plane_works(store: &Store) {
    let rcelery = Rcelery::on(store);
    let worker = rcelery.worker(&["-n", "own@test"]);
    assert_eq!(
        rcelery.run(&["status"]).ok(),
        "->  own@test: OK\n\n1 node online."
    );
    let id = rcelery
        .run(&["send", "demo.sleep", "-a", "[60]"])
        .ok()
        .to_owned();
    eventually("the task runs", patience(), || {
        let active = rcelery.run(&["inspect", "active"]);
        if active.ok().contains(&id) {
            Ok(())
        } else {
            Err(format!("{active:?}"))
        }
    });
    let held = rcelery
        .run(&["send", "demo.add", "-a", "[1,2]", "--countdown", "1h"])
        .ok()
        .to_owned();
    eventually("the task is held", patience(), || {
        let scheduled = rcelery.run(&["inspect", "scheduled"]);
        if scheduled.ok().contains(&held) {
            Ok(())
        } else {
            Err(format!("{scheduled:?}"))
        }
    });
    rcelery.run(&["control", "revoke", &held]).ok();
    rcelery.run(&["result", &held, "--wait=20"]).exit(1);
    rcelery.run(&["control", "revoke", "--terminate", &id]).ok();
    let ended = rcelery.run(&["result", &id, "--wait=20"]);
    assert!(ended.exit(1).stderr.contains("terminated"), "{ended:?}");
    assert_eq!(
        rcelery
            .run(&["send", "demo.add", "-a", "[2,3]", "--wait=20"])
            .ok(),
        "5"
    );
    rcelery.run(&["control", "shutdown"]).ok();
    worker.wait(secs(30)).exit(0);
}
