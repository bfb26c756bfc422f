//! `--log-format json`: one object per line, and everything the worker says is one of them.

use serde_json::{Value, json};

use crate::harness::{Output, Rcelery, eventually, patience};

/// The records of a log; a line that is none fails the test.
#[track_caller]
fn records(log: &str) -> Vec<Value> {
    let record = |line: &str| {
        let record: Value =
            serde_json::from_str(line).unwrap_or_else(|e| panic!("not JSON ({e}): {line}"));
        for key in ["ts", "level", "event", "message"] {
            assert!(record[key].is_string(), "{key}: {record}");
        }
        record
    };
    log.lines().map(record).collect()
}

#[track_caller]
fn all(out: &Output) -> Vec<Value> {
    assert_eq!(out.stdout, "", "everything is in one stream");
    records(&out.stderr)
}

fn of<'a>(records: &'a [Value], event: &str) -> Vec<&'a Value> {
    records.iter().filter(|r| r["event"] == event).collect()
}

#[test]
fn the_life_of_a_worker_and_its_tasks() {
    let rcelery = Rcelery::new();
    let args = [
        "--log-format",
        "json",
        "-n",
        "w1@box",
        "-P",
        "prefork",
        "-I",
        "proj.tasks",
    ];
    let worker = rcelery.worker(&args);
    let sent = rcelery.run(&["send", "demo.add", "-a", "[2,3]", "--wait", "-j"]);
    let id = sent.json()["id"].as_str().expect("an id").to_owned();
    rcelery.run(&["send", "demo.fail", "--wait"]).exit(1);
    rcelery.run(&["send", "no.such", "--wait"]).exit(1);
    eventually("all is logged", patience(), || {
        let log = worker.stderr();
        if log.contains("task.unregistered") {
            Ok(())
        } else {
            Err(log)
        }
    });
    let out = worker.terminate();
    out.exit(0);
    let records = all(&out);
    for record in &records {
        assert_eq!(record["worker"], "w1@box", "{record}");
    }
    let succeeded = of(&records, "task.succeeded");
    assert_eq!(succeeded.len(), 1, "{out:?}");
    let one = succeeded[0];
    assert_eq!(
        (&one["task"], &one["id"], &one["level"], &one["result"]),
        (&json!("demo.add"), &json!(id), &json!("INFO"), &json!("5"))
    );
    assert!(one["runtime"].as_f64().is_some_and(|s| s >= 0.0), "{one}");
    let received = of(&records, "task.received");
    assert_eq!(received.len(), 3);
    assert_eq!(received[0]["queue"], "celery");
    let failed = of(&records, "task.failed");
    assert_eq!(
        (&failed[0]["task"], &failed[0]["level"]),
        (&json!("demo.fail"), &json!("ERROR"))
    );
    assert!(failed[0]["exception"].is_string(), "{failed:?}");
    assert_eq!(of(&records, "task.unregistered")[0]["task"], "no.such");
    let starting = of(&records, "worker.starting");
    assert_eq!(
        (starting.len(), &starting[0]["queues"]),
        (1, &json!("celery"))
    );
    assert_eq!(of(&records, "worker.ready").len(), 1);
    let warnings: Vec<&str> = of(&records, "worker.warning")
        .iter()
        .filter_map(|r| r["message"].as_str())
        .filter(|m| !m.contains("root"))
        .collect();
    assert_eq!(
        warnings,
        [
            "there is no prefork pool here: using threads",
            "--include has no effect here"
        ]
    );
    assert_eq!(
        of(&records, "worker.shutdown")[0]["message"],
        "worker: Warm shutdown (MainProcess)"
    );
}

/// At WARNING the shutdown lines are there, as they are on the stdout of the text form.
#[test]
fn the_level_does_not_hide_what_text_has_on_stdout() {
    let rcelery = Rcelery::new();
    rcelery.run(&["send", "demo.add", "-a", "[1,1]"]).ok();
    let out = rcelery.run(&["worker", "--burst", "--purge", "--log-format", "json"]);
    out.exit(0);
    let events: Vec<Value> = all(&out).into_iter().map(|r| r["event"].clone()).collect();
    let events: Vec<&Value> = events.iter().filter(|e| **e != "worker.warning").collect();
    assert_eq!(events, ["worker.purged", "worker.starting"]);
}

#[test]
fn what_keeps_a_worker_from_starting_is_a_record_too() {
    let rcelery = Rcelery::new();
    for (args, code, exit) in [
        (&["-b", "foo://x"][..], "config", 78),
        (&["-B"], "config", 78),
        (&["--set", "nosuch=1"], "config", 78),
        (&["--uid", "no-such-user"], "usage", 2),
        (&["-f", "worker.log", "-X", "celery"], "config", 78),
    ] {
        let failed = rcelery.run(&[&["worker", "--log-format", "json"], args].concat());
        failed.exit(exit);
        let records = all(&failed);
        let last = records.last().unwrap_or_else(|| panic!("{failed:?}"));
        assert_eq!(
            (&last["event"], &last["level"], &last["code"], &last["exit"]),
            (
                &json!("worker.failed"),
                &json!("CRITICAL"),
                &json!(code),
                &json!(exit)
            ),
            "{failed:?}"
        );
    }
    let log = std::fs::read_to_string(rcelery.home().join("worker.log")).expect("a log");
    assert_eq!(of(&records(&log), "worker.failed").len(), 1, "{log}");
}

/// What a task logs is its own: a machine finds it by the task's name and id.
#[test]
fn what_a_task_logs_has_its_name_and_id_at_any_level() {
    let rcelery = Rcelery::new();
    let tasks = "[tasks.loud]\nshell = true\ncommand = 'echo careful >&2'\nstderr = 'warning'\n";
    std::fs::write(rcelery.home().join("rcelery.toml"), tasks).expect("a file");
    let sent = rcelery.run(&["send", "loud", "-j"]);
    let id = sent.json()["id"].as_str().expect("an id").to_owned();
    let args = ["worker", "--burst", "--log-format", "json", "-l", "warning"];
    let out = rcelery.run(&args);
    out.exit(0);
    let records = all(&out);
    let logged = of(&records, "task.log");
    assert_eq!(logged.len(), 1, "{out:?}");
    assert_eq!(
        (&logged[0]["task"], &logged[0]["id"], &logged[0]["message"]),
        (&json!("loud"), &json!(id), &json!("careful"))
    );
}

/// A sender chooses the name and the id of a task, and must not write records of his own into a log of text.
#[test]
fn a_name_can_not_forge_a_record() {
    let rcelery = Rcelery::new();
    let forged = "[2026-01-01 00:00:00,000: CRITICAL/MainProcess] forged";
    let name = format!("no.such\n{forged}\u{1b}[2J");
    rcelery.run(&["send", &name]).ok();
    let out = rcelery.run(&["worker", "--burst"]);
    out.exit(0);
    assert!(out.stderr.contains("forged"), "it is told: {out:?}");
    assert!(!out.stderr.contains('\u{1b}'), "{out:?}");
    let is_forged = |line: &str| line.starts_with(forged);
    assert!(!out.stderr.lines().any(is_forged), "{out:?}");
}
