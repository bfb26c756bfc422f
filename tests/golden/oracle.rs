//! Python as the judge: values go through its own `repr`, `pickle`, PyYAML, msgpack and kombu's JSON, and come back equal.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcelery::protocol::codec::{self, json};
use rcelery::protocol::{Exception, Map, Message, TaskMessage, Value, codec::pickle, repr, time};
use uuid::Uuid;

use crate::fixture::accept_all;

/// One JSON document a line comes in; one answer a line goes out.
const JUDGE: &str = r#"
import base64, pickle, sys, yaml, msgpack
from celery.utils.saferepr import saferepr
from kombu.utils import json

def dump(name, value):
    if name == "pickle":
        return pickle.dumps(value, protocol=4)
    if name == "yaml":
        return yaml.safe_dump(value).encode()
    return msgpack.packb(value, use_bin_type=True)

def load(name, data):
    if name == "pickle":
        return pickle.loads(data)
    if name == "yaml":
        return yaml.safe_load(data)
    return msgpack.unpackb(data, raw=False)

for line in sys.stdin:
    job = json.loads(line)
    value = job.get("value")
    out = {}
    if job["what"] == "repr":
        out = {"repr": repr(value), "str": str(value), "args": saferepr(tuple(value), 1024), "kwargs": saferepr({"k": value}, 1024)}
    elif job["what"] == "repr_of_pickled":
        out = {"repr": repr(pickle.loads(base64.b64decode(job["data"])))}
    elif job["what"] == "protocols":
        out = {"data": [base64.b64encode(pickle.dumps(value, protocol=p)).decode() for p in range(6)]}
    else:
        name = job["what"]
        back = load(name, base64.b64decode(job["data"]))
        out = {"back": back, "data": base64.b64encode(dump(name, value)).decode()}
    print(json.dumps(out), flush=True)
"#;

fn python() -> PathBuf {
    std::env::var_os("RCELERY_TEST_PYTHON").map_or_else(
        || {
            [env!("CARGO_MANIFEST_DIR"), "target/test-venv/bin/python"]
                .iter()
                .collect()
        },
        PathBuf::from,
    )
}

/// Answers of the judge, one for each job.
fn judge(jobs: &[Value]) -> Vec<Value> {
    ask(JUDGE, jobs)
}

/// What a script makes of each line.
fn ask(script: &str, jobs: &[Value]) -> Vec<Value> {
    let mut child = Command::new(python())
        .args(["-c", script])
        // Where nothing happens at the same hour as in UTC.
        .env("TZ", "America/New_York")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a Python with celery[redis,sqlalchemy,msgpack,yaml] at RCELERY_TEST_PYTHON or in target/test-venv");
    let mut stdin = child.stdin.take().expect("piped");
    let input: String = jobs.iter().map(|job| json::to_string(job) + "\n").collect();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "the judge failed");
    let answers: Vec<Value> = output
        .stdout
        .split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| json::from_slice(line).unwrap())
        .collect();
    assert_eq!(answers.len(), jobs.len());
    answers
}

fn job(what: &str, value: &Value, data: &[u8]) -> Value {
    Value::from([
        ("what", what.into()),
        ("value", value.clone()),
        ("data", STANDARD.encode(data).into()),
    ])
}

