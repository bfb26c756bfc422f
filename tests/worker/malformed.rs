//! Messages that are no tasks, or not quite: each leaves one line in the log, none stops the worker or stays behind.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use crate::fixture::{Client, Running, on_both, start};
use crate::harness::{Store, eventually, patience, secs};

on_both!(
    recorded_messages_are_run_or_refused_as_the_page_says
    cut_off_and_garbled_messages_are_refused
    headers_of_wrong_types_are_refused
    deep_nesting_is_refused
    fifty_megabytes_are_a_task_like_any_other
);

/// The records at ERROR or above, from an offset of the log on.
fn errors(worker: &Running, from: usize) -> Vec<String> {
    let log = worker.stderr();
    let is_error = |l: &&str| l.contains(": ERROR/") || l.contains(": CRITICAL/");
    log[from..]
        .lines()
        .filter(is_error)
        .map(str::to_owned)
        .collect()
}

/// Pushes bytes and expects one line that has all of `ids`, nothing left behind, and a worker that runs the next task.
#[track_caller]
fn refused(
    store: &mut Store,
    client: &Client,
    worker: &mut Running,
    name: &str,
    payload: &[u8],
    ids: &[&str],
) {
    let from = worker.stderr().len();
    client.push_raw(store, payload);
    let lines = eventually(&format!("a line about {name}"), patience(), || {
        assert!(
            worker.is_running(),
            "{name} ended the worker: {}",
            worker.log()
        );
        let lines = errors(worker, from);
        if lines.is_empty() {
            Err(worker.stderr()[from..].to_owned())
        } else {
            Ok(lines)
        }
    });
    assert_eq!(
        client.value(&client.delay("demo.add", &json!([1, 2]))),
        3,
        "after {name}"
    );
    let lines = errors(worker, from).len().max(lines.len());
    let text = worker.stderr()[from..].to_owned();
    assert_eq!(lines, 1, "{name}: {text}");
    for id in ids {
        assert!(
            errors(worker, from)[0].contains(id),
            "{name} has {id}: {text}"
        );
    }
    client.nothing_left();
}

fn recorded_messages_are_run_or_refused_as_the_page_says(store: &mut Store) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/fixtures/worker/malformed.json");
    let cases: Json =
        serde_json::from_str(&fs::read_to_string(path).expect("the fixture")).expect("JSON");
    let client = Client::on(store);
    let mut worker = start(store, &["-c", "1"]);
    let cases = cases.as_object().expect("an object");
    assert_eq!(cases.len(), 26);
    for (n, (name, case)) in cases.iter().enumerate() {
        let (id, tag) = (
            format!("task-{n}-of-malformed"),
            format!("tag-{n}-of-malformed"),
        );
        let fresh = |text: &str| {
            text.replace("99999999-0000-4000-8000-000000000040", &id)
                .replace("99999999-0000-4000-8000-000000000041", &tag)
        };
        let mut payload = fresh(case["payload"].as_str().expect("a payload"));
        // Bodies of protocol 1 have the id inside.
        let envelope: Json = serde_json::from_str(&payload).unwrap_or_default();
        if let Some(body) = envelope["body"].as_str()
            && let Ok(plain) = STANDARD.decode(body)
            && let Ok(plain) = String::from_utf8(plain)
        {
            payload = payload.replace(body, &STANDARD.encode(fresh(&plain)));
        }
        if case["stored"]["status"] == "SUCCESS" {
            client.push_raw(store, payload.as_bytes());
            assert_eq!(client.value(&id), case["stored"]["result"], "{name}");
            client.nothing_left();
            continue;
        }
        let ids: Vec<&str> = [&*id, &*tag]
            .into_iter()
            // On SQLite a delivery's tag is its row.
            .filter(|i| store.is_redis() || **i != tag)
            .filter(|i| {
                envelope["headers"]["id"] == **i || envelope["properties"]["delivery_tag"] == **i
            })
            .collect();
        refused(store, &client, &mut worker, name, payload.as_bytes(), &ids);
    }
    worker.terminate().exit(0);
}

