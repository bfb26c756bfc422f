//! Real Celery at the other end, over real Redis and real SQLite files, in both directions.

#[path = "../harness/mod.rs"]
mod harness;

use harness::{Python, PythonWorker, Store};

fn python_to_python(store: &Store) {
    let worker = PythonWorker::on(store);
    let mut py = Python::on(store);
    assert_eq!(py.run("x = add.delay(2, 3)\nx.get(timeout=10)"), 5);
    assert!(worker.log().contains("succeeded"));
    py.celery(&["call", "proj.add", "-a", "[1,2]"]).ok();
    worker.terminate().ok();
}
#[test]
fn a() {
    python_to_python(&Store::redis());
}
#[test]
fn b() {
    python_to_python(&Store::sqlite());
}
