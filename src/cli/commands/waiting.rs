//! Waiting for tasks, and saying how they ended: what `send` and `result` share.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, MissedTickBehavior};

use crate::backend::{Backend, BackendError};
use crate::cli::cluster::Cluster;
use crate::cli::context::Context;
use crate::cli::error::{Failure, Kind, Silent};
use crate::cli::output::meta::Progress;
use crate::cli::output::progress::{Display, TICK, ago, reason};
use crate::cli::output::{json, short_id, table::printable};
use crate::cli::suggest;
use crate::protocol::{ResultMeta, Value, repr, time};

/// A task that is waited for, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    pub(super) id: String,
    pub(super) name: Option<String>,
    /// Where it was sent.
    pub(super) queue: Option<String>,
}

/// After how long of no news the workers are asked why.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the next worker may take to answer that.
const ASKING: Duration = Duration::from_secs(1);

/// Waits until all tasks are done or `timeout` has passed; `seen` is told of every change. Returns those that are not
/// done, with the last that was seen of them.
pub(super) async fn wait(
    cx: &Context,
    backend: &Arc<dyn Backend>,
    tasks: &[Wanted],
    timeout: Option<Duration>,
    display: &mut Display,
    mut seen: impl FnMut(&ResultMeta, &Display) -> anyhow::Result<()>,
) -> anyhow::Result<HashMap<String, ResultMeta>> {
    let deadline = timeout.and_then(|t| Instant::now().checked_add(t));
    let ids: Vec<String> = tasks.iter().map(|t| t.id.clone()).collect();
    let mut open: HashMap<String, ResultMeta> = HashMap::new();
    for task in tasks {
        display.add(&task.id, task.name.as_deref(), task.queue.as_deref())?;
        open.insert(task.id.clone(), ResultMeta::pending(&task.id));
    }
    let mut changes = backend.watch(&ids).await?;
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reasons = pin!(reasons(cx));
    let mut asked = false;
    while !open.is_empty() {
        let change = tokio::select! {
            change = changes.next() => change,
            () = sleep_until(deadline) => break,
            _ = ticks.tick(), if display.moves() => {
                display.tick()?;
                continue;
            }
            cluster = &mut reasons, if !asked => {
                asked = true;
                if let Some(cluster) = cluster {
                    let queued = |t: &&Wanted| {
                        open.get(&t.id).is_some_and(|m| m.status.as_str() == "PENDING")
                    };
                    for task in tasks.iter().filter(queued) {
                        if let Some(hint) = why(task, &cluster, cx.out.unicode) {
                            display.hint(&task.id, &hint)?;
                        }
                    }
                }
                continue;
            }
        };
        let Some(meta) = change.transpose()? else {
            return Err(
                BackendError::connection("the result back end ended the subscription").into(),
            );
        };
        if !open.contains_key(&meta.task_id) {
            continue;
        }
        display.update(&meta)?;
        seen(&meta, display)?;
        if meta.status.is_ready() {
            cx.farewell.is_done(&meta.task_id);
            open.remove(&meta.task_id);
        } else {
            open.insert(meta.task_id.clone(), meta);
        }
    }
    display.finish()?;
    Ok(open)
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// What the workers know, some time from now; none if they can't be asked, which is no reason to fail.
async fn reasons(cx: &Context) -> Option<Cluster> {
    tokio::time::sleep(PATIENCE).await;
    let ask = async {
        let broker = cx.broker().await.ok()?;
        let cluster = Cluster::ask(cx, &broker, ASKING).await.ok();
        if let Err(error) = broker.close().await {
            tracing::debug!(%error, "closing the connection on which workers were asked");
        }
        cluster
    };
    ask.await
}

/// Why a task may still be queued, as far as the workers' answers tell.
fn why(task: &Wanted, cluster: &Cluster, unicode: bool) -> Option<String> {
    if !cluster.complete {
        return None;
    }
    if let Some(queue) = &task.queue
        && !cluster.consumes(queue)
    {
        return Some(format!("no worker consumes queue \"{}\"", printable(queue)));
    }
    if cluster.nodes.is_empty() {
        return Some("no worker is online".to_owned());
    }
    let name = task.name.as_deref()?;
    if cluster.registers(name) {
        return None;
    }
    let known = cluster.tasks.keys().map(String::as_str);
    let tip = suggest::nearest(name, known).map_or(String::new(), |near| {
        let dash = if unicode { "\u{2014}" } else { "-" };
        format!(" {dash} did you mean {}?", printable(near))
    });
    Some(format!(
        "no online worker registers {}{tip}",
        printable(name)
    ))
}

/// How a value is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Text as it is, everything else as JSON; a line each.
    Line,
    /// The same without a line break, and bytes as bytes.
    Raw,
}

