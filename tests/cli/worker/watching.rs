//! Those who watch a worker: `--http`, `--ready-file`, systemd.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Arc, Mutex};

use nix::sys::signal::Signal;

use crate::harness::{Rcelery, Store, Worker, eventually, holds, patience, secs};

/// The address that the worker says it listens on.
#[track_caller]
fn address(worker: &Worker) -> String {
    eventually("the server's address", patience(), || {
        let log = worker.stderr();
        let line = log
            .lines()
            .find_map(|l| l.split("http: listening on ").nth(1));
        line.map(str::to_owned).ok_or(log.clone())
    })
}

/// Says `request` and returns all that is answered.
#[track_caller]
fn talk(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    stream
        .set_read_timeout(Some(patience()))
        .expect("a timeout");
    stream.write_all(request).expect("asking");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[track_caller]
fn get(address: &str, path: &str) -> String {
    talk(
        address,
        format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes(),
    )
}

#[test]
fn health_readiness_and_metrics_are_served() {
    let rcelery = Rcelery::new();
    let worker = rcelery.worker(&["-c", "2", "--http", "127.0.0.1:0"]);
    let at = address(&worker);
    assert!(get(&at, "/healthz").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(get(&at, "/readyz").ends_with("\r\n\r\nready\n"));
    assert!(get(&at, "/nosuch").starts_with("HTTP/1.1 404 "));
    for args in [
        &["demo.add", "-a", "[2,3]"][..],
        &["demo.add", "-a", "[4,5]"],
    ] {
        rcelery.run(&[&["send", "--wait"], args].concat()).ok();
    }
    rcelery.run(&["send", "demo.fail", "--wait"]).exit(1);
    rcelery.run(&["send", "no.such\"task", "--wait"]).exit(1);
    rcelery.run(&["send", "demo.sleep", "-a", "[600]"]).ok();
    rcelery
        .run(&["send", "demo.add", "-a", "[1,1]", "--countdown", "600"])
        .ok();
    let wanted = [
        "rcelery_worker_ready 1",
        "rcelery_broker_connected 1",
        "rcelery_slots 2",
        "rcelery_tasks_active 1",
        "rcelery_tasks_scheduled 1",
        "rcelery_tasks_total{task=\"demo.add\",state=\"SUCCESS\"} 2",
        "rcelery_tasks_total{task=\"demo.fail\",state=\"FAILURE\"} 1",
        "rcelery_tasks_total{task=\"(unregistered)\",state=\"FAILURE\"} 1",
        "rcelery_task_runtime_seconds_count{task=\"demo.add\"} 2",
        "rcelery_task_runtime_seconds_bucket{task=\"demo.add\",le=\"+Inf\"} 2",
    ];
    eventually("the metrics tell", patience(), || {
        let page = get(&at, "/metrics");
        match wanted
            .iter()
            .find(|line| !page.lines().any(|l| l == **line))
        {
            None => Ok(()),
            Some(line) => Err(format!("without {line}: {page}")),
        }
    });
    let page = get(&at, "/metrics");
    assert!(
        page.contains("\r\nContent-Type: text/plain; version=0.0.4"),
        "{page}"
    );
    assert!(page.contains("\nprocess_cpu_seconds_total "), "{page}");
    assert!(
        !page.contains("no.such"),
        "a sender can't make up labels: {page}"
    );
    // Stopping, and not ready any more, while the task still runs.
    worker.signal(Signal::SIGTERM);
    eventually("it is not ready", patience(), || {
        holds(get(&at, "/readyz"), |a| a.ends_with("\r\n\r\nstopping\n"))
    });
    assert!(get(&at, "/healthz").starts_with("HTTP/1.1 200 "));
}

#[test]
fn clients_that_speak_nonsense_or_nothing_harm_nobody() {
    let rcelery = Rcelery::new();
    let worker = rcelery.worker(&["--http", "127.0.0.1:0"]);
    let at = address(&worker);
    let silent: Vec<TcpStream> = (0..20)
        .map(|_| TcpStream::connect(&at).expect("somebody listens"))
        .collect();
    for (request, status) in [
        (&b"\x16\x03\x01\0\0garbage\r\n\r\n"[..], "400"),
        (
            b"POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            "405",
        ),
        (&[b'x'; 20_000], "431"),
        (b"HEAD /metrics HTTP/1.1\r\n\r\n", "200"),
    ] {
        let answer = talk(&at, request);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
    assert!(get(&at, "/healthz").ends_with("ok\n"));
    // Whoever says nothing is let go.
    let mut answer = String::new();
    let mut first = silent.into_iter().next().expect("there are 20");
    first.set_read_timeout(Some(patience())).expect("a timeout");
    first.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    worker.terminate().exit(0);
}

#[test]
fn an_address_that_cannot_be_had_is_said_at_once() {
    let rcelery = Rcelery::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = taken.local_addr().expect("its address").to_string();
    let failed = rcelery.run(&["worker", "--http", &at]);
    failed.exit(78);
    assert!(
        failed
            .stderr
            .contains(&format!("can't listen on `{at}` (--http): "))
            && failed.stderr.contains("hint: something else listens there"),
        "{failed:?}"
    );
    assert_eq!(failed.stdout, "", "no banner");
    let failed = rcelery.run(&["worker", "--http", "nonsense"]);
    failed.exit(78);
    assert!(
        failed.stderr.contains("hint: expected HOST:PORT"),
        "{failed:?}"
    );
}

#[test]
fn the_ready_file_is_there_while_tasks_are_taken() {
    let mut store = Store::redis();
    let rcelery = Rcelery::on(&store);
    let file = rcelery.home().join("w1.ready");
    fs::write(&file, "left by an earlier one").expect("writing");
    let worker = rcelery.worker(&["-n", "w1@box", "--ready-file", "%n.ready"]);
    let there = |wanted: bool| {
        eventually(&format!("the ready file: {wanted}"), patience(), || {
            holds(file.exists(), |there| *there == wanted)
        });
    };
    there(true);
    let text = fs::read_to_string(&file).expect("it is there");
    assert_eq!(text, format!("{} w1@box\n", worker.pid()));
    store.server().stop();
    there(false);
    store.server().start_again();
    there(true);
    rcelery.run(&["send", "demo.sleep", "-a", "[2]"]).ok();
    eventually("it runs", patience(), || {
        holds(worker.stderr(), |log| log.contains("received"))
    });
    worker.signal(Signal::SIGTERM);
    there(false);
    worker.wait(secs(60)).exit(0);
    there(false);
    let nowhere = rcelery.run(&["worker", "--ready-file", "no/such/dir/ready"]);
    nowhere.exit(1);
    assert!(
        nowhere
            .stderr
            .contains("the ready file `no/such/dir/ready` can't be used"),
        "{nowhere:?}"
    );
}

#[test]
fn systemd_is_told() {
    let store = Store::redis();
    let home = Rcelery::on(&store);
    let path = home.home().join("notify");
    let name = format!("rcelery-test-{}", std::process::id());
    let sockets = [
        (
            path.to_str().expect("a path of ASCII").to_owned(),
            UnixDatagram::bind(&path).expect("a socket"),
        ),
        (
            format!("@{name}"),
            UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).expect("a name"))
                .expect("a socket"),
        ),
    ];
    for (address, socket) in sockets {
        let rcelery = Rcelery::on(&store)
            .env("NOTIFY_SOCKET", &address)
            .env("WATCHDOG_USEC", "200000");
        let heard: Arc<Mutex<String>> = Arc::default();
        let into = Arc::clone(&heard);
        // As a service manager does: a socket that nobody reads is soon full.
        std::thread::spawn(move || {
            let mut datagram = [0; 4096];
            while let Ok(n) = socket.recv(&mut datagram) {
                let text = String::from_utf8_lossy(&datagram[..n]);
                let mut heard = into.lock().expect("nobody panics here");
                heard.push_str(&format!("{text}\n"));
            }
        });
        let until = |words: &str| {
            eventually(&format!("{words:?} is said"), patience(), || {
                let heard = heard.lock().expect("nobody panics here").clone();
                holds(heard, |h| h.contains(words))
            })
        };
        let worker = rcelery.worker(&["-n", "w1@box"]);
        until("READY=1\n");
        until("WATCHDOG=1\n");
        until("STATUS=w1@box: 0 running, 0 reserved, 0 scheduled\n");
        worker.terminate().exit(0);
        let heard = until("STOPPING=1\n");
        assert_eq!(heard.matches("READY=1").count(), 1, "{heard}");
    }
    // Nobody at the other end is no reason not to work.
    let rcelery = Rcelery::on(&store).env("NOTIFY_SOCKET", "/no/such/socket");
    rcelery.worker(&[]).terminate().exit(0);
}
