//! Messages that are not what they should be: none stops a worker, and each leaves one line in the log.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::harness::{Python, Store, Worker, eventually, patience};
use super::{on_both, rust_worker};

on_both!(
    captured_malformed_messages_are_set_aside_with_their_ids
    hostile_messages_are_set_aside
);

/// The task id in the captured messages.
const ID: &str = "99999999-0000-4000-8000-000000000040";

/// Their delivery tag.
const TAG: &str = "99999999-0000-4000-8000-000000000041";

#[derive(Deserialize)]
struct Case {
    payload: String,
    stored: Option<Value>,
}

/// Lines of the log that somebody must look at.
fn complaints(worker: &Worker) -> Vec<String> {
    worker
        .stderr()
        .lines()
        .filter(|line| {
            ["WARNING/", "ERROR/", "CRITICAL/"]
                .iter()
                .any(|level| line.contains(level))
        })
        .map(str::to_owned)
        .collect()
}

fn captured_malformed_messages_are_set_aside_with_their_ids(store: &Store) {
    let cases: BTreeMap<String, Case> =
        serde_json::from_str(include_str!("malformed.json")).expect("the file is right");
    assert!(cases.len() >= 26, "all of them: {}", cases.len());
    let (_program, mut worker) = rust_worker(store, &[]);
    let mut py = Python::on(store);
    for (name, case) in &cases {
        let before = complaints(&worker).len();
        py.run(&format!("put({})", json!(case.payload)));
        // Python unpacks a string of arguments character by character; a worker with types refuses it as arguments.
        let wanted = if name == "args_not_list" {
            None
        } else {
            case.stored.as_ref()
        };
        if let Some(stored) = wanted {
            let got = py.run(&format!(
                "got = outcome(at('{ID}'))\nat('{ID}').forget()\ngot"
            ));
            assert_eq!(got, json!([stored["status"], stored["result"]]), "{name}");
            continue;
        }
        let new = eventually(&format!("`{name}` is in the log"), patience(), || {
            assert!(
                worker.is_running(),
                "`{name}` has ended the worker: {worker:?}"
            );
            let all = complaints(&worker);
            if all.len() > before {
                Ok(all[before..].to_vec())
            } else {
                Err(format!("{worker:?}"))
            }
        });
        assert_eq!(new.len(), 1, "`{name}` is said once: {new:?}");
        let line = &new[0];
        if case.payload.contains(ID) {
            assert!(line.contains(ID), "`{name}` is said with its id: {line}");
        } else if case.payload.contains(TAG) {
            assert!(
                line.contains(TAG),
                "`{name}` is said with its delivery tag: {line}"
            );
        }
        py.run(&format!("at('{ID}').forget()"));
    }
    assert_eq!(py.run("[get(add.delay(1, 2)), waiting()]"), json!([3, 0]));
    if store.is_redis() {
        assert_eq!(
            py.run("app.connection_for_read().default_channel.client.hlen('unacked')"),
            0,
            "none is left unsettled"
        );
    }
    worker.terminate().exit(0);
}

fn hostile_messages_are_set_aside(store: &Store) {
    let (_program, mut worker) = rust_worker(store, &[]);
    let mut py = Python::on(store);
    py.run(
        r#"
import base64
def message(text, **changes):
    envelope = {
        "body": base64.b64encode(text).decode(), "content-encoding": "utf-8", "content-type": "application/json",
        "headers": {"lang": "py", "task": "proj.identity", "id": uuid()},
        "properties": {"correlation_id": "c", "delivery_mode": 2, "body_encoding": "base64", "priority": 0,
                       "delivery_info": {"exchange": "", "routing_key": "celery"}, "delivery_tag": uuid()},
    }
    for path, value in changes.items():
        *folders, last = path.split("__")
        place = envelope
        for folder in folders:
            place = place[folder]
        place[last.replace("_", "-") if not folders else last] = value
    return json.dumps(envelope)
fine = b'[["fine"], {}, {}]'
"#,
    );
    for (name, text) in [
        ("truncated", "message(fine)[:-40]"),
        ("empty", "''"),
        ("a number", "'17'"),
        ("an array", "'[]'"),
        ("50 MB of text that is no JSON", "'x' * 50_000_000"),
        ("deep nesting outside", "'[' * 200_000"),
        (
            "deep nesting in the body",
            r#"message(b'[' * 200_000 + b']' * 200_000)"#,
        ),
        (
            "deep nesting in the arguments",
            r#"message(b'[[' + b'[' * 50_000 + b']' * 50_000 + b'], {}, {}]')"#,
        ),
        ("invalid UTF-8", r#"message(b'[["\xff\xfe"], {}, {}]')"#),
        ("a body that is no base64", "message(fine, body='***')"),
        ("a body of another type", "message(fine, body=17)"),
        ("headers of another type", "message(fine, headers=[1])"),
        (
            "a task name of another type",
            "message(fine, headers__task=17)",
        ),
        ("an id of another type", "message(fine, headers__id={})"),
        (
            "a time limit of another type",
            "message(fine, headers__timelimit='soon')",
        ),
        (
            "retries of another type",
            "message(fine, headers__retries='many')",
        ),
        (
            "an eta that is none",
            "message(fine, headers__eta='tomorrow')",
        ),
        (
            "a compression that it is not",
            "message(fine, headers__compression='application/x-gzip')",
        ),
        (
            "an unknown compression",
            "message(fine, headers__compression='application/x-none')",
        ),
        (
            "an unknown type in the JSON",
            r#"message(b'[[{"__type__": "nosuch", "__value__": 1}], {}, {}]')"#,
        ),
        (
            "callbacks that are no signatures",
            r#"message(b'[["x"], {}, {"callbacks": [1, "two"]}]')"#,
        ),
        (
            "a chain that is no list",
            r#"message(b'[["x"], {}, {"chain": 5}]')"#,
        ),
        (
            "too many arguments",
            r#"message(b'[[1, 2, 3, 4], {}, {}]')"#,
        ),
        (
            "an argument that is given twice",
            r#"message(b'[[1], {"value": 2}, {}]')"#,
        ),
    ] {
        py.run(&format!("put({text})"));
        let answer = py.run("get(identity.delay('still there'))");
        assert_eq!(answer, "still there", "after {name}");
        assert!(
            worker.is_running(),
            "{name} has ended the worker: {worker:?}"
        );
    }
    // A large message that is right is run: 20 MB of one argument.
    assert_eq!(
        py.run("len(get(identity.delay('y' * 20_000_000), 60))"),
        20_000_000
    );
    assert!(!worker.stderr().contains("panicked"), "{worker:?}");
    worker.terminate().exit(0);
}
