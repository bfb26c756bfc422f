//! What applying a signature means: freezing ids, linking, and what to publish in which order.
//!
//! Mirrors the behaviour of `celery.canvas` when a signature is applied.

use uuid::Uuid;

use super::build;
use crate::protocol::{Map, ProtocolError, ResultTuple, Signature, Value};

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

/// Passes a result on: prepended to the arguments of the first task of a chain, of each task of a group or header.
///
/// # Errors
/// `Invalid` if a part of the canvas is not a signature.
pub fn with_result(signature: Signature, result: &Value) -> Result<Signature, ProtocolError> {
    with_args(signature, std::slice::from_ref(result))
}

/// Adds options that the signature does not have.
pub fn default_option(signature: &mut Signature, name: &str, value: Option<&str>) {
    if let Some(value) = value
        && signature.option(name).is_none()
    {
        signature.set_option(name, value);
    }
}

fn with_args(mut signature: Signature, args: &[Value]) -> Result<Signature, ProtocolError> {
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

/// Gives the first step of a chain what follows it, and who sent the chain.
fn lead(mut first: Signature, rest: &[Signature], chain: &Signature) -> Signature {
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

/// The steps of a chain: nested chains spliced, groups that something follows made chords, links in place.
fn prepare_chain(chain: &Signature) -> Result<Vec<Signature>, ProtocolError> {
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

fn flatten_chain(tasks: Vec<Signature>, out: &mut Vec<Signature>) -> Result<(), ProtocolError> {
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

/// Gives every step of a chain its id; the result is the last step's, with the others as its parents.
fn frozen_chain(tasks: &mut [Signature]) -> Result<ResultTuple, ProtocolError> {
    let mut parent: Option<ResultTuple> = None;
    for task in tasks {
        let mut result = freeze_any(task)?;
        result.parent = parent.map(Box::new);
        parent = Some(result);
    }
    parent.ok_or_else(|| ProtocolError::invalid("signature", "the chain is empty"))
}

/// Gives a signature of any kind its ids without applying it, and returns the result that stands for it.
fn freeze_any(signature: &mut Signature) -> Result<ResultTuple, ProtocolError> {
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

/// How many results of this signature a chord waits for.
fn counts(signature: &Signature) -> Result<u64, ProtocolError> {
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
fn inherit(part: &mut Signature, from: &Map) {
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

/// A group that something follows, as the chord that it means.
fn chord_of(header: &Signature, body: &Signature) -> Signature {
    let mut chord = build::chord([], body);
    if let Some(id) = body.option("task_id") {
        chord.options.insert("task_id".to_owned(), id.clone());
    }
    chord.kwargs.insert("header".to_owned(), header.to_value());
    chord
}

fn group_of(tasks: Vec<Signature>, options: Map) -> Signature {
    let mut group = build::group(tasks);
    group.options = options;
    group
}

fn group_options(header: Option<&Value>) -> Map {
    header
        .and_then(|h| Signature::from_value(h).ok())
        .map(|h| h.options)
        .unwrap_or_default()
}

/// `chunks(it, n)` is a group of starmaps over n items each.
fn chunks_as_group(chunks: &Signature) -> Result<Signature, ProtocolError> {
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

fn is_group(signature: &Signature) -> bool {
    signature.subtask_type.as_deref() == Some("group")
}

/// The tasks of a group, nested groups flattened and empty chains left out.
fn members(group: &Signature) -> Result<Vec<Signature>, ProtocolError> {
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

fn header_tasks(chord: &Signature) -> Result<Vec<Signature>, ProtocolError> {
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

fn chord_body(chord: &Signature) -> Result<Signature, ProtocolError> {
    let body = chord
        .kwargs
        .get("body")
        .ok_or_else(|| ProtocolError::invalid("signature", "chord: `body` is missing"))?;
    Signature::from_value(body)
}

fn signatures(list: Option<&Value>) -> Result<Vec<Signature>, ProtocolError> {
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

fn values(signatures: &[Signature]) -> Value {
    signatures
        .iter()
        .map(Signature::to_value)
        .collect::<Vec<_>>()
        .into()
}

fn extend_list(task: &mut Signature, name: &str, more: Option<&Value>) {
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

fn freeze(signature: &mut Signature) -> String {
    if let Some(id) = signature.option_str("task_id") {
        return id.to_owned();
    }
    let id = new_id();
    signature.set_option("task_id", id.as_str());
    id
}

fn new_id() -> String {
    Uuid::new_v4().to_string()
}

#[cfg(test)]
mod tests {
    use super::{Plan, Step, build, plan, with_result};
    use crate::protocol::{Signature, Value};

    fn task(name: &str) -> Signature {
        Signature::new(name)
    }

    fn canvas(kind: &str, parts: &[(&str, Value)]) -> Signature {
        let mut sig = Signature::new(&format!("celery.{kind}"));
        sig.subtask_type = Some(kind.to_owned());
        sig.kwargs = parts
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect();
        sig
    }

    fn chain(tasks: &[Signature]) -> Signature {
        build::chain(tasks.iter().cloned())
    }

    fn group(tasks: &[Signature]) -> Signature {
        build::group(tasks.iter().cloned())
    }

    fn chord(header: &[Signature], body: &Signature) -> Signature {
        build::chord(header.iter().cloned(), body)
    }

    fn sent<'a>(plan: &'a Plan) -> Vec<&'a Signature> {
        let send = |step: &'a Step| match step {
            Step::Send(sig) => Some(&**sig),
            Step::ChordStart { .. } => None,
        };
        plan.steps.iter().filter_map(send).collect()
    }

    fn names(tasks: Option<&Value>) -> Vec<String> {
        let name = |t: &Value| t.as_map().unwrap()["task"].as_str().unwrap().to_owned();
        tasks.unwrap().as_list().unwrap().iter().map(name).collect()
    }

    #[test]
    fn chain_sends_its_first_step_with_the_rest_reversed() {
        let plan = plan(chain(&[task("a"), task("b"), task("c")])).unwrap();
        let sent = sent(&plan);
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].task, "a");
        assert_eq!(names(sent[0].option("chain")), ["c", "b"]);
        let rest = sent[0].option("chain").unwrap().as_list().unwrap();
        let last = Signature::from_value(&rest[0]).unwrap();
        assert_eq!(
            last.option_str("task_id"),
            Some(plan.result.id.as_str()),
            "the chain's result is its last step's"
        );
        assert_eq!(
            plan.result
                .parent
                .as_ref()
                .and_then(|p| p.parent.as_ref())
                .unwrap()
                .id,
            sent[0].option_str("task_id").unwrap()
        );
    }

    #[test]
    fn group_followed_by_a_task_becomes_a_chord() {
        let plan = plan(chain(&[
            task("a"),
            group(&[task("b"), task("c")]),
            task("d"),
            task("e"),
        ]))
        .unwrap();
        let sent = sent(&plan);
        assert_eq!(names(sent[0].option("chain")), ["e", "celery.chord"]);
    }

    #[test]
    fn group_members_share_the_group_and_count_up() {
        let plan = plan(group(&[task("a"), group(&[task("b"), task("c")])])).unwrap();
        let indices: Vec<_> = sent(&plan)
            .iter()
            .map(|s| s.option("group_index").unwrap().as_i64().unwrap())
            .collect();
        assert_eq!(indices, [0, 1, 2]);
        assert!(
            sent(&plan)
                .iter()
                .all(|s| s.option_str("group_id") == Some(plan.result.id.as_str()))
        );
        assert_eq!(plan.result.members.as_ref().map(Vec::len), Some(3));
    }

    #[test]
    fn chain_in_a_group_is_placed_by_its_last_step() {
        let plan = plan(group(&[chain(&[task("a"), task("b")]), task("c")])).unwrap();
        let first = sent(&plan)[0].clone();
        assert!(first.option("group_id").is_none());
        let last =
            Signature::from_value(&first.option("chain").unwrap().as_list().unwrap()[0]).unwrap();
        assert_eq!(last.option("group_index").unwrap().as_i64(), Some(0));
        assert_eq!(last.option_str("group_id"), Some(plan.result.id.as_str()));
    }

    #[test]
    fn chord_is_counted_before_its_last_part_is_sent() {
        let header = [
            task("a"),
            chain(&[task("b"), task("c")]),
            chord(&[task("d")], &task("e")),
        ];
        let plan = plan(chord(&header, &task("body"))).unwrap();
        let starts: Vec<_> = plan
            .steps
            .iter()
            .enumerate()
            .filter(|(_, s)| matches!(s, Step::ChordStart { size: 3, .. }))
            .collect();
        assert_eq!(starts.len(), 1);
        assert_eq!(starts[0].0, plan.steps.len() - 2);
        let body = sent(&plan)[0].option("chord").unwrap();
        assert_eq!(
            Signature::from_value(body).unwrap().option_str("task_id"),
            Some(plan.result.id.as_str())
        );
    }

    #[test]
    fn result_goes_to_the_first_task_unless_immutable() {
        let mut fixed = task("b");
        fixed.immutable = true;
        let got = with_result(
            group(&[task("a"), fixed, chain(&[task("c"), task("d")])]),
            &Value::Int(7),
        )
        .unwrap();
        let plan = plan(got).unwrap();
        let args: Vec<_> = sent(&plan).iter().map(|s| s.args.clone()).collect();
        assert_eq!(args, [vec![Value::Int(7)], vec![], vec![Value::Int(7)]]);
    }

    fn with(mut sig: Signature, options: &[(&str, &str)]) -> Signature {
        for (name, value) in options {
            sig.set_option(name, *value);
        }
        sig
    }

    fn texts<'a>(plan: &'a Plan, name: &str) -> Vec<Option<&'a str>> {
        sent(plan).iter().map(|s| s.option_str(name)).collect()
    }

    #[test]
    fn chain_passes_its_options_to_its_first_step_alone() {
        let options = [("queue", "other"), ("serializer", "yaml"), ("expires", "x")];
        let first = with(task("a"), &[("queue", "own"), ("exchange", "e")]);
        let plan = plan(with(chain(&[first, task("b")]), &options)).unwrap();
        assert_eq!(texts(&plan, "queue"), [Some("other")]);
        assert_eq!(texts(&plan, "serializer"), [Some("yaml")]);
        assert_eq!(texts(&plan, "expires"), [Some("x")]);
        assert_eq!(texts(&plan, "exchange"), [Some("e")]);
        let rest = sent(&plan)[0].option("chain").unwrap().as_list().unwrap();
        let next = Signature::from_value(&rest[0]).unwrap();
        assert_eq!(next.option("queue"), None);
    }

    #[test]
    fn group_passes_its_options_to_all_members_but_not_who_it_is() {
        let own = with(task("a"), &[("queue", "own"), ("root_id", "r1")]);
        let members = group(&[own, chain(&[task("b"), task("c")])]);
        let options = [
            ("task_id", "g"),
            ("queue", "other"),
            ("compression", "gzip"),
            ("root_id", "r2"),
            ("parent_id", "p"),
        ];
        let mut canvas = with(members, &options);
        canvas.set_option("stamped_headers", vec![Value::from("stamp")]);
        canvas.set_option("stamp", "s");
        canvas.set_option("time_limit", Value::Null);
        let plan = plan(canvas).unwrap();
        assert_eq!(texts(&plan, "queue"), [Some("other"); 2]);
        assert_eq!(texts(&plan, "compression"), [Some("gzip"); 2]);
        assert_eq!(texts(&plan, "root_id"), [Some("r1"), Some("r2")]);
        assert_eq!(texts(&plan, "parent_id"), [Some("p"); 2]);
        assert_eq!(texts(&plan, "stamp"), [None; 2]);
        for sig in sent(&plan) {
            assert_ne!(sig.option_str("task_id"), Some("g"));
            assert!(!sig.options.contains_key("time_limit"));
        }
    }

    #[test]
    fn stamped_member_keeps_its_stamp() {
        let mut own = with(task("a"), &[("stamp", "mine")]);
        own.set_option("stamped_headers", vec![Value::from("stamp")]);
        let plan = plan(with(group(&[own]), &[("stamp", "theirs")])).unwrap();
        assert_eq!(texts(&plan, "stamp"), [Some("mine")]);
    }

    #[test]
    fn chord_passes_its_options_to_header_and_body() {
        let mut canvas = with(
            chord(&[task("a"), task("b")], &task("body")),
            &[("queue", "other"), ("routing_key", "k"), ("eta", "later")],
        );
        let header = with(
            group(&[task("a"), task("b")]),
            &[("queue", "header"), ("serializer", "yaml")],
        );
        canvas.kwargs.insert("header".to_owned(), header.to_value());
        let plan = plan(canvas).unwrap();
        assert_eq!(texts(&plan, "queue"), [Some("other"); 2]);
        assert_eq!(texts(&plan, "routing_key"), [Some("k"); 2]);
        assert_eq!(texts(&plan, "serializer"), [Some("yaml"); 2]);
        assert_eq!(texts(&plan, "eta"), [Some("later"); 2]);
        let body = Signature::from_value(sent(&plan)[0].option("chord").unwrap()).unwrap();
        assert_eq!(body.option_str("queue"), Some("other"));
        assert_eq!(body.option("serializer"), None);
        assert_eq!(body.option("eta"), None);
    }

    #[test]
    fn empty_or_malformed_canvas_is_an_error() {
        assert!(plan(chain(&[])).is_err());
        assert!(plan(canvas("chord", &[])).is_err());
        assert!(plan(canvas("group", &[("tasks", 5.into())])).is_err());
    }
}
