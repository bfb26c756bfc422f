//! Ours says what Celery said when the captures were made.

use rcelery::protocol::codec::json;
use rcelery::protocol::{Map, Value};
use regex::Regex;

use super::node::Nodes;
use super::{Capture, captures};
use crate::harness::{Output, Rcelery, Store};

const NODE: &str = "w1@box";

/// What ours refuses, as usage errors, where Celery asks the workers and passes their complaints on with exit code 0.
const REFUSED: &[&str] = &[
    "control rate_limit proj.add nonsense",
    "control rate_limit proj.add",
    "control revoke",
    "control terminate",
    "control terminate FOO nosuchid",
];

/// What is no success with us, although a worker has replied.
fn exit(capture: &Capture) -> i32 {
    if REFUSED.contains(&capture.args.join(" ").as_str()) {
        return 2;
    }
    let failed = capture.stdout.contains(": ERROR\n") || capture.stdout.contains("{\"error\": ");
    // An id that nobody knows.
    if failed || capture.args.iter().any(|arg| arg == "nosuchid") && capture.command() == "inspect"
    {
        return 1;
    }
    capture.exit
}

/// What the node must have replied for Celery to print this.
fn reply(capture: &Capture, all: &[Capture]) -> Value {
    let of_json = |text: &str| json::from_slice(text.trim().as_bytes()).expect("JSON");
    if capture.is_json() {
        return match of_json(&capture.stdout) {
            Value::Map(mut nodes) => nodes.shift_remove(NODE).expect("the node's reply"),
            Value::List(nodes) => nodes[0].as_map().expect("one node")[NODE].clone(),
            other => panic!("{other:?}"),
        };
    }
    let body = capture
        .stdout
        .split_once('\n')
        .map_or("", |(_, body)| body)
        .split("\n\n1 node")
        .next()
        .unwrap_or_default();
    let word = body.trim_end().strip_prefix("        ");
    if body.starts_with("    {") {
        // Sorting is what is tested: the node's keys come in another order.
        return reversed(of_json(body));
    }
    // Python's reprs are read nowhere: the same command with -j tells what was replied.
    let mut args = capture.args.clone();
    args.insert(1, "-j".to_owned());
    if let Some(same) = all.iter().find(|other| other.args == args) {
        return reply(same, all);
    }
    match word {
        Some(text) if capture.stdout.contains(": ERROR\n") => {
            Value::from([("error", text.trim_end().into())])
        }
        Some(text) => Value::from([("ok", text.trim_end().into())]),
        None if body.trim() == "None" => Value::Null,
        None => {
            let lines = body.lines().map(|l| l.trim().trim_start_matches("* "));
            Value::List(lines.map(Value::from).collect())
        }
    }
}

fn reversed(value: Value) -> Value {
    match value {
        Value::Map(map) => Value::Map(
            map.into_iter()
                .rev()
                .map(|(key, value)| (key, reversed(value)))
                .collect::<Map>(),
        ),
        Value::List(items) => Value::List(items.into_iter().map(reversed).collect()),
        other => other,
    }
}

/// Runs each capture of a file against a node that says what Celery was told.
fn replayed(file: &str, check: impl Fn(&Capture, &Output)) {
    let store = Store::redis();
    let rcelery = Rcelery::on(&store);
    let all = captures(file);
    assert!(all.len() > 2, "{file} holds captures");
    for capture in &all {
        let mut nodes = Nodes::none();
        if capture.exit == 0 {
            if capture.stdout.contains("b@box") {
                for name in ["a@box", "b@box"] {
                    nodes.add(name, &store, Value::from([("ok", "pong".into())]));
                }
            } else {
                nodes.add(NODE, &store, reply(capture, &all));
            }
        }
        let ours = rcelery.run(&capture.args());
        nodes.clear();
        ours.exit(exit(capture));
        check(capture, &ours);
    }
}

