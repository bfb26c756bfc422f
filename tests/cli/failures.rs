//! The failure matrix: each way in which something is not there, how long it may take, and what is said.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::harness::{Output, Rcelery, RedisServer, Store, at_best, patience, secs};

/// What a busy machine may add to any time that is promised.
const LOAD: Duration = Duration::from_secs(3);

/// Every command that asks the broker.
const ON_BROKER: &[&[&str]] = &[
    &["status"],
    &["status", "-d", "w1@box"],
    &["inspect", "ping"],
    &["inspect", "active"],
    &["control", "revoke", "x"],
    &["control", "shutdown"],
    &["purge", "-f"],
    &["purge", "--dry-run"],
    &["send", "x"],
    &["send", "x", "--check"],
    &["send", "x", "--wait"],
];

/// Every command that asks the result back end.
const ON_BACKEND: &[&[&str]] = &[
    &["result", "x"],
    &["result", "x", "y", "--wait=60"],
    &["result", "x", "--traceback"],
    &["result", "x", "--watch"],
    &["send", "x", "--wait"],
    &["send", "x", "--progress"],
];

/// What a failure says.
struct Failed {
    text: String,
    message: String,
    hint: String,
}

impl Failed {
    #[track_caller]
    fn says(&self, needle: &str) {
        for text in [&self.text, &self.message] {
            assert!(text.contains(needle), "{needle:?} is not in {text:?}");
        }
    }

    #[track_caller]
    fn hints(&self, needle: &str) {
        for text in [&self.text, &self.hint] {
            assert!(text.contains(needle), "{needle:?} is not in {text:?}");
        }
    }
}

/// Runs a command that fails, as it is and with `-j`: in time, with this exit code, with nothing on stdout.
#[track_caller]
fn fails(rcelery: &Rcelery, args: &[&str], limit: Duration, exit: i32, code: &str) -> Failed {
    let timed = |args: &[&str]| -> Output {
        let output = at_best(limit + LOAD, || {
            rcelery.run_with(args, "", limit + secs(60))
        });
        output.exit(exit);
        assert_eq!(output.stdout, "", "{output:?}");
        output
    };
    let text = timed(args).stderr;
    assert!(text.to_lowercase().starts_with("error: "), "{text}");
    let line = timed(&[args, &["-j"]].concat()).stderr;
    assert_eq!(line.matches('\n').count(), 1, "one line: {line}");
    let document: Value = serde_json::from_str(&line).expect("a JSON document");
    let error = &document["error"];
    assert_eq!(
        (&error["code"], &error["exit"]),
        (&json!(code), &json!(exit)),
        "{line}"
    );
    let part = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
    Failed {
        message: part("message"),
        hint: part("hint"),
        text,
    }
}

/// The same for many commands at once: what they wait for is time.
fn all_fail(
    rcelery: &Rcelery,
    options: &[&str],
    commands: &[&[&str]],
    limit: Duration,
    exit: i32,
    code: &str,
    says: &str,
) {
    thread::scope(|scope| {
        for command in commands {
            scope.spawn(move || {
                let args = [options, command].concat();
                fails(rcelery, &args, limit, exit, code).says(says);
            });
        }
    });
}

/// The program with a result back end that is always there: only its broker is to fail.
fn with_results() -> Rcelery {
    Rcelery::new().env("CELERY_RESULT_BACKEND", "db+sqlite:///results.db")
}

/// A server that takes connections and never says a word.
fn black_hole() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    (listener, format!("redis://{address}/0"))
}

const REFUSED: &str = "redis://127.0.0.1:1/0";

#[test]
fn no_command_is_left_out_of_this_table() {
    let offline = ["completions", "man", "help", "config", "worker"];
    let help = Rcelery::new().run(&["-h"]);
    let commands = help
        .ok()
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty());
    for name in commands.map(|line| line.split_whitespace().next().expect("a name")) {
        let listed = ON_BROKER.iter().chain(ON_BACKEND).any(|c| c[0] == name);
        assert!(listed || offline.contains(&name), "{name}");
    }
}

