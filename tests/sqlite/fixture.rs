//! A temporary file, connections to it, child processes, and waiting with a deadline.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rcelery::broker::{
    self, Broker, BrokerError, BrokerUrl, Consumer, Delivery, Destination, Options,
};
use rcelery::protocol::{Message, Queue, Value};
use tempfile::TempDir;

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// How long a test watches that something does not happen.
pub(crate) const QUIET: Duration = Duration::from_millis(300);

/// A file of its own for each test.
pub(crate) struct Fixture {
    pub(crate) directory: TempDir,
    pub(crate) options: Options,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            options: Options::default(),
        }
    }

    pub(crate) fn with_option(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.options
            .transport_options
            .insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("tasks.db")
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite:///{}", self.path().display())
    }

    pub(crate) async fn try_connect(&self) -> Result<Arc<dyn Broker>, BrokerError> {
        let url = BrokerUrl::parse(&self.url())?;
        broker::connect(&url, &self.options).await
    }

    pub(crate) async fn connect(&self) -> Arc<dyn Broker> {
        self.try_connect().await.unwrap()
    }

    /// A connection with one declared queue.
    pub(crate) async fn connect_with(&self, queue: &str) -> Arc<dyn Broker> {
        let broker = self.connect().await;
        broker.declare(&Queue::direct(queue)).await.unwrap();
        broker
    }

    /// A number that a statement of the `sqlite3` module of Python finds: what is in the file, seen from outside.
    pub(crate) fn ask_file(&self, sql: &str) -> i64 {
        let script = format!(
            "import sqlite3\nprint(sqlite3.connect({:?}).execute({sql:?}).fetchone()[0])",
            self.path().display().to_string()
        );
        python(&self.url(), &script).trim().parse().unwrap()
    }
}

/// A message whose body is the JSON text.
pub(crate) fn message(text: &str) -> Message {
    Message::json(&Value::from(text))
}

pub(crate) async fn publish(broker: &Arc<dyn Broker>, queue: &str, texts: &[&str]) {
    let batch = texts
        .iter()
        .map(|text| (Destination::queue(queue), message(text)))
        .collect();
    let routed = broker.publish(batch).await.unwrap();
    assert!(routed.iter().all(|r| r.queues == 1), "{routed:?}");
}

pub(crate) async fn publish_with_priority(
    broker: &Arc<dyn Broker>,
    queue: &str,
    text: &str,
    priority: i64,
) {
    let mut message = message(text);
    message.properties.priority = Some(priority);
    broker
        .publish(vec![(Destination::queue(queue), message)])
        .await
        .unwrap();
}

pub(crate) async fn consume(broker: &Arc<dyn Broker>, queue: &str, prefetch: u32) -> Consumer {
    broker
        .consume(&[Queue::direct(queue)], prefetch)
        .await
        .unwrap()
}

pub(crate) async fn take(consumer: &mut Consumer) -> Delivery {
    tokio::time::timeout(PATIENCE, consumer.recv())
        .await
        .expect("a delivery comes in time")
        .expect("the consumer is open")
}

pub(crate) async fn nothing(consumer: &mut Consumer) {
    if let Ok(delivery) = tokio::time::timeout(QUIET, consumer.recv()).await {
        panic!("nothing should come, but this did: {delivery:?}");
    }
}

/// The text of a message made by [`message`].
pub(crate) fn text(delivery: &Delivery) -> String {
    let body = &delivery.message.as_ref().unwrap().body;
    serde_json::from_slice(body).unwrap()
}

pub(crate) async fn take_texts(consumer: &mut Consumer, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..count {
        let delivery = take(consumer).await;
        texts.push(text(&delivery));
        delivery.acker.ack().unwrap();
    }
    texts
}

/// Asserts that most waits were short. It is 20 ms on an idle machine; a busy one may be held up now and then, and a
/// consumer that nothing wakes looks once a second.
#[track_caller]
pub(crate) fn mostly_soon(mut times: Vec<Duration>) {
    times.sort_unstable();
    let most = times[times.len() * 3 / 4 - 1];
    assert!(most < Duration::from_millis(500), "{times:?}");
}

/// Polls until the condition holds; says at the end what it last saw.
pub(crate) async fn eventually<T, F>(what: &str, mut look: impl FnMut() -> F)
where
    T: std::fmt::Debug,
    F: Future<Output = Result<(), T>>,
{
    let start = Instant::now();
    loop {
        match look().await {
            Ok(()) => return,
            Err(seen) if start.elapsed() > PATIENCE => panic!("{what}: last saw {seen:?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// The interpreter with Celery installed.
fn interpreter() -> PathBuf {
    std::env::var_os("RCELERY_TEST_PYTHON").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/test-venv/bin/python"),
        PathBuf::from,
    )
}

/// Runs a script to its end; `URL` is the SQLAlchemy URL of the file. Returns what it prints.
pub(crate) fn python(url: &str, script: &str) -> String {
    let python = interpreter();
    let output = Command::new(&python)
        .args(["-c", script])
        .env("URL", url)
        .output()
        .unwrap_or_else(|e| {
            panic!(
                "{}: {e}; set RCELERY_TEST_PYTHON to a Python with celery[sqlalchemy]",
                python.display()
            )
        });
    assert!(
        output.status.success(),
        "{script}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A process that a test talks to by lines; killed on drop.
pub(crate) struct Process {
    child: Child,
    lines: BufReader<ChildStdout>,
    pub(crate) input: ChildStdin,
}

impl Process {
    pub(crate) fn python(url: &str, script: &str) -> Self {
        let mut command = Command::new(interpreter());
        command.args(["-u", "-c", script]).env("URL", url);
        Self::start(command)
    }

    /// Runs this test program again, with one test that is a child's part.
    pub(crate) fn child(part: &str, environment: &BTreeMap<&str, String>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args([part, "--exact", "--nocapture", "--quiet"])
            .envs(environment);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"));
        Self {
            lines: BufReader::new(child.stdout.take().unwrap()),
            input: child.stdin.take().unwrap(),
            child,
        }
    }

    /// The next line that starts with `word`, without it.
    pub(crate) fn expect_line(&mut self, word: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line).unwrap();
            assert!(read > 0, "the process ended without saying `{word}`");
            if let Some(rest) = line.trim().strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        kill(pid, signal).unwrap();
    }

    /// Kills the process at once and waits until it is gone.
    pub(crate) fn kill(mut self) -> String {
        self.signal(Signal::SIGKILL);
        self.child.wait().unwrap();
        let mut rest = String::new();
        let _ = self.lines.read_to_string(&mut rest);
        rest
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