impl Form {
    fn print(self, cx: &Context, value: &Value) -> std::io::Result<()> {
        match (self, value) {
            (Self::Line, _) => cx.out.line(plain(value, cx.out.python_repr)),
            (Self::Raw, Value::Bytes(bytes)) => cx.out.raw(bytes),
            (Self::Raw, _) => cx.out.raw(plain(value, cx.out.python_repr).as_bytes()),
        }
    }
}

/// Prints one result, and fails if the task did, or is not done.
pub(super) fn conclude(
    cx: &Context,
    meta: &ResultMeta,
    name: Option<&str>,
    waited: Option<Duration>,
    form: Form,
) -> anyhow::Result<()> {
    if cx.out.is_json() {
        cx.out.json(&document(meta, name))?;
        return match verdict(meta, name, waited) {
            None => Ok(()),
            Some(failure) => Err(Silent(failure.kind.exit()).into()),
        };
    }
    match verdict(meta, name, waited) {
        None => Ok(form.print(cx, &meta.result)?),
        Some(failure) => Err(failure.into()),
    }
}

/// As [`conclude`], for several: each value a line, each failure a line on stderr, the worst exit code.
///
/// `told`: the ends of the tasks are on the screen already.
pub(super) fn conclude_all(
    cx: &Context,
    metas: &[ResultMeta],
    name: Option<&str>,
    waited: Option<Duration>,
    form: Form,
    told: bool,
) -> anyhow::Result<()> {
    if let [one] = metas {
        return conclude(cx, one, name, waited, form);
    }
    if cx.out.is_json() {
        cx.out.json(&Value::List(
            metas.iter().map(|m| document(m, name)).collect(),
        ))?;
    }
    let mut worst = 0;
    for meta in metas {
        match verdict(meta, name, waited) {
            None if cx.out.is_json() => {}
            None => form.print(cx, &meta.result)?,
            Some(failure) => {
                worst = worse(worst, failure.kind.exit());
                if !(cx.out.is_json() || told && meta.status.is_ready()) {
                    cx.out.error(
                        crate::cli::error::Report::of(&failure.into()).text(cx.out.colour_err),
                    )?;
                }
            }
        }
    }
    if worst == 0 {
        Ok(())
    } else {
        Err(Silent(worst).into())
    }
}

/// The exit code that a task's state means.
pub(super) fn exit_of(meta: &ResultMeta) -> u8 {
    match meta.status.as_str() {
        "SUCCESS" => 0,
        "FAILURE" | "REVOKED" => 1,
        _ => 75,
    }
}

/// The worse of two exit codes: 69, then 1, then 75, then 0.
pub(super) fn worse(a: u8, b: u8) -> u8 {
    let rank = |code| match code {
        0 => 0,
        75 => 1,
        1 => 2,
        _ => 3,
    };
    if rank(b) > rank(a) { b } else { a }
}

/// A result as it is printed: text raw, everything else JSON, or Python's repr if that was asked for.
pub(super) fn plain(value: &Value, python: bool) -> String {
    match value {
        _ if python => match value {
            Value::Null => String::new(),
            other => repr::pystr(other),
        },
        Value::Str(s) => s.clone(),
        // Valid JSON has no word for these; alone on a line Python's is better than null.
        Value::Float(f) if !f.is_finite() => repr::float_repr(*f),
        other => json::line(other),
    }
}

/// From which age on it is said.
const RECENT: Duration = Duration::from_secs(10);

/// How long ago the task ended, if that is known.
fn age(meta: &ResultMeta, now: Timestamp) -> Option<Duration> {
    let done = time::parse(meta.date_done.as_deref()?).ok()?;
    now.duration_since(done).try_into().ok()
}

