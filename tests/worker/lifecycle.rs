//! Signals, exit codes, and what becomes of tasks at a stop.

use nix::sys::signal::Signal;
use serde_json::json;

use crate::fixture::{Client, Marks, Start as _, app, on_both, start};
use crate::harness::{Rcelery, Store, eventually, in_time, patience, secs};

on_both!(
    term_lets_a_running_task_finish
    quit_gives_a_running_task_back
    two_hundred_tasks_over_stops_and_starts
    hup_starts_the_worker_anew
    a_stop_that_waits_says_for_what
);

#[test]
fn term_stops_an_idle_worker_at_once() {
    let store = Store::redis();
    let worker = start(&store, &[]);
    let out = in_time(secs(15), || worker.terminate());
    out.exit(0);
    assert!(
        out.stdout
            .contains("\nworker: Warm shutdown (MainProcess)\n"),
        "{out:?}"
    );
}

fn term_lets_a_running_task_finish(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let worker = start(store, &[]);
    let id = client.delay("w.mark", &json!([marks.path(), "a", 0.7]));
    marks.wait("start a");
    worker.signal(Signal::SIGTERM);
    worker.signal(Signal::SIGTERM);
    let out = worker.wait(patience());
    out.exit(0);
    assert_eq!(client.value(&id), "a");
    client.nothing_left();
}

#[test]
fn one_interrupt_is_warm() {
    let store = Store::redis();
    let (client, marks) = (Client::on(&store), Marks::new(&store));
    let worker = start(&store, &[]);
    client.delay("w.mark", &json!([marks.path(), "a", 0.5]));
    marks.wait("start a");
    worker.signal(Signal::SIGINT);
    let out = worker.wait(patience());
    out.exit(0);
    let said = "\nworker: Hitting Ctrl+C again will initiate cold shutdown, terminating all running tasks!\n\
                \nworker: Warm shutdown (MainProcess)\n";
    assert!(out.stdout.ends_with(said), "{out:?}");
    assert_eq!(marks.count("end a"), 1);
}

#[test]
fn two_interrupts_cut_tasks_off() {
    let store = Store::redis();
    let (client, marks) = (Client::on(&store), Marks::new(&store));
    let mut worker = start(&store, &[]);
    client.delay("w.mark", &json!([marks.path(), "a", 60]));
    marks.wait("start a");
    worker.signal(Signal::SIGINT);
    worker.wait_for("Warm shutdown", patience());
    worker.signal(Signal::SIGINT);
    let out = worker.wait(secs(20));
    out.exit(1);
    assert!(
        out.stdout
            .contains("\nworker: Hitting Ctrl+C again will terminate all running tasks!\n"),
        "{out:?}"
    );
    assert_eq!(client.waiting("celery"), 1, "{out:?}");
}

#[test]
fn three_interrupts_cut_a_soft_shutdown_short() {
    let store = Store::redis();
    let (client, marks) = (Client::on(&store), Marks::new(&store));
    let mut worker = start(&store, &["--drain-timeout", "60"]);
    client.delay("w.late", &json!([marks.path(), "a", 60]));
    marks.wait("start a");
    worker.signal(Signal::SIGINT);
    worker.wait_for("Warm shutdown", patience());
    worker.signal(Signal::SIGINT);
    worker.wait_for(
        "Initiating Soft Shutdown, terminating in 60.0 seconds",
        patience(),
    );
    worker.signal(Signal::SIGINT);
    let out = worker.wait(secs(20));
    out.exit(1);
    assert!(
        out.stdout.contains(
            "\nWaiting gracefully for cold shutdown to complete...\n\nworker: Cold shutdown (MainProcess)\n"
        ),
        "{out:?}"
    );
    assert_eq!(
        (client.waiting("celery"), client.unacked()),
        (1, 0),
        "{out:?}"
    );
}

#[test]
fn soft_shutdown_lets_short_tasks_finish_and_cuts_long_ones() {
    let store = Store::redis();
    let (client, marks) = (Client::on(&store), Marks::new(&store));
    let worker = start(&store, &["-c", "2", "--drain-timeout", "1.5"]);
    client.delay("w.mark", &json!([marks.path(), "short", 0.8]));
    client.delay("w.mark", &json!([marks.path(), "long", 60]));
    marks.wait("start short");
    marks.wait("start long");
    worker.signal(Signal::SIGQUIT);
    let out = in_time(secs(30), || worker.wait(patience()));
    out.exit(1);
    assert!(
        out.stderr
            .contains("Initiating Soft Shutdown, terminating in 1.5 seconds"),
        "{out:?}"
    );
    assert_eq!(marks.count("end short"), 1);
    assert_eq!(client.waiting("celery"), 1);
}

/// Early and late ack alike: nothing that was cut off is lost.
fn quit_gives_a_running_task_back(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let worker = start(store, &["-c", "2"]);
    let early = client.delay("w.mark", &json!([marks.path(), "early", 1.5]));
    let late = client.delay("w.late", &json!([marks.path(), "late", 1.5]));
    marks.wait("start early");
    marks.wait("start late");
    worker.signal(Signal::SIGQUIT);
    let out = in_time(secs(30), || worker.wait(patience()));
    out.exit(1);
    assert!(
        out.stdout.contains("worker: Cold shutdown (MainProcess)"),
        "{out:?}"
    );
    assert_eq!(
        (client.waiting("celery"), client.unacked()),
        (2, 0),
        "{out:?}"
    );
    let _second = start(store, &["-c", "2"]);
    assert_eq!(
        (client.value(&early), client.value(&late)),
        (json!("early"), json!("late"))
    );
    for n in ["early", "late"] {
        assert_eq!(marks.count(&format!("start {n}")), 2);
        assert_eq!(marks.count(&format!("end {n}")), 1);
    }
    client.nothing_left();
}

