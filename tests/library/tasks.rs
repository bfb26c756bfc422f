//! The tasks of these tests. They run in this process, so that a test can see what a run does beside its result.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rcelery::{
    App, Autoretry, BlockingTask, Context, Exception, Map, RateLimit, ResultError, State, Task,
    TaskError, TaskOptions, TaskResult, Value,
};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

pub(crate) fn register(app: App) -> App {
    app.task::<Add>()
        .task::<Sum>()
        .task::<Look>()
        .task::<Nap>()
        .task::<ShortNap>()
        .task::<Stubborn>()
        .task::<Fail>()
        .task::<Panic>()
        .task::<Again>()
        .task::<Shaky>()
        .task::<Late>()
        .task::<Refuse>()
        .task::<Forgotten>()
        .task::<Limited>()
        .task::<Tuned>()
        .task::<Parent>()
        .task::<Waiter>()
        .task::<Abortable>()
        .task::<Reporter>()
        .blocking_task::<Block>()
        .blocking_task::<BlockingParent>()
        .blocking_task::<BlockingWaiter>()
}

/// When each run of each task started, by task id.
static RUNS: Mutex<Option<HashMap<String, Vec<Instant>>>> = Mutex::new(None);

/// The starts of a task so far.
pub(crate) fn runs(id: &str) -> Vec<Instant> {
    let mut runs = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
    runs.get_or_insert_default()
        .get(id)
        .cloned()
        .unwrap_or_default()
}

fn note_run(cx: &Context) {
    note(cx.id());
}

fn note(id: &str) {
    let mut runs = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
    let runs = runs.get_or_insert_default().entry(id.to_owned());
    runs.or_default().push(Instant::now());
}

/// When the code of a nap or block came to its end, if it did.
pub(crate) fn ends(id: &str) -> Vec<Instant> {
    runs(&format!("end of {id}"))
}

fn note_end(cx: &Context) {
    note(&format!("end of {}", cx.id()));
}

macro_rules! task {
    ($name:literal, $type:ident -> $output:ty, $options:expr, |$self:ident, $cx:ident| $body:expr) => {
        impl Task for $type {
            const NAME: &'static str = $name;
            type Output = $output;

            fn options() -> TaskOptions {
                $options
            }

            async fn run($self, $cx: &Context) -> TaskResult<$output> {
                note_run($cx);
                $body
            }
        }
    };
}

fn default() -> TaskOptions {
    TaskOptions::default()
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Add {
    pub(crate) x: i64,
    pub(crate) y: i64,
}
task!("t.add", Add -> i64, default(), |self, _cx| Ok(self.x + self.y));

#[derive(Serialize, Deserialize)]
pub(crate) struct Sum {
    pub(crate) numbers: Vec<i64>,
}
task!("t.sum", Sum -> i64, default(), |self, _cx| Ok(self.numbers.iter().sum()));

/// What a task sees of its own request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) task: String,
    pub(crate) args: Vec<Value>,
    pub(crate) kwargs: Map,
    pub(crate) retries: u32,
    pub(crate) headers: Map,
    pub(crate) hostname: String,
    pub(crate) root_id: Option<String>,
    pub(crate) parent_id: Option<String>,
    pub(crate) shadow: Option<String>,
    pub(crate) eta: Option<String>,
    pub(crate) expires: Option<String>,
    pub(crate) timelimit: (Option<f64>, Option<f64>),
    pub(crate) priority: Option<i64>,
    pub(crate) routing_key: String,
    pub(crate) correlation_id: Option<String>,
    pub(crate) reply_to: Option<String>,
}

/// Returns what it sees.
#[derive(Serialize, Deserialize)]
pub(crate) struct Look {
    #[serde(default)]
    pub(crate) at: Value,
    #[serde(default)]
    pub(crate) and: Value,
}
task!("t.look", Look -> Seen, default(), |self, cx| {
    let request = cx.request();
    let header = request.message.header.clone();
    Ok(Seen {
        id: cx.id().to_owned(),
        task: cx.task().to_owned(),
        args: cx.args().to_vec(),
        kwargs: cx.kwargs().clone(),
        retries: cx.retries(),
        headers: cx.headers().clone(),
        hostname: cx.hostname().to_owned(),
        root_id: header.root_id,
        parent_id: header.parent_id,
        shadow: header.shadow,
        eta: header.eta,
        expires: header.expires,
        timelimit: header.timelimit,
        priority: request.priority,
        routing_key: request.delivery_info.routing_key.clone(),
        correlation_id: request.correlation_id.clone(),
        reply_to: request.reply_to.clone(),
    })
});

/// Sleeps, and says at the end that it has.
#[derive(Serialize, Deserialize)]
pub(crate) struct Nap {
    pub(crate) ms: u64,
}
task!("t.nap", Nap -> u64, default(), |self, cx| {
    sleep(Duration::from_millis(self.ms)).await;
    note_end(cx);
    Ok(self.ms)
});

