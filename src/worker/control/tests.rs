//! Every command, answered as the Python worker of the captured traffic answers it.

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use tokio::sync::mpsc;

use super::{COMMANDS, Control, find};
use crate::backend::{Backend, BackendError, Changes, ChordProgress, PartOutcome, Stored};
use crate::broker::Acker;
use crate::broker::fake::FakeBroker;
use crate::config::{Origin, Settings};
use crate::events::{Dispatcher, Groups};
use crate::pidbox::{Answer, Handler};
use crate::protocol::codec::json;
use crate::protocol::event::Origin as Sender;
use crate::protocol::{
    Embed, Map, Message, ResultMeta, ResultTuple, State as TaskState, TaskHeader, TaskMessage,
    Value,
};
use crate::shutdown::Shutdown;
use crate::task::{Context, Registry, Runnable, TaskError, TaskOptions};
use crate::worker::reading::Read;
use crate::worker::request::Times;
use crate::worker::state::Phase;
use crate::worker::{Directive, Request, State};

const HOSTNAME: &str = "w1@example.com";

/// A back end that holds what the test says and notes what is stored.
#[derive(Debug, Default)]
struct Results {
    present: Map,
    stored: Mutex<Vec<ResultMeta>>,
}

#[async_trait]
impl Backend for Results {
    fn as_uri(&self) -> String {
        "test://".to_owned()
    }

    fn counts_chords(&self) -> bool {
        false
    }

    async fn store(
        &self,
        batch: &[ResultMeta],
    ) -> Result<Vec<Result<Stored, BackendError>>, BackendError> {
        let written = batch.iter().map(|_| Ok(Stored::Written)).collect();
        self.stored.lock().unwrap().extend_from_slice(batch);
        Ok(written)
    }

    async fn get_many(&self, ids: &[String]) -> Result<Vec<Option<ResultMeta>>, BackendError> {
        let meta = |id: &String| {
            let state = self.present.get(id)?.as_str()?;
            Some(ResultMeta::new(id, TaskState::new(state), Value::Null))
        };
        Ok(ids.iter().map(meta).collect())
    }

    async fn watch(&self, _: &[String]) -> Result<Changes, BackendError> {
        Err(BackendError::Disabled)
    }

    async fn forget(&self, _: &str) -> Result<(), BackendError> {
        Err(BackendError::Disabled)
    }

    async fn save_group(&self, _: &ResultTuple) -> Result<(), BackendError> {
        Err(BackendError::Disabled)
    }

    async fn restore_group(&self, _: &str) -> Result<Option<ResultTuple>, BackendError> {
        Err(BackendError::Disabled)
    }

    async fn delete_group(&self, _: &str) -> Result<(), BackendError> {
        Err(BackendError::Disabled)
    }

    async fn chord_start(&self, _: &str, _: u64) -> Result<(), BackendError> {
        Err(BackendError::Disabled)
    }

    async fn chord_part(&self, _: &PartOutcome) -> Result<ChordProgress, BackendError> {
        Err(BackendError::Disabled)
    }

    async fn chord_done(&self, _: &str, _: &str, _: bool) -> Result<(), BackendError> {
        Err(BackendError::Disabled)
    }

    async fn cleanup(&self) -> Result<u64, BackendError> {
        Err(BackendError::Disabled)
    }

    async fn close(&self) {}
}

/// A task that is there to be asked about.
#[derive(Debug)]
struct Named(String, TaskOptions);

impl Runnable for Named {
    fn name(&self) -> &str {
        &self.0
    }

    fn options(&self) -> &TaskOptions {
        &self.1
    }

    fn with_options(&self, options: TaskOptions) -> Arc<dyn Runnable> {
        Arc::new(Self(self.0.clone(), options))
    }

    fn run(
        &self,
        _: Context,
        _: Vec<Value>,
        _: Map,
    ) -> BoxFuture<'static, Result<Value, TaskError>> {
        Box::pin(async { Ok(Value::Null) })
    }
}

/// A worker with two tasks running, two reserved and one scheduled, as when the fixtures were taken.
struct Bench {
    control: Control,
    results: Arc<Results>,
    directives: mpsc::Receiver<Directive>,
}

impl Bench {
    fn new() -> Self {
        Self::with(&[], Map::new())
    }

