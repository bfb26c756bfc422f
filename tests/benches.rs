//! The benchmarks run, count right and say what they found. How fast anything is, is not asked here.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

#[path = "harness/mod.rs"]
mod harness;

use harness::{run, secs};

/// One of each kind: drain with stamps and results, on both stores; a client; a held task; a process.
const ROWS: &[(&str, &[&str], &[&str])] = &[
    (
        "drain-stored",
        &[
            "rcelery -c 2",
            "rcelery -c 64",
            "rcelery -c 2, no STARTED",
            "celery",
        ],
        &["rate"],
    ),
    ("latency", &["rcelery", "celery"], &["p50", "p99"]),
    (
        "sqlite-enqueue",
        &["rcelery one by one", "rcelery by 100", "celery"],
        &["rate"],
    ),
    ("version", &["rcelery", "celery"], &["time"]),
    (
        "growth-eta",
        &["1,000 held", "10,000 held", "50,000 held"],
        &["time", "memory"],
    ),
];

#[test]
fn every_row_asked_for_is_measured() {
    let names: Vec<&str> = ROWS.iter().map(|(name, _, _)| *name).collect();
    let document = benches(&["--quick", "--only", &names.join(",")]);
    let mut found: BTreeMap<(&str, &str, &str), &Value> = BTreeMap::new();
    for row in document["rows"].as_array().unwrap() {
        let name = |field: &str| row[field].as_str().unwrap();
        found.insert((name("bench"), name("contender"), name("metric")), row);
    }
    for (bench, contenders, metrics) in ROWS {
        for contender in *contenders {
            for metric in *metrics {
                let row = found
                    .remove(&(bench, contender, metric))
                    .unwrap_or_else(|| panic!("no row {bench} {contender} {metric}"));
                let compared = contenders.contains(&"celery") && *contender != "celery";
                assert_eq!(row["ratio"].is_f64(), compared, "{row}");
                assert!(row["median"].is_number(), "{row}");
                assert!(row["peak_mb"].as_f64().unwrap() > 1.0, "{row}");
            }
        }
    }
    assert!(found.is_empty(), "not asked for: {found:?}");
}

#[test]
fn runs_say_how_many_tasks_they_measured_and_what_these_cost() {
    let document = benches(&["drain-ignored", "--quick", "--rounds", "2"]);
    let bench = &document["benches"][0];
    assert_eq!(bench["failures"], Value::Array(Vec::new()));
    let samples = bench["samples"].as_array().unwrap();
    assert_eq!(samples.len(), 2 * 3);
    for sample in samples {
        let celery = sample["contender"] == "celery";
        assert_eq!(sample["tasks"], if celery { 20 } else { 1000 }, "{sample}");
        assert!(sample["values"]["rate"].as_f64().unwrap() > 0.0, "{sample}");
        assert!(
            sample["cpu_us"].is_f64() && sample["redis_us"].is_f64(),
            "{sample}"
        );
        assert!(
            (0.0..=1.0).contains(&sample["busy"].as_f64().unwrap()),
            "{sample}"
        );
    }
    assert!(
        document["versions"]["celery"]
            .as_str()
            .unwrap()
            .starts_with("5.")
    );
}

#[test]
fn unknown_benchmarks_are_refused_by_name() {
    let output = run(&mut command(&["no-such-bench"]), "", secs(600));
    output.exit(2);
    assert!(output.stderr.contains("no-such-bench"), "{output:?}");
}

#[track_caller]
fn benches(args: &[&str]) -> Value {
    run(command(args).args(["--json", "-"]), "", secs(600)).json()
}

/// The suite with the programs of the profile that tests are built with.
fn command(args: &[&str]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(root.join("benches/run"));
    command.current_dir(root).args(args);
    command.args(["--profile", "dev"]);
    // What cargo says to a test is not said to cargo: build scripts that look at these would run again, each time.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&*name);
        }
    }
    command
}