/// A good message, as an envelope to be spoiled.
fn envelope(id: &str, args: &str) -> Json {
    let body = format!(
        r#"[{args}, {{}}, {{"callbacks": null, "errbacks": null, "chain": null, "chord": null}}]"#
    );
    json!({
        "body": STANDARD.encode(body),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": "demo.echo", "id": id, "root_id": id, "retries": 0},
        "properties": {
            "correlation_id": id, "reply_to": "", "delivery_mode": 2, "priority": 0, "body_encoding": "base64",
            "delivery_info": {"exchange": "", "routing_key": "celery"}, "delivery_tag": format!("tag of {id}"),
        },
    })
}

fn cut_off_and_garbled_messages_are_refused(store: &mut Store) {
    let client = Client::on(store);
    let mut worker = start(store, &["-c", "1"]);
    let good = envelope("cut", "[1]").to_string();
    for eighth in 1..8 {
        let cut = &good.as_bytes()[..good.len() * eighth / 8];
        refused(
            store,
            &client,
            &mut worker,
            &format!("{eighth}/8"),
            cut,
            &[],
        );
    }
    let mut spoiled = good.clone().into_bytes();
    let middle = good.find("demo.echo").expect("it is there");
    spoiled[middle] = 0xff;
    let whole: [(&str, &[u8]); 6] = [
        ("not UTF-8", &spoiled),
        ("only bytes", &[0xff, 0xfe, 0, 1, 2]),
        ("a number", b"5"),
        ("a list", b"[]"),
        ("null", b"null"),
        ("nothing", b""),
    ];
    for (name, payload) in whole {
        refused(store, &client, &mut worker, name, payload, &[]);
    }
}

fn headers_of_wrong_types_are_refused(store: &mut Store) {
    let client = Client::on(store);
    let mut worker = start(store, &["-c", "1"]);
    let wrong = [
        ("id", json!(5)),
        ("id", json!(null)),
        ("id", json!({"a": 1})),
        ("task", json!(["x"])),
        ("retries", json!("many")),
        ("eta", json!(12)),
        ("eta", json!("tomorrow")),
        ("expires", json!([])),
        ("timelimit", json!("long")),
    ];
    for (n, (header, value)) in wrong.into_iter().enumerate() {
        let id = format!("wrong-{n}");
        let name = format!("{header} = {value}");
        let mut message = envelope(&id, "[1]");
        message["headers"][header] = value;
        refused(
            store,
            &client,
            &mut worker,
            &name,
            message.to_string().as_bytes(),
            &[&id],
        );
    }
}

fn deep_nesting_is_refused(store: &mut Store) {
    let client = Client::on(store);
    let mut worker = start(store, &["-c", "1"]);
    const DEPTH: usize = 200_000;
    let (open, close) = ("[".repeat(DEPTH), "]".repeat(DEPTH));
    let body = envelope("deep-body", &format!("[{open}{close}]")).to_string();
    refused(
        store,
        &client,
        &mut worker,
        "a deep body",
        body.as_bytes(),
        &["deep-body"],
    );
    let whole = format!("{open}{close}");
    refused(
        store,
        &client,
        &mut worker,
        "a deep envelope",
        whole.as_bytes(),
        &[],
    );
    let flat = envelope("deep-header", "[1]").to_string();
    let header = flat.replace(r#""lang":"py""#, &format!(r#""lang":{open}{close}"#));
    assert_ne!(flat, header);
    refused(
        store,
        &client,
        &mut worker,
        "a deep header",
        header.as_bytes(),
        &[],
    );
}

fn fifty_megabytes_are_a_task_like_any_other(store: &mut Store) {
    let client = Client::on(store);
    let mut worker = start(store, &["-c", "1", "-E"]);
    let big = "x".repeat(50_000_000);
    let message = envelope("big", &format!("[\"{big}\"]")).to_string();
    let call = client
        .call("demo.add", &json!([1, 1]))
        .countdown(Duration::from_millis(1));
    client.push_raw(store, message.as_bytes());
    let after = client.send(call);
    worker.wait_for("Task demo.echo[big] succeeded", secs(60));
    assert_eq!(client.value(&after), 2);
    let long: Vec<usize> = worker
        .stderr()
        .lines()
        .map(str::len)
        .filter(|n| *n > 5000)
        .collect();
    assert_eq!(long, Vec::<usize>::new(), "no megabytes in the log");
    let (_, value) = client.reaches("big", &["SUCCESS"]);
    assert_eq!(value.as_str().map(str::len), Some(big.len()));
    refused(
        store,
        &client,
        &mut worker,
        "50 MB of garbage",
        big.as_bytes(),
        &[],
    );
}