/// What keeps a task from having a result, if anything.
fn verdict(meta: &ResultMeta, name: Option<&str>, waited: Option<Duration>) -> Option<Failure> {
    let state = meta.status.as_str();
    let id = printable(&meta.task_id);
    let what = match name.or_else(|| meta.extended.as_ref()?.name.as_deref()) {
        Some(name) => format!("{}[{}]", printable(name), short_id(&meta.task_id)),
        None => short_id(&meta.task_id),
    };
    match state {
        "SUCCESS" => None,
        "FAILURE" => {
            let worker = meta.extended.as_ref().and_then(|e| e.worker.as_deref());
            let mut on = worker.map_or(String::new(), |w| format!(" on {}", printable(w)));
            // What has only just happened needs no date.
            if let Some(age) = age(meta, Timestamp::now()).filter(|age| *age >= RECENT) {
                let _ = write!(on, " {}", ago(age));
            }
            let why = reason(meta).unwrap_or_else(|| printable(&repr::pystr(&meta.result)));
            let failure = Failure::new(Kind::TaskFailed, format!("{what} FAILURE{on}: {why}"));
            Some(match &meta.traceback {
                Some(_) => failure.hint(format!("rcelery result --traceback {id}")),
                None => failure,
            })
        }
        "REVOKED" => {
            let why = meta.exception().map(|e| printable(&e.message()));
            let why = why
                .filter(|w| !w.is_empty())
                .unwrap_or_else(|| "revoked".to_owned());
            Some(Failure::new(
                Kind::TaskRevoked,
                format!("{what} REVOKED: {why}"),
            ))
        }
        _ => {
            let text = match (state, Progress::of(meta), waited) {
                ("PENDING", _, None) => format!(
                    "{what} PENDING: no result recorded (not finished, result ignored or expired, or unknown id)"
                ),
                (_, Some(progress), _) => format!(
                    "{what} {} {}",
                    printable(state),
                    printable(&progress.words())
                ),
                (_, None, _) => match reason(meta) {
                    Some(why) => format!("{what} {}: {why}", printable(state)),
                    None => format!("{what} {}", printable(state)),
                },
            };
            let text = match waited {
                Some(t) => format!("{text}: no result after {} s", t.as_secs_f64()),
                None => text,
            };
            Some(Failure::new(Kind::NotReady, text).hint(format!("rcelery result --wait {id}")))
        }
    }
}