/// Numbers that look random and are the same on each run (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn text(&mut self) -> String {
        const PIECES: &[&str] = &[
            "a",
            "B7",
            " ",
            "'",
            "\"",
            "\\",
            "\n",
            "\t",
            "\r",
            "\0",
            "\u{7f}",
            "\u{85}",
            "\u{a0}",
            "é",
            "ñ",
            "\u{ad}",
            "\u{300}",
            "\u{600}",
            "\u{2028}",
            "\u{200b}",
            "\u{feff}",
            "\u{fffd}",
            "\u{fffe}",
            "\u{e000}",
            "日本",
            "😀",
            "\u{e0001}",
            "\u{10ffff}",
            ":",
            "- ",
            "#",
            "{",
            "}",
            "[",
            "]",
            ",",
            "&x",
            "*x",
            "!",
            "%",
            "null",
            "yes",
            "1e5",
            "0x1f",
            "1:30",
            "2030-01-02",
            "~",
            "<<",
            "=",
            "word word ",
        ];
        (0..self.roll(8))
            .map(|_| PIECES[usize::try_from(self.roll(PIECES.len() as u64)).unwrap()])
            .collect()
    }

    fn scalar(&mut self, kinds: u64) -> Value {
        match self.roll(kinds) {
            0 => Value::Null,
            1 => (self.roll(2) == 0).into(),
            2 => i64::from_le_bytes(self.next().to_le_bytes()).into(),
            3 => (i64::try_from(self.roll(100_000)).unwrap() - 50_000).into(),
            4 => self.float().into(),
            5 => (i64::try_from(self.roll(2000)).unwrap() as f64 / 8.0 - 100.0).into(),
            6..=8 => self.text().into(),
            9 => Value::Bytes(
                (0..self.roll(12))
                    .map(|_| self.next().to_le_bytes()[0])
                    .collect(),
            ),
            10 => {
                let digits = 20 + self.roll(40);
                let sign = if self.roll(2) == 0 { "-" } else { "" };
                Value::BigInt(format!(
                    "{sign}{}{}",
                    1 + self.roll(9),
                    (0..digits)
                        .map(|_| self.roll(10).to_string())
                        .collect::<String>()
                ))
            }
            11 => Value::Date(format!(
                "{:04}-{:02}-{:02}",
                1 + self.roll(9998),
                1 + self.roll(12),
                1 + self.roll(28)
            )),
            12 => {
                let zone = ["", "+00:00", "+05:30", "-05:00", "-00:30"]
                    [usize::try_from(self.roll(5)).unwrap()];
                let date = format!(
                    "{:04}-{:02}-{:02}",
                    1 + self.roll(9998),
                    1 + self.roll(12),
                    1 + self.roll(28)
                );
                Value::DateTime(format!("{date}T{}{zone}", self.clock()))
            }
            13 => Value::Time(self.clock()),
            14 => Value::Decimal(format!("{}.{:02}", self.roll(1000), self.roll(100))),
            _ => Value::Uuid(Uuid::from_u128(
                u128::from(self.next()) << 64 | u128::from(self.next()),
            )),
        }
    }

    fn clock(&mut self) -> String {
        let micros = match self.roll(3) {
            0 => String::new(),
            _ => format!(".{:06}", 1 + self.roll(999_999)),
        };
        format!(
            "{:02}:{:02}:{:02}{micros}",
            self.roll(24),
            self.roll(60),
            self.roll(60)
        )
    }

    fn float(&mut self) -> f64 {
        let f = f64::from_bits(self.next());
        if f.is_nan() { 0.1 } else { f }
    }

    fn next(&mut self) -> u64 {
        self.roll(u64::MAX)
    }

    /// A list or map of up to four levels; `kinds` limits the kinds of scalars.
    fn value(&mut self, depth: u64, kinds: u64) -> Value {
        match self.roll(8) {
            0..=2 if depth < 4 => {
                let items = (0..self.roll(5)).map(|_| self.value(depth + 1, kinds));
                Value::List(items.collect())
            }
            3..=4 if depth < 4 => {
                let mut map = Map::new();
                for _ in 0..self.roll(5) {
                    map.insert(self.text(), self.value(depth + 1, kinds));
                }
                Value::Map(map)
            }
            _ => self.scalar(kinds),
        }
    }
}

/// Kinds of scalars that msgpack, yaml and pickle (and JSON) can hold, by the numbers in `Dice::scalar`.
const MSGPACK: u64 = 10;
const YAML: u64 = 13;
const ALL: u64 = 16;

#[test]
fn reprs_are_those_of_python() {
    let mut dice = Dice(0x5eed_0001);
    let values: Vec<Value> = (0..300)
        .map(|_| Value::List((0..3).map(|_| dice.value(0, ALL)).collect()))
        .collect();
    let jobs: Vec<_> = values.iter().map(|v| job("repr", v, b"")).collect();
    for (value, answer) in values.iter().zip(judge(&jobs)) {
        let answer = answer.as_map().unwrap().clone();
        assert_eq!(repr::pyrepr(value), answer["repr"].as_str().unwrap());
        assert_eq!(repr::pystr(value), answer["str"].as_str().unwrap());
        assert_eq!(
            repr::args_repr(value.as_list().unwrap()),
            answer["args"].as_str().unwrap()
        );
        let kwargs: Map = [("k".to_owned(), value.clone())].into_iter().collect();
        assert_eq!(
            repr::kwargs_repr(&kwargs),
            answer["kwargs"].as_str().unwrap()
        );
    }
}

#[test]
fn long_reprs_are_cut_where_python_cuts() {
    let mut dice = Dice(0x5eed_0002);
    let values: Vec<Value> = (0..100)
        .map(|_| {
            let items = (0..1 + dice.roll(80)).map(|_| match dice.roll(4) {
                0 => dice.value(2, ALL),
                1 => "word "
                    .repeat(usize::try_from(dice.roll(400)).unwrap())
                    .into(),
                2 => Value::Bytes(
                    "é".repeat(usize::try_from(dice.roll(700)).unwrap())
                        .into_bytes(),
                ),
                _ => dice.scalar(ALL),
            });
            Value::List(items.collect())
        })
        .collect();
    let jobs: Vec<_> = values.iter().map(|v| job("repr", v, b"")).collect();
    for (value, answer) in values.iter().zip(judge(&jobs)) {
        let answer = answer.as_map().unwrap();
        assert_eq!(
            repr::args_repr(value.as_list().unwrap()),
            answer["args"].as_str().unwrap()
        );
    }
}