    fn with(settings: &[(&str, Value)], present: Map) -> Self {
        let mut own = Settings::default();
        let url = "redis://127.0.0.1:6401/0".into();
        own.set("broker_url", &url, Origin::Code).unwrap();
        for (name, value) in settings {
            own.set(name, value, Origin::Code).unwrap();
        }
        let mut tasks = Registry::default();
        for name in [
            "cap.add",
            "cap.sleep",
            "cap.sleep_late",
            "cap.limited",
            "celery.map",
        ] {
            let mut options = TaskOptions {
                acks_late: Some(name.ends_with("_late")),
                ..TaskOptions::default()
            };
            if name == "cap.limited" {
                options.set_rate_limit("6/m").unwrap();
            }
            tasks.insert(Arc::new(Named(name.to_owned(), options)));
        }
        let clock: Arc<crate::protocol::LamportClock> = Arc::default();
        let origin = Sender {
            hostname: HOSTNAME.to_owned(),
            utcoffset: 0.0,
            pid: 7,
        };
        let groups = Groups {
            tasks: false,
            workers: true,
        };
        let events = Dispatcher::new(
            origin,
            Arc::clone(&clock),
            crate::events::Options::default(),
            groups,
        );
        let results = Arc::new(Results {
            present,
            ..Results::default()
        });
        let (sender, directives) = mpsc::channel(16);
        let state = Arc::new(State::default());
        {
            let mut tables = state.lock();
            for (n, task, phase) in [
                (1, "cap.sleep", Phase::Active),
                (2, "cap.sleep_late", Phase::Active),
                (3, "cap.add", Phase::Reserved),
                (4, "cap.add", Phase::Reserved),
                (5, "cap.add", Phase::Scheduled),
            ] {
                tables.place(phase, &request(n, task, phase));
            }
            for queue in own.queues().unwrap() {
                tables.queues.insert(queue.name.clone(), queue);
            }
            tables.concurrency = 2;
            tables.prefetch_count = 9;
        }
        let control = Control {
            hostname: HOSTNAME.to_owned(),
            settings: Arc::new(own),
            tasks: Arc::new(tasks),
            state,
            clock,
            events: Some(Arc::new(events)),
            backend: Arc::clone(&results) as _,
            directives: sender,
            shutdown: Shutdown::new(),
            pool: "rcelery::pool::Threads",
            memory_samples: Mutex::default(),
            python: None,
        };
        Self {
            control,
            results,
            directives,
        }
    }

    async fn ask(&self, method: &str, arguments: Value) -> Answer {
        let Value::Map(arguments) = arguments else {
            panic!("arguments are an object")
        };
        self.control.handle(method, arguments).await
    }

    /// Plays the request of a fixture.
    async fn replay(&self, fixture: &str) -> (Answer, Value) {
        let (method, arguments, reply) = load(fixture);
        (self.ask(&method, arguments).await, reply)
    }
}

fn request(n: u64, task: &str, phase: Phase) -> Arc<Request> {
    let mut header = TaskHeader::new(task, &id(n));
    if phase == Phase::Scheduled {
        header.eta = Some("2026-11-22T17:03:25.537055+00:00".to_owned());
    }
    if n == 1 {
        header.stamps = [("project".to_owned(), "p-1".into())].into();
    }
    let times = Times::of(&header).unwrap();
    let message = TaskMessage {
        header,
        args: vec![60.into()],
        kwargs: Map::new(),
        embed: Embed::default(),
    };
    let mut envelope = Message::default();
    envelope.properties.priority = Some(0);
    envelope.properties.delivery_info.routing_key = "celery".to_owned();
    let read = Read {
        task: message,
        runnable: None,
        wire: None,
    };
    let request = Request::new(
        read,
        times,
        envelope,
        "celery".to_owned(),
        Acker::new(n.to_string(), None),
    );
    if phase == Phase::Active {
        request.mark_started(1_795_363_405.53);
    }
    Arc::new(request)
}

fn id(n: u64) -> String {
    format!("cccccccc-0000-4000-8000-{n:012}")
}