#[test]
fn a_blocking_task_that_does_not_listen_does_not_keep_the_worker() {
    let store = Store::redis();
    let (client, marks) = (Client::on(&store), Marks::new(&store));
    let worker = start(&store, &["-c", "2"]);
    client.delay("w.block", &json!([marks.path(), "deaf", 60]));
    marks.wait("start deaf");
    worker.signal(Signal::SIGQUIT);
    in_time(secs(40), || worker.wait(patience())).exit(1);
    assert_eq!((client.waiting("celery"), client.unacked()), (1, 0));
}

#[test]
fn a_worker_with_every_queue_excluded_does_not_start() {
    let store = Store::redis();
    let out = Rcelery::on(&store).run(&["worker", "-X", "celery"]);
    assert!(out.stderr.contains("every queue is excluded"), "{out:?}");
    out.exit(78);
}

#[test]
fn quit_of_an_idle_worker_is_no_failure() {
    let store = Store::redis();
    let worker = start(&store, &[]);
    worker.signal(Signal::SIGQUIT);
    worker.wait(secs(20)).exit(0);
}

/// Every ten seconds.
fn a_stop_that_waits_says_for_what(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let mut worker = start(store, &["-c", "2"]);
    let a = client.delay("w.mark", &json!([marks.path(), "a", 120]));
    let b = client.delay("w.mark", &json!([marks.path(), "b", 120]));
    marks.wait("start a");
    marks.wait("start b");
    worker.signal(Signal::SIGTERM);
    worker.wait_for("WARNING/MainProcess] waiting for 2 tasks: ", secs(60));
    worker.signal(Signal::SIGQUIT);
    let out = worker.wait(secs(60));
    out.exit(1);
    let said = out.stderr.lines().find(|l| l.contains("waiting for 2"));
    let said = said.unwrap_or_default();
    for id in [&a, &b] {
        let at = said.split(&format!("w.mark[{id}] ")).nth(1);
        let seconds = at.and_then(|at| at.split_once(" s")).map(|(n, _)| n);
        assert!(
            seconds.is_some_and(|n| n.parse::<u64>().is_ok_and(|n| n >= 9)),
            "{out:?}"
        );
    }
    assert_eq!(client.waiting("celery"), 2, "{out:?}");
}

/// Services that can only send TERM ask for a cold stop with it.
#[test]
fn term_is_quit_where_the_environment_says_so() {
    let store = Store::redis();
    let (client, marks) = (Client::on(&store), Marks::new(&store));
    let worker = app(&store).env("REMAP_SIGTERM", "SIGQUIT").start(&[]);
    client.delay("w.mark", &json!([marks.path(), "a", 60]));
    marks.wait("start a");
    worker.signal(Signal::SIGTERM);
    let out = worker.wait(patience());
    out.exit(1);
    assert!(
        out.stdout.contains("worker: Cold shutdown (MainProcess)"),
        "{out:?}"
    );
    assert_eq!(client.waiting("celery"), 1, "{out:?}");
    let idle = app(&store).env("REMAP_SIGTERM", "SIGQUIT");
    idle.run(&["purge", "-f"]).ok();
    idle.start(&[]).terminate().exit(0);
}

fn hup_starts_the_worker_anew(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let mut worker = start(store, &["--pidfile", "w.pid"]);
    let id = client.delay("w.mark", &json!([marks.path(), "a", 0.5]));
    marks.wait("start a");
    worker.signal(Signal::SIGHUP);
    eventually("a second `ready.`", patience(), || {
        let log = worker.log();
        if log.matches(" ready.").count() == 2 {
            Ok(())
        } else {
            Err(log)
        }
    });
    assert!(
        worker.stdout().contains("\nRestarting celery worker ("),
        "{}",
        worker.log()
    );
    assert_eq!(client.value(&id), "a", "it finished first");
    assert_eq!(client.value(&client.delay("demo.add", &json!([2, 3]))), 5);
    assert!(worker.is_running());
    worker.terminate().exit(0);
}

/// Each task once, none lost, over starts and stops while they run.
fn two_hundred_tasks_over_stops_and_starts(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let call = |n: u32| client.call("w.mark", &json!([marks.path(), n.to_string(), 0.01]));
    client.send_many((0..200).map(call).collect());
    let program = app(store);
    for stop in 1..=3 {
        let worker = program.worker(&["-c", "2", "--without-mingle"]);
        marks.ends(stop * 30, patience());
        let out = worker.terminate();
        out.exit(0);
        assert_eq!(client.unacked(), 0, "{out:?}");
    }
    let worker = program.worker(&["-c", "2", "--without-mingle"]);
    marks.ends(200, patience());
    worker.terminate().exit(0);
    client.nothing_left();
    let mut seen: Vec<u32> = marks
        .lines()
        .iter()
        .filter_map(|l| l.strip_prefix("start ")?.parse().ok())
        .collect();
    assert_eq!(seen.len(), 200, "one start each");
    // Two slots: neighbours may swap, what was given back may not fall behind.
    for pair in seen.windows(2) {
        assert!(pair[1] + 3 > pair[0], "out of order: {pair:?} in {seen:?}");
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..200).collect::<Vec<_>>());
}