#[test]
fn a_broker_that_refuses_is_69_at_once() {
    let rcelery = with_results();
    let limit = Duration::from_millis(500);
    all_fail(
        &rcelery,
        &["-b", REFUSED],
        ON_BROKER,
        limit,
        69,
        "broker_unreachable",
        "can't use the broker redis://127.0.0.1:1/0 (flag -b)",
    );
    let rcelery = rcelery.env("CELERY_BROKER_URL", REFUSED);
    let failed = fails(&rcelery, &["status"], limit, 69, "broker_unreachable");
    failed.says("Error 111 connecting to 127.0.0.1:1. Connection refused.");
    failed.says("CELERY_BROKER_URL");
    failed.hints("is the broker running?");
}

#[test]
fn a_broker_that_is_silent_is_69_after_the_connect_timeout() {
    let (_listener, url) = black_hole();
    let rcelery = with_results();
    all_fail(
        &rcelery,
        &["-b", &url, "--connect-timeout", "0.5"],
        ON_BROKER,
        Duration::from_millis(500),
        69,
        "broker_unreachable",
        "no answer to the handshake in 0.5 s",
    );
    let failed = fails(
        &rcelery,
        &["status", "-b", &url],
        secs(4),
        69,
        "broker_unreachable",
    );
    failed.says("no answer to the handshake in 4 s");
}

#[test]
fn a_host_that_cannot_be_reached_is_69_after_the_connect_timeout() {
    // A listener whose queue of connections is full lets further ones hang, as an absent host does.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let (_listener, address): (_, SocketAddr) = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        let any = "127.0.0.1:0".parse().expect("an address");
        socket.bind(any).expect("a free port");
        let listener = socket.listen(1).expect("it listens");
        let address = listener.local_addr().expect("an address");
        (listener, address)
    });
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        queued.push(stream);
        assert!(queued.len() < 100, "the queue never fills");
    }
    let url = format!("redis://{address}/0");
    let rcelery = with_results();
    let limit = secs(1);
    let options = ["-b", &url, "--connect-timeout", "1"];
    all_fail(
        &rcelery,
        &options,
        ON_BROKER,
        limit,
        69,
        "broker_unreachable",
        "can't use the broker",
    );
    let options = ["--result-backend", &url, "--connect-timeout", "1"];
    all_fail(
        &rcelery,
        &options,
        ON_BACKEND,
        limit,
        69,
        "backend_unreachable",
        "can't use the result back end",
    );
}

#[test]
fn a_broker_that_wants_a_password_is_77_at_once() {
    let server = RedisServer::with(&["--requirepass", "s3cret"]);
    let rcelery = with_results();
    let limit = Duration::from_millis(500);
    let missing = server.url(0);
    all_fail(
        &rcelery,
        &["-b", &missing],
        ON_BROKER,
        limit,
        77,
        "auth_refused",
        "asks for a password",
    );
    let wrong = format!("redis://:hunter2@127.0.0.1:{}/0", server.port());
    all_fail(
        &rcelery,
        &["-b", &wrong],
        ON_BROKER,
        limit,
        77,
        "auth_refused",
        "refused the credentials of user `default`",
    );
    let failed = fails(
        &rcelery,
        &["-b", &wrong, "status"],
        limit,
        77,
        "auth_refused",
    );
    assert!(!failed.text.contains("hunter2"), "{}", failed.text);
    let worker = rcelery.run(&["-b", &wrong, "worker"]);
    worker.exit(77);
    let right = format!("redis://:s3cret@127.0.0.1:{}/0", server.port());
    rcelery.run(&["-b", &right, "send", "x"]).exit(0);
}

#[test]
fn a_back_end_that_refuses_is_69_at_once() {
    let rcelery = Rcelery::new();
    all_fail(
        &rcelery,
        &["--result-backend", REFUSED],
        ON_BACKEND,
        Duration::from_millis(500),
        69,
        "backend_unreachable",
        "can't use the result back end redis://127.0.0.1:1/0 (flag --result-backend)",
    );
}

#[test]
fn a_back_end_that_is_silent_is_69_after_the_connect_timeout() {
    let (_listener, url) = black_hole();
    all_fail(
        &Rcelery::new(),
        &["--result-backend", &url, "--connect-timeout", "0.5"],
        ON_BACKEND,
        Duration::from_millis(500),
        69,
        "backend_unreachable",
        "no answer to the handshake in 0.5 s",
    );
}

