//! Whole projects: a Flask service and a Django site, with one word of their command line changed.

use std::process::Command;

use serde_json::Value;

use crate::harness::{RedisServer, Store, interpreter, run, secs};
use crate::{app, program};

/// Runs the service's own check, which prints a line per claim.
#[track_caller]
fn flask(store: &Store, port: u16) {
    let rcelery = program(store, "flask");
    let check = || {
        let mut command = Command::new(interpreter());
        rcelery.furnish(&mut command);
        command
            .env("PORT", port.to_string())
            .arg(app("flask/check.py"))
            .args([&store.broker, &store.backend])
            .arg(env!("CARGO_BIN_EXE_rcelery"))
            .args(["-A", "flask_app.celery", "worker", "-c", "2"])
            .current_dir(rcelery.home());
        run(&mut command, "", secs(150))
    };
    let mut output = check();
    // The service asks for the state twice, and is not prepared for one that has changed in between: with a slow build
    // that is one run in four.
    for _ in 0..5 {
        if output.stderr.contains("KeyError: 'current'") {
            output = check();
        }
    }
    let text = &output.stdout;
    assert!(text.contains("11 passed, 0 failed"), "{output:?}");
}

/// A port that nobody listens on, as far as that can be known.
fn port() -> u16 {
    RedisServer::start().port()
}

#[test]
fn the_flask_service_works_on_redis() {
    flask(&Store::redis(), port());
}

#[test]
fn the_flask_service_works_on_one_sqlite_file() {
    let store = Store::sqlite();
    // kombu's transport makes tables and queue without a lock: two that start at once trip over each other.
    let mut command = Command::new(interpreter());
    let rcelery = program(&store, "flask");
    rcelery.furnish(&mut command);
    command.args([
        "-c",
        "import flask_app; flask_app.celery.connection().SimpleQueue('celery')",
    ]);
    run(&mut command, "", secs(60)).ok();
    flask(&store, port());
}

#[track_caller]
fn django(worker: &[&str], store: &Store) -> Value {
    let rcelery = program(store, "site");
    let mut command = Command::new(interpreter());
    rcelery.furnish(&mut command);
    command.arg(app("site/drive.py")).args(worker);
    command.args(["-A", "shop", "worker", "-c", "2", "-l", "INFO"]);
    let output = run(&mut command, "", secs(150));
    let text = output.ok().to_owned();
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e} in {text}"))
}

#[test]
fn the_django_site_works_as_under_celery() {
    let python = interpreter();
    let python = python.to_string_lossy();
    let theirs = django(&[&python, "-m", "celery"], &Store::redis());
    let ours = django(&[env!("CARGO_BIN_EXE_rcelery")], &Store::redis());
    assert_eq!(ours, theirs);
    assert_eq!(ours["count"], 1, "{ours}");
    assert_eq!(ours["exit code"], 0, "{ours}");
}
