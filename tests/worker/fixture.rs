//! A client at the other end of the worker, and the marks that tasks leave.

use std::collections::BTreeMap;
use std::fs;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rcelery::app::{App, Call};
use rcelery::broker::{self, Broker, BrokerUrl};
use rcelery::config::Settings;
use rcelery::events::{self, Receiver};
use rcelery::pidbox::{self, Command, Mailbox, Wait};
use rcelery::protocol::Value;
use rcelery::protocol::codec::json;
use serde_json::Value as Json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::runtime::Runtime;

use crate::harness::{Output, Rcelery, Store, Worker, eventually, patience};

/// The program with the tasks of `app.rs`.
#[track_caller]
pub(crate) fn app(store: &Store) -> Rcelery {
    Rcelery::example("worker_app").with(store)
}

/// A worker with the tasks of `app.rs`, and the home it lives in.
pub(crate) struct Running {
    worker: Worker,
    /// Dropped last: it takes all that lives in it along.
    program: Rcelery,
}

/// Starts a worker and waits until it is ready.
#[track_caller]
pub(crate) fn start(store: &Store, args: &[&str]) -> Running {
    app(store).start(args)
}

/// Starting a program with the program kept.
pub(crate) trait Start {
    fn start(self, args: &[&str]) -> Running;
}

impl Start for Rcelery {
    #[track_caller]
    fn start(self, args: &[&str]) -> Running {
        Running {
            worker: self.worker(args),
            program: self,
        }
    }
}

impl Running {
    /// Waits for its end by itself.
    #[track_caller]
    pub(crate) fn wait(self, deadline: Duration) -> Output {
        self.worker.wait(deadline)
    }

    /// Sends SIGTERM and waits for the end.
    #[track_caller]
    pub(crate) fn terminate(self) -> Output {
        self.worker.terminate()
    }

    /// The program, for other commands.
    pub(crate) fn program(&self) -> &Rcelery {
        &self.program
    }
}

impl Deref for Running {
    type Target = Worker;

    fn deref(&self) -> &Worker {
        &self.worker
    }
}

impl DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Worker {
        &mut self.worker
    }
}

