use super::build;
use super::parts::with_result;
use super::plan::{Plan, Step, plan};
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
