//! Waiting for tasks, and saying how they ended: what `send` and `result` share.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::{Backend, BackendError};
use crate::cli::context::Context;
use crate::cli::error::{Failure, Kind, Silent};
use crate::cli::output::meta::Progress;
use crate::cli::output::progress::reason;
use crate::cli::output::{json, short_id, table::printable};
use crate::protocol::{ResultMeta, Value, repr};

/// Waits until all tasks are done or `timeout` has passed; `seen` is told of every change. Returns the last that was
/// seen of each.
pub(super) async fn wait(
    backend: &Arc<dyn Backend>,
    ids: &[String],
    timeout: Option<Duration>,
    mut seen: impl FnMut(&ResultMeta) -> anyhow::Result<()>,
) -> anyhow::Result<HashMap<String, ResultMeta>> {
    let deadline = timeout.and_then(|t| Instant::now().checked_add(t));
    let mut open: HashSet<&str> = ids.iter().map(String::as_str).collect();
    let mut last = HashMap::new();
    let mut changes = backend.watch(ids).await?;
    while !open.is_empty() {
        let change = match deadline {
            None => changes.next().await,
            Some(deadline) => match tokio::time::timeout_at(deadline, changes.next()).await {
                Ok(change) => change,
                Err(_) => break,
            },
        };
        let Some(meta) = change.transpose()? else {
            return Err(
                BackendError::connection("the result back end ended the subscription").into(),
            );
        };
        if !open.contains(meta.task_id.as_str()) {
            continue;
        }
        seen(&meta)?;
        if meta.status.is_ready() {
            open.remove(meta.task_id.as_str());
        }
        last.insert(meta.task_id.clone(), meta);
    }
    Ok(last)
}

/// Prints one result, and fails if the task did, or is not done.
pub(super) fn conclude(
    cx: &Context,
    meta: &ResultMeta,
    name: Option<&str>,
    waited: Option<Duration>,
) -> anyhow::Result<()> {
    if cx.out.is_json() {
        cx.out.json(&document(meta, name))?;
        return match verdict(meta, name, waited) {
            None => Ok(()),
            Some(failure) => Err(Silent(failure.kind.exit()).into()),
        };
    }
    match verdict(meta, name, waited) {
        None => Ok(cx.out.line(plain(&meta.result, cx.out.python_repr))?),
        Some(failure) => Err(failure.into()),
    }
}

/// As [`conclude`], for several: each value a line, each failure a line on stderr, the worst exit code.
pub(super) fn conclude_all(
    cx: &Context,
    metas: &[ResultMeta],
    name: Option<&str>,
    waited: Option<Duration>,
) -> anyhow::Result<()> {
    if let [one] = metas {
        return conclude(cx, one, name, waited);
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
            None => cx.out.line(plain(&meta.result, cx.out.python_repr))?,
            Some(failure) => {
                worst = worse(worst, failure.kind.exit());
                if !cx.out.is_json() {
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
            let on = worker.map_or(String::new(), |w| format!(" on {}", printable(w)));
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
