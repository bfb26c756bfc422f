//! Making a canvas of signatures, in the form in which Celery sends and stores it.
//!
//! Mirrors the constructors of `celery.canvas.chain`, `group` and `chord`.

use crate::protocol::{Map, ProtocolError, Signature, Value};

/// One task after the other: each gets the result of the one before it as its first argument, unless it is immutable.
#[must_use]
pub fn chain(tasks: impl IntoIterator<Item = Signature>) -> Signature {
    canvas("chain", [("tasks", list(tasks))])
}

/// A chain of `first` and `next`. A chain that has no options of its own is made longer.
#[must_use]
pub fn then(mut first: Signature, next: Signature) -> Signature {
    let is_plain = first.options.is_empty() && first.args.is_empty() && !first.immutable;
    if is_plain
        && first.subtask_type.as_deref() == Some("chain")
        && let Some(Value::List(tasks)) = first.kwargs.get_mut("tasks")
    {
        tasks.push(next.to_value());
        return first;
    }
    chain([first, next])
}

/// Makes a signature take no result of what comes before it; of a canvas, those of its tasks that would get it.
///
/// # Errors
/// `Invalid` if a part of the canvas is not a signature.
pub fn set_immutable(signature: &mut Signature) -> Result<(), ProtocolError> {
    signature.immutable = true;
    let (place, only_first) = match signature.subtask_type.as_deref() {
        Some("chain") => ("tasks", true),
        Some("group") => ("tasks", false),
        Some("chord") => ("header", false),
        _ => return Ok(()),
    };
    let change = |task: &mut Value| {
        let mut inner = Signature::from_value(task)?;
        set_immutable(&mut inner)?;
        *task = inner.to_value();
        Ok(())
    };
    match signature.kwargs.get_mut(place) {
        Some(Value::List(tasks)) => {
            let count = if only_first { 1 } else { tasks.len() };
            tasks.iter_mut().take(count).try_for_each(change)
        }
        Some(header) => change(header),
        None => Ok(()),
    }
}

/// Tasks side by side; the results are in their order.
#[must_use]
pub fn group(tasks: impl IntoIterator<Item = Signature>) -> Signature {
    canvas("group", [("tasks", list(tasks))])
}

/// Tasks side by side, and one that gets the list of their results once all are in.
#[must_use]
pub fn chord(header: impl IntoIterator<Item = Signature>, body: &Signature) -> Signature {
    canvas(
        "chord",
        [
            ("kwargs", Value::Map(Map::new())),
            ("header", group(header).to_value()),
            ("body", body.to_value()),
        ],
    )
}

fn canvas<const N: usize>(kind: &str, parts: [(&str, Value); N]) -> Signature {
    let mut signature = Signature::new(&format!("celery.{kind}"));
    signature.subtask_type = Some(kind.to_owned());
    for (name, value) in parts {
        signature.kwargs.insert(name.to_owned(), value);
    }
    signature
}

fn list(tasks: impl IntoIterator<Item = Signature>) -> Value {
    let tasks: Vec<Value> = tasks.into_iter().map(|t| t.to_value()).collect();
    tasks.into()
}

#[cfg(test)]
mod tests {
    use super::{chain, chord, group, set_immutable, then};
    use crate::protocol::{Signature, Value};

    fn task(name: &str) -> Signature {
        Signature::new(name)
    }

    #[test]
    fn chain_grows_unless_it_has_options() {
        let two = then(task("a"), task("b"));
        let three = then(two.clone(), task("c"));
        assert_eq!(three, chain([task("a"), task("b"), task("c")]));
        let mut with_id = two;
        with_id.set_option("task_id", "x");
        let nested = then(with_id.clone(), task("c"));
        assert_eq!(nested, chain([with_id, task("c")]));
    }

    #[test]
    fn immutable_canvas_takes_no_result() {
        let given = |mut canvas: Signature| {
            set_immutable(&mut canvas).unwrap();
            let canvas = super::super::with_result(canvas, &Value::Int(7)).unwrap();
            let plan = super::super::plan(then(canvas, task("z"))).unwrap();
            format!("{plan:?}").contains("Int(7)")
        };
        assert!(!given(task("a")));
        assert!(!given(chain([task("a"), task("b")])));
        assert!(!given(group([task("a"), chain([task("b"), task("c")])])));
        assert!(!given(chord([task("a"), task("b")], &task("c"))));
    }
}
