//! What a program is told about its task, and what is kept from it.

use std::process::Command;

use serde_json::{Value as Json, json};

use super::{defined, worker};
use crate::fixture::{Client, Start as _, on_both};
use crate::harness::{Process, Store, patience};

on_both!(
    the_whole_request_is_on_standard_input
    the_environment_tells_the_task_and_keeps_the_secrets
);

fn the_whole_request_is_on_standard_input(store: &mut Store) {
    let tasks = r#"
        [tasks.whole]
        command = ["cat"]
        params  = ["*args", "**kwargs"]

        [tasks.deaf]
        command = ["true"]
        params  = ["text"]

        [tasks.none]
        command = ["cat"]
        stdin   = false
        "#;
    let _worker = worker(store, tasks, &["-n", "w1@box"]);
    let client = Client::on(store);
    let call = client
        .call("whole", &json!([1, {"a": [null]}]))
        .kwarg("k", "ü");
    let id = client.send(call.header("tenant", 7).priority(3));
    let seen = client.value(&id);
    for (name, value) in [
        ("task", json!("whole")),
        ("id", json!(id)),
        ("root_id", json!(id)),
        ("args", json!([1, {"a": [null]}])),
        ("kwargs", json!({"k": "ü"})),
        ("retries", json!(0)),
        ("eta", Json::Null),
        ("parent_id", Json::Null),
        ("hostname", json!("w1@box")),
    ] {
        assert_eq!(seen[name], value, "{name} in {seen}");
    }
    assert_eq!(seen["headers"]["tenant"], 7);
    assert_eq!(seen["delivery_info"]["routing_key"], "celery");
    assert_eq!(seen["delivery_info"]["priority"], 3);
    // More than any pipe holds, for a program that does not read it.
    let long = "x".repeat(1 << 20);
    let deaf = client.delay("deaf", &json!([long]));
    assert_eq!(client.value(&deaf), Json::Null);
    assert_eq!(client.value(&client.delay("none", &json!([]))), Json::Null);
}

fn the_environment_tells_the_task_and_keeps_the_secrets(store: &mut Store) {
    const SHOW: &str =
        r#"command = ["python3", "-c", "import json, os; print(json.dumps(dict(os.environ)))"]"#;
    let tasks = format!(
        r#"
        [tasks.inherits]
        {SHOW}
        env = {{ COLOUR = "blue", LEVEL = 3 }}

        [tasks.bare]
        {SHOW}
        clear_env = true
        pass_env  = ["API_KEY"]

        [tasks.peer]
        {SHOW}
        pass_env = ["CELERY_BROKER_URL"]
        "#
    );
    let program = defined(store, &tasks)
        .env("API_KEY", "k1")
        .env("OTHER", "o1")
        .env("BROKER_URL", "redis://:secret@h");
    let _worker = program.start(&["-n", "w1@box"]);
    let client = Client::on(store);
    let environment = |task| {
        let id = client.delay(task, &json!([]));
        (client.value(&id), id)
    };
    let (seen, id) = environment("inherits");
    for (name, value) in [
        ("RCELERY_TASK_ID", id.as_str()),
        ("RCELERY_TASK_NAME", "inherits"),
        ("RCELERY_TASK_RETRIES", "0"),
        ("RCELERY_TASK_ROOT_ID", &id),
        ("RCELERY_TASK_QUEUE", "celery"),
        ("RCELERY_HOSTNAME", "w1@box"),
        ("RCELERY_PROGRESS_FD", "3"),
        ("COLOUR", "blue"),
        ("LEVEL", "3"),
        ("API_KEY", "k1"),
        ("OTHER", "o1"),
    ] {
        assert_eq!(seen[name], value, "{name} in {seen}");
    }
    for secret in ["CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "BROKER_URL"] {
        assert_eq!(seen[secret], Json::Null, "{secret}");
    }
    let (seen, _) = environment("bare");
    assert_eq!(
        (&seen["API_KEY"], &seen["OTHER"]),
        (&json!("k1"), &Json::Null)
    );
    assert!(seen["HOME"].is_string() && seen["RCELERY_TASK_ID"].is_string());
    let (seen, _) = environment("peer");
    assert_eq!(seen["CELERY_BROKER_URL"], store.broker.as_str());
}

#[test]
fn directories_and_programs_are_found_from_the_files_place() {
    let store = Store::sqlite();
    let tasks = r#"
        [tasks.here]
        command = ["pwd"]

        [tasks.there]
        command = ["pwd"]
        cwd     = "work"

        [tasks.own]
        command = ["./bin/hello", "{name}"]
        cwd     = "work"

        [tasks.nowhere]
        command = ["pwd"]
        cwd     = "nowhere"
        "#;
    let program = defined(&store, tasks);
    let home = program.home().canonicalize().expect("a home");
    std::fs::create_dir_all(home.join("work")).expect("the home is ours");
    std::fs::create_dir_all(home.join("bin")).expect("the home is ours");
    let script = home.join("bin/hello");
    std::fs::write(
        &script,
        "#!/bin/sh\necho hello $1 from $(basename $(pwd))\n",
    )
    .expect("ours");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).expect("the file is ours");
    let _worker = program.start(&[]);
    let client = Client::on(&store);
    let value = |task, args| client.value(&client.delay(task, &args));
    assert_eq!(value("here", json!([])), home.to_str().expect("ASCII"));
    let work = home.join("work");
    assert_eq!(value("there", json!([])), work.to_str().expect("ASCII"));
    assert_eq!(value("own", json!(["you"])), "hello you from work");
    let (class, message) = client.failure(&client.delay("nowhere", &json!([])));
    assert_eq!(class, "FileNotFoundError");
    assert!(
        message[2].as_str().is_some_and(|m| m.ends_with("/nowhere")),
        "{message}"
    );
}

/// Whatever the worker was started with: a program has 0, 1, 2 and the one for progress.
#[test]
fn a_program_has_four_descriptors() {
    let store = Store::redis();
    let tasks = r#"
        [tasks.descriptors]
        shell   = true
        command = 'for n in $(seq 0 30); do if [ -e /proc/$$/fd/$n ]; then echo $n; fi; done'
        output  = "text"
        "#;
    let program = defined(&store, tasks);
    let inner = program.command(&["worker", "-l", "INFO"]);
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" 7</dev/null 9</dev/null"]);
    command.arg(inner.get_program()).args(inner.get_args());
    program.furnish(&mut command);
    let mut worker = Process::start(&mut command, "a shell is needed");
    worker.wait_for("ready.", patience());
    let client = Client::on(&store);
    for _ in 0..3 {
        let id = client.delay("descriptors", &json!([]));
        assert_eq!(client.value(&id), "0\n1\n2\n3");
    }
}
