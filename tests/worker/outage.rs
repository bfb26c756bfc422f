//! Brokers and back ends that go away: nothing is lost, nothing runs twice here, and the worker is back soon.

use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use serde_json::json;

use crate::fixture::{Client, Marks, Running, app, on_both, start};
use crate::harness::{RedisServer, Store, eventually, in_time, patience, secs};

on_both!(a_killed_worker_loses_nothing);

#[track_caller]
fn ready_again(worker: &Running, times: usize) {
    eventually(&format!("`ready.` {times} times"), patience(), || {
        let log = worker.stderr();
        if log.matches(" ready.").count() >= times {
            Ok(())
        } else {
            Err(log)
        }
    });
}

/// What runs goes on, what waits comes back; each task once, and the next one within seconds.
#[test]
fn redis_restarts_while_tasks_run() {
    let mut store = Store::redis();
    let marks = Marks::new(&store);
    let mut worker = start(&store, &["-c", "4"]);
    let ids = {
        let client = Client::on(&store);
        let mut calls = Vec::new();
        for n in 0..2 {
            calls.push(client.call("w.mark", &json!([marks.path(), format!("early {n}"), 1.5])));
            calls.push(client.call("w.late", &json!([marks.path(), format!("late {n}"), 1.5])));
        }
        for n in 0..20 {
            calls.push(client.call("w.late", &json!([marks.path(), format!("next {n}")])));
        }
        let held = client.call("w.late", &json!([marks.path(), "held"]));
        calls.push(held.countdown(secs(2)));
        client.send_many(calls)
    };
    for n in 0..2 {
        marks.wait(&format!("start early {n}"));
        marks.wait(&format!("start late {n}"));
    }
    store.server().stop();
    worker.wait_for(
        "consumer: Connection to broker lost. Trying to re-establish the connection...",
        patience(),
    );
    store.server().start_again();
    let back = Instant::now();
    let client = Client::on(&store);
    ready_again(&worker, 2);
    assert!(back.elapsed() < secs(15), "{:?}", back.elapsed());
    for id in &ids {
        client.reaches(id, &["SUCCESS"]);
    }
    client.nothing_left();
    assert_eq!(client.value(&client.delay("demo.add", &json!([1, 1]))), 2);
    let lines = marks.lines();
    for name in ["early 0", "early 1", "late 0", "late 1", "held"] {
        assert_eq!(
            marks.count(&format!("start {name}")),
            1,
            "{name}: {lines:?}\n{}",
            worker.log()
        );
    }
    assert_eq!(
        lines.iter().filter(|l| l.starts_with("end")).count(),
        25,
        "{lines:?}"
    );
    worker.terminate().exit(0);
}

/// The tasks end while there is no broker and no back end: acknowledged and stored later.
#[test]
fn tasks_end_while_redis_is_away() {
    let mut store = Store::redis();
    let marks = Marks::new(&store);
    let worker = start(&store, &["-c", "3", "-E"]);
    let ids = {
        let client = Client::on(&store);
        let linked = client
            .call("w.mark", &json!([marks.path(), "callback"]))
            .immutable();
        let calls = vec![
            client.call("w.mark", &json!([marks.path(), "early", 1])),
            client.call("w.late", &json!([marks.path(), "late", 1])),
            client
                .call("w.late", &json!([marks.path(), "linked", 1]))
                .link(linked),
        ];
        client.send_many(calls)
    };
    for n in ["early", "late", "linked"] {
        marks.wait(&format!("start {n}"));
    }
    store.server().stop();
    marks.ends(3, patience());
    store.server().start_again();
    let client = Client::on(&store);
    for id in &ids {
        client.reaches(id, &["SUCCESS"]);
    }
    marks.wait("end callback");
    client.nothing_left();
    for n in ["early", "late", "linked", "callback"] {
        assert_eq!(
            marks.count(&format!("start {n}")),
            1,
            "{n}: {}",
            worker.log()
        );
    }
    worker.terminate().exit(0);
}

/// The back end alone is away: tasks go on, their results are stored when it is back.
#[test]
fn results_are_stored_when_the_back_end_is_back() {
    let mut store = Store::redis();
    let broker = RedisServer::start();
    let with_other_broker = |store: &mut Store| store.broker = broker.url(0);
    with_other_broker(&mut store);
    let (client, marks) = (Client::on(&store), Marks::new(&store));
    let mut worker = start(&store, &["-c", "2"]);
    assert_eq!(client.value(&client.delay("demo.add", &json!([1, 1]))), 2);
    let running = client.delay("w.mark", &json!([marks.path(), "a", 0.3]));
    marks.wait("start a");
    store.server().stop();
    marks.wait("end a");
    worker.wait_for(
        "can't store 1 result(s), trying again until it works",
        patience(),
    );
    let calls = (0..10).map(|n| client.call("w.mark", &json!([marks.path(), n.to_string()])));
    let messages: Vec<String> = calls.map(|call| client.send_only(call)).collect();
    store.server().start_again();
    for (n, id) in messages.iter().enumerate() {
        assert_eq!(client.value(id), n.to_string());
    }
    assert_eq!(client.value(&running), "a");
    for n in 0..10 {
        assert_eq!(marks.count(&format!("start {n}")), 1);
    }
    client.nothing_left();
}

