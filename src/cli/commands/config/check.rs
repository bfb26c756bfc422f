//! `rcelery config check`.

use std::process::ExitCode;

use crate::broker::{self, BrokerError, BrokerUrl};
use crate::cli::context::Context;
use crate::cli::output::table::printable;
use crate::cli::variables;
use crate::config::{Origin, TABLE};
use crate::protocol::Value;

/// Check the configuration, without connecting to anything
///
/// Reads what every other command reads: file, environment and options. Exit code 78 if a setting, the file, a command
/// task or a URL is wrong.
#[derive(Debug, Clone, clap::Args)]
#[command(after_long_help = "\
Examples:
  rcelery config check
  rcelery config check --config deploy/rcelery.toml && deploy")]
pub(super) struct CheckArgs {}

impl CheckArgs {
    pub(super) async fn run(&self, cx: &Context) -> anyhow::Result<ExitCode> {
        let settings = cx.app.settings();
        for url in [cx.app.read_url(), cx.app.write_url()] {
            check_broker(&url?).map_err(|error| cx.placed(error.into()))?;
        }
        // This opens nothing yet.
        cx.app.backend().await?;
        cx.app.queues()?;
        cx.check_tasks()?;
        let set = TABLE
            .iter()
            .filter(|entry| settings.origin(entry.name) != &Origin::Default)
            .count();
        let strangers = variables::strangers();
        let file = cx.file.as_ref().map(|file| file.display().to_string());
        if cx.out.is_json() {
            let names = |names: Vec<String>| names.into_iter().map(Value::from).collect();
            let strangers = strangers.into_iter().map(|(name, _)| name).collect();
            cx.out.json(&Value::from([
                ("file", file.map_or(Value::Null, Value::from)),
                ("settings", set.into()),
                ("ignored", Value::List(names(cx.ignored.clone()))),
                (
                    "without_effect",
                    settings
                        .without_effect()
                        .into_iter()
                        .map(Value::from)
                        .collect::<Vec<_>>()
                        .into(),
                ),
                ("unknown_variables", Value::List(names(strangers))),
            ]))?;
            return Ok(ExitCode::SUCCESS);
        }
        for key in &cx.ignored {
            cx.out
                .warn(format!("`{}` means nothing here: ignored", printable(key)))?;
        }
        for name in settings.without_effect() {
            cx.out.warn(format!("{name} has no effect here"))?;
        }
        for (name, nearest) in strangers {
            let hint = nearest.map_or_else(String::new, |name| format!(" (did you mean {name}?)"));
            cx.out.warn(format!(
                "{} is no setting and no option: not read{hint}",
                printable(&name)
            ))?;
        }
        for task in cx.app.tasks().iter() {
            if let Some(problem) = task.problem() {
                cx.out.warn(format!(
                    "task {} will fail here: {}",
                    printable(task.name()),
                    printable(&problem)
                ))?;
            }
        }
        let file = file.unwrap_or_else(|| "no file".to_owned());
        let settings = if set == 1 { "setting" } else { "settings" };
        cx.out.line(format!("{file}: ok, {set} {settings} set"))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What connecting would refuse before it tries.
fn check_broker(url: &BrokerUrl) -> Result<(), BrokerError> {
    if !broker::SCHEMES.contains(&url.scheme()) {
        return Err(BrokerError::Scheme {
            scheme: url.scheme().to_owned(),
            known: broker::SCHEMES,
        });
    }
    url.servers().map(|_| ())
}
