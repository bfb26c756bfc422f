//! The parts of a canvas: members, headers and bodies as they stand in its arguments.

use super::build;
use crate::protocol::{Map, ProtocolError, Signature, Value};

/// Passes a result on: prepended to the arguments of the first task of a chain, of each task of a group or header.
///
/// # Errors
/// `Invalid` if a part of the canvas is not a signature.
pub fn with_result(signature: Signature, result: &Value) -> Result<Signature, ProtocolError> {
    with_args(signature, std::slice::from_ref(result))
}

pub(super) fn with_args(
    mut signature: Signature,
    args: &[Value],
) -> Result<Signature, ProtocolError> {
    if signature.immutable || args.is_empty() {
        return Ok(signature);
    }
    match signature.subtask_type.as_deref() {
        Some("chain") => {
            let mut tasks = signatures(signature.kwargs.get("tasks"))?;
            if !tasks.is_empty() {
                let first = tasks.remove(0);
                tasks.insert(0, with_args(first, args)?);
            }
            signature.kwargs.insert("tasks".to_owned(), values(&tasks));
        }
        Some("group") => {
            let tasks = signatures(signature.kwargs.get("tasks"))?;
            let tasks: Result<Vec<_>, _> = tasks.into_iter().map(|t| with_args(t, args)).collect();
            signature.kwargs.insert("tasks".to_owned(), values(&tasks?));
        }
        Some("chord") => {
            let header = header_tasks(&signature)?;
            let header: Result<Vec<_>, _> =
                header.into_iter().map(|t| with_args(t, args)).collect();
            let options = group_options(signature.kwargs.get("header"));
            signature
                .kwargs
                .insert("header".to_owned(), group_of(header?, options).to_value());
        }
        _ => signature
            .args
            .splice(0..0, args.iter().cloned())
            .for_each(drop),
    }
    Ok(signature)
}

pub(super) fn group_of(tasks: Vec<Signature>, options: Map) -> Signature {
    let mut group = build::group(tasks);
    group.options = options;
    group
}

pub(super) fn group_options(header: Option<&Value>) -> Map {
    header
        .and_then(|h| Signature::from_value(h).ok())
        .map(|h| h.options)
        .unwrap_or_default()
}

/// `chunks(it, n)` is a group of starmaps over n items each.
pub(super) fn chunks_as_group(chunks: &Signature) -> Result<Signature, ProtocolError> {
    let invalid = |reason: &str| ProtocolError::invalid("signature", format!("chunks: {reason}"));
    let task = chunks
        .kwargs
        .get("task")
        .ok_or_else(|| invalid("`task` is missing"))?;
    let items = chunks
        .kwargs
        .get("it")
        .and_then(Value::as_list)
        .ok_or_else(|| invalid("`it` is not a list"))?;
    let n = chunks
        .kwargs
        .get("n")
        .and_then(Value::as_i64)
        .and_then(|n| usize::try_from(n).ok())
        .filter(|n| *n > 0);
    let n = n.ok_or_else(|| invalid("`n` is not a positive integer"))?;
    let starmaps: Vec<Signature> = items
        .chunks(n)
        .map(|part| {
            let mut starmap = Signature::new("celery.starmap");
            starmap.subtask_type = Some("xstarmap".to_owned());
            starmap.immutable = true;
            starmap.kwargs.insert("task".to_owned(), task.clone());
            starmap.kwargs.insert("it".to_owned(), part.to_vec().into());
            starmap
        })
        .collect();
    Ok(group_of(starmaps, chunks.options.clone()))
}

pub(super) fn is_group(signature: &Signature) -> bool {
    signature.subtask_type.as_deref() == Some("group")
}

/// The tasks of a group, nested groups flattened and empty chains left out.
pub(super) fn members(group: &Signature) -> Result<Vec<Signature>, ProtocolError> {
    let mut flat = Vec::new();
    for task in signatures(group.kwargs.get("tasks"))? {
        if is_group(&task) {
            flat.extend(members(&task)?);
        } else if task.subtask_type.as_deref() != Some("chain")
            || task
                .kwargs
                .get("tasks")
                .and_then(Value::as_list)
                .is_some_and(|t| !t.is_empty())
        {
            flat.push(task);
        }
    }
    Ok(flat)
}

pub(super) fn header_tasks(chord: &Signature) -> Result<Vec<Signature>, ProtocolError> {
    match chord.kwargs.get("header") {
        Some(header @ Value::Map(_)) => {
            let header = Signature::from_value(header)?;
            if is_group(&header) {
                members(&header)
            } else {
                Ok(vec![header])
            }
        }
        list @ Some(Value::List(_)) => members(&group_of(signatures(list)?, Map::new())),
        _ => Err(ProtocolError::invalid(
            "signature",
            "chord: `header` is missing",
        )),
    }
}

pub(super) fn chord_body(chord: &Signature) -> Result<Signature, ProtocolError> {
    let body = chord
        .kwargs
        .get("body")
        .ok_or_else(|| ProtocolError::invalid("signature", "chord: `body` is missing"))?;
    Signature::from_value(body)
}

/// How many results of this signature a chord waits for.
pub(super) fn counts(signature: &Signature) -> Result<u64, ProtocolError> {
    match signature.subtask_type.as_deref() {
        Some("group") => members(signature)?.iter().map(counts).sum(),
        Some("chain") => {
            for task in signatures(signature.kwargs.get("tasks"))?.iter().rev() {
                let size = counts(task)?;
                if size > 0 {
                    return Ok(size);
                }
            }
            Ok(0)
        }
        Some("chord") => counts(&chord_body(signature)?),
        Some("chunks") => counts(&chunks_as_group(signature)?),
        _ => Ok(1),
    }
}

pub(super) fn signatures(list: Option<&Value>) -> Result<Vec<Signature>, ProtocolError> {
    match list {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::List(list)) => list.iter().map(Signature::from_value).collect(),
        // A group may be given where a list of tasks is expected.
        Some(map @ Value::Map(_)) => members(&Signature::from_value(map)?),
        Some(other) => Err(ProtocolError::invalid(
            "signature",
            format!("`tasks` must be a list, not {}", other.type_name()),
        )),
    }
}

pub(super) fn values(signatures: &[Signature]) -> Value {
    signatures
        .iter()
        .map(Signature::to_value)
        .collect::<Vec<_>>()
        .into()
}
