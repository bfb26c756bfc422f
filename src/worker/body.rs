//! The ends of a chord's body that fails: which ids fail, and who is told.
//!
//! Mirrors `celery.backends.base.Backend.chord_error_from_stack`.

use crate::protocol::{Signature, Value};

/// One of the ends that the failure of a chord's body has.
#[derive(Debug, PartialEq)]
pub(super) struct BodyEnd {
    /// The id that its errbacks get.
    pub(super) id: String,
    pub(super) root_id: Option<String>,
    /// What fails: the steps of a chain, a member of a group, what would have followed.
    pub(super) steps: Vec<Value>,
    pub(super) errbacks: Vec<Value>,
}

/// What the failure of a chord's body means: one end, or for a group one of each member and then its own.
pub(super) fn body_ends(body: Signature) -> Vec<BodyEnd> {
    let rest = body.option("chain").and_then(Value::as_list);
    let rest = rest.unwrap_or_default().to_vec();
    let mut ends = if body.subtask_type.as_deref() == Some("group") {
        group_ends(&body)
    } else {
        vec![single_end(body)]
    };
    if let Some(last) = ends.last_mut() {
        last.steps.extend(rest);
    }
    ends
}

fn single_end(mut body: Signature) -> BodyEnd {
    let errbacks = link_errors(&body);
    // Sent by somebody who gave it none: nobody waits for it, but its errbacks need an id.
    let id = id_of_result(&body).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let root_id = body.option_str("root_id").map(str::to_owned);
    let steps = match body.subtask_type.as_deref() {
        Some("chain") => parts(&body),
        Some("chord") => body.kwargs.get("body").cloned().into_iter().collect(),
        _ => {
            body.set_option("task_id", id.as_str());
            vec![body.to_value()]
        }
    };
    BodyEnd {
        id,
        root_id,
        steps,
        errbacks,
    }
}

/// Each member gets its own errbacks and those of the group, each once; the group fails last.
fn group_ends(group: &Signature) -> Vec<BodyEnd> {
    let of_group = link_errors(group);
    let mut ends = Vec::new();
    for member in parts(group) {
        let Ok(mut member) = Signature::from_value(&member) else {
            continue;
        };
        let id = id_of_result(&member).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let mut errbacks: Vec<Value> = Vec::new();
        for errback in errbacks_of_result(&member)
            .into_iter()
            .chain(of_group.clone())
        {
            if !errbacks.contains(&errback) {
                errbacks.push(errback);
            }
        }
        member.set_option("task_id", id.as_str());
        ends.push(BodyEnd {
            id,
            root_id: None,
            steps: vec![member.to_value()],
            errbacks,
        });
    }
    let mut itself = BodyEnd {
        id: id_of(group).unwrap_or_default().to_owned(),
        root_id: None,
        steps: Vec::new(),
        errbacks: Vec::new(),
    };
    if !itself.id.is_empty() {
        let mut step = Signature::new("celery.group");
        step.set_option("task_id", itself.id.as_str());
        itself.steps.push(step.to_value());
    }
    ends.push(itself);
    ends
}

/// The tasks of a chain or group.
fn parts(canvas: &Signature) -> Vec<Value> {
    let tasks = canvas.kwargs.get("tasks").and_then(Value::as_list);
    tasks.unwrap_or_default().to_vec()
}

fn link_errors(signature: &Signature) -> Vec<Value> {
    match signature.option("link_error") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::List(list)) => list.clone(),
        Some(one) => vec![one.clone()],
    }
}

/// The body of a chord.
fn body_of(signature: &Signature) -> Option<Signature> {
    let is_chord = signature.subtask_type.as_deref() == Some("chord");
    let body = signature.kwargs.get("body").filter(|_| is_chord)?;
    Signature::from_value(body).ok()
}

/// The id under which the result of a signature is: a chord's is its body's, a chain's its last step's.
fn id_of_result(signature: &Signature) -> Option<String> {
    if let Some(body) = body_of(signature) {
        return id_of_result(&body).or_else(|| id_of(signature).map(str::to_owned));
    }
    if let Some(id) = id_of(signature) {
        return Some(id.to_owned());
    }
    if signature.subtask_type.as_deref() != Some("chain") {
        return None;
    }
    let last = Signature::from_value(parts(signature).last()?).ok()?;
    id_of_result(&last)
}

