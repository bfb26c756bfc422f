//! rcelery sends, a Python worker runs, rcelery reads the result.

use serde_json::json;

use super::harness::{
    Python, PythonWorker, Rcelery, RedisServer, Store, at_best, eventually, in_time, patience, secs,
};
use super::on_both;

on_both!(
    send_is_run_by_python_and_result_reads_it
    waiting_for_a_result_shows_it_when_it_is_there
    progress_of_a_python_task_is_shown
    purge_empties_the_queue_of_python_messages
    python_reads_what_send_has_sent
);

fn send_is_run_by_python_and_result_reads_it(store: &Store) {
    let _worker = PythonWorker::on(store);
    let rcelery = Rcelery::on(store);
    let id = rcelery
        .run(&["send", "proj.add", "-a", "[2,3]"])
        .ok()
        .to_owned();
    assert_eq!(id.len(), 36, "the bare id: {id}");
    let sum = rcelery.run(&["result", &id, "--wait=20"]);
    assert_eq!((sum.ok(), sum.stderr.as_str()), ("5", ""));
    assert_eq!(rcelery.run(&["result", &id]).ok(), "5", "it stays");
    let document = rcelery.run(&["result", "-j", &id]).json();
    assert_eq!(document["id"], id);
    assert_eq!(document["state"], "SUCCESS");
    assert_eq!(document["result"], 5);
    assert_eq!(document["ready"], true);

    let value = r#"[{"text": "čeština", "list": [1, 2.5, null, true]}]"#;
    let echoed = rcelery.run(&["send", "proj.identity", "-a", value, "--wait=20"]);
    let echoed: serde_json::Value = serde_json::from_str(echoed.ok()).expect("it is JSON");
    assert_eq!(
        echoed,
        json!({"text": "čeština", "list": [1, 2.5, null, true]})
    );
    let by_name = rcelery.run(&["send", "proj.add", "-k", r#"{"x": 1, "y": 2}"#, "--wait=20"]);
    assert_eq!(by_name.ok(), "3");
    let text = rcelery.run(&["send", "proj.identity", "-a", r#"["a text"]"#, "--wait=20"]);
    assert_eq!(text.ok(), "a text", "a text is printed as it is");

    let failed = rcelery.run(&["send", "proj.fail", "-a", r#"["no luck"]"#, "--wait=20"]);
    failed.exit(1);
    assert_eq!(failed.stdout, "");
    assert!(failed.stderr.contains("ValueError: no luck"), "{failed:?}");
    let id = rcelery.run(&["send", "proj.fail"]).ok().to_owned();
    rcelery.run(&["result", &id, "--wait=20"]).exit(1);
    let traceback = rcelery.run(&["result", &id, "--traceback"]);
    traceback.exit(1);
    assert!(
        traceback.stdout.contains("raise ValueError(message)"),
        "{traceback:?}"
    );
    let error = rcelery.run(&["result", "-j", &id]);
    let error: serde_json::Value =
        serde_json::from_str(&error.exit(1).stdout).expect("one JSON document");
    assert_eq!(error["error"]["type"], "ValueError");
    assert_eq!(error["error"]["message"], "boom");

    let unknown = rcelery.run(&["result", "6f5b14f2-0000-4000-8000-000000000000"]);
    unknown.exit(75);
    assert_eq!(unknown.stdout, "");
    let nosuch = rcelery.run(&["send", "proj.nosuch", "--wait=20"]);
    assert!(nosuch.exit(1).stderr.contains("proj.nosuch"), "{nosuch:?}");
}

fn waiting_for_a_result_shows_it_when_it_is_there(store: &Store) {
    let _worker = PythonWorker::on(store);
    let rcelery = Rcelery::on(store);
    let id = rcelery
        .run(&["send", "proj.sleepy", "-a", "[1]"])
        .ok()
        .to_owned();
    rcelery.run(&["result", &id]).exit(75);
    assert_eq!(rcelery.run(&["result", &id, "--wait=20"]).ok(), "1");
    in_time(secs(8), || {
        rcelery
            .run(&["send", "proj.sleepy", "-a", "[9]", "--wait=0.5"])
            .exit(75);
    });
    let id = rcelery
        .run(&["send", "proj.add", "-a", "[1,2]", "--countdown", "1"])
        .ok()
        .to_owned();
    assert_eq!(rcelery.run(&["result", &id, "--wait=20"]).ok(), "3");
    let late = rcelery.run(&[
        "send",
        "proj.add",
        "-a",
        "[1,2]",
        "--expires",
        "0",
        "--wait=20",
    ]);
    late.exit(1);
    assert!(late.stderr.contains("REVOKED"), "{late:?}");
}

fn progress_of_a_python_task_is_shown(store: &Store) {
    let _worker = PythonWorker::on(store);
    let rcelery = Rcelery::on(store);
    let shown = rcelery.run(&["send", "proj.progress", "-a", "[6, 0.3]", "--progress"]);
    let result: serde_json::Value = serde_json::from_str(shown.ok()).expect("the result alone");
    assert_eq!(result, json!({"current": 6, "total": 6, "status": "done"}));
    assert!(shown.stderr.contains("PROGRESS"), "{shown:?}");
    assert!(shown.stderr.contains("/6"), "{shown:?}");
    assert!(shown.stderr.contains("SUCCESS"), "{shown:?}");

    let id = rcelery
        .run(&["send", "proj.progress", "-a", "[8, 0.3]"])
        .ok()
        .to_owned();
    eventually("`result` sees PROGRESS", patience(), || {
        let now = rcelery.run(&["result", &id]);
        if now.code == 75 && now.stderr.contains("PROGRESS") {
            return Ok(());
        }
        assert_eq!(now.code, 75, "{now:?}");
        Err(format!("{now:?}"))
    });
    let watched = rcelery.run(&["result", &id, "--watch"]);
    let states: Vec<&str> = watched
        .ok()
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    assert!(states.contains(&"PROGRESS"), "{watched:?}");
    assert_eq!(states.last(), Some(&"SUCCESS"), "{watched:?}");
}

fn purge_empties_the_queue_of_python_messages(store: &Store) {
    let rcelery = Rcelery::on(store);
    let mut py = Python::on(store);
    py.run("for i in range(5): add.delay(i, i)\nadd.apply_async((1, 1), queue='other')");
    let refused = rcelery.run(&["purge"]);
    assert_ne!(refused.code, 0, "nobody answered the question: {refused:?}");
    assert_eq!(
        rcelery.run(&["purge", "-f"]).ok(),
        "Purged 5 messages from 1 known task queue."
    );
    assert_eq!(
        rcelery.run(&["purge", "-f"]).ok(),
        "No messages purged from 1 queue."
    );
    let document = rcelery
        .run(&["purge", "-f", "-j", "-Q", "celery,other"])
        .json();
    assert_eq!(document["total"], 1);
    rcelery.run(&["send", "proj.add", "-a", "[1,1]"]).ok();
    let erased = py.celery(&["purge", "-f"]);
    assert!(
        erased
            .ok()
            .contains("Purged 1 message from 1 known task queue."),
        "{erased:?}"
    );
}

/// Python's AsyncResult reads states that rcelery's own `send` and a Python worker produce, by an id known beforehand.
fn python_reads_what_send_has_sent(store: &Store) {
    let _worker = PythonWorker::on(store);
    let mut py = Python::on(store);
    let rcelery = Rcelery::on(store);
    let id = "aaaaaaaa-0000-4000-8000-000000000001";
    let sent = rcelery.run(&[
        "send",
        "proj.whoami",
        "--task-id",
        id,
        "--header",
        "tenant=blue",
        "--countdown",
        "0.2",
    ]);
    assert_eq!(sent.ok(), id);
    let who = py.run(&format!("get(at('{id}'))"));
    assert_eq!(who["id"], id);
    assert_eq!(who["root_id"], id);
    assert_eq!(who["headers"]["tenant"], "blue");
    assert_eq!(who["hostname"], "py@test");
}

#[test]
fn a_broker_that_is_not_there_is_named_at_once() {
    let gone = RedisServer::start().url(0);
    let rcelery = Rcelery::new()
        .env("CELERY_BROKER_URL", &gone)
        .env("CELERY_RESULT_BACKEND", &gone);
    for args in [
        &["status"][..],
        &["inspect", "active"],
        &["send", "proj.add", "-a", "[1,1]"],
        &["purge", "-f"],
        &["result", "6f5b14f2-0000-4000-8000-000000000000"],
    ] {
        let output = at_best(secs(5), || rcelery.run(args));
        output.exit(69);
        assert_eq!(output.stdout, "", "{output:?}");
        assert!(output.stderr.contains("127.0.0.1"), "{output:?}");
    }
}