/// The JSON document of `result -j`.
pub(super) fn document(meta: &ResultMeta, name: Option<&str>) -> Value {
    let state = meta.status.as_str();
    let progress = Progress::of(meta);
    let exception = meta.exception();
    let extended = meta.extended.clone().unwrap_or_default();
    let result = match (&progress, &exception) {
        (Some(_), _) | (_, Some(_)) => Value::Null,
        _ if state == "SUCCESS" || !meta.status.is_ready() && state != "STARTED" => {
            meta.result.clone()
        }
        _ => Value::Null,
    };
    let error = exception.map(|e| {
        Value::from([
            ("type", e.exc_type.as_str().into()),
            ("module", Value::opt(e.exc_module.as_deref())),
            ("message", e.message().into()),
            ("args", e.exc_message.clone().into()),
        ])
    });
    let children: Vec<Value> = meta
        .children
        .iter()
        .flatten()
        .map(|child| child.id.as_str().into())
        .collect();
    Value::from([
        ("id", meta.task_id.as_str().into()),
        ("state", state.into()),
        ("ready", meta.status.is_ready().into()),
        ("result", result),
        ("progress", Value::opt(progress.map(|p| p.to_value()))),
        ("error", Value::opt(error)),
        ("traceback", Value::opt(meta.traceback.as_deref())),
        ("task", Value::opt(extended.name.as_deref().or(name))),
        ("args", extended.args),
        ("kwargs", extended.kwargs),
        ("worker", Value::opt(extended.worker)),
        ("retries", Value::opt(extended.retries)),
        ("queue", Value::opt(extended.queue)),
        ("date_done", Value::opt(meta.date_done.as_deref())),
        ("children", children.into()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Exception, State};

    fn meta(state: &str, result: Value) -> ResultMeta {
        ResultMeta::new(
            "5d0ccc80-8587-4278-849e-c7cc36c2445e",
            State::new(state),
            result,
        )
    }

    #[test]
    fn text_is_raw_and_the_rest_is_json() {
        assert_eq!(plain(&"ok".into(), false), "ok");
        assert_eq!(plain(&5.into(), false), "5");
        assert_eq!(plain(&Value::Null, false), "null");
        let dict = Value::from([("a", Value::Bool(true))]);
        assert_eq!(plain(&dict, false), r#"{"a": true}"#);
        assert_eq!(plain(&dict, true), "{'a': True}");
        assert_eq!(plain(&Value::Null, true), "");
        assert_eq!(plain(&Value::Float(f64::INFINITY), false), "inf");
    }

    #[test]
    fn a_failure_names_task_and_exception() {
        let boom = Exception::builtin("ValueError", "boom").to_value();
        let failure = verdict(&meta("FAILURE", boom), Some("proj.fail"), None).unwrap();
        assert_eq!(
            failure.to_string(),
            "proj.fail[5d0ccc80] FAILURE: ValueError: boom"
        );
        assert_eq!(failure.kind.exit(), 1);
    }

    #[test]
    fn a_failure_of_old_says_where_and_when() {
        let boom = Exception::builtin("ValueError", "boom").to_value();
        let mut meta = meta("FAILURE", boom);
        let then = Timestamp::now() - jiff::SignedDuration::from_secs(190);
        meta.date_done = Some(time::isoformat(then, &jiff::tz::TimeZone::UTC));
        meta.extended = Some(crate::protocol::Extended {
            name: Some("proj.fail".to_owned()),
            worker: Some("w1@box".to_owned()),
            ..crate::protocol::Extended::default()
        });
        assert_eq!(
            verdict(&meta, None, None).unwrap().to_string(),
            "proj.fail[5d0ccc80] FAILURE on w1@box 3m ago: ValueError: boom"
        );
    }

    #[test]
    fn a_queued_task_is_explained_by_what_is_missing() {
        let one = |name: &str| [(name.to_owned(), ["w1@h".to_owned()].into())].into();
        let cluster = Cluster {
            nodes: ["w1@h".to_owned()].into(),
            tasks: one("proj.nothing"),
            queues: one("celery"),
            complete: true,
        };
        let task = |name: Option<&str>, queue: Option<&str>| Wanted {
            id: "x".to_owned(),
            name: name.map(str::to_owned),
            queue: queue.map(str::to_owned),
        };
        let why = |name, queue, cluster: &Cluster| super::why(&task(name, queue), cluster, false);
        assert_eq!(
            why(Some("proj.nosuch"), Some("low"), &cluster).as_deref(),
            Some("no worker consumes queue \"low\"")
        );
        assert_eq!(
            why(Some("proj.nosuch"), Some("celery"), &cluster).as_deref(),
            Some("no online worker registers proj.nosuch - did you mean proj.nothing?")
        );
        assert_eq!(why(Some("proj.nothing"), Some("celery"), &cluster), None);
        assert_eq!(why(None, None, &cluster), None);
        let nobody = Cluster {
            complete: true,
            ..Cluster::default()
        };
        assert_eq!(
            why(None, None, &nobody).as_deref(),
            Some("no worker is online")
        );
        // Someone did not answer: they may have it all.
        assert_eq!(why(Some("x"), Some("low"), &Cluster::default()), None);
    }

    #[test]
    fn revoked_gives_the_reason() {
        let expired = Exception::new(
            "celery.exceptions",
            "TaskRevokedError",
            vec!["expired".into()],
        );
        let failure = verdict(&meta("REVOKED", expired.to_value()), None, None).unwrap();
        assert_eq!(
            (failure.to_string().as_str(), failure.kind.exit()),
            ("5d0ccc80 REVOKED: expired", 1)
        );
    }

    #[test]
    fn what_is_not_ready_is_75_and_says_how_far_it_is() {
        let pending = verdict(&meta("PENDING", Value::Null), None, None).unwrap();
        assert!(
            pending.to_string().contains("PENDING: no result recorded"),
            "{pending}"
        );
        assert_eq!(pending.kind.exit(), 75);
        let half = Value::from([
            ("current", 5.into()),
            ("total", 15.into()),
            ("status", "step 5".into()),
        ]);
        let progress = verdict(&meta("PROGRESS", half), None, None).unwrap();
        assert_eq!(progress.to_string(), "5d0ccc80 PROGRESS 5/15 33% step 5");
    }

    #[test]
    fn the_document_has_every_key_and_no_exception_as_result() {
        let boom = Exception::builtin("ValueError", "boom").to_value();
        let doc = document(&meta("FAILURE", boom), None);
        let map = doc.as_map().unwrap();
        assert_eq!(map.len(), 15);
        assert_eq!(map["result"], Value::Null);
        assert_eq!(
            json::line(&map["error"]),
            r#"{"type": "ValueError", "module": "builtins", "message": "boom", "args": ["boom"]}"#
        );
        assert_eq!(map["ready"], Value::Bool(true));
    }

    #[test]
    fn the_worst_of_several_counts() {
        assert_eq!([0, 75, 1, 0].into_iter().fold(0, worse), 1);
        assert_eq!([75, 69, 1].into_iter().fold(0, worse), 69);
        assert_eq!([0, 75].into_iter().fold(0, worse), 75);
    }
}
