//! Events: all kinds, with the fields that Celery's have.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::{Value as Json, json};

use crate::fixture::{Client, Marks, on_both, start};
use crate::harness::{Store, patience, secs};

on_both!(events_have_the_fields_of_celerys nothing_is_said_without_e);

fn recorded(name: &str) -> Json {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/fixtures/events");
    let text = fs::read_to_string(dir.join(format!("{name}.json"))).expect("the fixture");
    let file: Json = serde_json::from_str(&text).expect("JSON");
    file["event"].clone()
}

/// Which fields there are, and of which JSON type.
fn shape(event: &Json) -> BTreeSet<(String, &'static str)> {
    let kind = |v: &Json| match v {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "text",
        Json::Array(_) => "list",
        Json::Object(_) => "object",
    };
    let fields = event.as_object().expect("an object").iter();
    fields
        .map(|(name, value)| (name.clone(), kind(value)))
        .collect()
}

#[track_caller]
fn alike(event: &Json, fixture: &str) {
    let recorded = recorded(fixture);
    assert_eq!(
        shape(event),
        shape(&recorded),
        "{fixture}: {event} and {recorded}"
    );
    assert_eq!(event["type"], recorded["type"]);
}

fn events_have_the_fields_of_celerys(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let events = client.events();
    let worker = start(
        store,
        &[
            "-n",
            "w1@example.com",
            "-c",
            "4",
            "-E",
            "--heartbeat-interval",
            "0.3",
        ],
    );
    alike(&events.one("worker-online", None), "worker-online");
    alike(&events.one("worker-heartbeat", None), "worker-heartbeat");

    let id = client.delay("demo.add", &json!([2, 3]));
    let received = events.one("task-received", Some(&id));
    let args = |e: &Json| (e["args"].clone(), e["kwargs"].clone());
    assert_eq!(args(&received), args(&recorded("task-received")));
    alike(&received, "task-received");
    alike(&events.one("task-started", Some(&id)), "task-started");
    let succeeded = events.one("task-succeeded", Some(&id));
    alike(&succeeded, "task-succeeded");
    assert_eq!(succeeded["result"], "5");
    let clocks: Vec<i64> = ["task-received", "task-started", "task-succeeded"]
        .iter()
        .filter_map(|kind| events.one(kind, Some(&id))["clock"].as_i64())
        .collect();
    assert!(clocks.is_sorted_by(|a, b| a < b), "{clocks:?}");

    let call = client
        .call("demo.add", &json!([2, 3]))
        .countdown(secs(600))
        .expires_in(secs(900));
    let held = client.send(call);
    alike(
        &events.one("task-received", Some(&held)),
        "task-received_eta",
    );
    client.ask_one("revoke", &json!({"task_id": held}));
    alike(
        &events.one("task-revoked", Some(&held)),
        "task-revoked_by_id",
    );

    let failed = client.delay("demo.fail", &json!([]));
    alike(&events.one("task-failed", Some(&failed)), "task-failed");
    let retried = client.delay("w.flaky", &json!([1]));
    alike(&events.one("task-retried", Some(&retried)), "task-retried");
    let rejected = client.delay("w.reject", &json!([false]));
    alike(
        &events.one("task-rejected", Some(&rejected)),
        "task-rejected",
    );
    let requeued = client.delay("w.reject", &json!([true]));
    alike(
        &events.one("task-rejected", Some(&requeued)),
        "task-rejected_requeue",
    );
    let call = client.call("demo.add", &json!([2, 3]));
    let expired = client.send(call.expires(jiff::Timestamp::UNIX_EPOCH));
    alike(
        &events.one("task-revoked", Some(&expired)),
        "task-revoked_expired",
    );
    let running = client.delay("w.mark", &json!([marks.path(), "a", 60]));
    marks.wait("start a");
    client.ask_one("revoke", &json!({"task_id": running, "terminate": true}));
    alike(
        &events.one("task-revoked", Some(&running)),
        "task-revoked_terminated",
    );

    client.ask("heartbeat", &json!({}));
    let asked = crate::harness::eventually("a short heartbeat", patience(), || {
        let beats = events.of("worker-heartbeat", None);
        beats
            .iter()
            .find(|e| e["freq"] == 5)
            .cloned()
            .ok_or_else(|| format!("{beats:?}"))
    });
    alike(&asked, "worker-heartbeat_on_request");

    let cut = client.delay("w.mark", &json!([marks.path(), "b", 60]));
    marks.wait("start b");
    worker.signal(Signal::SIGQUIT);
    alike(&events.one("worker-offline", None), "worker-offline");
    alike(&events.one("task-cancelled", Some(&cut)), "task-cancelled");
    worker.wait(patience()).exit(1);
    for event in events.all() {
        assert_eq!(event["hostname"], "w1@example.com", "{event}");
    }
}

fn nothing_is_said_without_e(store: &mut Store) {
    let client = Client::on(store);
    let events = client.events();
    let mut worker = start(store, &["-c", "1"]);
    client.value(&client.delay("demo.add", &json!([2, 3])));
    let said = client.ask_one("enable_events", &json!({}));
    assert_eq!(said, json!({"ok": "task events enabled"}));
    worker.wait_for("Events of group {task} enabled by remote.", patience());
    let id = client.delay("demo.add", &json!([2, 3]));
    events.one("task-succeeded", Some(&id));
    let said = client.ask_one("disable_events", &json!({}));
    assert_eq!(said, json!({"ok": "task events disabled"}));
    let quiet = client.delay("demo.add", &json!([2, 3]));
    client.value(&quiet);
    worker.terminate().exit(0);
    events.one("worker-offline", None);
    let tasks = events
        .all()
        .iter()
        .filter(|e| e["type"].as_str().is_some_and(|t| t.starts_with("task-")))
        .count();
    assert_eq!(
        tasks, 3,
        "received, started, succeeded of the one in between"
    );
}