/// Three restarts in a row under load: each task once, by this worker.
#[test]
fn redis_restarts_again_and_again_during_a_drain() {
    let mut store = Store::redis();
    let marks = Marks::new(&store);
    let worker = start(&store, &["-c", "3"]);
    {
        let client = Client::on(&store);
        let calls = (0..600).map(|n| {
            let task = if n % 2 == 0 { "w.late" } else { "w.mark" };
            client.call(task, &json!([marks.path(), n.to_string(), 0.01]))
        });
        client.send_many(calls.collect());
    }
    for restart in 1..=3 {
        marks.ends(restart * 120, patience());
        store.server().stop();
        store.server().start_again();
        ready_again(&worker, restart + 1);
    }
    marks.ends(600, patience());
    let client = Client::on(&store);
    client.nothing_left();
    let mut starts = marks.lines();
    starts.retain(|l| l.starts_with("start"));
    assert_eq!(starts.len(), 600, "{}", worker.log());
    starts.sort_unstable();
    starts.dedup();
    assert_eq!(starts.len(), 600, "{}", worker.log());
    worker.terminate().exit(0);
}

/// A result that cannot be stored is waited for at a warm stop, and not at a cold one.
#[test]
fn a_cold_stop_does_not_wait_for_the_back_end() {
    let mut store = Store::redis();
    let broker = RedisServer::start();
    store.broker = broker.url(0);
    let (client, marks) = (Client::on(&store), Marks::new(&store));
    let mut worker = start(&store, &["-c", "1"]);
    let id = client.delay("w.mark", &json!([marks.path(), "a", 0.3]));
    marks.wait("start a");
    store.server().stop();
    worker.wait_for("trying again until it works", patience());
    worker.signal(Signal::SIGTERM);
    worker.wait_for("Warm shutdown", patience());
    worker.signal(Signal::SIGQUIT);
    let out = in_time(secs(30), || worker.wait(patience()));
    out.exit(1);
    let named = |l: &&str| l.contains(": ERROR/") && l.contains(&id);
    assert!(
        out.stderr.lines().any(|l| named(&l)),
        "what is lost is named: {out:?}"
    );
}

/// A server that stops answering and comes to: noticed, and nothing runs twice.
#[test]
fn redis_freezes_for_twenty_seconds() {
    let mut store = Store::redis();
    let (client, marks) = (Client::on(&store), Marks::new(&store));
    let worker = start(&store, &["-c", "2"]);
    let early = client.delay("w.mark", &json!([marks.path(), "early", 3]));
    let late = client.delay("w.late", &json!([marks.path(), "late", 3]));
    marks.wait("start early");
    marks.wait("start late");
    let pid = store.server().pid();
    kill(pid, Signal::SIGSTOP).expect("it is ours");
    let frozen = Instant::now();
    eventually("20 seconds", secs(30), || match frozen.elapsed() {
        passed if passed >= secs(20) => Ok(()),
        passed => Err(format!("{passed:?}")),
    });
    kill(pid, Signal::SIGCONT).expect("it is ours");
    drop(client);
    let client = Client::on(&store);
    let next = client.delay("demo.add", &json!([1, 1]));
    in_time(secs(20), || assert_eq!(client.value(&next), 2));
    assert_eq!(
        (client.value(&early), client.value(&late)),
        (json!("early"), json!("late"))
    );
    for n in ["early", "late"] {
        assert_eq!(
            marks.count(&format!("start {n}")),
            1,
            "{n}: {}",
            worker.log()
        );
    }
    client.nothing_left();
    worker.terminate().exit(0);
}

#[test]
fn redis_is_down_at_the_start() {
    let mut store = Store::redis();
    let program = app(&store);
    store.server().stop();
    let mut worker = program.starting_worker(&[]);
    worker.wait_for("Connection refused", patience());
    worker.wait_for("Trying again in 2.00 seconds... (1/100)", patience());
    assert!(
        worker
            .log()
            .contains("ERROR/MainProcess] consumer: Cannot connect to redis://"),
        "{}",
        worker.log()
    );
    store.server().start_again();
    in_time(secs(15), || worker.wait_for(" ready.", patience()));
    let client = Client::on(&store);
    assert_eq!(client.value(&client.delay("demo.add", &json!([1, 1]))), 2);
    worker.terminate().exit(0);
}

