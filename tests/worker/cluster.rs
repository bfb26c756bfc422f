//! Several workers: mingle, gossip, and one queue between them.

use serde_json::json;

use crate::fixture::{Client, Marks, Start as _, app, on_both, start};
use crate::harness::{Store, eventually, patience, secs};

on_both!(
    a_new_worker_learns_clock_and_revoked_ids
    a_killed_neighbour_is_missed
    a_queue_is_shared
);

fn a_new_worker_learns_clock_and_revoked_ids(store: &mut Store) {
    let client = Client::on(store);
    let mut first = start(store, &["-n", "a@h", "-E"]);
    assert!(
        first.stderr().contains("mingle: all alone"),
        "{}",
        first.log()
    );
    let calls = (0..40)
        .map(|n| client.call("demo.add", &json!([n, 1])))
        .collect();
    for id in client.send_many(calls) {
        client.value(&id);
    }
    let revoked = "11111111-0000-4000-8000-000000000003";
    client.ask_one("revoke", &json!({"task_id": revoked}));
    let clock = client.ask_one("clock", &json!({}))["clock"]
        .as_i64()
        .expect("a number");
    assert!(clock > 120, "three events a task: {clock}");
    let mut second = start(store, &["-n", "b@h"]);
    let log = second.stderr();
    let places: Vec<_> = [
        "mingle: searching for neighbors",
        "mingle: sync with 1 nodes",
        "mingle: sync complete",
        "b@h ready.",
    ]
    .iter()
    .map(|line| log.find(line))
    .collect();
    assert!(
        places.iter().all(Option::is_some) && places.is_sorted(),
        "{log}"
    );
    first.wait_for("sync with b@h", patience());
    assert_eq!(client.ask("revoked", &json!({}))["b@h"], json!([revoked]));
    let theirs = client.ask("clock", &json!({}))["b@h"]["clock"].as_i64();
    assert!(theirs > Some(clock), "{theirs:?} after {clock}");
    first.terminate().exit(0);
    client.send(client.call("demo.add", &json!([1, 1])).task_id(revoked));
    second.wait_for(
        &format!("Discarding revoked task: demo.add[{revoked}]"),
        patience(),
    );
}

fn a_killed_neighbour_is_missed(store: &mut Store) {
    let listener = |n| ["-n", n, "--heartbeat-interval", "0.5", "-l", "DEBUG"];
    let mut first = start(store, &listener("a@h"));
    let mut second = start(store, &listener("b@h"));
    let mut third = start(store, &["-n", "c@h", "--heartbeat-interval", "0.5"]);
    for worker in [&mut first, &mut second] {
        worker.wait_for("c@h joined the party", patience());
    }
    third.kill();
    for worker in [&mut first, &mut second] {
        worker.wait_for("missed heartbeat from c@h", secs(40));
    }
    assert!(
        !first.log().contains("missed heartbeat from b@h"),
        "{}",
        first.log()
    );
}

fn a_queue_is_shared(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let workers = ["a@h", "b@h"]
        .map(|n| app(store).start(&["-n", n, "-c", "1", "--prefetch-multiplier", "1"]));
    let calls = (0..40).map(|n| client.call("w.late", &json!([marks.path(), n.to_string(), 0.02])));
    client.send_many(calls.collect());
    marks.ends(40, patience());
    client.nothing_left();
    assert_eq!(marks.lines().len(), 80, "each once");
    for worker in &workers {
        eventually("its share", patience(), || {
            let log = worker.log();
            if log.matches(" succeeded in ").count() >= 10 {
                Ok(())
            } else {
                Err(log)
            }
        });
    }
}