/// Method, arguments and this node's reply of a fixture; null where there is no reply.
fn load(fixture: &str) -> (String, Value, Value) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/fixtures/control");
    let text = std::fs::read(directory.join(format!("{fixture}.json"))).unwrap();
    let fixture = json::from_slice(&text).unwrap();
    let body = at(&fixture, &["request", "decoded_body"]);
    let method = at(body, &["method"]).as_str().unwrap().to_owned();
    let arguments = at(body, &["arguments"]).clone();
    let reply = match at(&fixture, &["replies"]).as_list().unwrap() {
        [] => Value::Null,
        [first, ..] => {
            let nodes = at(first, &["decoded_body"]).as_map().unwrap();
            nodes.values().next().unwrap().clone()
        }
    };
    (method, arguments, reply)
}

fn at<'a>(value: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(value, |v, key| &v.as_map().unwrap()[*key])
}

/// The keys and types of a value, without what depends on the moment. Whole seconds and none stand for any number.
fn shape(value: &Value) -> String {
    match value {
        Value::Map(map) => {
            let mut keys: Vec<String> = map
                .iter()
                .map(|(k, v)| format!("{k}: {}", shape(v)))
                .collect();
            keys.sort();
            format!("{{{}}}", keys.join(", "))
        }
        Value::List(items) => format!("[{}]", items.first().map(shape).unwrap_or_default()),
        Value::Int(_) | Value::Float(_) => "number".to_owned(),
        other => other.type_name().to_owned(),
    }
}

fn failed(error: &Value) -> Answer {
    Answer::Failed(at(error, &["error"]).as_str().unwrap().to_owned())
}

#[test]
fn table_is_sorted_and_names_are_unique() {
    assert!(COMMANDS.is_sorted_by(|a, b| a.name < b.name));
    let aliases: Vec<_> = COMMANDS.iter().filter_map(|c| c.alias).collect();
    for alias in aliases {
        assert!(COMMANDS.iter().all(|c| c.name != alias));
        assert_eq!(find(alias).unwrap().alias, Some(alias));
    }
}

#[tokio::test]
async fn replies_that_are_words_are_celerys_words() {
    for fixture in [
        "ping",
        "rate_limit",
        "rate_limit_off",
        "rate_limit_unknown",
        "rate_limit_bad",
        "time_limit",
        "time_limit_unknown",
        "enable_events",
        "add_consumer",
        "add_consumer_topic",
        "cancel_consumer",
        "heartbeat",
        "hello",
        "hello_self",
        "election",
        "revoked_empty",
        "revoke",
        "revoke_terminate",
        "revoke_terminate_unknown",
        "terminate",
        "terminate_command",
        "revoke_by_stamped_headers",
        "revoke_by_stamped_headers_match",
        "revoke_by_stamped_headers_terminate",
    ] {
        let (answer, mut expected) = Bench::new().replay(fixture).await;
        let Answer::Reply(mut reply) = answer else {
            panic!("{fixture}: {answer:?}")
        };
        // The clock is that of the moment.
        for value in [&mut reply, &mut expected] {
            if let Value::Map(map) = value
                && let Some(clock) = map.get_mut("clock")
            {
                *clock = Value::Int(0);
            }
        }
        assert_eq!(reply, expected, "{fixture}");
    }
}

#[tokio::test]
async fn failures_are_celerys_exceptions() {
    for fixture in [
        "autoscale_disabled",
        "pool_restart_disabled",
        "bad_arguments",
    ] {
        let (answer, expected) = Bench::new().replay(fixture).await;
        assert_eq!(answer, failed(&expected), "{fixture}");
    }
    let (answer, _) = Bench::new().replay("unknown_command").await;
    assert_eq!(answer, Answer::Unknown);
}

#[tokio::test]
async fn replies_that_are_data_have_celerys_shape() {
    for fixture in [
        "active",
        "active_safe",
        "reserved",
        "scheduled",
        "active_queues",
        "clock",
        "memsample",
        "memdump",
        "report",
        "registered",
    ] {
        let (answer, expected) = Bench::new().replay(fixture).await;
        let Answer::Reply(reply) = answer else {
            panic!("{fixture}: {answer:?}")
        };
        assert_eq!(shape(&reply), shape(&expected), "{fixture}");
    }
}

