//! The worker as a process: pidfile, purge, remote shutdown, what an idle one costs.

use std::fs;

use serde_json::json;

use crate::fixture::{Client, Start as _, app, on_both, start};
use crate::harness::{Store, in_time, patience, secs};

on_both!(remote_shutdown_is_warm purge_erases_what_waits);

#[test]
fn a_second_worker_with_the_same_pidfile_is_refused() {
    let store = Store::redis();
    let program = app(&store);
    let path = program.home().join("w.pid");
    fs::write(&path, "999999999\n").expect("writing");
    let mut worker = program.starting_worker(&["--pidfile", "w.pid"]);
    worker.wait_for("Stale pidfile exists - Removing it.", patience());
    worker.wait_for(" ready.", patience());
    let pid = worker.pid();
    assert_eq!(
        fs::read_to_string(&path).expect("it is there"),
        format!("{pid}\n")
    );
    let out = in_time(secs(15), || program.run(&["worker", "--pidfile", "w.pid"]));
    out.exit(73);
    assert_eq!(
        out.stderr,
        format!(
            "ERROR: Pidfile (w.pid) already exists.\nSeems we're already running? (pid: {pid})\n"
        )
    );
    assert!(path.exists());
    worker.terminate().exit(0);
    assert!(!path.exists());
}

fn remote_shutdown_is_warm(store: &mut Store) {
    let client = Client::on(store);
    let mut worker = start(store, &["-c", "1"]);
    let id = client.delay("demo.sleep", &json!([0.6]));
    worker.wait_for(&format!("[{id}] received"), patience());
    worker.program().run(&["control", "shutdown"]).ok();
    let out = worker.wait(patience());
    out.exit(0);
    assert!(
        out.stderr
            .contains("WARNING/MainProcess] Got shutdown from remote"),
        "{out:?}"
    );
    assert_eq!(client.value(&id), 0.6);
}

fn purge_erases_what_waits(store: &mut Store) {
    let client = Client::on(store);
    client.send_many(
        (0..3)
            .map(|n| client.call("demo.add", &json!([n, 1])))
            .collect(),
    );
    let worker = app(store).start(&["--purge"]);
    assert!(
        worker
            .stdout()
            .contains("purge: Erased 3 messages from the queue.\n"),
        "{}",
        worker.log()
    );
    assert_eq!(client.ask_one("stats", &json!({}))["total"], json!({}));
}

#[test]
fn an_idle_worker_has_few_connections() {
    let mut store = Store::redis();
    let client = Client::on(&store);
    let worker = start(&store, &["-c", "2", "-E"]);
    client.value(&client.delay("w.flaky", &json!([1])));
    drop(client);
    let clients: String = store.server().query(&["CLIENT", "LIST"]);
    // One of them asks.
    let count = clients.lines().count() - 1;
    assert!(
        count <= 4,
        "{count} connections:\n{clients}\n{}",
        worker.log()
    );
}
