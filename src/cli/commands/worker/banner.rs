//! What a worker says of itself when it starts: Celery's banner in a pipe, a tidier one on a terminal.

use std::fmt::Write as _;

use jiff::Zoned;

use crate::cli::logging::LogLevel;
use crate::cli::output::colour::paint;
use crate::worker::Info;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The stars of Celery's banner, before its lines 2 to 13.
const ART: [&str; 12] = [
    " --------------",
    "--- ***** -----",
    "-- ******* ----",
    "- *** --- * ---",
    "- ** ----------",
    "- ** ----------",
    "- ** ----------",
    "- ** ----------",
    "- *** --- * ---",
    "-- ******* ----",
    "--- ***** -----",
    " --------------",
];

/// Celery's banner, line by line as `LOGS` has it; scripts look for its rows.
pub(super) fn classic(info: &Info, level: LogLevel, now: &Zoned) -> String {
    let mut concurrency = format!("{} ({})", info.concurrency, info.pool);
    if let Some((max, min)) = info.autoscale {
        concurrency = format!("{{min={min}, max={max}}} ({})", info.pool);
    }
    let events = if info.task_events {
        "ON"
    } else {
        "OFF (enable -E to monitor tasks in this worker)"
    };
    let mut rows = vec![
        format!("{} v{VERSION} (rcelery)", info.nodename),
        String::new(),
        format!("{} {}", platform(), now.strftime("%Y-%m-%d %H:%M:%S")),
        String::new(),
        "[config]".to_owned(),
        format!(".> app:         {}", info.app),
        format!(".> transport:   {}", info.transport),
        format!(".> results:     {}", info.results),
        format!(".> concurrency: {concurrency}"),
        format!(".> task events: {events}"),
        String::new(),
        "[queues]".to_owned(),
    ];
    for queue in &info.queues {
        rows.push(format!(
            ".> {:<16} exchange={}({}) key={}",
            queue.name,
            queue.exchange.name,
            queue.exchange.kind.as_str(),
            queue.routing_key
        ));
    }
    rows.push(String::new());
    let mut text = String::from(" \n");
    for (i, row) in rows.iter().enumerate() {
        let art = ART.get(i).copied().unwrap_or("               ");
        let _ = writeln!(text, "{art} {row}");
    }
    text.push('\n');
    let tasks = shown(info, level);
    if !tasks.is_empty() {
        text.push_str("[tasks]\n");
        for task in tasks {
            let _ = writeln!(text, "  . {task}");
        }
        text.push('\n');
    }
    text
}

/// The banner of a terminal, at most `columns` wide.
pub(super) fn terminal(
    info: &Info,
    level: LogLevel,
    now: &Zoned,
    columns: usize,
    colour: bool,
) -> String {
    let title = format!(
        "rcelery {VERSION} · {} · {} {} · pid {}",
        info.nodename,
        std::env::consts::OS,
        std::env::consts::ARCH,
        std::process::id()
    );
    let time = now.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let gap = columns
        .saturating_sub(title.chars().count() + time.len())
        .max(2);
    let mut text = format!("{}{}{time}\n", paint(colour, "1", &title), " ".repeat(gap));
    let mut row = |label: &str, value: &str| {
        let label = paint(colour, "36", &format!("{label:<12}"));
        let _ = writeln!(text, "  {label} {value}");
    };
    row("transport", &info.transport);
    row("results", &info.results);
    let slots = match info.autoscale {
        Some((max, min)) => format!("{min} to {max}"),
        None => info.concurrency.to_string(),
    };
    let prefetch = match info.prefetch_multiplier {
        0 => "no limit".to_owned(),
        n => (info.concurrency.saturating_mul(n as usize)).to_string(),
    };
    let events = if info.task_events { "on" } else { "off (-E)" };
    row(
        "concurrency",
        &format!(
            "{slots} ({})   prefetch {prefetch}   events {events}",
            info.pool
        ),
    );
    for (i, queue) in info.queues.iter().enumerate() {
        let label = if i == 0 { "queues" } else { "" };
        let exchange = format!("{}({})", queue.exchange.name, queue.exchange.kind.as_str());
        row(
            label,
            &format!("{} → {exchange} key={}", queue.name, queue.routing_key),
        );
    }
    let tasks: Vec<&str> = info
        .tasks
        .iter()
        .map(String::as_str)
        .filter(|t| level == LogLevel::Debug || !t.starts_with("celery."))
        .collect();
    let label = format!("tasks ({})", tasks.len());
    for (i, line) in wrap(&tasks, columns.saturating_sub(15)).iter().enumerate() {
        row(if i == 0 { &label } else { "" }, line);
    }
    text
}

