//! The tasks that every worker has: `celery.map`, `celery.chord_unlock`…
//!
//! Mirrors `celery.app.builtins`.

use std::fmt;
use std::future::ready;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::core::WorkerHost;
use super::follow::{fail_body, is_transient, send_body};
use crate::backend::BackendError;
use crate::protocol::{Map, ResultMeta, ResultTuple, Signature, Value};
use crate::task::{Context, Registry, Runnable, TaskError, TaskOptions};

type Run = fn(Context, Vec<Value>, Map) -> BoxFuture<'static, Result<Value, TaskError>>;

pub(super) fn register(tasks: &mut Registry) {
    let unlimited = TaskOptions {
        max_retries: None,
        default_retry_delay: Duration::from_secs(1),
        ..TaskOptions::default()
    };
    let quiet = TaskOptions {
        ignore_result: Some(true),
        ..unlimited
    };
    let entries: [(&'static str, TaskOptions, Run); 9] = [
        (
            "celery.accumulate",
            TaskOptions::default(),
            |_, args, kwargs| Box::pin(ready(accumulate(args, &kwargs))),
        ),
        ("celery.backend_cleanup", quiet.clone(), |cx, _, _| {
            Box::pin(backend_cleanup(cx))
        }),
        ("celery.chain", TaskOptions::default(), |_, _, _| {
            Box::pin(ready(never("chain")))
        }),
        ("celery.chord", TaskOptions::default(), |_, _, _| {
            Box::pin(ready(never("chord")))
        }),
        ("celery.group", TaskOptions::default(), |_, _, _| {
            Box::pin(ready(never("group")))
        }),
        ("celery.chord_unlock", quiet, |cx, args, kwargs| {
            Box::pin(chord_unlock(cx, args, kwargs))
        }),
        (
            "celery.chunks",
            TaskOptions::default(),
            |cx, args, kwargs| Box::pin(map(cx, args, kwargs, true)),
        ),
        ("celery.map", TaskOptions::default(), |cx, args, kwargs| {
            Box::pin(map(cx, args, kwargs, false))
        }),
        (
            "celery.starmap",
            TaskOptions::default(),
            |cx, args, kwargs| Box::pin(map(cx, args, kwargs, true)),
        ),
    ];
    for (name, options, run) in entries {
        // A Python app brings its own, which know its tasks.
        if tasks.get(name).is_none() {
            tasks.insert(Arc::new(Builtin { name, options, run }));
        }
    }
}

struct Builtin {
    name: &'static str,
    options: TaskOptions,
    run: Run,
}

impl fmt::Debug for Builtin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Builtin({})", self.name)
    }
}

impl Runnable for Builtin {
    fn name(&self) -> &str {
        self.name
    }

    fn options(&self) -> &TaskOptions {
        &self.options
    }

    fn with_options(&self, options: TaskOptions) -> Arc<dyn Runnable> {
        Arc::new(Self {
            name: self.name,
            options,
            run: self.run,
        })
    }

    fn run(
        &self,
        cx: Context,
        args: Vec<Value>,
        kwargs: Map,
    ) -> BoxFuture<'static, Result<Value, TaskError>> {
        (self.run)(cx, args, kwargs)
    }
}

fn never(kind: &str) -> Result<Value, TaskError> {
    let message = format!("a {kind} is expanded by whoever sends it, and is never run as a task");
    Err(TaskError::exception(
        "builtins",
        "NotImplementedError",
        &message,
    ))
}

/// Returns its arguments, or the one at `index`: the body of a group that replaces a task.
fn accumulate(args: Vec<Value>, kwargs: &Map) -> Result<Value, TaskError> {
    match kwargs.get("index").and_then(Value::as_i64) {
        None => Ok(args.into()),
        Some(index) => {
            let item = usize::try_from(index)
                .ok()
                .and_then(|i| args.into_iter().nth(i));
            item.ok_or_else(|| {
                TaskError::exception("builtins", "IndexError", "list index out of range")
            })
        }
    }
}

async fn backend_cleanup(cx: Context) -> Result<Value, TaskError> {
    let backend = cx.app().backend().await?;
    let removed = backend.cleanup().await?;
    Ok(removed.into())
}

