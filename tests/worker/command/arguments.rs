//! Arguments become words, and nothing but words.

use serde_json::json;

use super::worker;
use crate::fixture::{Client, Marks, on_both};
use crate::harness::Store;

on_both!(
    arguments_fill_the_places_by_position_and_by_name
    wrong_arguments_fail_in_pythons_words_and_run_nothing
);

/// Shows its words one by one, as JSON.
const SHOW: &str = r#""python3", "-c", "import json, sys; print(json.dumps(sys.argv[1:]))""#;

fn arguments_fill_the_places_by_position_and_by_name(store: &mut Store) {
    let tasks = format!(
        r#"
        [tasks."images.resize"]
        command  = [{SHOW}, "{{input}}", "-resize", "{{width}}x", "{{output}}", "{{{{literal}}}}"]
        params   = ["input", "output", "width"]
        defaults = {{ width = 640 }}

        [tasks.pack]
        command = [{SHOW}, "{{archive}}", "{{files...}}"]

        [tasks.open]
        command = [{SHOW}, "{{first}}", "{{rest...}}", "{{more}}"]
        params  = ["first", "*rest", "**more"]
        "#
    );
    let _worker = worker(store, &tasks, &[]);
    let client = Client::on(store);
    let resize = |args| client.call("images.resize", &args);
    let shown = |call| client.value(&client.send(call));
    assert_eq!(
        shown(resize(json!(["a b.png", "$(id).png"]))),
        json!(["a b.png", "-resize", "640x", "$(id).png", "{literal}"])
    );
    let mixed = resize(json!(["in"]))
        .kwarg("width", &100)
        .kwarg("output", "");
    assert_eq!(
        shown(mixed),
        json!(["in", "-resize", "100x", "", "{literal}"])
    );
    assert_eq!(
        shown(client.call("pack", &json!(["a.tar", ["x", "y z", 3]]))),
        json!(["a.tar", "x", "y z", "3"])
    );
    assert_eq!(
        shown(client.call("pack", &json!(["a.tar", []]))),
        json!(["a.tar"])
    );
    let open = client.call("open", &json!([1, "two", null])).kwarg("k", &4);
    assert_eq!(shown(open), json!(["1", "two", "", "{\"k\":4}"]));
}

fn wrong_arguments_fail_in_pythons_words_and_run_nothing(store: &mut Store) {
    let marks = Marks::new(store);
    let tasks = format!(
        r#"
        [tasks."files.touch"]
        command = ["touch", "{}", "{{name}}"]
        types   = {{ name = "str" }}
        "#,
        marks.path()
    );
    let _worker = worker(store, &tasks, &[]);
    let client = Client::on(store);
    let touch = |args| client.call("files.touch", &args);
    for (call, class, words) in [
        (
            touch(json!([])),
            "TypeError",
            "touch() missing 1 required positional argument: 'name'",
        ),
        (
            touch(json!(["a", "b"])),
            "TypeError",
            "touch() takes 1 positional argument but 2 were given",
        ),
        (
            touch(json!(["a"])).kwarg("size", &1),
            "TypeError",
            "touch() got an unexpected keyword argument 'size'",
        ),
        (
            touch(json!(["a"])).kwarg("name", "b"),
            "TypeError",
            "touch() got multiple values for argument 'name'",
        ),
        (
            touch(json!([1])),
            "TypeError",
            "touch() argument 'name' must be str, not int",
        ),
        (
            touch(json!(["-r/etc/passwd"])),
            "ValueError",
            "argument 'name' starts with '-' and would be taken for an option: the command needs '--' before it, or \
             `allow_dash = true`",
        ),
        (
            touch(json!(["a\u{0}b"])),
            "ValueError",
            "embedded null byte in argument 'name'",
        ),
    ] {
        assert_eq!(
            client.failure(&client.send(call)),
            (class.to_owned(), json!([words]))
        );
    }
    assert!(
        !std::path::Path::new(marks.path()).exists(),
        "nothing was run"
    );
}

#[test]
fn an_argument_can_not_break_out_of_a_script() {
    let store = Store::sqlite();
    let marks = Marks::new(&store);
    let tasks = r#"
        [tasks.greet]
        shell   = true
        params  = ["name", "title", "*others"]
        command = 'echo "$title $name ($1/$2)"; shift 2; for other in "$@"; do echo "and $other"; done'

        [tasks.bash]
        shell   = "bash"
        params  = ["name"]
        command = 'set -o pipefail; words=("$name"); echo "${#words[@]} ${name^^}" | cat'
        "#;
    let _worker = worker(&store, tasks, &[]);
    let client = Client::on(&store);
    let evil = format!("x\"; touch {}; $(touch {0}) `touch {0}` '", marks.path());
    let said = client.value(&client.delay("greet", &json!([evil, "Dr", "a b", "*"])));
    assert_eq!(
        said,
        json!(format!("Dr {evil} ({evil}/Dr)\nand a b\nand *"))
    );
    assert!(
        !std::path::Path::new(marks.path()).exists(),
        "nothing was run"
    );
    assert_eq!(
        client.value(&client.delay("bash", &json!(["a b"]))),
        json!("1 A B")
    );
}
