//! `rcelery send`.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::harness::{
    Process, PythonWorker, Rcelery, RedisServer, Store, eventually, holds, patience, secs,
};

#[test]
fn the_bare_id_is_all_that_is_printed() {
    let rcelery = Rcelery::new();
    let sent = rcelery.run(&["send", "demo.add", "-a", "[2, 3]"]);
    let id = sent.exit(0).stdout.as_str();
    assert_eq!(
        (id.len(), id.matches('-').count(), sent.stderr.as_str()),
        (37, 4, ""),
        "{id}"
    );
    let sent = rcelery.run(&["call", "demo.add", "--task-id", "mine"]);
    assert_eq!(sent.exit(0).stdout, "mine\n");
}

#[test]
fn json_says_what_went_where() {
    let rcelery = Rcelery::new();
    let sent = rcelery.run(&["send", "proj.add", "-j", "--task-id", "x1", "--queue", "hi"]);
    let wanted = json!({"id": "x1", "task": "proj.add", "queue": "hi", "state": "PENDING"});
    assert_eq!(sent.json(), wanted);
}

#[test]
fn waiting_prints_the_value_alone() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&[]);
    let five = rcelery.run_with(
        &["send", "demo.add", "-a", "-", "--wait"],
        "[2, 3]",
        secs(30),
    );
    assert_eq!(
        (five.exit(0).stdout.as_str(), five.stderr.as_str()),
        ("5\n", "")
    );
    let named = rcelery.run(&[
        "send",
        "demo.add",
        "-k",
        r#"{"x": 2}"#,
        "--kwarg",
        "y=3",
        "--wait",
    ]);
    assert_eq!(named.exit(0).stdout, "5\n");
    let text = rcelery.run(&["send", "demo.echo", "-a", r#"["é ü"]"#, "--wait"]);
    assert_eq!(text.exit(0).stdout, "é ü\n");
}

#[test]
fn a_failed_task_is_exit_code_1_and_one_line() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&[]);
    let failed = rcelery.run(&["send", "demo.fail", "--wait"]);
    failed.exit(1);
    assert_eq!(failed.stdout, "");
    assert!(
        failed.stderr.starts_with("error: demo.fail["),
        "{}",
        failed.stderr
    );
    assert!(
        failed.stderr.contains("ValueError: boom"),
        "{}",
        failed.stderr
    );
    assert!(!failed.stderr.contains("Traceback"), "{}", failed.stderr);
}

#[test]
fn progress_in_a_pipe_is_plain_lines_and_the_same_answer() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&[]);
    let plain = rcelery.run(&["send", "demo.long_task", "--wait"]);
    let shown = rcelery.run(&["send", "demo.long_task", "--progress"]);
    assert_eq!(shown.ok(), plain.ok());
    let lines: Vec<&str> = shown.stderr.lines().collect();
    assert!(lines[0].ends_with(" PENDING"), "{lines:?}");
    // Which steps are seen depends on when one looks.
    let step = regex::Regex::new(r" PROGRESS (\d+)/20 (\d+)% \w").expect("a pattern of ours");
    let steps: Vec<(u32, u32)> = lines
        .iter()
        .filter_map(|line| step.captures(line))
        .map(|of| (of[1].parse().unwrap(), of[2].parse().unwrap()))
        .collect();
    assert!(!steps.is_empty(), "{lines:?}");
    assert!(
        steps.iter().all(|(n, percent)| n * 5 == *percent),
        "{lines:?}"
    );
    assert!(steps.is_sorted(), "{lines:?}");
    assert!(
        lines.last().is_some_and(|l| l.contains(" SUCCESS ")),
        "{lines:?}"
    );
    assert!(!shown.stderr.contains('\x1b'), "{}", shown.stderr);
}

#[test]
fn a_wait_that_runs_out_is_75() {
    let rcelery = Rcelery::new();
    let late = rcelery.run(&["send", "demo.add", "-a", "[1, 2]", "--wait=0.2"]);
    late.exit(75);
    assert!(
        late.stderr.contains("rcelery result --wait"),
        "{}",
        late.stderr
    );
}