/// Names in lines of at most `width`; a name that is longer has a line of its own.
fn wrap(names: &[&str], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for name in names {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 2 + name.chars().count() <= width => {
                line.push_str("  ");
                line.push_str(name);
            }
            _ => lines.push((*name).to_owned()),
        }
    }
    lines
}

/// Celery lists tasks from INFO on, its own only for DEBUG.
fn shown(info: &Info, level: LogLevel) -> Vec<&str> {
    let tasks = info.tasks.iter().map(String::as_str);
    match level {
        LogLevel::Debug => tasks.collect(),
        LogLevel::Info => tasks.filter(|t| !t.starts_with("celery.")).collect(),
        _ => Vec::new(),
    }
}

/// `Linux-6.1.0-x86_64`.
fn platform() -> String {
    let os = match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "macOS",
        other => other,
    };
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let parts = [os, release.trim(), std::env::consts::ARCH];
    parts
        .into_iter()
        .filter(|p| !p.is_empty())
        .collect::<Vec<_>>()
        .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Nodename, Queue};

    fn info() -> Info {
        Info {
            nodename: Nodename::expand("w1@box", "box"),
            app: "proj".to_owned(),
            transport: "redis://:**@127.0.0.1:6404/0".to_owned(),
            results: "redis://127.0.0.1:6404/1".to_owned(),
            concurrency: 2,
            pool: "threads",
            autoscale: None,
            task_events: false,
            prefetch_multiplier: 4,
            queues: vec![Queue::direct("celery")],
            tasks: vec![
                "celery.chain".to_owned(),
                "proj.add".to_owned(),
                "proj.fail".to_owned(),
            ],
            unknown_excluded: Vec::new(),
        }
    }

    fn now() -> Zoned {
        "2026-11-22T15:26:13+00:00[UTC]".parse().unwrap()
    }

    #[test]
    fn in_a_pipe_it_is_celerys() {
        let text = classic(&info(), LogLevel::Info, &now());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], " ");
        assert!(lines[1].starts_with(" -------------- w1@box v"), "{text}");
        assert_eq!(lines[2], "--- ***** ----- ");
        assert!(lines[3].ends_with(" 2026-11-22 15:26:13"), "{text}");
        assert_eq!(lines[6], "- ** ---------- .> app:         proj");
        assert_eq!(lines[9], "- *** --- * --- .> concurrency: 2 (threads)");
        assert_eq!(
            lines[10],
            "-- ******* ---- .> task events: OFF (enable -E to monitor tasks in this worker)"
        );
        assert_eq!(lines[12], " -------------- [queues]");
        assert_eq!(
            lines[13],
            "                .> celery           exchange=celery(direct) key=celery"
        );
        assert_eq!(
            lines[14..],
            [
                "                ",
                "",
                "[tasks]",
                "  . proj.add",
                "  . proj.fail",
                ""
            ]
        );
    }

    #[test]
    fn tasks_are_listed_from_info_on_and_celerys_own_for_debug() {
        assert!(!classic(&info(), LogLevel::Warning, &now()).contains("[tasks]"));
        assert!(classic(&info(), LogLevel::Debug, &now()).contains("  . celery.chain\n"));
    }

    #[test]
    fn on_a_terminal_it_fits() {
        let text = terminal(&info(), LogLevel::Info, &now(), 80, false);
        assert!(
            text.contains("  tasks (2)    proj.add  proj.fail\n"),
            "{text}"
        );
        assert!(
            text.contains("concurrency  2 (threads)   prefetch 8   events off (-E)"),
            "{text}"
        );
        assert!(
            text.lines().skip(1).all(|l| l.chars().count() <= 80),
            "{text}"
        );
    }
}