/// A nap with time limits of its own.
#[derive(Serialize, Deserialize)]
pub(crate) struct ShortNap {
    pub(crate) ms: u64,
}
task!("t.short_nap", ShortNap -> u64, TaskOptions {
    soft_time_limit: Some(Duration::from_millis(100)),
    time_limit: Some(Duration::from_secs(20)),
    ..default()
}, |self, _cx| {
    sleep(Duration::from_millis(self.ms)).await;
    Ok(self.ms)
});

/// Asks to be told of its soft limit.
#[derive(Serialize, Deserialize)]
pub(crate) struct Stubborn;
task!("t.stubborn", Stubborn -> String, default(), |self, cx| {
    tokio::select! {
        () = cx.soft_time_limit() => Ok("cleaned up".to_owned()),
        () = sleep(Duration::from_secs(20)) => Ok("nobody told me".to_owned()),
    }
});

/// An error type of one's own.
#[derive(Debug)]
pub(crate) struct OutOfBits(std::num::ParseIntError);

impl fmt::Display for OutOfBits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reactor is out of bits")
    }
}

impl std::error::Error for OutOfBits {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Fails in one of several ways.
#[derive(Serialize, Deserialize)]
pub(crate) struct Fail {
    pub(crate) how: String,
}
task!("t.fail", Fail -> (), TaskOptions { throws: vec!["KeyError".to_owned()], ..default() }, |self, _cx| {
    match self.how.as_str() {
        "python" => Err(TaskError::exception("builtins", "ValueError", "boom")),
        "many" => {
            let args = vec!["a".into(), 42.into()];
            Err(TaskError::from_exception(Exception::new("proj.errors", "Odd", args)))
        }
        "own" => "x".parse::<u8>().map(drop).map_err(|e| OutOfBits(e).into()),
        "message" => Err(TaskError::msg("just a message")),
        "expected" => Err(TaskError::exception("builtins", "KeyError", "k")),
        other => unreachable!("no such failure: {other}"),
    }
});

#[derive(Serialize, Deserialize)]
pub(crate) struct Panic;
task!("t.panic", Panic -> (), default(), |self, _cx| {
    let nothing: Vec<u8> = Vec::new();
    let first = nothing.first().expect("there is something");
    Err(TaskError::msg(first))
});

/// Asks for retries until it has had `times`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Again {
    pub(crate) times: u32,
    #[serde(default)]
    pub(crate) max: Option<u32>,
    #[serde(default)]
    pub(crate) with_cause: bool,
    #[serde(default)]
    pub(crate) countdown_ms: u64,
}
task!("t.again", Again -> (String, u32), TaskOptions { max_retries: Some(3), ..default() }, |self, cx| {
    if cx.retries() >= self.times {
        return Ok((cx.id().to_owned(), cx.retries()));
    }
    let mut retry = cx.retry().countdown(Duration::from_millis(self.countdown_ms));
    if self.max.is_some() {
        retry = retry.max_retries(self.max);
    }
    if self.with_cause {
        retry = retry.because(&std::io::Error::other("the disk is gone"));
    }
    Err(retry.into())
});

/// Fails until its last try; retried by itself, with growing pauses.
#[derive(Serialize, Deserialize)]
pub(crate) struct Shaky {
    pub(crate) times: u32,
    pub(crate) class: String,
}
task!("t.shaky", Shaky -> u32, TaskOptions {
    autoretry: Autoretry::For(vec!["ConnectionError".to_owned()]),
    retry_backoff: Some(Duration::from_millis(100)),
    retry_jitter: false,
    max_retries: Some(3),
    ..default()
}, |self, cx| {
    if cx.retries() >= self.times {
        return Ok(cx.retries());
    }
    Err(TaskError::exception("builtins", &self.class, "the line is dead"))
});

/// Acknowledged after its run.
#[derive(Serialize, Deserialize)]
pub(crate) struct Late {
    pub(crate) ms: u64,
}
task!("t.late", Late -> usize, TaskOptions { acks_late: Some(true), ..default() }, |self, cx| {
    let run = runs(cx.id()).len();
    if run == 1 {
        sleep(Duration::from_millis(self.ms)).await;
    }
    Ok(run)
});

/// Does not want its message: the first time it goes back, then it is thrown away, or nothing is recorded.
#[derive(Serialize, Deserialize)]
pub(crate) struct Refuse {
    pub(crate) how: String,
}
task!("t.refuse", Refuse -> usize, TaskOptions { acks_late: Some(true), ..default() }, |self, cx| {
    let run = runs(cx.id()).len();
    match (self.how.as_str(), run) {
        ("requeue", 1) => Err(cx.reject(true, "not me")),
        ("reject", _) => Err(cx.reject(false, "nobody")),
        ("ignore", _) => Err(cx.ignore()),
        _ => Ok(run),
    }
});

/// Keeps no result, unless a call wants one.
#[derive(Serialize, Deserialize)]
pub(crate) struct Forgotten;
task!("t.forgotten", Forgotten -> u8, TaskOptions { ignore_result: Some(true), ..default() }, |self, _cx| Ok(1));

