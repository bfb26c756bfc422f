//! The command line as the real program: one file per subcommand, from an empty environment, in pipes.

#[path = "../harness/mod.rs"]
mod harness;

mod acceptance;
mod captures;
mod completion;
mod config;
mod control;
mod failures;
mod globals;
mod inspect;
mod options;
mod purge;
mod result;
mod send;
mod settings;
mod status;
mod worker;

/// What stands on stdout as JSON, whatever the exit code.
fn document(output: &harness::Output) -> serde_json::Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|e| {
        panic!(
            "`{}` printed no JSON document: {e}: {}",
            output.command, output.stdout
        )
    })
}