#[test]
fn bad_arguments_are_usage_errors_that_point_at_the_place() {
    let rcelery = Rcelery::new();
    let says = |args: &[&str], words: &str| {
        let output = rcelery.run(&[&["send", "x"], args].concat());
        output.exit(2);
        assert_eq!(output.stdout, "");
        assert!(output.stderr.contains(words), "{args:?}: {}", output.stderr);
    };
    says(&["-a", "[2,3"], "\n  [2,3\n      ^");
    says(&["-a", "{}"], "did you mean --kwargs?");
    says(&["-k", "[1]"], "did you mean --args?");
    says(&["--eta", "tomorrow"], "expected ISO 8601");
    says(&["--countdown", "soon"], "expected seconds");
    says(&["--serializer", "pickle"], "json, msgpack, yaml");
    says(&["--countdwn", "3"], "--countdown");
    says(&["-a", "@nowhere.json"], "can't read `nowhere.json`");
    says(&["-a", ""], "'--args': expected JSON, got nothing");
    says(&["--task-id", ""], "'--task-id <ID>': must not be empty");
    says(&["--queue", ""], "'--queue <QUEUE>': must not be empty");
    says(&["--priority", "-5"], "-5 is not in 0..=9");
    says(&["--time-limit", "-5"], "must not be negative");
    says(&["--soft-time-limit", "-1m"], "must not be negative");
    says(&["--connect-timeout", "-5"], "must not be negative");
    let home = rcelery.run(&["send", "--jsonl", "."]);
    assert_eq!(home.exit(2).stdout, "");
    assert!(home.stderr.contains("`.` is a directory"), "{home:?}");
}

#[test]
fn a_dry_run_sends_nothing() {
    let rcelery = Rcelery::new();
    let message = rcelery
        .run(&[
            "send",
            "demo.add",
            "-a",
            "[1]",
            "--task-id",
            "d1",
            "--dry-run",
        ])
        .json();
    assert_eq!(message["headers"]["task"], "demo.add");
    assert_eq!(message["body"][0], json!([1]));
    assert_eq!(
        rcelery.run(&["purge", "-f"]).exit(0).stdout,
        "No messages purged from 1 queue.\n"
    );
}

#[test]
fn what_no_queue_takes_is_an_error() {
    let store = Store::redis();
    let rcelery = Rcelery::on(&store);
    let lost = rcelery.run(&["send", "x", "--exchange", "nosuch", "--routing-key", "k"]);
    lost.exit(1);
    assert!(
        lost.stderr
            .contains("no queue is bound to exchange `nosuch`"),
        "{}",
        lost.stderr
    );
}

#[test]
fn a_wait_without_a_back_end_is_refused_before_anything_is_sent() {
    let rcelery = Rcelery::new();
    rcelery
        .run(&[
            "send",
            "demo.add",
            "--wait",
            "--result-backend",
            "disabled://",
        ])
        .exit(78);
    assert_eq!(
        rcelery.run(&["purge", "-f"]).exit(0).stdout,
        "No messages purged from 1 queue.\n"
    );
}

#[test]
fn wrong_credentials_are_77() {
    let server = RedisServer::with(&["--requirepass", "secret"]);
    let refused = Rcelery::new().run(&["-b", &server.url(0), "send", "x"]);
    refused.exit(77);
    assert!(!refused.stderr.contains("secret"), "{}", refused.stderr);
}

#[test]
fn a_check_sends_nothing_that_no_worker_knows() {
    for store in [Store::sqlite(), Store::redis()] {
        let rcelery = Rcelery::on(&store);
        let nobody = rcelery.run(&["send", "demo.add", "--check"]);
        nobody.exit(69);
        assert!(
            nobody.stderr.contains("no worker replied"),
            "{}",
            nobody.stderr
        );
        let _worker = rcelery.worker(&[]);
        let unknown = rcelery.run(&["send", "demo.ad", "--check"]);
        unknown.exit(1);
        assert_eq!(unknown.stdout, "");
        assert!(
            unknown
                .stderr
                .contains("no online worker registers `demo.ad`")
                && unknown.stderr.contains("did you mean `demo.add`?"),
            "{}",
            unknown.stderr
        );
        let known = rcelery.run(&["send", "demo.add", "-a", "[2, 3]", "--check", "--wait"]);
        assert_eq!(known.ok(), "5");
    }
}

