//! One task or many read as one result: what is stored now, waiting for the end, the value at the end.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout_at};

use super::ResultError;
use crate::backend::{Backend, BackendError};
use crate::protocol::{Exception, ResultMeta, ResultTuple, State, Value};
use crate::task;

type Metas = HashMap<String, ResultMeta>;

/// The tasks that a result is made of: itself, or all members of a group.
pub(super) fn leaves(result: &ResultTuple) -> Vec<String> {
    let mut ids = Vec::new();
    let mut open = vec![result];
    while let Some(next) = open.pop() {
        match &next.members {
            None => ids.push(next.id.clone()),
            Some(members) => open.extend(members.iter().rev()),
        }
    }
    ids
}

/// What is stored, as [`fold`] reads it.
pub(super) async fn now(
    backend: &dyn Backend,
    result: &ResultTuple,
) -> Result<ResultMeta, BackendError> {
    Ok(fold(result, &stored(backend, leaves(result)).await?))
}

/// What is stored of each of several results.
pub(super) async fn each(
    backend: &dyn Backend,
    results: &[ResultTuple],
) -> Result<Vec<ResultMeta>, BackendError> {
    let metas = stored(backend, results.iter().flat_map(leaves).collect()).await?;
    Ok(results.iter().map(|r| fold(r, &metas)).collect())
}

async fn stored(backend: &dyn Backend, ids: Vec<String>) -> Result<Metas, BackendError> {
    let metas = backend.get_many(&ids).await?;
    let found = ids.into_iter().zip(metas);
    Ok(found.filter_map(|(id, meta)| Some((id, meta?))).collect())
}

/// A result's meta made of its leaves': theirs if there is but one, of a group the list of values or the first failure.
fn fold(result: &ResultTuple, metas: &Metas) -> ResultMeta {
    let Some(members) = &result.members else {
        let stored = metas.get(&result.id).cloned();
        return stored.unwrap_or_else(|| ResultMeta::pending(&result.id));
    };
    let mut values = Vec::with_capacity(members.len());
    let mut is_whole = true;
    for member in members {
        let meta = fold(member, metas);
        if meta.status == State::SUCCESS {
            values.push(meta.result);
        } else if meta.status.is_ready() {
            return meta;
        } else {
            is_whole = false;
        }
    }
    if !is_whole {
        return ResultMeta::pending(&result.id);
    }
    ResultMeta::new(&result.id, State::SUCCESS, Value::List(values))
}

/// Waits until the result is whole or part of it has failed.
pub(super) async fn wait(
    backend: &dyn Backend,
    result: &ResultTuple,
    timeout: Option<Duration>,
) -> Result<ResultMeta, ResultError> {
    if task::current().is_some_and(|caller| !caller.may_join) {
        return Err(ResultError::WithinTask);
    }
    let started = Instant::now();
    let watch = settled(backend, result);
    match timeout.and_then(|t| started.checked_add(t)) {
        None => Ok(watch.await?),
        Some(deadline) => match timeout_at(deadline, watch).await {
            Ok(meta) => Ok(meta?),
            Err(_) => Err(ResultError::Timeout {
                task_id: result.id.clone(),
                waited: started.elapsed(),
            }),
        },
    }
}

async fn settled(backend: &dyn Backend, result: &ResultTuple) -> Result<ResultMeta, BackendError> {
    let mut ids = leaves(result);
    let leaves: HashSet<String> = ids.iter().cloned().collect();
    // If the step before a group fails, a worker marks the group's id and none of its members, which nobody will send
    // (celery.backends.base, mark_as_failure): then the step's own failure is the answer.
    let step = result.parent.as_deref().filter(|p| p.members.is_none());
    let step = step.filter(|_| result.members.is_some());
    ids.extend(step.map(|s| s.id.clone()));
    let mut metas = Metas::new();
    if leaves.is_empty() {
        return Ok(fold(result, &metas));
    }
    let mut changes = backend.watch(&ids).await?;
    while let Some(meta) = changes.next().await {
        let meta = meta?;
        if !meta.status.is_ready() {
            continue;
        }
        let failed = meta.status != State::SUCCESS;
        if failed && (result.members.is_some() || leaves.contains(&meta.task_id)) {
            return Ok(meta);
        }
        if leaves.contains(&meta.task_id) {
            metas.insert(meta.task_id.clone(), meta);
        }
        if metas.len() == leaves.len() {
            return Ok(fold(result, &metas));
        }
    }
    Err(BackendError::connection(
        "the result backend was closed while waiting",
    ))
}

/// The value in a final meta.
pub(super) fn value_of<T: DeserializeOwned>(meta: ResultMeta) -> Result<T, ResultError> {
    let task_id = meta.task_id.clone();
    if meta.status == State::SUCCESS {
        return meta
            .result
            .deserialize()
            .map_err(|source| ResultError::Type { task_id, source });
    }
    let exception = meta
        .exception()
        .unwrap_or_else(|| Exception::new("builtins", "Exception", vec![meta.result]));
    let exception = Box::new(exception);
    if meta.status == State::REVOKED {
        return Err(ResultError::Revoked { task_id, exception });
    }
    Err(ResultError::Failed {
        task_id,
        exception,
        traceback: meta.traceback,
    })
}

/// Removes what is stored of a result and of those before it.
pub(super) async fn forget(
    backend: &dyn Backend,
    result: &ResultTuple,
) -> Result<(), BackendError> {
    let mut next = Some(result);
    while let Some(result) = next {
        for id in leaves(result) {
            backend.forget(&id).await?;
        }
        next = result.parent.as_deref();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Metas, fold, leaves};
    use crate::protocol::{Exception, ResultMeta, ResultTuple, State, Value};

    fn group() -> ResultTuple {
        let inner = ResultTuple::group(
            "inner",
            vec![ResultTuple::task("b"), ResultTuple::task("c")],
        );
        ResultTuple::group("outer", vec![ResultTuple::task("a"), inner])
    }

    fn metas(ends: &[(&str, State, Value)]) -> Metas {
        ends.iter()
            .map(|(id, state, value)| {
                let meta = ResultMeta::new(id, state.clone(), value.clone());
                ((*id).to_owned(), meta)
            })
            .collect()
    }

    #[test]
    fn group_is_whole_when_all_its_leaves_are() {
        assert_eq!(leaves(&group()), ["a", "b", "c"]);
        let mut ends = vec![
            ("a", State::SUCCESS, Value::Int(1)),
            ("c", State::SUCCESS, Value::Int(3)),
        ];
        assert_eq!(fold(&group(), &metas(&ends)).status, State::PENDING);
        ends.push(("b", State::SUCCESS, Value::Int(2)));
        let whole = fold(&group(), &metas(&ends));
        let inner = Value::List(vec![2.into(), 3.into()]);
        assert_eq!(whole.result, Value::List(vec![1.into(), inner]));
    }

    #[test]
    fn one_failure_is_the_groups() {
        let error = Exception::builtin("ValueError", "boom").to_value();
        let end = fold(&group(), &metas(&[("c", State::FAILURE, error)]));
        assert_eq!((end.task_id.as_str(), end.status), ("c", State::FAILURE));
    }

    #[test]
    fn empty_group_has_ended() {
        let end = fold(&ResultTuple::group("g", vec![]), &Metas::new());
        assert_eq!(
            (end.status, end.result),
            (State::SUCCESS, Value::List(vec![]))
        );
    }
}
