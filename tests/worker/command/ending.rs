//! However a program ends or is ended: all of its process group goes, and nothing of it stays with the worker.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::{Value as Json, json};

use super::{is_alive, pids, worker};
use crate::fixture::{Client, Marks, Running, on_both};
use crate::harness::{Store, eventually, patience, secs};

on_both!(
    a_revoke_ends_the_whole_group
    a_soft_limit_asks_and_a_hard_limit_kills
    a_cold_shutdown_ends_the_group_and_gives_the_message_back
);

/// Notes itself, a child and a grandchild, which sleep.
fn family(marks: &Marks) -> String {
    let path = marks.path();
    format!("(sleep 300 & echo $! >> {path}; wait) & echo $! >> {path}; echo $$ >> {path}")
}

#[track_caller]
fn all_end(pids: &[String]) {
    eventually("the whole group is gone", patience(), || {
        let left: Vec<&String> = pids.iter().filter(|pid| is_alive(pid)).collect();
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?} of {pids:?}"))
        }
    });
}

fn a_revoke_ends_the_whole_group(store: &mut Store) {
    let marks = Marks::new(store);
    let tasks = format!(
        r#"
        [tasks.polite]
        shell   = true
        command = '{}; wait'

        [tasks.stubborn]
        shell   = true
        command = 'trap "" TERM INT; {0}; while :; do sleep 1; done'
        grace   = 0.3
        "#,
        family(&marks)
    );
    let worker = worker(store, &tasks, &["-c", "1"]);
    let client = Client::on(store);
    for (task, signal) in [("polite", "SIGTERM"), ("stubborn", "SIGINT")] {
        let _ = fs::remove_file(marks.path());
        let id = client.delay(task, &json!([]));
        let pids = pids(&marks, 3);
        assert!(pids.iter().all(|pid| is_alive(pid)), "{pids:?}");
        client.ask_one(
            "revoke",
            &json!({"task_id": id, "terminate": true, "signal": signal}),
        );
        let (_, result) = client.reaches(&id, &["REVOKED", "SUCCESS", "FAILURE"]);
        assert_eq!(result["exc_message"], json!(["terminated"]));
        // The state is stored when the group is gone.
        assert!(!pids.iter().any(|pid| is_alive(pid)), "{pids:?}");
    }
    let free = client.delay("demo.add", &json!([1, 2]));
    assert_eq!(client.value(&free), 3, "the slot is free");
    worker.terminate().exit(0);
}

fn a_soft_limit_asks_and_a_hard_limit_kills(store: &mut Store) {
    let marks = Marks::new(store);
    let tasks = format!(
        r#"
        [tasks.tidy]
        shell           = true
        command         = 'trap "echo tidied; exit 0" TERM; sleep 300 & wait'
        soft_time_limit = 3

        [tasks.careless]
        command         = ["sleep", "300"]
        soft_time_limit = 0.3
        time_limit      = 60

        [tasks.deaf]
        shell           = true
        command         = 'trap "" TERM; {0}; while :; do sleep 1; done'
        soft_time_limit = 0.3
        grace           = 0.3

        [tasks.long]
        shell           = true
        command         = '{0}; wait'
        time_limit      = 4
        "#,
        family(&marks)
    );
    let mut worker = worker(store, &tasks, &[]);
    let client = Client::on(store);
    assert_eq!(client.value(&client.delay("tidy", &json!([]))), "tidied");
    let careless = client.delay("careless", &json!([]));
    assert_eq!(client.failure(&careless).0, "SoftTimeLimitExceeded");
    worker.wait_for(
        &format!("Soft time limit (0.3s) exceeded for careless[{careless}]"),
        patience(),
    );
    let deaf = client.delay("deaf", &json!([]));
    assert_eq!(client.failure(&deaf).0, "SoftTimeLimitExceeded");
    all_end(&marks.lines());
    let _ = fs::remove_file(marks.path());
    let long = client.delay("long", &json!([]));
    assert_eq!(
        client.failure(&long),
        ("TimeLimitExceeded".to_owned(), json!([4]))
    );
    let pids = marks.lines();
    assert_eq!(pids.len(), 3);
    assert!(!pids.iter().any(|pid| is_alive(pid)), "{pids:?}");
}

fn a_cold_shutdown_ends_the_group_and_gives_the_message_back(store: &mut Store) {
    let marks = Marks::new(store);
    let tasks = format!(
        r#"
        [tasks.stubborn]
        shell   = true
        command = 'trap "" TERM; {}; while :; do sleep 1; done'
        grace   = "1h"
        "#,
        family(&marks)
    );
    let worker = worker(store, &tasks, &[]);
    let client = Client::on(store);
    client.delay("stubborn", &json!([]));
    let pids = pids(&marks, 3);
    worker.signal(Signal::SIGQUIT);
    let ended = worker.wait(secs(60));
    assert!(
        ended
            .stderr
            .contains("was cut off by the shutdown: its message goes back"),
        "{ended:?}"
    );
    assert!(!pids.iter().any(|pid| is_alive(pid)), "{pids:?}");
    assert_eq!(client.waiting("celery"), 1);
}