/// Lines of JSON.
fn documents(text: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e} in {line}"));
    text.lines().map(parse).collect()
}

#[test]
fn many_tasks_are_sent_from_a_file_or_stdin() {
    for store in [Store::sqlite(), Store::redis()] {
        let rcelery = Rcelery::on(&store);
        let jobs = "{\"task\": \"demo.add\", \"args\": [2, 3]}\n\
                    \n\
                    {\"kwargs\": {\"value\": \"x\"}, \"options\": {\"queue\": \"hi\", \"task_id\": \"mine\", \"countdown\": \"1h\"}}\n";
        fs::write(rcelery.home().join("jobs.jsonl"), jobs).expect("our home");
        let ids = rcelery.run(&["send", "demo.echo", "--jsonl", "jobs.jsonl"]);
        let ids: Vec<&str> = ids.ok().lines().collect();
        assert_eq!((ids.len(), ids[0].len(), ids[1]), (2, 36, "mine"));
        let sent = rcelery.run_with(
            &["send", "demo.echo", "--jsonl", "-", "-j"],
            jobs,
            patience(),
        );
        let sent = documents(sent.ok());
        assert_eq!(
            sent[1],
            json!({"line": 3, "id": "mine", "task": "demo.echo", "queue": "hi", "state": "PENDING"})
        );
        let purged = rcelery.run(&["purge", "-f", "-Q", "celery,hi"]);
        assert!(purged.ok().contains("4 messages"), "{purged:?}");
    }
}

#[test]
fn each_of_many_results_is_a_line_with_its_number_when_it_is_done() {
    for store in [Store::sqlite(), Store::redis()] {
        let rcelery = Rcelery::on(&store);
        let _worker = rcelery.worker(&[]);
        let jobs = "{\"task\": \"demo.echo\", \"args\": [\"late\"], \"options\": {\"countdown\": 2}}\n\
                    {\"task\": \"demo.fail\"}\n";
        let done = rcelery.run_with(&["send", "--jsonl", "-", "--wait"], jobs, patience());
        let lines = documents(&done.exit(1).stdout);
        assert_eq!(lines[0]["line"], 2);
        assert_eq!(lines[0]["error"]["message"], "boom");
        assert_eq!(
            (&lines[1]["line"], &lines[1]["result"]),
            (&json!(1), &json!("late"))
        );
        assert_eq!(done.stderr, "error: 1 of 2 tasks failed\n");
        let shown = rcelery.run_with(&["send", "--jsonl", "-", "--progress"], jobs, patience());
        let shown_lines = documents(&shown.exit(1).stdout);
        let numbers =
            |lines: &[Value]| -> Vec<Value> { lines.iter().map(|l| l["line"].clone()).collect() };
        assert_eq!(numbers(&shown_lines), numbers(&lines));
        let said: Vec<&str> = shown.stderr.lines().collect();
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(said[0].ends_with("ValueError: boom"), "{said:?}");
        assert!(
            said[2].starts_with("1 of 2 tasks succeeded, 1 failed in "),
            "{said:?}"
        );
    }
}

