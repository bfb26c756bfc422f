//! The programs of `examples/`: the web service driven over HTTP, with the worker beside it, as real processes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Process, Rcelery, Store, eventually, holds, patience, secs};

/// The service on a free port.
struct Web {
    address: String,
    _process: Process,
}

/// An answer: status, `Location` and body.
struct Answer {
    status: u16,
    location: Option<String>,
    body: Value,
}

impl Web {
    fn start(program: Rcelery) -> (Self, Rcelery) {
        let program = program.env("PORT", "0");
        let mut process = program.spawn(&[]);
        process.wait_for("listening on http://", patience());
        let said = process.stdout();
        let address = said.trim().rsplit("http://").next().unwrap().to_owned();
        let web = Self {
            address,
            _process: process,
        };
        (web, program)
    }

    fn request(&self, method: &str, path: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(secs(20))).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.address
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("location")
                .then(|| value.to_owned())
        };
        Answer {
            status: head[9..12].parse().unwrap(),
            location: head.lines().find_map(header),
            body: serde_json::from_str(body).unwrap(),
        }
    }

    /// Sends a task and returns its id.
    fn post(&self, path: &str) -> String {
        let answer = self.request("POST", path);
        assert_eq!(answer.status, 202, "{}", answer.body);
        let id = answer.body["task_id"].as_str().unwrap().to_owned();
        assert_eq!(id.len(), 36);
        id
    }

    /// Waits for the end of a task.
    fn end(&self, id: &str) -> Value {
        eventually("the task ends", patience(), || {
            let body = self.request("GET", &format!("/tasks/{id}")).body;
            holds(body, |b| {
                ["SUCCESS", "FAILURE"].contains(&b["task_status"].as_str().unwrap())
            })
        })
    }
}

/// Everything the service promises.
fn service_keeps_its_promises(web: &Web) {
    let sum = web.end(&web.post("/tasks"));
    assert_eq!(
        (&sum["task_status"], &sum["task_result"]),
        (&"SUCCESS".into(), &30.into())
    );

    let sent = Instant::now();
    let later = web.end(&web.post("/later"));
    assert_eq!(later["task_result"], 30);
    assert!(
        sent.elapsed() >= Duration::from_millis(1900),
        "{:?}",
        sent.elapsed()
    );

    let named = web.end(&web.post("/task/hello"));
    assert_eq!(named["task_result"], "did hello");

    let broken = web.post("/breaks");
    let end = web.end(&broken);
    assert_eq!(end["task_status"], "FAILURE");
    assert_eq!(
        end["task_result"],
        "ValueError('the reactor is out of bits')"
    );
    let status = web.request("GET", &format!("/status/{broken}")).body;
    assert_eq!(status["state"], "FAILURE");
    assert!(status["error"].as_str().unwrap().starts_with("ValueError"));

    let quiet = web.post("/quiet");
    web.end(&web.post("/tasks"));
    let status = web.request("GET", &format!("/tasks/{quiet}")).body;
    assert_eq!(status["task_status"], "PENDING");

    let started = web.request("POST", "/longtask");
    assert_eq!(
        (started.status, &started.body),
        (202, &serde_json::json!({}))
    );
    let location = started.location.unwrap();
    assert!(location.starts_with("/status/"), "{location}");
    let mut steps = Vec::new();
    let last = eventually("the long task ends", patience(), || {
        let body = web.request("GET", &location).body;
        if body["state"] == "PROGRESS" {
            assert_eq!(body["total"], 12);
            assert!(body["status"].as_str().unwrap().starts_with("Repairing"));
            steps.push(body["current"].as_i64().unwrap());
        }
        holds(body, |b| b["state"] == "SUCCESS")
    });
    assert!(steps.is_sorted(), "{steps:?}");
    steps.dedup();
    assert!(steps.len() >= 5, "{steps:?}");
    assert_eq!(
        (&last["result"], &last["status"]),
        (&42.into(), &"Task completed!".into())
    );

    let unknown = web.request("GET", "/status/nobody");
    assert_eq!(
        (unknown.status, &unknown.body["state"]),
        (200, &"PENDING".into())
    );
    assert_eq!(unknown.body.as_object().unwrap().len(), 1);
}

fn service_on(store: &Store) {
    let worker = Rcelery::example("worker").with(store);
    let running = worker.worker(&["-c", "2"]);
    let (web, _home) = Web::start(Rcelery::example("web").with(store));
    service_keeps_its_promises(&web);
    running.terminate().ok();
}

#[test]
fn web_service_and_worker_on_redis() {
    service_on(&Store::redis());
}

#[test]
fn web_service_and_worker_on_an_sqlite_file() {
    service_on(&Store::sqlite());
}

#[test]
fn examples_find_each_other_without_any_setting() {
    let worker = Rcelery::example("worker");
    let running = worker.worker(&["-c", "2"]);
    let state = worker.home().join("state").to_string_lossy().into_owned();
    let (web, _home) = Web::start(Rcelery::example("web").env("XDG_STATE_HOME", &state));
    let sum = web.end(&web.post("/tasks"));
    assert_eq!(sum["task_result"], 30);
    let sum = worker.run(&["send", "tasks.add", "-a", "[2, 3]", "--wait"]);
    assert_eq!(sum.ok(), "5");
    let primes = worker.run(&["send", "tasks.count_primes", "-a", "[100]", "--wait"]);
    assert_eq!(primes.ok(), "25");
    let fetched = worker.run(&["send", "tasks.fetch", "-a", "[\"/dev/null\"]", "--wait"]);
    assert_eq!(fetched.ok(), "0");
    running.terminate().ok();
}
