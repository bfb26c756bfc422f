//! Tasks that wait for their time, and tasks that come too late.

use std::time::Instant;

use serde_json::json;

use crate::fixture::{Client, Marks, on_both, start};
use crate::harness::{Store, eventually, patience, secs};

on_both!(
    a_countdown_is_held_and_runs_on_time
    held_tasks_block_nothing_and_go_back_at_a_stop
    expired_on_receipt_and_while_held
);

fn a_countdown_is_held_and_runs_on_time(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let mut worker = start(store, &["-c", "1"]);
    let sent = Instant::now();
    let call = client.call("w.mark", &json!([marks.path(), "a"]));
    let id = client.send(call.countdown(secs(2)));
    worker.wait_for(&format!("Task w.mark[{id}] received"), patience());
    let scheduled = client.ask_one("scheduled", &json!({}));
    assert_eq!(scheduled[0]["request"]["id"], json!(id), "{scheduled}");
    assert_eq!(client.unacked(), 1, "held is not acknowledged");
    marks.wait("start a");
    let took = sent.elapsed();
    assert!(took >= secs(2) && took < secs(15), "{took:?}");
    assert_eq!(client.value(&id), "a");
    assert_eq!(client.ask_one("scheduled", &json!({})), json!([]));
    client.nothing_left();
}

/// More than the window of one slot: each held task raises the prefetch by one.
fn held_tasks_block_nothing_and_go_back_at_a_stop(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let worker = start(store, &["-c", "1", "--prefetch-multiplier", "1"]);
    let far = |n: u32| {
        client
            .call("w.mark", &json!([marks.path(), format!("far {n}")]))
            .countdown(secs(3600))
    };
    let ids = client.send_many((0..10).map(far).collect());
    let near = client.delay("w.mark", &json!([marks.path(), "near"]));
    assert_eq!(client.value(&near), "near");
    eventually("prefetch 1 + 10", patience(), || {
        let count = client.ask_one("stats", &json!({}))["prefetch_count"].clone();
        if count == 11 {
            Ok(())
        } else {
            Err(count.to_string())
        }
    });
    let out = worker.terminate();
    out.exit(0);
    assert!(
        out.stderr
            .contains("Restoring 10 unacknowledged message(s)"),
        "{out:?}"
    );
    assert_eq!((client.waiting("celery"), client.unacked()), (10, 0));
    // In the order in which they came.
    let mut worker = start(store, &["-c", "1"]);
    worker.wait_for(&format!("[{}] received", ids[9]), patience());
    let log = worker.log();
    let places: Vec<_> = ids
        .iter()
        .map(|id| log.find(&format!("[{id}] received")))
        .collect();
    assert!(places.is_sorted(), "{log}");
    assert_eq!(marks.count("start far 0"), 0);
}

fn expired_on_receipt_and_while_held(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let call = |n: &str| client.call("w.mark", &json!([marks.path(), n]));
    let early = client.send(call("early").expires_in(std::time::Duration::from_millis(1)));
    let mut worker = start(store, &["-c", "1", "-E"]);
    let events = client.events();
    assert_eq!(client.reaches(&early, &["SUCCESS", "REVOKED"]).0, "REVOKED");
    worker.wait_for(&format!("Task w.mark[{early}] expired"), patience());
    let held = client.send(
        call("held")
            .countdown(secs(2))
            .expires_in(std::time::Duration::from_millis(1200)),
    );
    worker.wait_for(&format!("Task w.mark[{held}] received"), patience());
    let (state, result) = client.reaches(&held, &["SUCCESS", "REVOKED"]);
    assert_eq!(
        (state.as_str(), &result["exc_message"]),
        ("REVOKED", &json!(["expired"]))
    );
    assert_eq!(result["exc_type"], "TaskRevokedError");
    let event = events.one("task-revoked", Some(&held));
    assert_eq!(
        (&event["expired"], &event["terminated"], &event["signum"]),
        (&json!(true), &json!(false), &json!(null))
    );
    assert_eq!(marks.lines(), Vec::<String>::new());
    client.nothing_left();
}
