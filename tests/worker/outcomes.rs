//! What becomes of a task's message, result, event and log line, for each way in which it can end.

use serde_json::json;

use crate::fixture::{Client, Marks, on_both, start};
use crate::harness::{Store, patience, secs};

on_both!(
    retries_keep_the_id
    rejected_and_ignored
    unknown_tasks_and_wrong_arguments
    early_and_late_ack
);

fn retries_keep_the_id(store: &mut Store) {
    let client = Client::on(store);
    let mut worker = start(store, &["-c", "2", "-E"]);
    let events = client.events();
    let id = client.delay("w.flaky", &json!([2, 0.2]));
    assert_eq!(client.value(&id), 2);
    let event = events.one("task-retried", Some(&id));
    assert!(
        event["exception"].is_string() && event["traceback"].is_string(),
        "{event}"
    );
    assert_eq!(events.of("task-retried", Some(&id)).len(), 2);
    worker.wait_for(
        &format!("Task w.flaky[{id}] retry: Retry in 0.2s: "),
        patience(),
    );
    let log = worker.log();
    assert_eq!(
        log.matches(&format!("Task w.flaky[{id}] received")).count(),
        3,
        "{log}"
    );

    let id = client.delay("w.auto", &json!([]));
    assert_eq!(client.value(&id), 2);

    let id = client.delay("w.flaky", &json!([9, 0]));
    let (kind, message) = client.failure(&id);
    assert!(
        message.to_string().contains("not yet"),
        "the cause, not the retry: {kind} {message}"
    );
    assert_eq!(
        worker
            .log()
            .matches(&format!("Task w.flaky[{id}] received"))
            .count(),
        4
    );
    client.nothing_left();
}

fn rejected_and_ignored(store: &mut Store) {
    let client = Client::on(store);
    let mut worker = start(store, &["-c", "1", "-E"]);
    let events = client.events();
    let gone = client.delay("w.reject", &json!([false]));
    assert_eq!(client.failure(&gone).0, "Reject");
    worker.wait_for(
        &format!("WARNING/MainProcess] Task w.reject[{gone}] reject requeue=False: no good"),
        patience(),
    );
    assert_eq!(events.one("task-rejected", Some(&gone))["requeue"], false);
    events.one("task-failed", Some(&gone));
    let again = client.delay("w.reject", &json!([true]));
    assert_eq!(
        client.value(&again),
        "taken",
        "delivered again, marked redelivered"
    );
    assert_eq!(events.one("task-rejected", Some(&again))["requeue"], true);
    let ignored = client.delay("w.ignore", &json!([]));
    worker.wait_for(
        &format!("INFO/MainProcess] Task w.ignore[{ignored}] ignored"),
        patience(),
    );
    assert_eq!(
        client.state(&ignored).0,
        "PENDING",
        "its start is forgotten"
    );
    let panics = client.delay("w.panics", &json!([]));
    assert_eq!(client.failure(&panics).1, json!(["all is lost"]));
    client.nothing_left();
}

fn unknown_tasks_and_wrong_arguments(store: &mut Store) {
    let client = Client::on(store);
    let mut worker = start(store, &["-c", "1", "-E"]);
    let events = client.events();
    let unknown = client.delay("proj.nosuch", &json!([1]));
    assert_eq!(
        client.failure(&unknown),
        ("NotRegistered".to_owned(), json!(["proj.nosuch"]))
    );
    worker.wait_for(
        "ERROR/MainProcess] Received unregistered task of type 'proj.nosuch'.",
        patience(),
    );
    worker.wait_for(&unknown, patience());
    let event = events.one("task-failed", Some(&unknown));
    assert_eq!(event["exception"], "NotRegistered('proj.nosuch')");
    // One with an ETA is not kept until then.
    let call = client.call("proj.nosuch", &json!([1])).countdown(secs(600));
    assert_eq!(client.failure(&client.send(call)).0, "NotRegistered");
    let short = client.delay("demo.add", &json!([1]));
    let (kind, message) = client.failure(&short);
    assert_eq!(kind, "TypeError");
    assert!(
        message[0]
            .as_str()
            .is_some_and(|m| m.contains("missing") && m.contains("'y'")),
        "{message}"
    );
    worker.wait_for(
        &format!("ERROR/MainProcess] Task demo.add[{short}] raised unexpected: TypeError("),
        patience(),
    );
    let failed = client.delay("demo.fail", &json!([]));
    assert_eq!(
        client.failure(&failed),
        ("ValueError".to_owned(), json!(["boom"]))
    );
    worker.wait_for(
        &format!(
            "ERROR/MainProcess] Task demo.fail[{failed}] raised unexpected: ValueError('boom')"
        ),
        patience(),
    );
    client.nothing_left();
}

/// By the task's own option, and by `task_acks_late` from the command line.
fn early_and_late_ack(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    {
        let _worker = start(store, &["-c", "2"]);
        client.delay("w.mark", &json!([marks.path(), "early", 60]));
        client.delay("w.late", &json!([marks.path(), "late", 60]));
        marks.wait("start early");
        marks.wait("start late");
        assert_eq!(client.unacked(), 1);
        let active = client.ask_one("active", &json!({}));
        for task in active.as_array().expect("a list") {
            assert_eq!(
                task["acknowledged"],
                json!(task["name"] == "w.mark"),
                "{task}"
            );
        }
    }
    let (client, marks) = (Client::on(store), Marks::new(store));
    let worker = start(store, &["-c", "4", "--set", "task_acks_late=true"]);
    client.delay("w.mark", &json!([marks.path(), "second", 1]));
    marks.wait("start second");
    assert!(client.unacked() >= 1, "{}", worker.log());
    assert_eq!(client.ask_one("conf", &json!({}))["task_acks_late"], true);
}
