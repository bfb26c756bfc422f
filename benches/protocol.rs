//! What reading and writing one message costs: `cargo bench --bench protocol`.

use std::time::Duration;

use divan::{Bencher, black_box};
use rcelery::protocol::codec::{Accept, json};
use rcelery::protocol::event::{self, Event, Origin};
use rcelery::protocol::{Message, ResultMeta, State, TaskMessage, Value, envelope, repr};

/// What `add.delay(2, 3)` of Celery 5.7 puts into Redis.
const DELAY: &str = include_str!("../tests/golden/fixtures/task_messages/delay.json");

/// Bytes of the one argument of a larger task.
const SIZES: [usize; 3] = [100, 10_000, 1_000_000];

fn main() {
    // A hundred runs of what takes 200 ns say little.
    divan::Divan::from_args()
        .min_time(Duration::from_millis(200))
        .main();
}

fn delay() -> Vec<u8> {
    let fixture = json::from_slice(DELAY.as_bytes()).expect("the fixture is JSON");
    let raw = fixture.as_map().and_then(|m| m.get("raw"));
    let raw = raw.and_then(Value::as_str);
    raw.expect("the fixture has the message").into()
}

fn message() -> Message {
    envelope::decode(&delay()).expect("the fixture is a message")
}

fn task() -> TaskMessage {
    TaskMessage::from_message(&message(), &Accept::default()).expect("the fixture is a task")
}

fn task_of(size: usize) -> TaskMessage {
    let mut task = task();
    task.args = vec![Value::from("x".repeat(size))];
    task
}

fn wire_of(size: usize) -> String {
    let mut message = task_of(size)
        .to_message("json", None)
        .expect("text is JSON");
    message.properties = self::message().properties;
    envelope::encode(&message)
}

#[divan::bench]
fn decode_envelope(bencher: Bencher) {
    let wire = delay();
    bencher.bench_local(|| envelope::decode(black_box(&wire)));
}

#[divan::bench]
fn decode_task_message(bencher: Bencher) {
    let (message, accept) = (message(), Accept::default());
    bencher.bench_local(|| TaskMessage::from_message(black_box(&message), &accept));
}

#[divan::bench(args = SIZES)]
fn decode_envelope_and_task_message(bencher: Bencher, size: usize) {
    let (wire, accept) = (wire_of(size), Accept::default());
    bencher.bench_local(|| {
        let message = envelope::decode(black_box(wire.as_bytes()));
        TaskMessage::from_message(&message.expect("we made it"), &accept)
    });
}

#[divan::bench(args = SIZES)]
fn encode_task_message_and_envelope(bencher: Bencher, size: usize) {
    let task = task_of(size);
    bencher.bench_local(|| {
        let message = black_box(&task).to_message("json", None);
        envelope::encode(&message.expect("text is JSON"))
    });
}

#[divan::bench]
fn encode_result_meta(bencher: Bencher) {
    let mut meta = ResultMeta::new(&task().header.id, State::SUCCESS, Value::from(5));
    meta.children = Some(Vec::new());
    meta.date_done = Some("2026-01-02T03:04:05.678901+00:00".to_owned());
    bencher.bench_local(|| json::to_vec(&black_box(&meta).to_value()));
}

#[divan::bench(args = [1, 100])]
fn encode_task_events(bencher: Bencher, count: usize) {
    let origin = Origin {
        hostname: "celery@example".to_owned(),
        utcoffset: 0.0,
        pid: 1,
    };
    let fields = [("uuid", task().header.id), ("name", task().header.task)];
    let fields = fields.map(|(name, value)| (name.to_owned(), value.into()));
    let one = Event::new(
        "task-received",
        &origin,
        1,
        0.0,
        fields.into_iter().collect(),
    );
    let events = vec![one; count];
    bencher.bench_local(|| envelope::encode(&event::multi(black_box(&events), &origin.hostname)));
}

#[divan::bench(args = SIZES)]
fn args_repr(bencher: Bencher, size: usize) {
    let args = task_of(size).args;
    bencher.bench_local(|| repr::args_repr(black_box(&args)));
}
