//! Progress on descriptor 3.

use serde_json::json;

use super::worker;
use crate::fixture::{Client, Marks, on_both};
use crate::harness::{Store, patience};

on_both!(progress_is_seen_while_the_program_runs);

fn progress_is_seen_while_the_program_runs(store: &mut Store) {
    let marks = Marks::new(store);
    // Each step waits for a line in the file, so that nothing depends on speed.
    let tasks = format!(
        r#"
        [tasks.steps]
        shell   = true
        command = '''
          until_told() {{ while ! grep -qx "$1" {0} 2>/dev/null; do sleep 0.02; done; }}
          echo '{{"current": 1, "total": 3}}' >&3
          until_told one
          echo 'half a line' >&3
          echo '{{"state": "LOADING", "meta": {{"page": 2}}}}' >&3
          until_told two
          for n in $(seq 1 5000); do echo "{{\"current\": $n}}"; done >&3
          until_told three
          echo '{{"state": "SUCCESS"}}' >&3
          echo finished
        '''

        [tasks.python]
        command = ["python3", "-c", """
import json, os, sys, time
progress = os.fdopen(int(os.environ['RCELERY_PROGRESS_FD']), 'w', buffering=1)
print(json.dumps(dict(current=1, total=2)), file=progress)
while not os.path.exists(sys.argv[1]): time.sleep(0.02)
print('{{{{}}}}')
""", "{{file}}"]
        "#,
        marks.path()
    );
    let mut worker = worker(store, &tasks, &[]);
    let client = Client::on(store);
    let tell = |word: &str| {
        use std::io::Write as _;
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(marks.path());
        writeln!(file.expect("the file is ours"), "{word}").expect("it is written");
    };
    let id = client.delay("steps", &json!([]));
    let (_, meta) = client.reaches(&id, &["PROGRESS", "SUCCESS", "FAILURE"]);
    assert_eq!(meta, json!({"current": 1, "total": 3}));
    tell("one");
    let (_, meta) = client.reaches(&id, &["LOADING", "SUCCESS", "FAILURE"]);
    assert_eq!(meta, json!({"page": 2}));
    worker.wait_for(
        &format!("steps[{id}]: a line of progress is ignored: "),
        patience(),
    );
    tell("two");
    crate::harness::eventually("the last of many counts", patience(), || {
        let seen = client.state(&id);
        if seen == ("PROGRESS".to_owned(), json!({"current": 5000})) {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    });
    tell("three");
    assert_eq!(client.value(&id), "finished");
    worker.wait_for("`SUCCESS` is not a state for a program to set", patience());

    let go = store.file("go");
    let id = client.delay("python", &json!([go.to_str().expect("ASCII")]));
    let (_, meta) = client.reaches(&id, &["PROGRESS", "SUCCESS", "FAILURE"]);
    assert_eq!(meta, json!({"current": 1, "total": 2}));
    std::fs::write(&go, "").expect("the file is ours");
    assert_eq!(client.value(&id), json!({}));
}