/// Makes a test of each case on Redis and on SQLite.
macro_rules! on_both {
    ($($case:ident)*) => {
        mod redis {
            $(#[test] fn $case() { super::$case(&mut crate::harness::Store::redis()); })*
        }
        mod sqlite {
            $(#[test] fn $case() { super::$case(&mut crate::harness::Store::sqlite()); })*
        }
    };
}
pub(crate) use on_both;

/// Sends tasks, reads results, asks workers.
pub(crate) struct Client {
    runtime: Runtime,
    app: App,
    url: String,
}

impl Client {
    #[track_caller]
    pub(crate) fn on(store: &Store) -> Self {
        let mut settings = Settings::default();
        settings.broker_url = Some(store.broker.clone());
        settings.result_backend = Some(store.backend.clone());
        Self {
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .expect("a runtime"),
            app: App::new().configure(settings),
            url: store.broker.clone(),
        }
    }

    /// A call to be sent: arguments as JSON.
    pub(crate) fn call(&self, task: &str, args: &Json) -> Call<Value> {
        let Value::List(args) = value(args) else {
            panic!("arguments are a list")
        };
        self.app.send_task(task).args(args)
    }

    /// Sends a call; its id.
    #[track_caller]
    pub(crate) fn send(&self, call: Call<Value>) -> String {
        let sent = self.runtime.block_on(call.apply_async());
        sent.unwrap_or_else(|e| panic!("sending: {e}"))
            .id()
            .to_owned()
    }

    /// Sends a task with its defaults; its id.
    #[track_caller]
    pub(crate) fn delay(&self, task: &str, args: &Json) -> String {
        self.send(self.call(task, args))
    }

    /// Sends a call while there may be no back end; its id.
    #[track_caller]
    pub(crate) fn send_only(&self, call: Call<Value>) -> String {
        let broker = self.broker();
        self.runtime.block_on(async {
            let outgoing = call.message().await.expect("a message");
            let sent = vec![(outgoing.destination, outgoing.message)];
            broker.publish(sent).await.expect("publishing");
            broker.close().await.expect("closing");
            outgoing.task_id
        })
    }

    /// Sends many in few round trips; their ids.
    #[track_caller]
    pub(crate) fn send_many(&self, calls: Vec<Call<Value>>) -> Vec<String> {
        let mut ids = Vec::with_capacity(calls.len());
        let mut calls = calls.into_iter().peekable();
        while calls.peek().is_some() {
            let batch: Vec<_> = calls.by_ref().take(500).collect();
            let sent = self.runtime.block_on(self.app.send_many(batch));
            let sent = sent.unwrap_or_else(|e| panic!("sending: {e}"));
            ids.extend(sent.iter().map(|r| r.id().to_owned()));
        }
        ids
    }

    /// State and result as they are now.
    #[track_caller]
    pub(crate) fn state(&self, id: &str) -> (String, Json) {
        let meta = self.runtime.block_on(async {
            self.app
                .async_result::<Value>(id)
                .await
                .expect("the back end is there")
                .meta()
                .await
        });
        let meta = meta.unwrap_or_else(|e| panic!("reading {id}: {e}"));
        (meta.status.as_str().to_owned(), as_json(&meta.result))
    }

    /// Waits until a task is in one of these states; its result.
    #[track_caller]
    pub(crate) fn reaches(&self, id: &str, states: &[&str]) -> (String, Json) {
        eventually(&format!("{id} is {states:?}"), patience(), || {
            let seen = self.state(id);
            if states.contains(&seen.0.as_str()) {
                Ok(seen)
            } else {
                Err(format!("{seen:?}"))
            }
        })
    }

    /// Waits for success; the value.
    #[track_caller]
    pub(crate) fn value(&self, id: &str) -> Json {
        let (state, value) = self.reaches(id, &["SUCCESS", "FAILURE", "REVOKED"]);
        assert_eq!(state, "SUCCESS", "{value}");
        value
    }

    /// Waits for a failure; its exception's type and message.
    #[track_caller]
    pub(crate) fn failure(&self, id: &str) -> (String, Json) {
        let (state, value) = self.reaches(id, &["SUCCESS", "FAILURE", "REVOKED"]);
        assert_eq!(state, "FAILURE", "{value}");
        (
            value["exc_type"].as_str().unwrap_or_default().to_owned(),
            value["exc_message"].clone(),
        )
    }

    /// A connection of its own.
    #[track_caller]
    pub(crate) fn broker(&self) -> Arc<dyn Broker> {
        let url = BrokerUrl::parse(&self.url).expect("the store's URL");
        self.runtime
            .block_on(broker::connect(&url, &broker::Options::default()))
            .unwrap_or_else(|e| panic!("connecting: {e}"))
    }

    /// Puts bytes into the queue `celery` past all that checks them.
    #[track_caller]
    pub(crate) fn push_raw(&self, store: &mut Store, payload: &[u8]) {
        if store.is_redis() {
            let mut connection = store.server().connect();
            let push = redis::cmd("LPUSH")
                .arg("celery")
                .arg(payload)
                .exec(&mut connection);
            return push.unwrap_or_else(|e| panic!("pushing: {e}"));
        }
        let file = store
            .broker
            .trim_start_matches("sqla+sqlite:///")
            .to_owned();
        // Bytes that are no text stand there as a blob.
        let text = std::str::from_utf8(payload).ok();
        let insert = "INSERT INTO kombu_message (visible, payload, version, queue_id) \
                      VALUES (1, ?, 1, (SELECT id FROM kombu_queue WHERE name = 'celery'))";
        self.runtime.block_on(async {
            let options = SqliteConnectOptions::new()
                .filename(file)
                .busy_timeout(patience());
            let mut connection = options.connect().await.expect("the file opens");
            sqlx::query("INSERT INTO kombu_queue (name) VALUES ('celery') ON CONFLICT DO NOTHING")
                .execute(&mut connection)
                .await
                .expect("the queue is there");
            let query = match text {
                Some(text) => sqlx::query(insert).bind(text.to_owned()),
                None => sqlx::query(insert).bind(payload.to_vec()),
            };
            query.execute(&mut connection).await.expect("inserting");
            connection.close().await.expect("closing");
        });
    }

    /// Asks all workers; who said what.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, arguments: &Json) -> BTreeMap<String, Json> {
        let Value::Map(arguments) = value(arguments) else {
            panic!("arguments are an object")
        };
        let broker = self.broker();
        let mailbox = Mailbox::new(Arc::clone(&broker), pidbox::Options::default());
        let wait = Wait {
            timeout: Duration::from_secs(5),
            limit: None,
        };
        let replies = self.runtime.block_on(async {
            let command = Command::new(method, arguments);
            let replies = mailbox.call(&command, wait, |_, _| {}).await;
            broker.close().await.expect("closing");
            replies
        });
        let replies = replies.unwrap_or_else(|e| panic!("{method}: {e}"));
        let json = |(node, value): (String, Value)| (node, as_json(&value));
        replies.replies.into_iter().map(json).collect()
    }

    /// Asks the only worker.
    #[track_caller]
    pub(crate) fn ask_one(&self, method: &str, arguments: &Json) -> Json {
        let replies = self.ask(method, arguments);
        assert_eq!(replies.len(), 1, "{method}: {replies:?}");
        replies.into_values().next().unwrap_or_default()
    }

    /// How many messages wait in a queue.
    #[track_caller]
    pub(crate) fn waiting(&self, queue: &str) -> u64 {
        let broker = self.broker();
        self.runtime.block_on(async {
            let length = broker.queue_length(queue).await.expect("a length");
            broker.close().await.expect("closing");
            length.unwrap_or(0)
        })
    }

    /// How many messages are delivered and not settled.
    #[track_caller]
    pub(crate) fn unacked(&self) -> u64 {
        let broker = self.broker();
        self.runtime.block_on(async {
            let count = broker.unacked_count().await.expect("a count");
            broker.close().await.expect("closing");
            count.expect("both transports can tell")
        })
    }

    /// Waits until nothing waits and nothing is un-acked.
    #[track_caller]
    pub(crate) fn nothing_left(&self) {
        eventually("nothing is left", patience(), || {
            match (self.waiting("celery"), self.unacked()) {
                (0, 0) => Ok(()),
                left => Err(format!("waiting and un-acked: {left:?}")),
            }
        });
    }

    /// Gathers all events from here on.
    #[track_caller]
    pub(crate) fn events(&self) -> Events {
        let broker = self.broker();
        let seen: Arc<Mutex<Vec<Json>>> = Arc::default();
        let into = Arc::clone(&seen);
        let opening = Receiver::open(broker, events::Options::default(), "#", Arc::default());
        let mut receiver = self
            .runtime
            .block_on(opening)
            .unwrap_or_else(|e| panic!("capturing events: {e}"));
        let task = self.runtime.spawn(async move {
            while let Some(received) = receiver.recv().await {
                let event = as_json(&received.event.to_value());
                into.lock().expect("nobody panics here").push(event);
            }
        });
        Events { seen, task }
    }
}

/// A running capture; ends when dropped.
pub(crate) struct Events {
    seen: Arc<Mutex<Vec<Json>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Events {
    pub(crate) fn all(&self) -> Vec<Json> {
        self.seen.lock().expect("nobody panics here").clone()
    }

    /// Those of a kind, about a task if one is named.
    pub(crate) fn of(&self, kind: &str, id: Option<&str>) -> Vec<Json> {
        let wanted =
            |e: &Json| e["type"] == kind && id.is_none_or(|id| e["uuid"].as_str() == Some(id));
        self.all().into_iter().filter(wanted).collect()
    }

    /// Waits for one.
    #[track_caller]
    pub(crate) fn one(&self, kind: &str, id: Option<&str>) -> Json {
        eventually(&format!("{kind} of {id:?}"), patience(), || {
            let found = self.of(kind, id);
            found
                .into_iter()
                .next()
                .ok_or_else(|| format!("{:?}", self.all()))
        })
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The file to which tasks add lines.
pub(crate) struct Marks(PathBuf);

impl Marks {
    pub(crate) fn new(store: &Store) -> Self {
        Self(store.file("marks"))
    }

    /// Its path, as an argument.
    pub(crate) fn path(&self) -> &str {
        self.0.to_str().expect("a path of ASCII")
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        lines(&self.0)
    }

    /// How often a line stands there.
    pub(crate) fn count(&self, line: &str) -> usize {
        self.lines().iter().filter(|l| *l == line).count()
    }

    /// Waits until a line stands there.
    #[track_caller]
    pub(crate) fn wait(&self, line: &str) {
        eventually(&format!("the mark {line:?}"), patience(), || {
            let seen = self.lines();
            if seen.iter().any(|l| l == line) {
                Ok(())
            } else {
                Err(format!("{seen:?}"))
            }
        });
    }

    /// Waits until that many `end` lines stand there.
    #[track_caller]
    pub(crate) fn ends(&self, count: usize, deadline: Duration) {
        eventually(&format!("{count} ends"), deadline, || {
            let seen = self.lines().iter().filter(|l| l.starts_with("end")).count();
            if seen >= count {
                Ok(())
            } else {
                Err(seen.to_string())
            }
        });
    }
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect()
}

/// JSON as one of ours.
pub(crate) fn value(json: &Json) -> Value {
    json::from_slice(json.to_string().as_bytes()).expect("JSON is JSON")
}

/// One of ours as JSON.
pub(crate) fn as_json(value: &Value) -> Json {
    serde_json::to_value(value).expect("a value has a JSON form")
}
