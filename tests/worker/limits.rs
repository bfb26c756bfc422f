//! Rate limits, time limits, slots and the prefetch window.

use std::time::Instant;

use serde_json::json;

use crate::fixture::{Client, Marks, on_both, start};
use crate::harness::{Store, eventually, patience, secs};

on_both!(
    hard_and_soft_time_limits
    prefetch_is_slots_times_multiplier
);

#[test]
fn a_rate_limit_spaces_starts() {
    let store = Store::redis();
    let client = Client::on(&store);
    let mut worker = start(&store, &["-c", "4"]);
    let said = client.ask_one(
        "rate_limit",
        &json!({"task_name": "demo.echo", "rate_limit": "4/s"}),
    );
    assert_eq!(said, json!({"ok": "new rate limit set successfully"}));
    worker.wait_for(
        "New rate limit for tasks of type demo.echo: 4/s.",
        patience(),
    );
    let begin = Instant::now();
    let calls = (0..17)
        .map(|n| client.call("demo.echo", &json!([n])))
        .collect();
    let ids = client.send_many(calls);
    // Another type is not held up.
    let other = client.delay("demo.add", &json!([1, 1]));
    assert_eq!(client.value(&other), 2);
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(client.value(id), n);
    }
    let took = begin.elapsed().as_secs_f64();
    assert!((3.95..20.).contains(&took), "0, ¼, ½ … 4 s: {took}");
    worker.wait_for(&format!("[{}] succeeded", ids[16]), patience());
    let done = |id: &str| worker.log().find(&format!("[{id}] succeeded"));
    assert!(done(&other) < done(&ids[16]), "{}", worker.log());
    let said = client.ask_one(
        "rate_limit",
        &json!({"task_name": "demo.echo", "rate_limit": 0}),
    );
    assert_eq!(said, json!({"ok": "rate limit disabled successfully"}));
    let said = client.ask_one(
        "rate_limit",
        &json!({"task_name": "nosuch", "rate_limit": "1/s"}),
    );
    assert_eq!(said, json!({"error": "unknown task"}));
}

#[test]
fn lifting_a_rate_limit_lets_waiting_tasks_go() {
    let store = Store::redis();
    let client = Client::on(&store);
    let worker = start(&store, &["-c", "1", "--", "task.default_rate_limit=2/h"]);
    let calls = (0..4)
        .map(|n| client.call("demo.echo", &json!([n])))
        .collect();
    let ids = client.send_many(calls);
    client.value(&ids[0]);
    eventually("three wait", patience(), || {
        let reserved = client.ask_one("reserved", &json!({}));
        let count = reserved.as_array().map_or(0, Vec::len);
        if count == 3 {
            Ok(())
        } else {
            Err(format!("{reserved}\n{}", worker.log()))
        }
    });
    client.ask_one(
        "rate_limit",
        &json!({"task_name": "demo.echo", "rate_limit": "0"}),
    );
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(client.value(id), n);
    }
}

/// From the command line, from the message, by remote control; async, blocking and careful tasks.
fn hard_and_soft_time_limits(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let mut worker = start(store, &["-c", "2", "-E", "--time-limit", "1"]);
    let events = client.events();
    let hard = client.delay("w.mark", &json!([marks.path(), "hard", 60]));
    assert_eq!(
        client.failure(&hard),
        ("TimeLimitExceeded".to_owned(), json!([1]))
    );
    worker.wait_for(
        &format!("Hard time limit (1s) exceeded for w.mark[{hard}]"),
        patience(),
    );
    let event = events.one("task-failed", Some(&hard));
    assert_eq!(event["exception"], "TimeLimitExceeded(1)");

    let call = client.call("w.mark", &json!([marks.path(), "soft", 60]));
    let soft = client.send(call.soft_time_limit(std::time::Duration::from_millis(300)));
    assert_eq!(
        client.failure(&soft),
        ("SoftTimeLimitExceeded".to_owned(), json!([]))
    );
    worker.wait_for(
        &format!("Soft time limit (0.3s) exceeded for w.mark[{soft}]"),
        patience(),
    );

    let call = client.call("w.careful", &json!([60]));
    let careful = client.send(call.soft_time_limit(std::time::Duration::from_millis(300)));
    assert_eq!(client.value(&careful), "cleaned up");

    // The message's own limit wins over the worker's.
    let call = client.call("w.mark", &json!([marks.path(), "long", 1.5]));
    assert_eq!(
        client.value(&client.send(call.time_limit(secs(30)))),
        "long"
    );

    let said = client.ask_one(
        "time_limit",
        &json!({"task_name": "w.block", "hard": 0.4, "soft": null}),
    );
    assert_eq!(said, json!({"ok": "time limits set successfully"}));
    let began = Instant::now();
    let blocks = client.delay("w.block", &json!([marks.path(), "blocks", 20, false]));
    assert_eq!(client.failure(&blocks).0, "TimeLimitExceeded");
    assert!(began.elapsed() < secs(20), "not when the thread comes back");
    for n in ["hard", "soft"] {
        assert_eq!(marks.count(&format!("end {n}")), 0);
    }
    client.nothing_left();
}

