//! How the options of a canvas reach its parts.

use crate::protocol::{Map, Signature, Value};

/// Adds options that the signature does not have.
pub fn default_option(signature: &mut Signature, name: &str, value: Option<&str>) {
    if let Some(value) = value
        && signature.option(name).is_none()
    {
        signature.set_option(name, value);
    }
}

/// Options that say who a signature is and what follows it: they are never passed on to its parts as they are.
const OWN: [&str; 9] = [
    "task_id",
    "group_id",
    "group_index",
    "chord",
    "chain",
    "link",
    "link_error",
    "stamped_headers",
    "stamps",
];

/// Passes a canvas's own options on to a part that it sends: they win over the part's, as options of a call do
/// (`celery.canvas.Signature._merge`), but not over where the part comes from.
pub(super) fn inherit(part: &mut Signature, from: &Map) {
    let stamps = from.get("stamped_headers").and_then(Value::as_list);
    let is_stamp = |name: &str| {
        stamps
            .unwrap_or_default()
            .iter()
            .any(|stamp| stamp.as_str() == Some(name))
    };
    let passed_on = |name: &str, value: &Value| {
        let known = matches!(name, "root_id" | "parent_id") && part.option(name).is_some();
        !(value.is_null() || known || OWN.contains(&name) || is_stamp(name))
    };
    let options: Map = from
        .iter()
        .filter(|(name, value)| passed_on(name, value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    part.merge_options(&options);
}

pub(super) fn extend_list(task: &mut Signature, name: &str, more: Option<&Value>) {
    let more = match more {
        None | Some(Value::Null) => return,
        Some(Value::List(more)) => more.clone(),
        Some(one) => vec![one.clone()],
    };
    let mut list = match task.option(name) {
        None => Vec::new(),
        Some(Value::List(list)) => list.clone(),
        Some(one) => vec![one.clone()],
    };
    for item in more {
        if !list.contains(&item) {
            list.push(item);
        }
    }
    task.set_option(name, list);
}