#[test]
fn a_back_end_that_wants_a_password_is_77_at_once() {
    let server = RedisServer::with(&["--requirepass", "s3cret"]);
    let wrong = format!("redis://bob:hunter2@127.0.0.1:{}/0", server.port());
    let rcelery = Rcelery::new();
    all_fail(
        &rcelery,
        &["--result-backend", &wrong],
        ON_BACKEND,
        Duration::from_millis(500),
        77,
        "auth_refused",
        "refused the credentials of user `bob`",
    );
}

#[test]
fn nothing_is_sent_when_its_result_could_not_be_read() {
    let store = Store::redis();
    let rcelery = Rcelery::on(&store);
    rcelery
        .run(&["send", "x", "--wait", "--result-backend", REFUSED])
        .exit(69);
    let counted = rcelery.run(&["purge", "--dry-run", "-j"]).json();
    assert_eq!(counted["total"], 0);
}

#[test]
fn a_back_end_that_is_switched_off_is_78() {
    let off = ["--result-backend", "disabled://"];
    let rcelery = Rcelery::new();
    for command in ON_BACKEND {
        let args = [&off, *command].concat();
        let failed = fails(&rcelery, &args, secs(0), 78, "config");
        failed.says("no result backend is configured");
        failed.hints("--result-backend");
    }
}

#[test]
fn no_worker_is_69_at_once() {
    let redis = Store::redis();
    for rcelery in [Rcelery::on(&redis), Rcelery::new()] {
        for command in [
            &["status"][..],
            &["inspect", "active"],
            &["control", "revoke", "x"],
            &["control", "shutdown"],
        ] {
            let args = [command, &["-t", "60"]].concat();
            let failed = fails(&rcelery, &args, Duration::from_millis(500), 69, "no_reply");
            failed.says("No nodes replied within time constraint");
            failed.hints("no worker is connected to this broker");
        }
    }
}

#[test]
fn a_worker_that_is_stuck_is_told_from_one_that_is_not_there() {
    let store = Store::redis();
    let rcelery = Rcelery::on(&store);
    let worker = rcelery.worker(&["-n", "w1@box"]);
    let rcelery = ["STATUS", "INSPECT", "CONTROL"]
        .iter()
        .fold(Rcelery::on(&store), |rcelery, command| {
            rcelery.without(&format!("CELERY_{command}_TIMEOUT"))
        });
    worker.signal(Signal::SIGSTOP);
    for command in [
        &["status"][..],
        &["inspect", "ping"],
        &["control", "shutdown"],
    ] {
        let failed = fails(&rcelery, command, secs(1), 69, "no_reply");
        failed.hints("1 worker is connected but did not reply within 1 s (-t)");
    }
    worker.signal(Signal::SIGCONT);
}

#[test]
fn an_unknown_task_is_accepted_and_fails_as_one_that_waits_sees() {
    let rcelery = Rcelery::new();
    rcelery.run(&["send", "proj.nosuch"]).exit(0);
    let _worker = rcelery.worker(&[]);
    let failed = rcelery.run_with(&["send", "proj.nosuch", "--wait"], "", patience());
    failed.exit(1);
    assert_eq!(failed.stdout, "");
    assert!(failed.stderr.contains("NotRegistered"), "{failed:?}");
    let refused = fails(
        &rcelery,
        &["send", "demo.ad", "--check"],
        secs(2),
        1,
        "unknown_task",
    );
    refused.hints("did you mean `demo.add`?");
}

#[test]
fn malformed_json_is_2_with_a_caret_where_it_breaks() {
    let rcelery = Rcelery::new();
    let at_once = secs(0);
    let failed = fails(
        &rcelery,
        &["send", "x", "-a", "[2,,3]"],
        at_once,
        2,
        "usage",
    );
    failed.says("'--args'");
    let lines: Vec<&str> = failed.text.lines().collect();
    assert_eq!(&lines[1..3], ["  [2,,3]", "     ^"], "{}", failed.text);
    for (option, value, says) in [
        ("-a", "{}", "expected a JSON array, got an object"),
        ("-k", "[1]", "expected a JSON object, got an array"),
        ("--eta", "tomorrow", "'tomorrow'"),
        ("--countdown", "soon", "'soon'"),
        ("--serializer", "pickle", "'pickle'"),
    ] {
        fails(&rcelery, &["send", "x", option, value], at_once, 2, "usage").says(says);
    }
}

