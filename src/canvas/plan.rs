//! What applying a signature means: what to publish in which order.
//!
//! Mirrors the behaviour of `celery.canvas` when a signature is applied.

use super::chain::{lead, prepare_chain};
use super::freeze::{freeze, freeze_any, frozen_chain, new_id};
use super::options::{extend_list, inherit};
use super::parts::{
    chord_body, chunks_as_group, counts, group_options, header_tasks, members, with_args,
    with_result,
};
use crate::protocol::{ProtocolError, ResultTuple, Signature, Value};

/// One thing to do, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Publish this call; its options hold its id, and what follows it (`link`, `link_error`, `chain`, `chord`).
    Send(Box<Signature>),
    /// Tell the back end how many parts the chord has, before the last of them is sent.
    ChordStart {
        /// The header's group id.
        group_id: String,
        /// How many results to wait for.
        size: u64,
        /// The parts, for `celery.chord_unlock` where the back end has no counters.
        header: Vec<ResultTuple>,
        /// The body, likewise.
        body: Box<Signature>,
    },
}

/// What applying a signature means.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What to do, in order.
    pub steps: Vec<Step>,
    /// The result that stands for the whole.
    pub result: ResultTuple,
}

/// Expands a signature into calls, with fresh ids where it has none.
///
/// # Errors
/// `Invalid` if a part of the canvas is not a signature, or a chain is empty.
pub fn plan(signature: Signature) -> Result<Plan, ProtocolError> {
    let mut steps = Vec::new();
    let result = apply(signature, &mut steps)?;
    Ok(Plan { steps, result })
}

fn apply(mut signature: Signature, steps: &mut Vec<Step>) -> Result<ResultTuple, ProtocolError> {
    match signature.subtask_type.as_deref() {
        Some("chain") => apply_chain(&signature, steps),
        Some("group") => apply_group(signature, steps),
        Some("chord") => apply_chord(&signature, steps),
        Some("chunks") => apply_group(chunks_as_group(&signature)?, steps),
        _ => {
            let id = freeze(&mut signature);
            steps.push(Step::Send(Box::new(signature)));
            Ok(ResultTuple::task(&id))
        }
    }
}

/// The first step is sent; the others travel in its `chain`, reversed.
fn apply_chain(chain: &Signature, steps: &mut Vec<Step>) -> Result<ResultTuple, ProtocolError> {
    let mut tasks = prepare_chain(chain)?;
    let result = frozen_chain(&mut tasks)?;
    let first = tasks.remove(0);
    let first = lead(first, &tasks, chain);
    let applied = apply(first, steps)?;
    Ok(if result.parent.is_none() {
        applied
    } else {
        result
    })
}

fn apply_group(mut group: Signature, steps: &mut Vec<Step>) -> Result<ResultTuple, ProtocolError> {
    let gid = freeze(&mut group);
    let mut results = Vec::new();
    for (index, mut task) in members(&group)?.into_iter().enumerate() {
        place_in_group(
            &mut task,
            group.option_str("group_id").unwrap_or(&gid),
            index,
            group.option("chord"),
        );
        inherit(&mut task, &group.options);
        extend_list(&mut task, "link", group.option("link"));
        extend_list(&mut task, "link_error", group.option("link_error"));
        results.push(apply(task, steps)?);
    }
    Ok(ResultTuple::group(&gid, results))
}

fn apply_chord(chord: &Signature, steps: &mut Vec<Step>) -> Result<ResultTuple, ProtocolError> {
    let mut body = chord_body(chord)?;
    let header = with_chord_args(chord)?;
    let gid = chord
        .kwargs
        .get("header")
        .and_then(|h| Signature::from_value(h).ok());
    let gid = gid
        .and_then(|h| h.option_str("task_id").map(str::to_owned))
        .unwrap_or_else(new_id);
    for (name, value) in &chord.options {
        // The part that completes the header is the body's parent (celery.canvas, _chord._body_options).
        if matches!(
            name.as_str(),
            "task_id" | "parent_id" | "countdown" | "eta" | "link" | "link_error"
        ) || value.is_null()
        {
            continue;
        }
        body.options.insert(name.clone(), value.clone());
    }
    extend_list(&mut body, "link", chord.option("link"));
    extend_list(&mut body, "link_error", chord.option("link_error"));
    if let Some(id) = chord.option("task_id") {
        body.options
            .entry("task_id".to_owned())
            .or_insert_with(|| id.clone());
    }
    if body.option("group_id").is_none() {
        body.set_option("group_id", gid.as_str());
    }
    let mut result = freeze_any(&mut body)?;

    if header.is_empty() {
        let body = with_result(body, &Value::List(Vec::new()))?;
        steps.push(Step::Send(Box::new(body)));
        return Ok(result);
    }
    let body_value = body.to_value();
    let size: u64 = header.iter().map(counts).sum::<Result<_, _>>()?;
    let header_options = group_options(chord.kwargs.get("header"));
    let mut sends = Vec::new();
    let mut parts = Vec::new();
    for (index, mut task) in header.into_iter().enumerate() {
        place_in_group(&mut task, &gid, index, Some(&body_value));
        inherit(&mut task, &header_options);
        inherit(&mut task, &chord.options);
        parts.push(apply(task, &mut sends)?);
    }
    let start = Step::ChordStart {
        group_id: gid.clone(),
        size,
        header: parts.clone(),
        body: Box::new(body),
    };
    let last = sends
        .iter()
        .rposition(|s| matches!(s, Step::Send(_)))
        .unwrap_or(0);
    sends.insert(last, start);
    steps.extend(sends);
    result.parent = Some(Box::new(ResultTuple::group(&gid, parts)));
    Ok(result)
}

/// The header of a chord, its own partial arguments passed on.
fn with_chord_args(chord: &Signature) -> Result<Vec<Signature>, ProtocolError> {
    header_tasks(chord)?
        .into_iter()
        .map(|t| with_args(t, &chord.args))
        .collect()
}

fn place_in_group(task: &mut Signature, gid: &str, index: usize, chord: Option<&Value>) {
    task.options
        .entry("group_id".to_owned())
        .or_insert_with(|| gid.into());
    task.set_option("group_index", index);
    if let Some(chord) = chord {
        task.options
            .entry("chord".to_owned())
            .or_insert_with(|| chord.clone());
    }
}
