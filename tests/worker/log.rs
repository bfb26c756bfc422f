//! The log, line by line: what scrapers of Celery's log look for stands in ours, at its level, in its format.

use std::time::Duration;

use regex::Regex;
use serde_json::json;

use crate::fixture::{Client, Marks, on_both, start};
use crate::harness::{Store, patience, secs};

on_both!(every_outcome_has_its_line);

/// Records as `LEVEL message`, ids and run times by a placeholder. Every record has Celery's prefix.
#[track_caller]
fn records(log: &str) -> Vec<String> {
    let prefix = Regex::new(
        r"(?m)^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: (DEBUG|INFO|WARNING|ERROR|CRITICAL)/MainProcess\] ",
    )
    .expect("a pattern of ours");
    let id = Regex::new(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
        .expect("a pattern of ours");
    let runtime = Regex::new(r"succeeded in \d+(\.\d+)?(e-\d+)?s: ").expect("a pattern of ours");
    let starts: Vec<_> = prefix.captures_iter(log).collect();
    let mut records = Vec::new();
    for (i, start) in starts.iter().enumerate() {
        let (whole, level) = (start.get(0).expect("it matched"), &start[1]);
        let end = starts
            .get(i + 1)
            .map_or(log.len(), |next| next.get(0).expect("it matched").start());
        let message = log[whole.end()..end].trim_end_matches('\n');
        let message = id.replace_all(message, "ID");
        let message = runtime.replace_all(&message, "succeeded in Ns: ");
        records.push(format!("{level} {message}"));
    }
    records
}

fn every_outcome_has_its_line(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let mut worker = start(store, &["-n", "w1@box", "-c", "4", "-E"]);
    let second = Duration::from_secs(1);
    let blocked = client.call("w.mark", &json!([marks.path(), "revoked"]));
    let revoked = client.send(blocked.countdown(secs(600)));
    let ended = [
        client.delay("demo.add", &json!([2, 3])),
        client.delay("demo.echo", &json!([["a", null]])),
        client.delay("demo.fail", &json!(["boom"])),
        client.delay("w.throws", &json!([])),
        client.delay("demo.add", &json!([1])),
        client.delay("w.flaky", &json!([1, 1])),
        client.delay("w.flaky", &json!([9, 0])),
        client.delay("w.reject", &json!([false])),
        client.delay("proj.nosuch", &json!(["secret"])),
        client.send(
            client
                .call("w.mark", &json!([marks.path(), "soft", 60]))
                .soft_time_limit(second),
        ),
        client.send(
            client
                .call("w.mark", &json!([marks.path(), "hard", 60]))
                .time_limit(second),
        ),
        client.send(
            client
                .call("demo.add", &json!([1, 1]))
                .expires_in(Duration::ZERO),
        ),
    ];
    client.delay("w.ignore", &json!([]));
    for id in &ended {
        client.reaches(id, &["SUCCESS", "FAILURE", "REVOKED"]);
    }
    client.ask("revoke", &json!({"task_id": revoked}));
    let long = client.delay("w.mark", &json!([marks.path(), "long", 60]));
    marks.wait("start long");
    client.ask(
        "revoke",
        &json!({"task_id": long, "terminate": true, "signal": "SIGTERM"}),
    );
    client.reaches(&long, &["REVOKED"]);
    client.push_raw(store, b"no message at all");
    client.ask_one(
        "rate_limit",
        &json!({"task_name": "demo.add", "rate_limit": "10/s"}),
    );
    client.ask_one(
        "rate_limit",
        &json!({"task_name": "demo.add", "rate_limit": 0}),
    );
    client.ask_one(
        "time_limit",
        &json!({"task_name": "demo.add", "soft": 5.5, "hard": 10}),
    );
    client.ask_one(
        "time_limit",
        &json!({"task_name": "demo.add", "soft": 5.0, "hard": 10.0}),
    );
    client.ask_one("add_consumer", &json!({"queue": "extra"}));
    worker.wait_for("Started consuming from extra", patience());
    client.ask_one("cancel_consumer", &json!({"queue": "extra"}));
    worker.wait_for("Canceling queue extra", patience());
    worker.wait_for("Received a message that can't be read", patience());
    client.ask("shutdown", &json!({}));
    let out = worker.wait(secs(60));
    out.exit(0);
    let mut seen = records(&out.stderr);
    let connected = seen.remove(0);
    assert!(connected.starts_with("INFO Connected to "), "{connected}");
    let garbled = seen.iter().position(|r| {
        r.starts_with(
            "ERROR Received a message that can't be read from queue `celery`, rejecting it: ",
        )
    });
    seen.remove(garbled.unwrap_or_else(|| panic!("{seen:#?}")));
    seen.sort_unstable();
    let mut wanted = WANTED.to_vec();
    wanted.sort_unstable();
    assert_eq!(seen, wanted, "{out:?}");
}

/// What is not here is no line of this run.
const WANTED: &[&str] = &[
    "INFO mingle: searching for neighbors",
    "INFO mingle: all alone",
    "INFO w1@box ready.",
    // Success.
    "INFO Task demo.add[ID] received",
    "INFO Task demo.add[ID] succeeded in Ns: 5",
    "INFO Task demo.echo[ID] received",
    "INFO Task demo.echo[ID] succeeded in Ns: ['a', None]",
    // Failures: unexpected, expected, wrong arguments.
    "INFO Task demo.fail[ID] received",
    "ERROR Task demo.fail[ID] raised unexpected: ValueError('boom')\nValueError: boom",
    "INFO Task w.throws[ID] received",
    "INFO Task w.throws[ID] raised expected: KeyError('no such key')",
    "INFO Task demo.add[ID] received",
    "ERROR Task demo.add[ID] raised unexpected: TypeError(\"add() missing 1 required positional argument: 'y'\")\n\
     TypeError: add() missing 1 required positional argument: 'y'",
    // A retry that helps, and those that do not.
    "INFO Task w.flaky[ID] received",
    "INFO Task w.flaky[ID] retry: Retry in 1s: Error('not yet')",
    "INFO Task w.flaky[ID] received",
    "INFO Task w.flaky[ID] succeeded in Ns: 1",
    "INFO Task w.flaky[ID] received",
    "INFO Task w.flaky[ID] retry: Retry in 0s: Error('not yet')",
    "INFO Task w.flaky[ID] received",
    "INFO Task w.flaky[ID] retry: Retry in 0s: Error('not yet')",
    "INFO Task w.flaky[ID] received",
    "INFO Task w.flaky[ID] retry: Retry in 0s: Error('not yet')",
    "INFO Task w.flaky[ID] received",
    "ERROR Task w.flaky[ID] raised unexpected: Error('not yet')\nError: not yet",
    // Rejected, ignored.
    "INFO Task w.reject[ID] received",
    "WARNING Task w.reject[ID] reject requeue=False: no good",
    "INFO Task w.ignore[ID] received",
    "INFO Task w.ignore[ID] ignored",
    // Not known here; its arguments are for DEBUG.
    "INFO Task proj.nosuch[ID] received",
    "ERROR Received unregistered task of type 'proj.nosuch'. The message has been rejected. [id: ID, queue: celery]",
    // Time limits, soft and hard.
    "INFO Task w.mark[ID] received",
    "WARNING Soft time limit (1s) exceeded for w.mark[ID]",
    "ERROR Task w.mark[ID] raised unexpected: SoftTimeLimitExceeded()\nSoftTimeLimitExceeded",
    "INFO Task w.mark[ID] received",
    "ERROR Hard time limit (1s) exceeded for w.mark[ID]",
    // Expired; revoked while it waits; revoked while it runs.
    "INFO Task demo.add[ID] received",
    "INFO Task demo.add[ID] expired",
    "INFO Task w.mark[ID] received",
    "INFO Tasks flagged as revoked: ID",
    "INFO Discarding revoked task: w.mark[ID]",
    "INFO Task w.mark[ID] received",
    "INFO Terminating ID (15)",
    "INFO Task w.mark[ID] terminated (SIGTERM)",
    // Remote control.
    "INFO New rate limit for tasks of type demo.add: 10/s.",
    "INFO Rate limits disabled for tasks of type demo.add",
    "INFO New time limits for tasks of type demo.add: soft=5.5 hard=10",
    "INFO New time limits for tasks of type demo.add: soft=5.0 hard=10.0",
    "INFO Started consuming from extra",
    "INFO Canceling queue extra",
    "WARNING Got shutdown from remote",
];