#[test]
fn inspect_prints_what_celery_printed() {
    replayed("inspect.txt", |capture, ours| {
        assert_eq!(ours.stdout, capture.stdout, "{}", capture.title);
        if ours.code == 0 {
            assert_eq!(ours.stderr, "", "{}", capture.title);
        }
    });
}

#[test]
fn control_prints_what_celery_printed_unless_it_is_refused() {
    replayed("control.txt", |capture, ours| {
        if ours.code == 2 {
            assert_eq!(ours.stdout, "", "{}", capture.title);
        } else {
            assert_eq!(ours.stdout, capture.stdout, "{}", capture.title);
            // The error stands on stdout, as Celery has it.
            if !capture.is_json() {
                assert_eq!(ours.stderr, "", "{}", capture.title);
            }
        }
    });
}

#[test]
fn status_prints_what_celery_printed() {
    replayed("status.txt", |capture, ours| {
        // Nodes are shown in the order of their replies.
        let sorted = |text: &str| {
            let (nodes, count) = text.split_once("\n\n").unwrap_or((text, ""));
            let mut nodes: Vec<String> =
                nodes.split("->").map(|n| n.trim_end().to_owned()).collect();
            nodes.sort();
            (nodes, count.to_owned())
        };
        if capture.exit == 0 && capture.args.iter().all(|arg| arg != "-q") {
            assert_eq!(
                sorted(&ours.stdout),
                sorted(&capture.stdout),
                "{}",
                capture.title
            );
            assert_eq!(ours.stdout.len(), capture.stdout.len(), "{}", capture.title);
            assert_eq!(ours.stderr, "", "{}", capture.title);
        } else if capture.exit == 0 {
            // With -q Celery still prints the count: ours is quiet.
            assert_eq!(capture.stdout, format!("{}\n1 node online.\n", ours.stdout));
        } else {
            assert_eq!(ours.stdout, capture.stdout, "{}", capture.title);
            let first = ours.stderr.lines().next();
            assert_eq!(first, capture.stderr.lines().next(), "{}", capture.title);
        }
    });
}

#[test]
fn purge_prints_what_celery_printed() {
    let number = Regex::new(r"^Purged (\d+)").expect("a pattern of ours");
    for store in [Store::sqlite(), Store::redis()] {
        let rcelery = Rcelery::on(&store);
        for capture in captures("purge.txt") {
            let waiting: usize = number
                .captures(&capture.stdout)
                .map_or(0, |found| found[1].parse().expect("digits"));
            let queue = capture.args.last().filter(|_| capture.args.len() > 2);
            let queue = queue.map_or("celery", |queues| queues.split(',').next().unwrap_or(""));
            for _ in 0..waiting {
                rcelery.run(&["send", "proj.add", "--queue", queue]).ok();
            }
            let ours = rcelery.run(&capture.args());
            assert_eq!(
                ours.exit(capture.exit).stdout,
                capture.stdout,
                "{}",
                capture.title
            );
        }
    }
}

#[test]
fn call_and_a_taken_pidfile_are_celerys() {
    let rcelery = Rcelery::new();
    let all = captures("other.txt");
    let id =
        Regex::new(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n$").expect("a pattern of ours");
    let call = rcelery.run(&all[0].args());
    call.exit(all[0].exit);
    assert!(
        id.is_match(&call.stdout) && id.is_match(&all[0].stdout),
        "{call:?}"
    );
    assert_eq!(call.stderr, all[0].stderr);

    std::fs::create_dir(rcelery.home().join("run")).expect("our own directory");
    let _first = rcelery.worker(&["-c", "1", "-n", "w@box", "--pidfile", "run/w.pid"]);
    let second = rcelery.run(&all[1].args());
    assert_eq!(second.exit(all[1].exit).stdout, all[1].stdout);
    let pid = Regex::new(r"pid: \d+").expect("a pattern of ours");
    let plain = |text: &str| pid.replace(text, "pid: N").into_owned();
    assert_eq!(plain(&second.stderr), plain(&all[1].stderr));
}
