//! What Celery has and rcelery does not: commands and transports, and what to use instead of each.

use clap::Command;

use super::error::Failure;
use super::suggest::nearest;

/// Celery's commands that are not here, with what serves instead.
const COMMANDS: &[(&str, &str)] = &[
    (
        "amqp",
        "there is no RabbitMQ to talk to; `rcelery inspect active_queues` shows queues, `rcelery purge` empties them, \
         `rcelery send --exchange NAME --routing-key KEY` publishes",
    ),
    (
        "beat",
        "let `celery -A proj beat` send periodic tasks to the same broker, or a cron job run `rcelery send`",
    ),
    (
        "events",
        "start workers with -E and watch them with `celery events` or Flower; `rcelery result --watch ID` follows one \
         task",
    ),
    (
        "flower",
        "`celery --broker URL flower` shows these workers, too, if they run with -E",
    ),
    (
        "graph",
        "`celery --broker URL graph workers` draws these workers, too; `rcelery status` lists them",
    ),
    ("list", "`rcelery inspect active_queues` shows the bindings"),
    (
        "logtool",
        "`rcelery worker --log-format json` writes a log that jq can take apart",
    ),
    (
        "migrate",
        "`celery migrate SOURCE TARGET` moves messages, also those of rcelery",
    ),
    (
        "multi",
        "start each worker with `rcelery worker --detach -n NAME --pidfile FILE`, and stop it with TERM or \
         `rcelery control -d NAME shutdown`; better, give each a unit of systemd",
    ),
    (
        "report",
        "`rcelery inspect report` is that of the workers, `rcelery config show` has the settings of this program",
    ),
    (
        "shell",
        "there is no Python here; `rcelery send`, `result` and `inspect` do from a shell what one does in Celery's",
    ),
    (
        "upgrade",
        "`rcelery config import celeryconfig.py` reads old and new names of settings",
    ),
];

/// Transports that Celery has, by their schemes, and what to do without them.
const SCHEMES: &[(&[&str], &str)] = &[
    (
        &["amqp", "amqps", "pyamqp", "librabbitmq", "confluentkafka"],
        "this broker is not supported; use Redis (redis://HOST:6379/0) or an SQLite file (sqlite:///FILE)",
    ),
    (
        &["rpc", "cache", "cache+memcached", "memcache"],
        "use Redis (redis://HOST:6379/1) or an SQLite file (sqlite:///FILE)",
    ),
    (
        &[
            "postgresql",
            "db+postgresql",
            "sqla+postgresql",
            "mysql",
            "db+mysql",
            "sqla+mysql",
        ],
        "of databases only SQLite is supported (sqlite:///FILE)",
    ),
];

/// Refuses a word that is a command somewhere else: in Celery, or in another place of `root`.
pub(crate) fn command(name: &str, root: &Command) -> Option<Failure> {
    if let Some((_, instead)) = COMMANDS.iter().find(|(absent, _)| *absent == name) {
        let failure = Failure::usage(format!("rcelery has no command `{name}`"));
        return Some(failure.hint(*instead));
    }
    let program = root.get_name();
    let mut places = root
        .get_subcommands()
        .filter(|sub| sub.find_subcommand(name).is_some())
        .map(|sub| format!("`{program} {} {name}`", sub.get_name()))
        .chain(
            root.find_subcommand(name)
                .map(|_| format!("`{program} {name}`")),
        );
    let first = places.next()?;
    let place = places.fold(first, |all, place| format!("{all} or {place}"));
    let failure = Failure::usage(format!("there is no command `{name}` here"));
    Some(failure.hint(format!("did you mean {place}?")))
}

/// What to write instead of a URL's scheme that nothing here speaks.
pub(crate) fn scheme(scheme: &str, known: impl IntoIterator<Item = &'static str>) -> String {
    let instead = SCHEMES
        .iter()
        .find(|(names, _)| names.contains(&scheme))
        .map(|(_, instead)| (*instead).to_owned());
    instead
        .or_else(|| nearest(scheme, known).map(|k| format!("did you mean `{k}://`?")))
        .unwrap_or_else(|| {
            "use Redis (redis://HOST:6379/0) or an SQLite file (sqlite:///FILE)".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Command {
        let inspect = Command::new("inspect").subcommand(Command::new("ping"));
        let control = Command::new("control").subcommand(Command::new("revoke"));
        Command::new("rcelery").subcommands([inspect, control, Command::new("status")])
    }

    #[test]
    fn celerys_commands_are_refused_with_what_serves_instead() {
        for (name, _) in COMMANDS {
            let refused = command(name, &tree()).unwrap();
            assert_eq!(refused.message, format!("rcelery has no command `{name}`"));
            assert!(refused.hint.is_some());
        }
    }

    #[test]
    fn none_of_them_is_here_after_all() {
        let root = crate::cli::run::command();
        for (name, _) in COMMANDS {
            assert!(root.find_subcommand(name).is_none(), "{name}");
        }
    }

    #[test]
    fn a_command_of_another_place_is_found_there() {
        let hint = |name| command(name, &tree()).and_then(|f| f.hint);
        assert_eq!(
            hint("ping").unwrap(),
            "did you mean `rcelery inspect ping`?"
        );
        assert_eq!(hint("status").unwrap(), "did you mean `rcelery status`?");
        assert_eq!(hint("sned"), None);
    }

    #[test]
    fn a_scheme_is_mended_or_replaced() {
        let known = ["redis", "rediss", "sqlite"];
        assert_eq!(scheme("resid", known), "did you mean `redis://`?");
        assert!(scheme("amqp", known).contains("not supported"));
        assert!(scheme("carrier-pigeon", known).starts_with("use Redis"));
    }
}
