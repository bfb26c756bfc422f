//! Revoking: before a task arrives, while it waits, while it runs, by id and by stamp.

use serde_json::{Value as Json, json};

use crate::fixture::{Client, Marks, Start as _, app, on_both, start};
use crate::harness::{Store, eventually, patience, secs};

on_both!(
    revoked_before_it_arrives
    revoked_while_it_waits
    terminated_while_it_runs
    revoked_by_stamp
    revoked_ids_outlive_the_worker
);

fn revoked_before_it_arrives(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let mut worker = start(store, &["-E"]);
    let events = client.events();
    let id = "11111111-0000-4000-8000-000000000001";
    let said = client.ask_one("revoke", &json!({"task_id": id}));
    assert_eq!(
        said,
        json!({"ok": format!("tasks {{'{id}'}} flagged as revoked")})
    );
    let call = client.call("w.mark", &json!([marks.path(), "a"]));
    client.send(call.task_id(id));
    worker.wait_for(
        &format!("Discarding revoked task: w.mark[{id}]"),
        patience(),
    );
    let (_, result) = client.reaches(id, &["REVOKED"]);
    assert_eq!(result["exc_message"], json!(["revoked"]));
    let event = events.one("task-revoked", Some(id));
    assert_eq!(
        (&event["expired"], &event["terminated"]),
        (&json!(false), &json!(false))
    );
    client.nothing_left();
    assert_eq!(client.ask_one("revoked", &json!({})), json!([id]));
    assert_eq!(marks.lines(), Vec::<String>::new());
}

/// Reserved behind a busy slot, held for its ETA, waiting for its rate limit: it goes at once.
fn revoked_while_it_waits(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let mut worker = start(store, &["-c", "1"]);
    client.ask_one(
        "rate_limit",
        &json!({"task_name": "demo.echo", "rate_limit": "1/h"}),
    );
    client.value(&client.delay("demo.echo", &json!(["first"])));
    let busy = client.delay("w.mark", &json!([marks.path(), "busy", 60]));
    marks.wait("start busy");
    let reserved = client.delay("w.mark", &json!([marks.path(), "reserved"]));
    let held = client.send(
        client
            .call("w.mark", &json!([marks.path(), "held"]))
            .countdown(secs(600)),
    );
    let limited = client.delay("demo.echo", &json!(["second"]));
    worker.wait_for(&format!("[{limited}] received"), patience());
    let ids = [&reserved, &held, &limited];
    client.ask_one("revoke", &json!({"task_id": ids}));
    for id in ids {
        assert_eq!(
            client.reaches(id, &["REVOKED"]).1["exc_message"],
            json!(["revoked"])
        );
        worker.wait_for(&format!("[{id}]"), patience());
    }
    // The state is stored before the request is over.
    for kind in ["reserved", "scheduled"] {
        eventually(&format!("nothing is {kind}"), patience(), || {
            match client.ask_one(kind, &json!({})) {
                Json::Array(left) if left.is_empty() => Ok(()),
                left => Err(left.to_string()),
            }
        });
    }
    let active = client.ask_one("active", &json!({}));
    assert_eq!(active[0]["id"], json!(busy));
    client.nothing_left();
}

fn terminated_while_it_runs(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let mut worker = start(store, &["-c", "2", "-E"]);
    let events = client.events();
    let early = client.delay("w.mark", &json!([marks.path(), "early", 60]));
    let late = client.delay("w.late", &json!([marks.path(), "late", 60]));
    marks.wait("start early");
    marks.wait("start late");
    let arguments = json!({"task_id": [early, late], "terminate": true, "signal": "SIGKILL"});
    client.ask_one("revoke", &arguments);
    for id in [&early, &late] {
        assert_eq!(
            client.reaches(id, &["REVOKED"]).1["exc_message"],
            json!(["terminated"])
        );
        worker.wait_for(&format!("Terminating {id} (9)"), patience());
        let event = events.one("task-revoked", Some(id));
        assert_eq!(
            (&event["expired"], &event["terminated"], &event["signum"]),
            (&json!(false), &json!(true), &json!(9))
        );
    }
    client.nothing_left();
    // The slots are free.
    let calls = (0..2)
        .map(|n| client.call("demo.add", &json!([n, 1])))
        .collect();
    for (n, id) in client.send_many(calls).iter().enumerate() {
        assert_eq!(client.value(id), n + 1);
    }
    assert_eq!(marks.lines().len(), 2, "both started, none ended");
}

fn revoked_by_stamp(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let mut worker = start(store, &["-c", "1"]);
    let stamped = |n: &str, seconds: f64, project: &str| {
        client
            .call("w.mark", &json!([marks.path(), n, seconds]))
            .option("stamped_headers", vec!["project".into()])
            .option("project", project)
    };
    let running = client.send(stamped("running", 60.0, "p-1"));
    marks.wait("start running");
    let waiting = client.send(stamped("waiting", 0.0, "p-1"));
    let other = client.send(stamped("other", 0.0, "p-2"));
    worker.wait_for(&format!("[{other}] received"), patience());
    let arguments = json!({"headers": {"project": "p-1"}, "terminate": true});
    client.ask_one("revoke_by_stamped_headers", &arguments);
    assert_eq!(
        client.reaches(&running, &["REVOKED"]).1["exc_message"],
        json!(["terminated"])
    );
    assert_eq!(
        client.reaches(&waiting, &["REVOKED"]).1["exc_message"],
        json!(["revoked"])
    );
    worker.wait_for(
        &format!(
            "Discarding revoked task: w.mark[{waiting}] (revoked by header: {{'project': 'p-1'}})"
        ),
        patience(),
    );
    assert_eq!(client.value(&other), "other");
    let later = client.send(stamped("later", 0.0, "p-1"));
    client.reaches(&later, &["REVOKED"]);
    client.nothing_left();
}

/// `--statedb`.
fn revoked_ids_outlive_the_worker(store: &mut Store) {
    let client = Client::on(store);
    let file = store.file("state");
    let args = ["--statedb", file.to_str().expect("ASCII")];
    let worker = start(store, &args);
    let id = "11111111-0000-4000-8000-000000000002";
    client.ask_one("revoke", &json!({"task_id": id}));
    worker.terminate().exit(0);
    let mut worker = app(store).start(&args);
    assert_eq!(client.ask_one("revoked", &json!({})), json!([id]));
    client.send(client.call("demo.add", &json!([1, 1])).task_id(id));
    worker.wait_for(
        &format!("Discarding revoked task: demo.add[{id}]"),
        patience(),
    );
}