#[tokio::test]
async fn query_task_tells_the_phase() {
    let (answer, expected) = Bench::new().replay("query_task").await;
    let Answer::Reply(reply) = answer else {
        panic!("{answer:?}")
    };
    let phases = |value: &Value| -> Vec<(String, Value)> {
        let entries = value.as_map().unwrap().iter();
        entries
            .map(|(id, entry)| (id.clone(), entry.as_list().unwrap()[0].clone()))
            .collect()
    };
    assert_eq!(phases(&reply), phases(&expected));
}

#[tokio::test]
async fn stats_have_all_of_celerys_keys() {
    let bench = Bench::new();
    let (answer, expected) = bench.replay("stats").await;
    let Answer::Reply(reply) = answer else {
        panic!("{answer:?}")
    };
    for path in [
        &[][..],
        &["pool"],
        &["pool", "writes"],
        &["pool", "writes", "inqueues"],
        &["broker"],
        &["rusage"],
    ] {
        let (ours, theirs) = (at(&reply, path), at(&expected, path));
        for (key, value) in theirs.as_map().unwrap() {
            let own = ours.as_map().unwrap().get(key);
            let own = own.unwrap_or_else(|| panic!("{path:?} has no `{key}`"));
            if path.last() != Some(&"pool") && key != "total" && key != "pool" {
                assert_eq!(shape(own), shape(value), "{path:?} {key}");
            }
        }
    }
    assert_eq!(at(&reply, &["broker", "port"]), &Value::Int(6401));
    assert_eq!(at(&reply, &["total", "cap.sleep"]), &Value::Int(1));
    assert_eq!(
        at(&reply, &["pool", "implementation"]),
        &Value::from("rcelery::pool::Threads")
    );
    bench.control.state.lock().autoscale = Some((4, 1));
    let Answer::Reply(reply) = bench.ask("stats", Map::new().into()).await else {
        unreachable!("it answered before")
    };
    let (_, _, expected) = load("stats_autoscale");
    let scaler = |value: &Value| shape(at(value, &["autoscaler"]));
    assert_eq!(scaler(&reply), scaler(&expected));
}

#[tokio::test]
async fn registered_shows_attributes_and_builtins_as_celery_does() {
    let lines = |answer: Answer| -> Vec<String> {
        let Answer::Reply(Value::List(lines)) = answer else {
            panic!("{answer:?}")
        };
        lines
            .iter()
            .map(|l| l.as_str().unwrap().to_owned())
            .collect()
    };
    let bench = Bench::new();
    let (plain, expected) = bench.replay("registered").await;
    let expected = expected.as_list().unwrap();
    let plain = lines(plain);
    for line in &plain {
        assert!(expected.contains(&line.as_str().into()), "{line}");
    }
    assert!(plain.contains(&"cap.limited [rate_limit=6/m]".to_owned()));
    let (fields, expected) = bench.replay("registered_fields").await;
    for line in lines(fields) {
        assert!(
            expected.as_list().unwrap().contains(&line.as_str().into()),
            "{line}"
        );
    }
    let (builtins, _) = bench.replay("registered_builtins").await;
    assert!(lines(builtins).contains(&"celery.map".to_owned()));
    bench.replay("rate_limit").await;
    let (limited, _) = bench.replay("registered").await;
    assert_eq!(lines(limited)[0], "cap.add [rate_limit=10/m]");
}

#[tokio::test]
async fn conf_shows_what_was_set_and_no_password() {
    let secret = "redis://u:geheim@h/0";
    let bench = Bench::with(&[("result_backend", secret.into())], Map::new());
    let (answer, _) = bench.replay("conf").await;
    let Answer::Reply(Value::Map(conf)) = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(
        conf.keys().collect::<Vec<_>>(),
        ["broker_url", "result_backend"]
    );
    let (answer, expected) = bench.replay("conf_defaults").await;
    let Answer::Reply(Value::Map(all)) = answer else {
        panic!("{answer:?}")
    };
    let known = expected.as_map().unwrap();
    let strangers: Vec<_> = all.keys().filter(|k| !known.contains_key(*k)).collect();
    assert_eq!(
        strangers,
        ["broker_url_file", "result_backend_file"],
        "settings of our own"
    );
    for text in [
        format!("{all:?}"),
        format!("{:?}", bench.ask("report", Map::new().into()).await),
    ] {
        assert!(!text.contains("geheim"), "{text}");
    }
}

