//! Which queues a worker takes from, and in which order.

use std::fs;

use serde_json::{Value as Json, json};

use crate::fixture::{Client, Marks, Start as _, app, on_both, start};
use crate::harness::{Store, eventually, patience};

on_both!(
    queues_are_chosen_and_left_out
    the_most_urgent_runs_first
    consumers_come_and_go
    tasks_are_routed_by_the_configuration
    slow_tasks_after_quick_ones_are_left_to_others
);

#[track_caller]
fn names(client: &Client) -> Vec<String> {
    let queues = client.ask_one("active_queues", &json!({}));
    let name = |q: &Json| q["name"].as_str().unwrap_or_default().to_owned();
    queues
        .as_array()
        .expect("a list")
        .iter()
        .map(name)
        .collect()
}

fn queues_are_chosen_and_left_out(store: &mut Store) {
    let client = Client::on(store);
    {
        let _worker = start(store, &["-Q", "a,b"]);
        assert_eq!(names(&client), ["a", "b"]);
        for queue in ["a", "b"] {
            let id = client.send(client.call("w.whoami", &json!([])).queue(queue));
            assert_eq!(client.value(&id)[2], queue);
        }
        client.delay("demo.add", &json!([1, 1]));
        assert_eq!(client.waiting("celery"), 1, "not its queue");
    }
    let program = app(store);
    let file = "task_queues = [{name = \"celery\"}, {name = \"slow\"}, {name = \"fast\"}]\n";
    fs::write(program.home().join("rcelery.toml"), file).expect("writing");
    let worker = program.start(&["-X", "slow,nosuch"]);
    let mut seen = names(&client);
    seen.sort();
    assert_eq!(seen, ["celery", "fast"]);
    assert!(worker.stderr().contains("nosuch"), "{}", worker.log());
}

/// 0 before 9, among those that wait.
fn the_most_urgent_runs_first(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    for priority in [9, 3, 6, 0] {
        let call = client.call("w.mark", &json!([marks.path(), priority.to_string()]));
        client.send(call.priority(priority));
    }
    let _worker = start(store, &["-c", "1", "--prefetch-multiplier", "1"]);
    marks.ends(4, patience());
    let mut lines = marks.lines();
    lines.retain(|l| l.starts_with("start"));
    assert_eq!(lines, ["start 0", "start 3", "start 6", "start 9"]);
}

fn consumers_come_and_go(store: &mut Store) {
    let client = Client::on(store);
    let mut worker = start(store, &[]);
    let id = client.send(client.call("demo.add", &json!([1, 1])).queue("extra"));
    let said = client.ask_one("add_consumer", &json!({"queue": "extra"}));
    assert_eq!(said, json!({"ok": "add consumer extra"}));
    worker.wait_for("Started consuming from extra", patience());
    assert_eq!(client.value(&id), 2);
    assert_eq!(names(&client), ["celery", "extra"]);
    let said = client.ask_one("cancel_consumer", &json!({"queue": "extra"}));
    assert_eq!(said, json!({"ok": "no longer consuming from extra"}));
    worker.wait_for("Canceling queue extra", patience());
    eventually("one queue", patience(), || {
        let seen = names(&client);
        if seen == ["celery"] {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    });
    client.send(client.call("demo.add", &json!([1, 1])).queue("extra"));
    // The next task of another queue runs, that one waits.
    client.value(&client.delay("demo.add", &json!([1, 1])));
    assert_eq!(client.waiting("extra"), 1);
}

/// `task_routes` of `rcelery.toml`: `send` follows them.
fn tasks_are_routed_by_the_configuration(store: &mut Store) {
    let client = Client::on(store);
    let program = app(store);
    let file = "[task_routes]\n\"w.*\" = {queue = \"slow\"}\n\"demo.add\" = \"sums\"\n";
    fs::write(program.home().join("rcelery.toml"), file).expect("writing");
    program.run(&["send", "w.whoami"]).ok();
    program.run(&["send", "demo.add", "-a", "[1,2]"]).ok();
    program.run(&["send", "demo.echo"]).ok();
    for queue in ["slow", "sums", "celery"] {
        assert_eq!(client.waiting(queue), 1, "{queue}");
    }
    let worker = program.start(&["-Q", "slow,sums,celery"]);
    eventually("all have run", patience(), || {
        let log = worker.log();
        if log.matches(" succeeded in ").count() == 3 {
            Ok(())
        } else {
            Err(log)
        }
    });
}

/// A worker that gets on quickly fetches more than its window; with slow tasks in hand it goes back to that.
fn slow_tasks_after_quick_ones_are_left_to_others(store: &mut Store) {
    const SLOW: u64 = 100;
    let client = Client::on(store);
    for _ in 0..1500 {
        client.delay("demo.add", &json!([1, 1]));
    }
    for _ in 0..SLOW {
        client.delay("demo.sleep", &json!([60]));
    }
    let worker = start(store, &["-c", "2"]);
    // Two run, and are acknowledged; eight wait here.
    eventually("the others are in the queue", patience(), || {
        match client.waiting("celery") {
            left if left == SLOW - 10 => Ok(()),
            left => Err(format!("{left} are")),
        }
    });
    drop(worker);
}