#[test]
fn a_wait_for_many_that_runs_out_prints_those_too() {
    let rcelery = Rcelery::new();
    let late = rcelery.run_with(
        &["send", "demo.add", "--jsonl", "-", "--wait=0.2", "-j"],
        "{}\n{}\n",
        patience(),
    );
    let lines = documents(&late.exit(75).stdout);
    assert_eq!(
        (&lines[0]["line"], &lines[1]["line"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(lines[0]["state"], "PENDING");
    assert_eq!(late.stderr, "");
}

#[test]
fn a_file_with_a_wrong_line_is_not_sent_at_all() {
    let rcelery = Rcelery::new();
    let says = |second: &str, words: &str| {
        let jobs = format!("{{\"task\": \"demo.add\"}}\n{second}\n");
        fs::write(rcelery.home().join("jobs.jsonl"), jobs).expect("our home");
        let wrong = rcelery.run(&["send", "--jsonl", "jobs.jsonl"]);
        assert_eq!(wrong.exit(2).stdout, "", "{second}");
        let wanted = format!("error: line 2 of jobs.jsonl: {words}");
        assert!(
            wrong.stderr.starts_with(&wanted),
            "{wanted}\n{}",
            wrong.stderr
        );
    };
    says(
        "{\"task\": \"x\",, }",
        "key must be a string at column 14\n  {\"task\": \"x\",, }\n               ^",
    );
    says("[1]", "expected a JSON object, got an array");
    says("{\"args\": []}", "`task` is missing, and no NAME was given");
    says(
        "{\"task\": \"x\", \"args\": {}}",
        "`args` must be a JSON array, not an object",
    );
    says(
        "{\"task\": \"x\", \"kwargs\": [1]}",
        "`kwargs` must be a JSON object, not an array",
    );
    says(
        "{\"task\": \"x\", \"arg\": []}",
        "unknown key `arg`; did you mean `args`?",
    );
    says(
        "{\"task\": \"x\", \"options\": {\"qeue\": \"hi\"}}",
        "unknown option `qeue`; did you mean `queue`?",
    );
    says(
        "{\"task\": \"x\", \"options\": {\"serializer\": \"pickle\"}}",
        "`serializer`: must be one of json, msgpack, yaml",
    );
    says(
        "{\"task\": \"x\", \"options\": {\"eta\": \"soon\"}}",
        "`eta`: expected ISO 8601",
    );
    for (option, value, words) in [
        ("queue", "\"\"", "must not be empty"),
        ("task_id", "\"\"", "must not be empty"),
        ("priority", "-5", "-5 is not in 0..=9"),
        ("priority", "10", "10 is not in 0..=9"),
    ] {
        says(
            &format!("{{\"task\": \"x\", \"options\": {{\"{option}\": {value}}}}}"),
            &format!("`{option}`: {words}"),
        );
    }
    assert_eq!(
        rcelery.run(&["purge", "-f"]).exit(0).stdout,
        "No messages purged from 1 queue.\n"
    );
}

#[test]
fn stdin_is_sent_as_it_comes_and_an_error_says_how_far() {
    let rcelery = Rcelery::new();
    let mut jobs = "{}\n".repeat(500);
    jobs.push_str("nonsense\n");
    let wrong = rcelery.run_with(&["send", "demo.add", "--jsonl", "-"], &jobs, patience());
    assert_eq!(wrong.exit(2).stdout.lines().count(), 500);
    assert_eq!(
        wrong.stderr,
        "error: line 501 of stdin: expected ident at column 2\n  nonsense\n   ^\n\
         hint: 500 tasks were sent before this\n"
    );
    let nothing = rcelery.run(&["send", "demo.add", "--jsonl", "-"]);
    assert!(
        nothing
            .exit(2)
            .stderr
            .contains("there are no tasks in stdin")
    );
}

#[test]
fn a_hundred_thousand_lines_need_no_more_memory_than_a_few() {
    let store = Store::redis();
    let rcelery = Rcelery::on(&store);
    let file = rcelery.home().join("jobs.jsonl");
    let line = format!("{{\"args\": [\"{}\"]}}\n", "x".repeat(100));
    fs::write(&file, line.repeat(100_000)).expect("our home");
    let mut sending = rcelery.spawn(&["send", "demo.echo", "--jsonl", "jobs.jsonl"]);
    let status = format!("/proc/{}/status", sending.pid());
    let mut peak = 0;
    eventually("all are sent", secs(300), || {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find(|l| l.starts_with("VmHWM:"));
        let kilobytes = line.and_then(|l| l.split_whitespace().nth(1)?.parse::<u64>().ok());
        peak = peak.max(kilobytes.unwrap_or(0));
        holds(sending.is_running(), |running| !running)
    });
    let sent = sending.wait(patience());
    assert_eq!(sent.ok().lines().count(), 100_000);
    // The messages alone are more than 150 MB.
    assert!((1..100_000).contains(&peak), "{peak} kB");
    let purged = rcelery.run(&["purge", "-f"]);
    assert!(purged.ok().contains("100000 messages"), "{purged:?}");
}

#[test]
fn a_check_of_many_sends_nothing_if_one_is_unknown() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&[]);
    let jobs = "{\"task\": \"demo.add\", \"args\": [1, 2]}\n{\"task\": \"demo.ad\"}\n";
    fs::write(rcelery.home().join("jobs.jsonl"), jobs).expect("our home");
    let unknown = rcelery.run(&["send", "--jsonl", "jobs.jsonl", "--check"]);
    assert_eq!(unknown.exit(1).stdout, "");
    assert!(
        unknown.stderr.contains("did you mean `demo.add`?"),
        "{}",
        unknown.stderr
    );
}

#[test]
fn a_task_that_waits_for_nobody_says_why_on_stderr_alone() {
    for (args, words) in [
        (
            vec!["--wait"],
            " PENDING no worker consumes queue \"celery\"\n",
        ),
        (
            vec!["--progress"],
            " PENDING no worker consumes queue \"celery\"\n",
        ),
        (
            vec!["--progress=json"],
            "\"hint\": \"no worker consumes queue \\\"celery\\\"\"}\n",
        ),
    ] {
        let rcelery = Rcelery::new();
        let mut waiting = rcelery.spawn(&[&["send", "demo.add"][..], &args].concat());
        waiting.wait_for(words, patience());
        waiting.signal(Signal::SIGINT);
        let left = waiting.wait(patience());
        left.exit(130);
        assert_eq!(left.stdout, "");
        assert!(left.stderr.contains(words), "{args:?}: {}", left.stderr);
    }
    let quiet = Rcelery::new().run(&["send", "demo.add", "--wait=7", "-q"]);
    assert!(
        !quiet.exit(75).stderr.contains("no worker"),
        "{}",
        quiet.stderr
    );
}

#[test]
fn an_interrupt_says_how_to_go_on_and_a_cancelling_one_revokes() {
    for store in [Store::sqlite(), Store::redis()] {
        let rcelery = Rcelery::on(&store);
        let worker = rcelery.worker(&[]);
        let mut waiting = rcelery.spawn(&[
            "send",
            "demo.sleep",
            "-a",
            "[600]",
            "--task-id",
            "x1",
            "--progress",
        ]);
        let started = |process: &Process| {
            eventually("it has started", patience(), || {
                holds(process.stderr(), |e| e.contains("STARTED"))
            });
        };
        started(&waiting);
        waiting.signal(Signal::SIGINT);
        let left = waiting.wait(patience());
        left.exit(130);
        assert!(
            left.stderr
                .ends_with("\nstill running: rcelery result --wait x1\n"),
            "{}",
            left.stderr
        );
        waiting = rcelery.spawn(&[
            "send",
            "demo.sleep",
            "-a",
            "[600]",
            "--task-id",
            "x2",
            "--progress",
            "--cancel-on-interrupt",
        ]);
        started(&waiting);
        waiting.signal(Signal::SIGINT);
        let left = waiting.wait(patience());
        left.exit(130);
        assert!(
            left.stderr.ends_with("\ncancelled: x2\n"),
            "{}",
            left.stderr
        );
        let gone = rcelery.run(&["result", "--wait=30", "x2"]);
        assert!(gone.exit(1).stderr.contains("REVOKED"), "{}", gone.stderr);
        rcelery.run(&["result", "x1"]).exit(75);
        drop(worker);
    }
}

#[test]
fn times_in_the_past_are_sent_with_a_warning() {
    let rcelery = Rcelery::new();
    let past = rcelery.run(&["send", "x", "--eta", "2020-01-01T00:00:00Z"]);
    past.exit(0);
    assert_eq!(
        past.stderr,
        "warning: --eta is in the past: the task runs at once\n"
    );
    let expired = rcelery.run(&["send", "x", "--expires", "2020-01-01"]);
    expired.exit(0);
    assert!(
        expired.stderr.contains("the task will not run"),
        "{}",
        expired.stderr
    );
    let negative = rcelery.run(&["send", "x", "--countdown", "-5"]);
    assert_eq!(negative.exit(0).stderr, "");
}

#[test]
fn the_python_worker_is_understood() {
    let store = Store::redis();
    let rcelery = Rcelery::on(&store);
    let _worker = PythonWorker::on(&store);
    let known = rcelery.run(&["send", "proj.add", "-a", "[2, 3]", "--check", "--wait"]);
    assert_eq!(known.ok(), "5");
    let unknown = rcelery.run(&["send", "proj.ad", "--check"]);
    assert!(
        unknown.exit(1).stderr.contains("did you mean `proj.add`?"),
        "{}",
        unknown.stderr
    );
}
