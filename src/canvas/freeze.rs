//! Ids, given to the parts of a canvas before any of them is sent.

use uuid::Uuid;

use super::chain::prepare_chain;
use super::parts::{chord_body, members, values};
use crate::protocol::{ProtocolError, ResultTuple, Signature};

/// Gives a signature of any kind its ids without applying it, and returns the result that stands for it.
pub(super) fn freeze_any(signature: &mut Signature) -> Result<ResultTuple, ProtocolError> {
    match signature.subtask_type.as_deref() {
        Some("group") => {
            let gid = freeze(signature);
            let mut tasks = members(signature)?;
            let results: Result<Vec<_>, _> = tasks.iter_mut().map(freeze_any).collect();
            signature.kwargs.insert("tasks".to_owned(), values(&tasks));
            Ok(ResultTuple::group(&gid, results?))
        }
        Some("chain") => {
            let mut tasks = prepare_chain(signature)?;
            let result = frozen_chain(&mut tasks)?;
            signature.kwargs.insert("tasks".to_owned(), values(&tasks));
            Ok(result)
        }
        Some("chord") => {
            let mut body = chord_body(signature)?;
            if let Some(id) = signature.option("task_id") {
                body.options
                    .entry("task_id".to_owned())
                    .or_insert_with(|| id.clone());
            }
            let result = freeze_any(&mut body)?;
            if result.members.is_none() {
                signature.set_option("task_id", result.id.as_str());
            }
            signature.kwargs.insert("body".to_owned(), body.to_value());
            Ok(result)
        }
        _ => Ok(ResultTuple::task(&freeze(signature))),
    }
}

/// Gives every step of a chain its id; the result is the last step's, with the others as its parents.
pub(super) fn frozen_chain(tasks: &mut [Signature]) -> Result<ResultTuple, ProtocolError> {
    let mut parent: Option<ResultTuple> = None;
    for task in tasks {
        let mut result = freeze_any(task)?;
        result.parent = parent.map(Box::new);
        parent = Some(result);
    }
    parent.ok_or_else(|| ProtocolError::invalid("signature", "the chain is empty"))
}

pub(super) fn freeze(signature: &mut Signature) -> String {
    if let Some(id) = signature.option_str("task_id") {
        return id.to_owned();
    }
    let id = new_id();
    signature.set_option("task_id", id.as_str());
    id
}

pub(super) fn new_id() -> String {
    Uuid::new_v4().to_string()
}
