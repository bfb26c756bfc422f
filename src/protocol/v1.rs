//! Protocol 1: one object holding everything. Read only.
//!
//! Mirrors `celery.worker.strategy.proto1_to_proto2`.

use super::task::{read_args, read_kwargs};
use super::{Embed, Map, ProtocolError, TaskHeader, TaskMessage, Value};

/// Reads the body of a protocol 1 message.
pub(super) fn read(body: Value) -> Result<TaskMessage, ProtocolError> {
    read_hybrid(body, &Map::new())
}

/// Reads a protocol 1 body under protocol 2 headers: body keys first, headers override.
pub(super) fn read_hybrid(body: Value, headers: &Map) -> Result<TaskMessage, ProtocolError> {
    let Value::Map(mut body) = body else {
        return Err(ProtocolError::invalid(
            "task message",
            "no `task` header, and the body is not a protocol 1 task",
        ));
    };
    let args = read_args(body.swap_remove("args").unwrap_or_default())?;
    let kwargs = read_kwargs(body.swap_remove("kwargs").unwrap_or_default())?;
    let embed = Embed::from_value(Value::from([
        (
            "callbacks",
            body.swap_remove("callbacks").unwrap_or_default(),
        ),
        ("errbacks", body.swap_remove("errbacks").unwrap_or_default()),
        ("chain", body.swap_remove("chain").unwrap_or_default()),
        ("chord", body.swap_remove("chord").unwrap_or_default()),
    ]))?;
    // `taskset` is the old name of `group`. `utc` says nothing: Celery reads times without an offset as UTC even where it
    // is false (worker/request.py, `maybe_make_aware`).
    if let Some(taskset) = body.swap_remove("taskset")
        && body.get("group").is_none_or(Value::is_null)
    {
        body.insert("group".to_owned(), taskset);
    }
    body.swap_remove("utc");
    for (name, value) in headers {
        body.insert(name.clone(), value.clone());
    }
    let mut header = TaskHeader::from_headers(body)?;
    if header.root_id.is_none() {
        header.root_id = Some(header.id.clone());
    }
    Ok(TaskMessage {
        header,
        args,
        kwargs,
        embed,
    })
}