/// The errbacks of the result of a signature: a chord's and its body's, a group's and its members'.
fn errbacks_of_result(signature: &Signature) -> Vec<Value> {
    let mut errbacks = link_errors(signature);
    if let Some(body) = body_of(signature) {
        errbacks.extend(errbacks_of_result(&body));
    }
    if signature.subtask_type.as_deref() == Some("group") {
        let members = parts(signature);
        let members = members.iter().filter_map(|m| Signature::from_value(m).ok());
        errbacks.extend(members.flat_map(|member| errbacks_of_result(&member)));
    }
    errbacks
}

/// The id of a signature, if it has one.
pub(super) fn id_of(signature: &Signature) -> Option<&str> {
    signature.option_str("task_id").filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{BodyEnd, body_ends, id_of};
    use crate::canvas;
    use crate::protocol::{Signature, Value};

    fn task(name: &str, id: &str) -> Signature {
        let mut sig = Signature::new(name);
        sig.set_option("task_id", id);
        sig
    }

    fn errback(name: &str) -> Value {
        Signature::new(name).to_value()
    }

    /// `id: what fails` of each end.
    fn ids(ends: &[BodyEnd]) -> Vec<String> {
        let id = |step: &Value| {
            let step = Signature::from_value(step).unwrap();
            id_of(&step).unwrap_or("none").to_owned()
        };
        let line = |end: &BodyEnd| {
            let steps: Vec<String> = end.steps.iter().map(id).collect();
            format!("{}: {}", end.id, steps.join(" "))
        };
        ends.iter().map(line).collect()
    }

    fn names(end: &BodyEnd) -> Vec<String> {
        let name = |e: &Value| Signature::from_value(e).unwrap().task;
        end.errbacks.iter().map(name).collect()
    }

    #[test]
    fn every_part_of_a_body_fails_and_what_follows_it() {
        let mut body = canvas::chain([task("a", "1"), task("b", "2")]);
        body.set_option("chain", vec![task("z", "9").to_value()]);
        assert_eq!(ids(&body_ends(body)), ["2: 1 2 9"]);

        let nested = canvas::chord([task("a", "1")], &task("b", "2"));
        assert_eq!(ids(&body_ends(nested)), ["2: 2"]);
    }

    #[test]
    fn each_member_of_a_group_fails_with_its_errbacks_and_the_groups() {
        let mut own = task("b", "2");
        own.set_option("link_error", vec![errback("mine"), errback("all")]);
        let mut chord = canvas::chord([task("x", "8")], &task("c", "3"));
        chord.set_option("link_error", errback("chords"));
        let mut group = canvas::group([task("a", "1"), own, chord]);
        group.set_option("task_id", "g");
        group.set_option("link_error", errback("all"));
        group.set_option("chain", vec![task("z", "9").to_value()]);
        let ends = body_ends(group);
        assert_eq!(ids(&ends), ["1: 1", "2: 2", "3: 3", "g: g 9"]);
        assert_eq!(names(&ends[0]), ["all"]);
        assert_eq!(names(&ends[1]), ["mine", "all"]);
        assert_eq!(names(&ends[2]), ["chords", "all"]);
        assert!(ends[3].errbacks.is_empty());
    }

    #[test]
    fn no_id_is_ever_empty() {
        for id in [None, Some("")] {
            let mut body = Signature::new("a");
            if let Some(id) = id {
                body.set_option("task_id", id);
            }
            body.set_option("link_error", errback("e"));
            let ends = body_ends(body);
            assert!(!ends[0].id.is_empty());
            assert_eq!(ids(&ends), [format!("{0}: {0}", ends[0].id)]);
            assert_eq!(ends[0].errbacks.len(), 1);
        }
        let ends = body_ends(canvas::chain([task("a", ""), task("b", "")]));
        assert!(!ends[0].id.is_empty());
        assert!(ids(&ends)[0].ends_with(": none none"));
    }
}
