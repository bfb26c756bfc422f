//! Examples for the commands that come from the workers' table, which says nothing of command lines.

use clap::Command;

/// Command of the program, command of the workers, and lines that follow both.
const NESTED: &[(&str, &str, &[&str])] = &[
    (
        "inspect",
        "active",
        &["", "--full -d w1@box", "-j | jq '.[][].name'"],
    ),
    (
        "inspect",
        "active_queues",
        &["", "-j | jq -r '.[][].name' | sort -u"],
    ),
    ("inspect", "clock", &[""]),
    (
        "inspect",
        "conf",
        &["", "true                 # also what nobody set"],
    ),
    (
        "inspect",
        "memdump",
        &["", "5                    # the last five samples"],
    ),
    ("inspect", "memsample", &[""]),
    ("inspect", "objgraph", &["Request"]),
    (
        "inspect",
        "ping",
        &["", "-d w1@box -t 5       # exit code 69 unless it replies"],
    ),
    ("inspect", "query_task", &["$id", "$id1 $id2 -j"]),
    (
        "inspect",
        "registered",
        &["", "rate_limit           # with this option of each"],
    ),
    ("inspect", "report", &["-d w1@box"]),
    ("inspect", "reserved", &["", "-d w1@box"]),
    ("inspect", "revoked", &["", "-j | jq -r '.[][]'"]),
    ("inspect", "scheduled", &["", "-j | jq -r '.[][].eta'"]),
    ("inspect", "stats", &["", "-d w1@box -j | jq '.[].total'"]),
    ("control", "add_consumer", &["video", "-d w1@box video"]),
    (
        "control",
        "autoscale",
        &["10 2                # at most 10, at least 2"],
    ),
    ("control", "cancel_consumer", &["video", "-d w1@box video"]),
    ("control", "disable_events", &[""]),
    ("control", "election", &["leader-1 topic"]),
    ("control", "enable_events", &["", "-d w1@box"]),
    ("control", "heartbeat", &[""]),
    ("control", "pool_grow", &["2", "-d w1@box 1"]),
    ("control", "pool_restart", &["-d w1@box"]),
    ("control", "pool_shrink", &["2", "-d w1@box 1"]),
    (
        "control",
        "rate_limit",
        &["proj.add 10/s", "proj.add 0           # no limit"],
    ),
    (
        "control",
        "revoke",
        &["$id", "--terminate $id      # also if it runs"],
    ),
    ("control", "revoke_by_stamped_headers", &["customer=42"]),
    (
        "control",
        "shutdown",
        &["-d w1@box", "                     # every worker"],
    ),
    ("control", "terminate", &["SIGKILL $id"]),
    (
        "control",
        "time_limit",
        &["proj.add 30 60       # soft and hard, in seconds"],
    ),
];

/// Adds the examples to the commands that have none of their own.
pub(super) fn add(root: Command) -> Command {
    let program = root.get_name().to_owned();
    root.mut_subcommands(|group| {
        let parent = group.get_name().to_owned();
        group.mut_subcommands(|sub| {
            let lines = NESTED
                .iter()
                .find(|(group, name, _)| *group == parent && *name == sub.get_name());
            match lines {
                Some((_, name, lines)) if sub.get_after_long_help().is_none() => {
                    let lines = lines.iter().map(|line| {
                        format!("  {program} {parent} {name} {line}")
                            .trim_end()
                            .to_owned()
                    });
                    let lines: Vec<String> = lines.collect();
                    sub.after_long_help(format!("Examples:\n{}", lines.join("\n")))
                }
                _ => sub,
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::complete;

    fn walk(command: &Command, path: &str, see: &mut impl FnMut(&Command, &str)) {
        see(command, path);
        for sub in command.get_subcommands() {
            walk(sub, &format!("{path} {}", sub.get_name()), see);
        }
    }

    fn examples(command: &Command) -> String {
        let text = command.get_after_long_help();
        text.map(ToString::to_string).unwrap_or_default()
    }

    #[test]
    fn every_command_has_examples() {
        walk(
            &crate::cli::run::command(),
            "rcelery",
            &mut |command, path| {
                assert!(examples(command).starts_with("Examples:\n"), "{path}");
            },
        );
    }

    /// What an example shows is a command line that the program takes.
    #[test]
    fn every_example_can_be_typed() {
        let mut lines = Vec::new();
        walk(
            &crate::cli::run::command(),
            "rcelery",
            &mut |command, path| {
                let text = examples(command);
                let found: Vec<String> = text
                    .lines()
                    .skip(1)
                    .take_while(|line| !line.is_empty())
                    .filter_map(|line| Some(line[line.find("rcelery ")?..].to_owned()))
                    .collect();
                assert!(!found.is_empty(), "{path} shows nothing");
                lines.extend(found);
            },
        );
        for line in lines {
            let (words, _) = complete::split(&line);
            let of_the_shell = |word: &&String| {
                word.starts_with(['#', '|', '>', '<', '&', ';']) || word.starts_with("2>")
            };
            let words: Vec<&str> = words
                .iter()
                .take_while(|word| !of_the_shell(word))
                .filter(|word| !word.is_empty())
                .map(|word| word.trim_end_matches([')', ';']))
                .collect();
            if let Err(error) = crate::cli::run::command().try_get_matches_from(words) {
                let helps = matches!(
                    error.kind(),
                    clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion
                );
                assert!(helps, "{line}: {error}");
            }
        }
    }

    #[test]
    fn global_options_come_last() {
        let mut root = crate::cli::run::command();
        root.build();
        walk(&root, "rcelery", &mut |command, path| {
            let help = command.clone().render_long_help().to_string();
            let options = help.split("\nExamples:").next().unwrap_or_default();
            let headings: Vec<&str> = options
                .lines()
                .filter(|l| !l.starts_with(' ') && l.ends_with(':'))
                .collect();
            assert_eq!(
                headings.last(),
                Some(&"Global options:"),
                "{path}: {headings:?}"
            );
        });
    }

    /// `-h` is an overview: what needs more room is said by `--help`.
    #[test]
    fn a_summary_is_one_short_line() {
        let mut long = Vec::new();
        walk(
            &crate::cli::run::command(),
            "rcelery",
            &mut |command, path| {
                let about = command.get_about().map(ToString::to_string);
                long.push((path.to_owned(), about.unwrap_or_default()));
                for arg in command.get_arguments().filter(|a| !a.is_hide_set()) {
                    let help = arg.get_help().map(ToString::to_string);
                    long.push((format!("{path} {}", arg.get_id()), help.unwrap_or_default()));
                }
            },
        );
        long.retain(|(_, help)| {
            help.chars().count() > 90 || help.contains('\n') || help.ends_with('.')
        });
        assert!(long.is_empty(), "{long:#?}");
    }
}