#[tokio::test]
async fn revoke_stores_the_state_of_what_nobody_has_started() {
    let present = [
        ("done", "SUCCESS"),
        ("begun", "STARTED"),
        ("again", "RETRY"),
    ];
    let present = present.map(|(id, state)| (id.to_owned(), Value::from(state)));
    let mut bench = Bench::with(&[], present.into_iter().collect());
    let ids = ["done", "begun", "again", "unknown", &id(1), "unknown"];
    let ids = ids.iter().map(|id| (*id).into()).collect();
    let answer = bench
        .ask("revoke", Value::from([("task_id", Value::List(ids))]))
        .await;
    let text = "tasks {'done', 'begun', 'again', 'unknown', 'cccccccc-0000-4000-8000-000000000001'} flagged as revoked";
    assert_eq!(answer, Answer::Reply(Value::from([("ok", text.into())])));
    let stored = bench.results.stored.lock().unwrap().clone();
    let ids: Vec<&str> = stored.iter().map(|m| m.task_id.as_str()).collect();
    assert_eq!(ids, ["again", "unknown"]);
    assert_eq!(stored[0].status, TaskState::REVOKED);
    assert_eq!(
        at(&stored[0].result, &["exc_message"]),
        &Value::List(vec!["revoked".into()])
    );
    assert!(stored[0].date_done.is_some() && stored[0].children.is_none());
    let directive = bench.directives.try_recv().unwrap();
    assert!(
        matches!(&directive, Directive::Revoke { ids, terminate: None } if ids.len() == 5),
        "{directive:?}"
    );
    assert_eq!(bench.control.state.lock().revoked().len(), 5);
}

#[tokio::test]
async fn terminating_names_the_signal() {
    for (given, outcome) in [
        ("KILL", Ok("SIGKILL")),
        ("SIGINT", Ok("SIGINT")),
        (
            "sigint",
            Err("TypeError('signal name must be uppercase string.')"),
        ),
        (
            "NOPE",
            Err("AttributeError(\"module 'signal' has no attribute 'SIGNOPE'\")"),
        ),
    ] {
        let mut bench = Bench::new();
        let arguments = [("task_id", id(1).into()), ("signal", given.into())];
        let answer = bench.ask("terminate", Value::from(arguments)).await;
        match outcome {
            Ok(name) => {
                let directive = bench.directives.try_recv().unwrap();
                assert!(
                    matches!(&directive, Directive::Revoke { terminate: Some(signal), .. } if signal == name),
                    "{directive:?}"
                );
            }
            Err(text) => assert_eq!(answer, Answer::Failed(text.to_owned())),
        }
    }
}

#[tokio::test]
async fn pool_and_autoscale_wait_for_the_consumers_answer() {
    for (fixture, autoscale, words) in [
        ("pool_grow", None, Ok("pool will grow")),
        (
            "pool_shrink",
            None,
            Err("ValueError(\"Can't shrink pool. All processes busy!\")"),
        ),
        ("autoscale", Some((2, 1)), Ok("autoscale now max=4 min=1")),
    ] {
        let mut bench = Bench::new();
        bench.control.state.lock().autoscale = autoscale;
        let mut directives = std::mem::replace(&mut bench.directives, mpsc::channel(1).1);
        let consumer = async move {
            let words = words.map(str::to_owned).map_err(str::to_owned);
            match directives.recv().await.unwrap() {
                Directive::PoolGrow { n: 1, answer }
                | Directive::PoolShrink { n: 1, answer }
                | Directive::Autoscale {
                    max: 4,
                    min: 1,
                    answer,
                } => answer.send(words).unwrap(),
                other => panic!("{other:?}"),
            }
        };
        let ((answer, _), ()) = tokio::join!(bench.replay(fixture), consumer);
        let expected = match words {
            Ok(text) => Answer::Reply(Value::from([("ok", text.into())])),
            Err(text) => Answer::Failed(text.to_owned()),
        };
        assert_eq!(answer, expected, "{fixture}");
    }
    let bench = Bench::new();
    bench.control.state.lock().autoscale = Some((4, 1));
    let (answer, expected) = bench.replay("pool_grow_autoscale").await;
    assert_eq!(answer, Answer::Reply(expected));
}

#[tokio::test(start_paused = true)]
async fn consumer_that_does_not_answer_is_given_up() {
    let (answer, _) = Bench::new().replay("pool_grow").await;
    let text = "TimeoutError(\"the worker's consumer is busy\")";
    assert_eq!(answer, Answer::Failed(text.to_owned()));
}

