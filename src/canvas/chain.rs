//! The steps of a chain: spliced, joined to chords, linked.

use super::build;
use super::options::{extend_list, inherit};
use super::parts::{is_group, members, signatures, with_args};
use crate::protocol::{ProtocolError, Signature, Value};

/// The steps of a chain: nested chains spliced, groups that something follows made chords, links in place.
pub(super) fn prepare_chain(chain: &Signature) -> Result<Vec<Signature>, ProtocolError> {
    let mut flat = Vec::new();
    flatten_chain(signatures(chain.kwargs.get("tasks"))?, &mut flat)?;
    let mut tasks: Vec<Signature> = Vec::new();
    for task in flat.into_iter().rev() {
        let is_empty_group = is_group(&task) && members(&task)?.is_empty();
        if is_empty_group && !tasks.is_empty() {
            continue;
        }
        if is_group(&task)
            && let Some(body) = tasks.pop()
        {
            tasks.push(chord_of(&task, &body));
        } else {
            tasks.push(task);
        }
    }
    tasks.reverse();
    let Some(last) = tasks.last_mut() else {
        return Err(ProtocolError::invalid("signature", "the chain is empty"));
    };
    for name in ["task_id", "group_id", "group_index", "chord"] {
        if let Some(value) = chain.option(name) {
            last.options.insert(name.to_owned(), value.clone());
        }
    }
    extend_list(last, "link", chain.option("link"));
    for task in &mut tasks {
        extend_list(task, "link_error", chain.option("link_error"));
    }
    if let Some(first) = tasks.first_mut()
        && !chain.args.is_empty()
    {
        *first = with_args(std::mem::take(first), &chain.args)?;
    }
    Ok(tasks)
}

pub(super) fn flatten_chain(
    tasks: Vec<Signature>,
    out: &mut Vec<Signature>,
) -> Result<(), ProtocolError> {
    for task in tasks {
        if task.subtask_type.as_deref() != Some("chain") {
            out.push(task);
            continue;
        }
        let start = out.len();
        flatten_chain(signatures(task.kwargs.get("tasks"))?, out)?;
        if let Some(last) = out[start..].last_mut() {
            extend_list(last, "link", task.option("link"));
            if let Some(id) = task.option("task_id") {
                last.options.insert("task_id".to_owned(), id.clone());
            }
        }
        for step in &mut out[start..] {
            extend_list(step, "link_error", task.option("link_error"));
        }
    }
    Ok(())
}

/// A group that something follows, as the chord that it means.
pub(super) fn chord_of(header: &Signature, body: &Signature) -> Signature {
    let mut chord = build::chord([], body);
    if let Some(id) = body.option("task_id") {
        chord.options.insert("task_id".to_owned(), id.clone());
    }
    chord.kwargs.insert("header".to_owned(), header.to_value());
    chord
}

/// Gives the first step of a chain what follows it, and who sent the chain.
pub(super) fn lead(mut first: Signature, rest: &[Signature], chain: &Signature) -> Signature {
    let mut follow: Vec<Value> = chain
        .option("chain")
        .and_then(Value::as_list)
        .unwrap_or_default()
        .to_vec();
    let in_chain = !rest.is_empty() || chain.option("chain").is_some();
    follow.extend(rest.iter().rev().map(Signature::to_value));
    if in_chain {
        first.set_option("chain", follow);
    }
    inherit(&mut first, &chain.options);
    first
}