#[test]
fn a_warm_shutdown_lets_the_program_finish() {
    let store = Store::sqlite();
    let marks = Marks::new(&store);
    let tasks = format!(
        r#"
        [tasks.slow]
        shell   = true
        command = 'echo started > {0}; while [ -e {0} ]; do sleep 0.02; done; echo finished'
        "#,
        marks.path()
    );
    let mut worker = worker(&store, &tasks, &[]);
    let client = Client::on(&store);
    let id = client.delay("slow", &json!([]));
    marks.wait("started");
    worker.signal(Signal::SIGTERM);
    worker.wait_for("Warm shutdown", patience());
    fs::remove_file(marks.path()).expect("the mark is there");
    worker.wait(secs(60)).exit(0);
    assert_eq!(client.value(&id), "finished");
}

/// It ends at once; what it leaves holds its pipes and sleeps.
#[test]
fn what_a_program_leaves_in_the_background_ends_soon_after_it() {
    let store = Store::sqlite();
    let marks = Marks::new(&store);
    let tasks = format!(
        r#"
        [tasks.holder]
        shell   = true
        command = 'sleep 300 & echo $! >> {0}; echo done'

        [tasks.quiet]
        shell   = true
        command = 'sleep 300 >/dev/null 2>&1 3>&- & echo $! >> {0}; echo done'

        [tasks.escaped]
        shell   = true
        command = 'setsid sleep 300 & echo $! >> {0}; echo done'
        "#,
        marks.path()
    );
    let mut worker = worker(&store, &tasks, &["-c", "1"]);
    let client = Client::on(&store);
    for task in ["holder", "quiet"] {
        let _ = fs::remove_file(marks.path());
        let id = client.delay(task, &json!([]));
        assert_eq!(client.value(&id), "done");
        assert!(!is_alive(&pids(&marks, 1)[0]), "{task}");
        worker.wait_for(
            &format!("{task}[{id}]: ending the processes that it left behind"),
            patience(),
        );
    }
    let _ = fs::remove_file(marks.path());
    let id = client.delay("escaped", &json!([]));
    assert_eq!(
        client.value(&id),
        "done",
        "it left on purpose, and holds nothing up"
    );
    let escaped = &pids(&marks, 1)[0];
    let _ = nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(escaped.parse().expect("a number")),
        Signal::SIGKILL,
    );
}

#[test]
fn a_killed_worker_takes_its_programs_along() {
    let store = Store::redis();
    let marks = Marks::new(&store);
    let tasks = format!(
        r#"
        [tasks.sleep]
        shell   = true
        command = 'echo $$ >> {}; exec sleep 300'
        "#,
        marks.path()
    );
    let worker = worker(&store, &tasks, &[]);
    let client = Client::on(&store);
    client.delay("sleep", &json!([]));
    let pids = pids(&marks, 1);
    worker.signal(Signal::SIGKILL);
    all_end(&pids);
}

fn descriptors(worker: &Running) -> usize {
    let dir = fs::read_dir(format!("/proc/{}/fd", worker.pid())).expect("the worker runs");
    dir.count()
}

fn children(worker: &Running) -> String {
    let pid = worker.pid();
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the worker runs");
    let of = |thread: std::fs::DirEntry| fs::read_to_string(thread.path().join("children"));
    tasks.flatten().filter_map(|t| of(t).ok()).collect()
}

#[test]
fn two_hundred_programs_in_a_row_leave_nothing_behind() {
    let store = Store::redis();
    let tasks = r#"
        [tasks.echo]
        command = ["echo", "{n}"]

        [tasks.fail]
        command = ["false"]
        params  = ["n"]

        [tasks.absent]
        command = ["/nowhere/at-all", "{n}"]
        "#;
    let worker = worker(&store, tasks, &["-c", "4"]);
    let client = Client::on(&store);
    let run = |count: i64| {
        let task = |n: i64| match n % 10 {
            8 => "fail",
            9 => "absent",
            _ => "echo",
        };
        let calls = (0..count)
            .map(|n| client.call(task(n), &json!([n])))
            .collect();
        let ids = client.send_many(calls);
        for (n, id) in (0..count).zip(&ids) {
            if n % 10 < 8 {
                assert_eq!(client.value(id), json!(n));
            } else {
                client.failure(id);
            }
        }
    };
    run(20);
    let before = descriptors(&worker);
    run(200);
    eventually("no descriptor more than before", patience(), || {
        let now = descriptors(&worker);
        if now <= before + 2 {
            Ok(())
        } else {
            Err(format!("{before} and then {now}"))
        }
    });
    eventually("no zombies", patience(), || {
        let left = children(&worker);
        if left.trim().is_empty() {
            Ok(())
        } else {
            Err(left)
        }
    });
    let active = client.ask_one("active", &json!({}));
    assert_eq!(active, Json::Array(Vec::new()));
    worker.terminate().exit(0);
}