#[test]
fn a_queue_that_does_not_exist_is_made_or_warned_about() {
    for rcelery in [Rcelery::on(&Store::redis()), Rcelery::new()] {
        let purged = rcelery.run(&["purge", "-f", "-Q", "nosuch"]);
        assert_eq!(
            purged.exit(0).stdout,
            "No messages purged from 1 queue.\n",
            "{purged:?}"
        );
        assert!(
            purged
                .stderr
                .contains("warning: queue \"nosuch\" does not exist"),
            "{purged:?}"
        );
        rcelery.run(&["send", "x", "--queue", "fresh"]).exit(0);
        let purged = rcelery.run(&["purge", "-f", "-Q", "fresh"]);
        assert_eq!(
            purged.exit(0).stdout,
            "Purged 1 message from 1 known task queue.\n"
        );
    }
}

#[test]
fn an_exchange_that_reaches_no_queue_is_1() {
    let redis = Store::redis();
    for rcelery in [Rcelery::on(&redis), Rcelery::new()] {
        let args = ["send", "x", "--exchange", "nosuch", "--routing-key", "k"];
        let failed = fails(&rcelery, &args, secs(1), 1, "unroutable");
        failed.says("no queue is bound to exchange `nosuch` with routing key `k`");
    }
}

#[test]
fn an_unknown_id_is_75_at_once() {
    let redis = Store::redis();
    for rcelery in [Rcelery::on(&redis), Rcelery::new()] {
        let pending = at_best(secs(1) + LOAD, || rcelery.run(&["result", "nosuch"]));
        pending.exit(75);
        assert_eq!(pending.stdout, "");
        assert!(
            pending.stderr.contains("PENDING: no result recorded"),
            "{pending:?}"
        );
        let pending = rcelery.run(&["result", "nosuch", "-j"]);
        pending.exit(75);
        assert_eq!(crate::document(&pending)["state"], "PENDING");
    }
}

#[test]
fn revoking_an_id_that_nobody_has_seen_says_so() {
    let rcelery = Rcelery::new();
    let _worker = rcelery.worker(&["-n", "w1@box"]);
    let revoked = rcelery.run(&["control", "revoke", "nosuch", "--format", "table"]);
    revoked.exit(0);
    assert!(
        revoked
            .stderr
            .contains("not seen by any worker; will be discarded if it arrives"),
        "{revoked:?}"
    );
}

#[test]
fn a_url_that_nothing_speaks_is_78_at_once_with_what_there_is() {
    let rcelery = with_results();
    let at_once = secs(0);
    for command in ON_BROKER {
        let args = [&["-b", "resid://:pw@localhost/0"], *command].concat();
        let failed = fails(&rcelery, &args, at_once, 78, "config");
        failed.says("no such transport: `resid`; there are sqlite,");
        failed.hints("did you mean `redis://`?");
        assert!(!failed.text.contains("pw"), "{}", failed.text);
    }
    let worker = rcelery.run(&["-b", "resid://localhost/0", "worker"]);
    worker.exit(78);
    assert!(worker.stderr.contains("`redis://`"), "{worker:?}");
    let failed = fails(
        &rcelery,
        &["-b", "amqp://guest@localhost//", "status"],
        at_once,
        78,
        "config",
    );
    failed.says("redis");
    failed.hints("this broker is not supported; use Redis");
    for command in ON_BACKEND {
        let args = [&["--result-backend", "rpc://"], *command].concat();
        let failed = fails(&rcelery, &args, at_once, 78, "config");
        failed.says("no such result backend: `rpc`; there are db+sqlite,");
        failed.hints("use Redis");
    }
    for args in [
        &["-b", "user:hunter2@host/0", "status"][..],
        &["--result-backend", "user:hunter2@host/0", "result", "x"],
    ] {
        let failed = fails(&rcelery, args, at_once, 78, "config");
        failed.says("has no scheme");
        assert!(!failed.text.contains("hunter2"), "{}", failed.text);
    }
    let redis = RedisServer::start();
    let far = redis.url(255);
    for command in ON_BROKER {
        let args = [&["-b", &far], *command].concat();
        fails(&rcelery, &args, at_once, 78, "config").says("has no database of the number");
    }
    let args = ["--result-backend", &far, "result", "x"];
    fails(&rcelery, &args, at_once, 78, "config").says("has no database of the number");
    let args = ["-b", "redis://localhost:port/0", "status"];
    fails(&rcelery, &args, at_once, 78, "config").says("port");
}
