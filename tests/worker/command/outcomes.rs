//! What an exit code, the output and standard error become.

use serde_json::{Value as Json, json};

use super::worker;
use crate::fixture::{Client, Marks, on_both};
use crate::harness::{Store, eventually, patience};

on_both!(
    output_is_the_result
    another_exit_code_is_a_failure_with_the_end_of_standard_error
    chosen_exit_codes_retry_with_back_off
);

fn output_is_the_result(store: &mut Store) {
    let tasks = r#"
        [tasks.say]
        command = ["printf", "%b", "{text}"]

        [tasks.text]
        command = ["echo", "{text}"]
        output  = "text"

        [tasks.json]
        command = ["echo", "{text}"]
        output  = "json"

        [tasks.none]
        command = ["echo", "{text}"]
        output  = "none"

        [tasks.much]
        command    = ["yes"]
        max_output = 1000
        "#;
    let _worker = worker(store, tasks, &[]);
    let client = Client::on(store);
    let value = |task, text| client.value(&client.delay(task, &json!([text])));
    for (text, result) in [
        (r#"{"a": [1, 2.5, null]}\n"#, json!({"a": [1, 2.5, null]})),
        ("done\\n", json!("done")),
        ("two\\nlines\\n", json!("two\nlines")),
        ("caf\\0351", json!("caf\u{fffd}")),
        ("7\\n", json!(7)),
        ("", Json::Null),
    ] {
        assert_eq!(value("say", text), result, "{text}");
    }
    assert_eq!(value("text", "7"), "7");
    assert_eq!(value("json", "[7]"), json!([7]));
    assert_eq!(value("none", "7"), Json::Null);
    let (class, message) = client.failure(&client.delay("json", &json!(["seven"])));
    assert_eq!(class, "ValueError");
    assert!(
        message[0]
            .as_str()
            .is_some_and(|m| m.starts_with("the output is not the JSON"))
    );
    assert_eq!(
        client.failure(&client.delay("much", &json!([]))),
        (
            "OverflowError".to_owned(),
            json!(["more than 1000 bytes of output (max_output): the program was ended"])
        )
    );
}

fn another_exit_code_is_a_failure_with_the_end_of_standard_error(store: &mut Store) {
    let tasks = r#"
        [tasks.fail]
        shell   = true
        params  = ["code"]
        command = 'echo reading >&2; printf "\033[31mno such page\n" >&2; exit "$code"'
        stderr  = "warning"

        [tasks.die]
        shell   = true
        command = 'kill -SEGV $$'

        [tasks.differ]
        command            = ["sh", "-c", "exit 1"]
        success_exit_codes = [1]

        [tasks.skip]
        command           = ["sh", "-c", "exit 4"]
        ignore_exit_codes = [4]

        [tasks.absent]
        command = ["no-such-program"]

        [tasks.locked]
        command = ["/etc/passwd"]
        "#;
    let mut worker = worker(store, tasks, &[]);
    worker.wait_for(
        "Task absent will fail: `no-such-program` can't be run: No such file or directory",
        patience(),
    );
    let client = Client::on(store);
    let id = client.delay("fail", &json!([3]));
    let (class, arguments) = client.failure(&id);
    assert_eq!(class, "CalledProcessError");
    assert_eq!(
        (&arguments[0], &arguments[1][0]),
        (&json!(3), &json!("/bin/sh"))
    );
    assert_eq!(arguments[3], "reading\n\u{1b}[31mno such page");
    for (level, line) in [
        ("WARNING", format!("fail[{id}]: reading\n")),
        ("WARNING", format!("fail[{id}]: \u{fffd}[31mno such page\n")),
        (
            "ERROR",
            format!("Task fail[{id}] raised unexpected: CalledProcessError(3, "),
        ),
    ] {
        worker.wait_for(&format!("{level}/MainProcess] {line}"), patience());
    }
    let shown = worker.program().run(&["result", &id, "--traceback"]);
    assert!(shown.stdout.contains("reading\n"), "{shown:?}");
    assert!(
        format!("{shown:?}").contains("returned non-zero exit status 3."),
        "{shown:?}"
    );

    let (_, arguments) = client.failure(&client.delay("die", &json!([])));
    assert_eq!(arguments[0], -11);
    let differs = client.delay("differ", &json!([]));
    assert_eq!(client.value(&differs), Json::Null);
    let skipped = client.delay("skip", &json!([]));
    worker.wait_for(&format!("Task skip[{skipped}] ignored"), patience());
    assert_eq!(
        client.failure(&client.delay("absent", &json!([]))),
        (
            "FileNotFoundError".to_owned(),
            json!([2, "No such file or directory", "no-such-program"])
        )
    );
    assert_eq!(
        client.failure(&client.delay("locked", &json!([]))),
        (
            "PermissionError".to_owned(),
            json!([13, "Permission denied", "/etc/passwd"])
        )
    );
}

fn chosen_exit_codes_retry_with_back_off(store: &mut Store) {
    let marks = Marks::new(store);
    let tasks = format!(
        r#"
        [tasks.flaky]
        shell               = true
        command             = 'echo run >> {0}; [ "$RCELERY_TASK_RETRIES" -ge 2 ] || exit 75; echo done'
        retry_exit_codes    = [75]
        retry_backoff       = 0.05
        retry_jitter        = false

        [tasks.hopeless]
        command             = ["sh", "-c", "exit 75"]
        retry_exit_codes    = [75]
        max_retries         = 1
        default_retry_delay = 0
        "#,
        marks.path()
    );
    let mut worker = worker(store, &tasks, &[]);
    let client = Client::on(store);
    let flaky = client.delay("flaky", &json!([]));
    assert_eq!(client.value(&flaky), "done");
    assert_eq!(marks.count("run"), 3);
    for delay in ["0.05", "0.1"] {
        worker.wait_for(
            &format!("Task flaky[{flaky}] retry: Retry in {delay}s: CalledProcessError(75,"),
            patience(),
        );
    }
    let (class, arguments) = client.failure(&client.delay("hopeless", &json!([])));
    assert_eq!(
        (class.as_str(), &arguments[0]),
        ("CalledProcessError", &json!(75))
    );
}

#[test]
fn an_exit_code_may_reject_the_message_or_put_it_back() {
    let store = Store::sqlite();
    let marks = Marks::new(&store);
    let tasks = format!(
        r#"
        [tasks.again]
        shell              = true
        command            = 'echo run >> {0}; [ $(wc -l < {0}) -ge 3 ] || exit 10'
        acks_late          = true
        requeue_exit_codes = [10]

        [tasks.refuse]
        command           = ["sh", "-c", "exit 11"]
        acks_late         = true
        reject_exit_codes = [11]
        "#,
        marks.path()
    );
    let _worker = worker(&store, &tasks, &["-c", "1"]);
    let client = Client::on(&store);
    assert_eq!(client.value(&client.delay("again", &json!([]))), Json::Null);
    assert_eq!(marks.count("run"), 3);
    let (class, _) = client.failure(&client.delay("refuse", &json!([])));
    assert_eq!(class, "Reject");
    client.nothing_left();
}

#[test]
fn a_chatty_program_does_not_fill_the_log() {
    let store = Store::sqlite();
    let tasks = r#"
        [tasks.chatty]
        command = ["sh", "-c", "seq -f 'line %.0f' 1 5000 >&2; head -c 100000 /dev/zero | tr '\\0' x >&2; echo ok"]
        "#;
    let worker = worker(&store, tasks, &[]);
    let client = Client::on(&store);
    let id = client.delay("chatty", &json!([]));
    assert_eq!(client.value(&id), "ok");
    let log = eventually("the log is there", patience(), || {
        let log = worker.log();
        if log.contains("succeeded") {
            Ok(log)
        } else {
            Err(log)
        }
    });
    assert!(log.contains("line 1000\n") && !log.contains("line 1001\n"));
    assert!(log.contains("further lines on standard error are not logged"));
}
