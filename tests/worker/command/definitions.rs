//! Definitions: where they are shown, what else they say, and what is wrong with them.

use serde_json::json;

use super::{defined, worker};
use crate::fixture::{Client, Start as _};
use crate::harness::{Store, patience};

#[test]
fn command_tasks_are_listed_and_their_options_count() {
    let store = Store::sqlite();
    let tasks = r#"
        [task_annotations."video.cut"]
        rate_limit = "6/m"

        [tasks."images.resize"]
        command  = ["echo", "{input}"]
        queue    = "images"
        priority = 5
        rate_limit = "100/s"

        [tasks."video.cut"]
        command       = ["echo", "cut"]
        ignore_result = true
        "#;
    let program = defined(&store, tasks);
    // The queue of the definition: a worker of the default queue does not get it.
    let id = program
        .run(&["send", "images.resize", "-a", r#"["in.png"]"#])
        .ok()
        .to_owned();
    let client = Client::on(&store);
    assert_eq!((client.waiting("images"), client.waiting("celery")), (1, 0));
    let mut worker = program.start(&["-Q", "images,celery"]);
    assert_eq!(client.value(&id), "in.png");
    let banner = worker.log();
    assert!(
        banner.contains("\n  . images.resize\n  . video.cut\n"),
        "{banner}"
    );
    let registered = client.ask_one("registered", &json!({"taskinfoitems": ["rate_limit"]}));
    let registered = registered.to_string();
    for line in [
        "images.resize [rate_limit=100/s]",
        "video.cut [rate_limit=6/m]",
    ] {
        assert!(registered.contains(line), "{registered}");
    }
    let id = client.delay("video.cut", &json!([]));
    worker.wait_for(&format!("Task video.cut[{id}] succeeded"), patience());
    assert_eq!(client.state(&id).0, "PENDING");
}

#[test]
fn a_bad_definition_stops_the_worker_with_its_place_and_harms_no_sender() {
    let store = Store::sqlite();
    for (tasks, says, hint) in [
        (
            "[tasks.a]\ncomand = ['x']\n",
            "rcelery.toml:2:1: unknown setting `tasks.a.comand`",
            "did you mean `command`?",
        ),
        (
            "[tasks.\"a.b\"]\ncommand = [\n  'x',\n  '{',\n]\n",
            "rcelery.toml:4:3: `tasks.\"a.b\".command[1]`: a single `{` in `{`: write `{{` for the character",
            "",
        ),
        (
            "[tasks.a]\ncommand = ['x']\ntime_limt = 3\n",
            "rcelery.toml:3:1: unknown setting `tasks.a.time_limt`",
            "did you mean `time_limit`?",
        ),
        (
            "[tasks.a]\nqueue = 'x'\n",
            "rcelery.toml:1:8: `tasks.a`: has no `command`",
            "",
        ),
    ] {
        let program = defined(&store, tasks);
        let failed = program.run(&["worker"]);
        failed.exit(78);
        assert!(failed.stderr.contains(says), "{failed:?}");
        assert!(failed.stderr.contains(hint), "{failed:?}");
        assert_eq!(failed.stdout, "");
        let checked = program.run(&["config", "check"]);
        assert!(checked.exit(78).stderr.contains(says), "{checked:?}");
        program.run(&["send", "a", "-a", "[1]"]).ok();
        let verbose = program.run(&["-v", "send", "a"]);
        assert!(verbose.stderr.contains(says), "{verbose:?}");
    }
}

#[test]
fn a_check_warns_of_a_program_that_is_not_there() {
    let store = Store::sqlite();
    let program = defined(&store, "[tasks.a]\ncommand = ['no-such-program']\n");
    let checked = program.run(&["config", "check"]);
    checked.exit(0);
    let warning = "task a will fail here: `no-such-program` can't be run: No such file";
    assert!(checked.stderr.contains(warning), "{checked:?}");
}

#[test]
fn a_definition_takes_the_place_of_a_built_in_task() {
    let store = Store::sqlite();
    let tasks = "[tasks.\"demo.echo\"]\ncommand = ['echo', 'mine', '{value}']\n";
    let _worker = worker(&store, tasks, &[]);
    let client = Client::on(&store);
    assert_eq!(
        client.value(&client.delay("demo.echo", &json!([1]))),
        "mine 1"
    );
}