/// Runs a task once per item, here and one after the other; `star` unpacks each item.
async fn map(
    cx: Context,
    args: Vec<Value>,
    mut kwargs: Map,
    star: bool,
) -> Result<Value, TaskError> {
    let mut args = args.into_iter();
    let mut take = |name: &str| {
        args.next()
            .or_else(|| kwargs.shift_remove(name))
            .unwrap_or_default()
    };
    let signature = Signature::from_value(&take("task"))?;
    let Value::List(items) = take("it") else {
        return Err(TaskError::exception(
            "builtins",
            "TypeError",
            "`it` must be a list",
        ));
    };
    let app = cx.app();
    let task = app.tasks().get(&signature.task).cloned().ok_or_else(|| {
        TaskError::exception("celery.exceptions", "NotRegistered", &signature.task)
    })?;
    let mut results = Vec::with_capacity(items.len());
    for item in items {
        let mut args = match item {
            Value::List(items) if star => items,
            one => vec![one],
        };
        args.extend(signature.args.iter().cloned());
        results.push(task.run(cx.clone(), args, signature.kwargs.clone()).await?);
    }
    Ok(results.into())
}

/// Waits for the parts of a chord where the back end cannot count them, and sends its body.
async fn chord_unlock(cx: Context, args: Vec<Value>, kwargs: Map) -> Result<Value, TaskError> {
    let type_error = |message: &str| TaskError::exception("builtins", "TypeError", message);
    let (Some(group_id), Some(body)) = (args.first().and_then(Value::as_str), args.get(1)) else {
        return Err(type_error("chord_unlock() needs a group id and a body"));
    };
    let parts = kwargs
        .get("result")
        .and_then(Value::as_list)
        .ok_or_else(|| type_error("`result` must be a list"))?;
    let mut ids = Vec::new();
    for part in parts {
        leaves(&ResultTuple::from_value(part)?, &mut ids);
    }
    let core = WorkerHost::core_of(&cx)
        .ok_or_else(|| TaskError::msg("celery.chord_unlock can run in a worker only"))?;
    let interval = kwargs
        .get("interval")
        .and_then(Value::as_f64)
        .and_then(|s| Duration::try_from_secs_f64(s).ok())
        .unwrap_or(core.settings.result_chord_retry_interval);
    let again = || Err(cx.retry().countdown(interval).max_retries(None).into());
    let metas = match core.backend.get_many(&ids).await {
        Ok(metas) => metas,
        // Nobody else looks after this chord: it waits for its back end as long as it takes.
        Err(error) if error.is_transient() || matches!(error, BackendError::Server { .. }) => {
            tracing::warn!("Chord {group_id}: can't read its parts: {error}; trying again");
            return again();
        }
        Err(error) => {
            tracing::error!("Chord {group_id}: can't read its parts: {error}");
            fail_body(&core, body, &error.to_string()).await;
            return Err(error.into());
        }
    };
    let ready = |meta: &Option<ResultMeta>| meta.as_ref().is_some_and(|m| m.status.is_ready());
    if !metas.iter().all(ready) {
        return again();
    }
    let metas: Vec<ResultMeta> = metas.into_iter().flatten().collect();
    if let Some(failed) = metas.iter().find(|m| m.status.is_propagate()) {
        let what = failed.exception().map(|e| e.repr()).unwrap_or_default();
        let reason = format!("Dependency {} raised {what}", failed.task_id);
        tracing::error!("Chord {group_id} raised: ChordError({reason:?})");
        fail_body(&core, body, &reason).await;
        return Ok(Value::Null);
    }
    let mut results = metas
        .into_iter()
        .map(|m| (m.task_id, m.result))
        .collect::<std::collections::HashMap<_, _>>();
    let results: Vec<Value> = ids.iter().filter_map(|id| results.remove(id)).collect();
    match send_body(&core, body, results, &cx.caller()).await {
        Ok(()) => Ok(Value::Null),
        Err(error) if is_transient(&error) => again(),
        Err(error) => {
            tracing::error!("Chord {group_id}: can't send its body: {error}");
            fail_body(&core, body, &format!("Callback error: {error}")).await;
            Ok(Value::Null)
        }
    }
}

/// The tasks that a result stands for.
fn leaves(result: &ResultTuple, ids: &mut Vec<String>) {
    match &result.members {
        Some(members) => members.iter().for_each(|m| leaves(m, ids)),
        None => ids.push(result.id.clone()),
    }
}