/// At most five starts a second.
#[derive(Serialize, Deserialize)]
pub(crate) struct Limited;
task!("t.limited", Limited -> (), TaskOptions {
    rate_limit: Some(RateLimit { per_second: 5.0 }),
    ..default()
}, |self, _cx| Ok(()));

/// Calls of it have options of their own.
#[derive(Serialize, Deserialize)]
pub(crate) struct Tuned {
    pub(crate) x: i64,
}
task!("t.tuned", Tuned -> i64, TaskOptions {
    queue: Some("tuned".to_owned()),
    priority: Some(3),
    serializer: Some("msgpack".to_owned()),
    compression: Some("gzip".to_owned()),
    expires: Some(Duration::from_secs(60)),
    time_limit: Some(Duration::from_secs(9)),
    soft_time_limit: Some(Duration::from_secs(8)),
    track_started: Some(true),
    ..default()
}, |self, _cx| {
    sleep(Duration::from_millis(400)).await;
    Ok(self.x)
});

/// Sends others.
#[derive(Serialize, Deserialize)]
pub(crate) struct Parent;
task!("t.parent", Parent -> Vec<String>, default(), |self, cx| {
    let app = cx.app();
    let one = app.delay(Add { x: 1, y: 1 }).await?;
    let pair = app.group([1, 2].map(|n| app.signature(Add { x: n, y: n })));
    let pair = pair.apply_async().await?;
    let look = app.partial::<Look>().apply_async().await?;
    Ok([one.id(), pair.id(), look.id()].map(str::to_owned).to_vec())
});

/// Waits for another, with or without leave to.
#[derive(Serialize, Deserialize)]
pub(crate) struct Waiter {
    pub(crate) allowed: bool,
}
task!("t.waiter", Waiter -> i64, default(), |self, cx| {
    let sum = cx.app().delay(Add { x: 2, y: 3 }).await?;
    if self.allowed {
        return Ok(cx.allow_join_result(sum.wait()).await?);
    }
    match sum.get(Duration::from_secs(5)).await {
        Err(ResultError::WithinTask) => Err(ResultError::WithinTask.into()),
        other => Err(TaskError::msg(format!("{other:?}"))),
    }
});

/// Stops when a client says so.
#[derive(Serialize, Deserialize)]
pub(crate) struct Abortable;
task!("t.abortable", Abortable -> String, default(), |self, cx| {
    for _ in 0..1000 {
        if cx.is_aborted().await? {
            return Ok("aborted".to_owned());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok("nobody said so".to_owned())
});

/// Says how far it is.
#[derive(Serialize, Deserialize)]
pub(crate) struct Reporter {
    pub(crate) steps: u32,
}
task!("t.reporter", Reporter -> u32, default(), |self, cx| {
    for current in 0..self.steps {
        let meta = Value::from([("current", current.into()), ("total", self.steps.into())]);
        cx.update_state(State::PROGRESS, &meta).await?;
        sleep(Duration::from_millis(50)).await;
    }
    cx.update_state(State::new("TIDYING"), &["a", "b"]).await?;
    sleep(Duration::from_millis(100)).await;
    Ok(self.steps)
});

/// Holds its thread.
#[derive(Serialize, Deserialize)]
pub(crate) struct Block {
    pub(crate) ms: u64,
    #[serde(default)]
    pub(crate) polls: bool,
}

impl BlockingTask for Block {
    const NAME: &'static str = "t.block";
    type Output = String;

    fn run(self, cx: &Context) -> TaskResult<String> {
        note_run(cx);
        let end = Instant::now() + Duration::from_millis(self.ms);
        while Instant::now() < end && !(self.polls && cx.is_cancelled()) {
            thread::sleep(Duration::from_millis(5));
        }
        note_end(cx);
        Ok(format!("{:?}", thread::current().id()))
    }
}

/// Sends and reports from a thread.
#[derive(Serialize, Deserialize)]
pub(crate) struct BlockingParent;

impl BlockingTask for BlockingParent {
    const NAME: &'static str = "t.blocking_parent";
    type Output = String;

    fn run(self, cx: &Context) -> TaskResult<String> {
        note_run(cx);
        cx.block_on(cx.update_state(State::PROGRESS, &1))?;
        let child = cx.block_on(cx.app().delay(Add { x: 4, y: 4 }))?;
        Ok(child.id().to_owned())
    }
}

/// Waits on a thread.
#[derive(Serialize, Deserialize)]
pub(crate) struct BlockingWaiter {
    pub(crate) allowed: bool,
}

impl BlockingTask for BlockingWaiter {
    const NAME: &'static str = "t.blocking_waiter";
    type Output = i64;

    fn run(self, cx: &Context) -> TaskResult<i64> {
        let sum = cx.block_on(cx.app().delay(Add { x: 2, y: 3 }))?;
        if self.allowed {
            return Ok(cx.block_on(cx.allow_join_result(sum.wait()))?);
        }
        Ok(cx.block_on(sum.get(Duration::from_secs(5)))?)
    }
}