fn round_trips(name: &str, kinds: u64, seed: u64) {
    let content_type = match name {
        "pickle" => "application/x-python-serialize",
        "yaml" => "application/x-yaml",
        _ => "application/x-msgpack",
    };
    let mut dice = Dice(seed);
    let values: Vec<Value> = (0..300).map(|_| dice.value(0, kinds)).collect();
    let jobs: Vec<_> = values
        .iter()
        .map(|v| job(name, v, &codec::encode(name, v).unwrap().body))
        .collect();
    for (value, answer) in values.iter().zip(judge(&jobs)) {
        let answer = answer.as_map().unwrap();
        assert_eq!(&answer["back"], value, "{name} as we write it");
        let theirs = STANDARD.decode(answer["data"].as_str().unwrap()).unwrap();
        let read = codec::decode(content_type, &theirs, &accept_all());
        assert_eq!(
            read.as_ref(),
            Ok(value),
            "{name} as Python writes it: {:?}",
            String::from_utf8_lossy(&theirs)
        );
    }
}

#[test]
fn msgpack_is_pythons() {
    round_trips("msgpack", MSGPACK, 0x5eed_0003);
}

#[test]
fn yaml_is_pythons() {
    round_trips("yaml", YAML, 0x5eed_0004);
}

#[test]
fn pickle_is_pythons() {
    round_trips("pickle", ALL, 0x5eed_0005);
}

#[test]
fn every_pickle_protocol_is_read() {
    let mut dice = Dice(0x5eed_0006);
    let values: Vec<Value> = (0..100).map(|_| dice.value(0, ALL)).collect();
    let jobs: Vec<_> = values.iter().map(|v| job("protocols", v, b"")).collect();
    for (value, answer) in values.iter().zip(judge(&jobs)) {
        for (protocol, data) in answer.as_map().unwrap()["data"]
            .as_list()
            .unwrap()
            .iter()
            .enumerate()
        {
            let bytes = STANDARD.decode(data.as_str().unwrap()).unwrap();
            assert_eq!(
                pickle::from_slice(&bytes).as_ref(),
                Ok(value),
                "protocol {protocol}"
            );
        }
    }
}

#[test]
fn pickled_exceptions_are_pythons() {
    let exceptions = [
        Exception::builtin("ValueError", "it's \"bad\"\n"),
        Exception::new(
            "builtins",
            "KeyError",
            vec![1.into(), Value::Null, 2.5.into(), "x".into()],
        ),
        Exception::new(
            "celery.exceptions",
            "TaskRevokedError",
            vec!["revoked".into()],
        ),
        Exception::new("builtins", "RuntimeError", vec![]),
    ];
    let jobs: Vec<_> = exceptions
        .iter()
        .map(|e| {
            job(
                "repr_of_pickled",
                &Value::Null,
                &pickle::exception_to_vec(e).unwrap(),
            )
        })
        .collect();
    for (exception, answer) in exceptions.iter().zip(judge(&jobs)) {
        assert_eq!(answer.as_map().unwrap()["repr"], exception.repr().into());
    }
}

/// What Celery's worker takes the times of a protocol 1 message for.
const TIMES: &str = r#"
import json, sys
from datetime import timezone
from types import SimpleNamespace
from celery import Celery
from celery.worker.request import Request
from celery.worker.strategy import proto1_to_proto2

def task():
    pass

for line in sys.stdin:
    job = json.loads(line)
    app = Celery("v1", set_as_current=False)
    app.conf.update(enable_utc=job["body"]["utc"], timezone=job["timezone"])
    message = SimpleNamespace(delivery_info={}, properties={}, headers={}, body=job["body"], payload=job["body"],
                              content_type="application/json", content_encoding="utf-8", ack_log_error=None,
                              reject_log_error=None)
    body, headers, decoded, utc = proto1_to_proto2(message, job["body"])
    request = Request(message, app=app, task=app.task(task, name="t.t"), body=body, headers=headers, decoded=decoded,
                      utc=utc)
    print(json.dumps([int(request.eta.timestamp()), int(request.expires.timestamp())]), flush=True)
"#;

#[test]
fn times_without_offset_in_protocol_1_are_utc_as_celery_reads_them_whatever_utc_says() {
    let body = |utc: bool| {
        Value::from([
            ("task", "t.t".into()),
            ("id", "1".into()),
            ("args", Value::List(Vec::new())),
            ("kwargs", Map::new().into()),
            ("utc", utc.into()),
            ("eta", "2030-01-02T03:04:05".into()),
            ("expires", "2030-01-02T03:04:05+05:30".into()),
        ])
    };
    let zones = ["Asia/Kolkata".into(), Value::Null];
    let jobs: Vec<Value> = zones
        .iter()
        .flat_map(|zone| {
            [true, false].map(|utc| Value::from([("timezone", zone.clone()), ("body", body(utc))]))
        })
        .collect();
    for (job, theirs) in jobs.iter().zip(ask(TIMES, &jobs)) {
        let message = Message::json(&job.as_map().unwrap()["body"]);
        let header = TaskMessage::from_message(&message, &accept_all())
            .unwrap()
            .header;
        let ours = [header.eta, header.expires].map(|text| {
            let at = time::parse(&text.unwrap()).unwrap();
            Value::from(at.as_second())
        });
        assert_eq!(Value::List(ours.to_vec()), theirs, "{job:?}");
    }
}