/// A thread that cannot be killed keeps its slot until it is back.
#[test]
fn a_blocking_task_keeps_its_slot() {
    let store = Store::redis();
    let (client, marks) = (Client::on(&store), Marks::new(&store));
    let _worker = start(&store, &["-c", "1"]);
    let call = client.call("w.block", &json!([marks.path(), "deaf", 1.2]));
    let deaf = client.send(call.time_limit(std::time::Duration::from_millis(200)));
    let next = client.delay("w.mark", &json!([marks.path(), "next"]));
    assert_eq!(client.failure(&deaf).0, "TimeLimitExceeded");
    assert_eq!(client.value(&next), "next");
    assert_eq!(
        marks.lines(),
        ["start deaf", "end deaf", "start next", "end next"]
    );
}

fn prefetch_is_slots_times_multiplier(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let mut worker = start(store, &["-c", "2", "--prefetch-multiplier", "2"]);
    // Early ack: what runs is settled, and does not count.
    let calls = (0..10).map(|n| client.call("w.late", &json!([marks.path(), n.to_string(), 30])));
    client.send_many(calls.collect());
    eventually("2 run, 2 wait here, 6 wait there", patience(), || {
        let seen = (client.unacked(), client.waiting("celery"));
        if seen == (4, 6) {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    });
    assert_eq!(
        client
            .ask_one("active", &json!({}))
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!(
        client.ask_one("pool_grow", &json!({"n": 1})),
        json!({"ok": "pool will grow"})
    );
    eventually("3 run, 3 wait here", patience(), || {
        let active = client
            .ask_one("active", &json!({}))
            .as_array()
            .map(Vec::len);
        let seen = (active, client.unacked(), client.waiting("celery"));
        if seen == (Some(3), 6, 4) {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    });
    assert_eq!(
        client.ask_one("pool_shrink", &json!({"n": 2})),
        json!({"ok": "pool will shrink"})
    );
    let refused = client.ask_one("pool_shrink", &json!({"n": 1}));
    assert!(
        refused["error"]
            .as_str()
            .is_some_and(|e| e.starts_with("ValueError(")),
        "{refused}"
    );
    assert_eq!(
        client.ask_one("stats", &json!({}))["pool"]["max-concurrency"],
        1
    );
    assert!(worker.is_running());
}

#[test]
fn concurrency_bounds_what_runs() {
    let store = Store::redis();
    let (client, marks) = (Client::on(&store), Marks::new(&store));
    let _worker = start(&store, &["-c", "3"]);
    let calls = (0..12).map(|n| client.call("w.mark", &json!([marks.path(), n.to_string(), 0.05])));
    client.send_many(calls.collect());
    marks.ends(12, patience());
    let (mut now, mut most) = (0, 0);
    for line in marks.lines() {
        now += if line.starts_with("start") { 1 } else { -1 };
        most = most.max(now);
    }
    assert_eq!(most, 3);
}

#[test]
fn autoscale_grows_with_the_load() {
    let store = Store::redis();
    let (client, marks) = (Client::on(&store), Marks::new(&store));
    let mut worker = start(&store, &["--autoscale", "4,1"]);
    let calls = (0..4).map(|n| client.call("w.mark", &json!([marks.path(), n.to_string(), 0.5])));
    client.send_many(calls.collect());
    for n in 0..4 {
        marks.wait(&format!("start {n}"));
    }
    assert_eq!(marks.count("end 0"), 0, "all four run at once");
    worker.wait_for("Scaling up ", patience());
    let said = client.ask_one("pool_grow", &json!({"n": 1}));
    assert_eq!(
        said,
        json!({"error": "pool_grow is not supported with autoscale. Adjust autoscale range instead."})
    );
    let said = client.ask_one("autoscale", &json!({"max": 3, "min": 2}));
    assert_eq!(said, json!({"ok": "autoscale now max=3 min=2"}));
}