#[test]
fn a_worker_that_waits_for_redis_can_be_stopped() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
        let mut store = Store::redis();
        let program = app(&store);
        store.server().stop();
        let mut worker = program.starting_worker(&[]);
        worker.wait_for("Trying again in 2.00 seconds... (1/100)", patience());
        worker.signal(signal);
        in_time(secs(20), || worker.wait(patience()).exit(0).clone());
    }
}

#[test]
fn a_worker_whose_redis_is_gone_can_be_stopped() {
    let mut store = Store::redis();
    let mut worker = start(&store, &[]);
    store.server().stop();
    worker.wait_for("Trying again in", patience());
    worker.signal(Signal::SIGTERM);
    in_time(secs(20), || worker.wait(patience()).exit(0).clone());
}

#[test]
fn a_stopped_worker_does_not_wait_long_for_a_frozen_redis() {
    let mut store = Store::redis();
    let worker = start(&store, &[]);
    let pid = store.server().pid();
    kill(pid, Signal::SIGSTOP).expect("it is ours");
    worker.signal(Signal::SIGTERM);
    let out = in_time(secs(40), || worker.wait(patience()));
    kill(pid, Signal::SIGCONT).expect("it is ours");
    out.exit(0);
}

#[test]
fn a_wrong_password_ends_the_start_at_once() {
    let mut store = Store::on(RedisServer::with(&["--requirepass", "secret"]));
    let program = app(&store);
    let out = in_time(secs(20), || program.run(&["worker"]));
    out.exit(77);
    assert!(!out.stderr.contains("Trying again"), "{out:?}");
    store.broker = store.broker.replace("redis://", "redis://:wrong@");
    let out = in_time(secs(20), || app(&store).run(&["worker"]));
    out.exit(77);
    assert!(
        !out.stderr.contains("wrong@") && !out.stdout.contains("wrong@"),
        "{out:?}"
    );
}

#[test]
fn a_worker_that_may_not_retry_gives_up() {
    let mut store = Store::redis();
    let program = app(&store);
    store.server().stop();
    let out = program.run(&[
        "worker",
        "--set",
        "broker_connection_retry_on_startup=false",
    ]);
    out.exit(69);
    assert!(
        out.stderr.contains(
            "CRITICAL/MainProcess] Retrying to establish a connection to the message broker after a connection loss has been disabled (app.conf.broker_connection_retry_on_startup=False). Shutting down...\n"
        ),
        "{out:?}"
    );
    let out = program.run(&["worker", "--set", "broker_connection_max_retries=1"]);
    out.exit(69);
    assert_eq!(
        out.stderr
            .lines()
            .filter(|l| l.starts_with("error: "))
            .count(),
        1,
        "one line, no traceback: {out:?}"
    );
    // Who reads the log of a daemon has not seen its stderr.
    let args = [
        "worker",
        "-f",
        "w.log",
        "--set",
        "broker_connection_max_retries=1",
    ];
    program.run(&args).exit(69);
    let log = std::fs::read_to_string(program.home().join("w.log")).expect("a log");
    assert!(
        log.contains("CRITICAL/MainProcess] Unrecoverable error: gave up connecting to the broker"),
        "{log}"
    );
}

/// Another worker beside it finishes all 2,000, late ack, though one is killed again and again.
fn a_killed_worker_loses_nothing(store: &mut Store) {
    let (client, marks) = (Client::on(store), Marks::new(store));
    let program = app(store);
    let steady = program.worker(&["-n", "steady@h", "-c", "2", "--without-mingle"]);
    let calls =
        (0..2000).map(|n| client.call("w.late", &json!([marks.path(), n.to_string(), 0.002])));
    client.send_many(calls.collect());
    for round in 1..=3 {
        let mut doomed = program.worker(&["-n", "doomed@h", "-c", "2", "--without-mingle"]);
        marks.ends(round * 300, patience());
        doomed.kill();
    }
    marks.ends(2000, secs(60));
    eventually("each of them has ended", secs(60), || {
        let mut ends: Vec<String> = marks.lines();
        ends.retain(|l| l.starts_with("end"));
        ends.sort_unstable();
        ends.dedup();
        if ends.len() == 2000 {
            Ok(())
        } else {
            Err(ends.len().to_string())
        }
    });
    client.nothing_left();
    let starts = marks
        .lines()
        .iter()
        .filter(|l| l.starts_with("start"))
        .count();
    // What ran at a kill, or had ended and was just being stored and acknowledged.
    assert!(starts <= 2000 + 3 * 20, "{starts}");
    steady.terminate().exit(0);
}
