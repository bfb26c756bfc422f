//! Workers that stop by themselves: `--burst` when nothing is left to do, `--max-tasks` after so many runs.

use serde_json::json;

use crate::fixture::{Client, Marks, app, on_both};
use crate::harness::{Store, patience, secs};

on_both!(
    a_burst_does_all_there_is_and_ends
    a_burst_waits_for_retries_and_follow_ups
    a_burst_leaves_later_tasks_in_their_queue
    a_burst_of_nothing_ends
    no_more_than_max_tasks_are_run
    late_acks_count_as_runs_too
);

fn a_burst_does_all_there_is_and_ends(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let mut calls = Vec::new();
    for n in 0..30 {
        let call = client.call("w.mark", &json!([marks.path(), n.to_string(), 0.01]));
        calls.push(match n % 3 {
            0 => call,
            1 => call.queue("video"),
            _ => call.queue("mail"),
        });
    }
    client.send_many(calls);
    let worker = app(store).starting_worker(&["--burst", "-c", "3", "-Q", "celery,video,mail"]);
    let out = worker.wait(secs(60));
    out.exit(0);
    assert!(
        out.stderr
            .contains("the queues are empty and nothing runs: stopping"),
        "{out:?}"
    );
    for n in 0..30 {
        assert_eq!(marks.count(&format!("end {n}")), 1, "{n}: {out:?}");
    }
    for queue in ["celery", "video", "mail"] {
        assert_eq!(client.waiting(queue), 0, "{queue}");
    }
    assert_eq!(client.unacked(), 0);
}

fn a_burst_waits_for_retries_and_follow_ups(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let retried = client.delay("w.flaky", &json!([2, 1.2]));
    let linked = client
        .call("w.mark", &json!([marks.path(), "linked"]))
        .immutable();
    client.send(
        client
            .call("w.mark", &json!([marks.path(), "first", 0.3]))
            .link(linked),
    );
    let worker = app(store).starting_worker(&["--burst", "-c", "2"]);
    worker.wait(secs(60)).exit(0);
    assert_eq!(client.state(&retried), ("SUCCESS".to_owned(), json!(2)));
    assert_eq!(marks.count("end linked"), 1);
    client.nothing_left();
}

fn a_burst_leaves_later_tasks_in_their_queue(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let later = client.call("w.mark", &json!([marks.path(), "later"]));
    client.send(later.countdown(secs(3600)));
    client.delay("w.mark", &json!([marks.path(), "now"]));
    let worker = app(store).starting_worker(&["--burst"]);
    worker.wait(secs(60)).exit(0);
    assert_eq!(marks.lines(), ["start now", "end now"]);
    assert_eq!((client.waiting("celery"), client.unacked()), (1, 0));
}

fn a_burst_of_nothing_ends(store: &mut Store) {
    let worker = app(store).starting_worker(&["--burst", "-Q", "a,b"]);
    let out = worker.wait(patience());
    out.exit(0);
    assert!(out.stderr.contains(" ready."), "{out:?}");
}

fn no_more_than_max_tasks_are_run(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let call = |n: u32| client.call("w.mark", &json!([marks.path(), n.to_string(), 0.2]));
    client.send_many((0..12).map(call).collect());
    for (round, concurrency) in [(1, "4"), (2, "1")] {
        let args = ["--max-tasks", "3", "-c", concurrency];
        let out = app(store).starting_worker(&args).wait(secs(60));
        out.exit(0);
        let ends = marks
            .lines()
            .iter()
            .filter(|l| l.starts_with("end"))
            .count();
        assert_eq!(ends, 3 * round, "{out:?}");
        assert_eq!(
            (client.waiting("celery"), client.unacked()),
            (12 - 3 * round as u64, 0),
            "{out:?}"
        );
    }
    assert_eq!(
        marks
            .lines()
            .iter()
            .filter(|l| l.starts_with("start"))
            .count(),
        6
    );
}

fn late_acks_count_as_runs_too(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let call = |n: u32| client.call("w.late", &json!([marks.path(), n.to_string(), 0.1]));
    client.send_many((0..6).map(call).collect());
    let args = ["--max-tasks", "4", "-c", "2"];
    app(store).starting_worker(&args).wait(secs(60)).exit(0);
    assert_eq!(
        marks
            .lines()
            .iter()
            .filter(|l| l.starts_with("start"))
            .count(),
        4
    );
    assert_eq!((client.waiting("celery"), client.unacked()), (2, 0));
}