#[tokio::test]
async fn events_can_be_turned_on_and_off_at_any_time() {
    let bench = Bench::new();
    for fixture in [
        "enable_events",
        "enable_events_again",
        "disable_events",
        "disable_events_again",
    ] {
        let (answer, expected) = bench.replay(fixture).await;
        assert_eq!(answer, Answer::Reply(expected), "{fixture}");
    }
}

#[tokio::test]
async fn heartbeat_and_election_send_events() {
    let bench = Bench::new();
    bench.replay("heartbeat").await;
    bench.replay("election").await;
    let broker = FakeBroker::new(Some(0), |_, _| Vec::new());
    let events = bench.control.events.as_ref().unwrap();
    events.flush(&*broker).await.unwrap();
    let sent: Vec<Value> = broker
        .published()
        .iter()
        .map(|(_, message)| json::from_slice(&message.body).unwrap())
        .collect();
    assert_eq!(at(&sent[0], &["type"]), &Value::from("worker-heartbeat"));
    assert_eq!(at(&sent[0], &["freq"]), &Value::Int(5));
    assert_eq!(at(&sent[0], &["sw_ident"]), &Value::from("rcelery"));
    assert_eq!(at(&sent[1], &["type"]), &Value::from("worker-elect"));
    assert_eq!(at(&sent[1], &["id"]), &Value::from("e1"));
    assert_eq!(at(&sent[1], &["action", "task"]), &Value::from("cap.add"));
    assert_eq!(at(&sent[1], &["cver"]), &Value::Int(1));
}

#[tokio::test]
async fn shutdown_is_warm_and_silent() {
    let bench = Bench::new();
    let (answer, _) = bench.replay("shutdown").await;
    assert_eq!(answer, Answer::Silent);
    assert!(bench.control.shutdown.is_warm() && !bench.control.shutdown.is_cold());
}

#[tokio::test]
async fn consumers_directives_name_the_whole_queue() {
    let mut bench = Bench::new();
    bench.replay("add_consumer").await;
    bench.replay("add_consumer_topic").await;
    bench.replay("cancel_consumer").await;
    let mut added = Vec::new();
    while let Ok(directive) = bench.directives.try_recv() {
        match directive {
            Directive::AddConsumer(queue) => added.push(queue.to_value()),
            Directive::CancelConsumer(name) => assert_eq!(name, "extra"),
            other => panic!("{other:?}"),
        }
    }
    let (_, _, after) = load("active_queues_after");
    assert_eq!(added, after.as_list().unwrap()[1..]);
}

#[tokio::test]
async fn odd_arguments_are_answered_with_an_error() {
    let bench = Bench::new();
    let nested = Value::List(vec![Map::new().into()]);
    for (method, arguments) in [
        ("revoke", Value::from([("task_id", nested.clone())])),
        ("query_task", Value::from([("ids", 5.into())])),
        (
            "registered",
            Value::from([("taskinfoitems", nested.clone())]),
        ),
        ("pool_grow", Value::from([("n", (-1).into())])),
        ("pool_grow", Value::from([("n", 1.5.into())])),
        ("memdump", Value::from([("samples", "many".into())])),
        ("add_consumer", Value::from([("queue", "".into())])),
        (
            "add_consumer",
            Value::from([("queue", "q".into()), ("exchange_type", "x".into())]),
        ),
        ("hello", Value::from([("from_node", 5.into())])),
        (
            "time_limit",
            Value::from([("task_name", "cap.add".into()), ("soft", "x".into())]),
        ),
        (
            "rate_limit",
            Value::from([
                ("task_name", "cap.add".into()),
                ("rate_limit", "1/d".into()),
            ]),
        ),
        (
            "rate_limit",
            Value::from([("task_name", "cap.add".into()), ("rate_limit", nested)]),
        ),
        (
            "revoke_by_stamped_headers",
            Value::from([("headers", "x".into())]),
        ),
        ("objgraph", Map::new().into()),
    ] {
        let answer = bench.ask(method, arguments.clone()).await;
        assert!(
            matches!(answer, Answer::Failed(_)),
            "{method} {arguments:?}: {answer:?}"
        );
    }
}
