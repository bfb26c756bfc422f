//! What a worker says of itself when it starts: Celery's banner in a pipe, a tidier one on a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Zoned;

use crate::cli::logging::LogLevel;
use crate::cli::output::colour::paint;
use crate::cli::output::table::printable;
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

/// Columns before the value of a row.
const INDENT: usize = 15;

/// The banner of a terminal, at most `columns` wide.
pub(super) fn terminal(
    info: &Info,
    level: LogLevel,
    now: &Zoned,
    columns: usize,
    colour: bool,
) -> String {
    let mut text = String::new();
    let time = now.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let title = title(info, columns.saturating_sub(time.len() + 2));
    let gap = columns.saturating_sub(title.chars().count() + time.len());
    let _ = match gap {
        0 | 1 => writeln!(text, "{}", paint(colour, "1", &title)),
        gap => writeln!(
            text,
            "{}{}{time}",
            paint(colour, "1", &title),
            " ".repeat(gap)
        ),
    };
    let width = columns.saturating_sub(INDENT).max(10);
    let mut row = |label: &str, parts: &[String], gap: &str| {
        for (i, line) in wrap(parts, gap, width).iter().enumerate() {
            let label = if i == 0 { label } else { "" };
            let label = paint(colour, "36", &format!("{label:<12}"));
            let _ = writeln!(text, "  {label} {line}");
        }
    };
    row("transport", std::slice::from_ref(&info.transport), "");
    let kept = match info.result_expires {
        Some(time) => format!("expires {}", short(time)),
        None => "kept for ever".to_owned(),
    };
    let kept = format!("({}, {kept})", info.result_serializer);
    let results = if info.results.starts_with("disabled") {
        vec![info.results.clone()]
    } else {
        vec![info.results.clone(), kept]
    };
    row("results", &results, " ");
    row("concurrency", &load(info), "   ");
    for (i, queue) in info.queues.iter().enumerate() {
        let exchange = format!("{}({})", queue.exchange.name, queue.exchange.kind.as_str());
        let parts = [
            printable(&queue.name),
            printable(&format!("→ {exchange}")),
            printable(&format!("key={}", queue.routing_key)),
        ];
        row(if i == 0 { "queues" } else { "" }, &parts, " ");
    }
    let tasks: Vec<String> = info
        .tasks
        .iter()
        .filter(|t| level == LogLevel::Debug || !t.starts_with("celery."))
        .map(|t| printable(t))
        .collect();
    row(&format!("tasks ({})", tasks.len()), &tasks, "  ");
    text
}

/// As much of program, node, system and process as fits.
fn title(info: &Info, width: usize) -> String {
    let parts = [
        format!("rcelery {VERSION}"),
        info.nodename.to_string(),
        format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        format!("pid {}", std::process::id()),
    ];
    let mut title = parts[..2].join(" · ");
    for part in &parts[2..] {
        let longer = format!("{title} · {part}");
        if longer.chars().count() <= width {
            title = longer;
        }
    }
    title
}

fn load(info: &Info) -> Vec<String> {
    let slots = match info.autoscale {
        Some((max, min)) => format!("{min} to {max}"),
        None => info.concurrency.to_string(),
    };
    let prefetch = match info.prefetch_multiplier {
        0 => "no limit".to_owned(),
        n => (info.concurrency.saturating_mul(n as usize)).to_string(),
    };
    let events = if info.task_events { "on" } else { "off (-E)" };
    let limit = |limit: Option<Duration>| limit.map_or_else(|| "none".to_owned(), short);
    let limits = match (info.limits.soft, info.limits.hard) {
        (None, None) => "none".to_owned(),
        (soft, hard) => format!("{}/{}", limit(soft), limit(hard)),
    };
    vec![
        format!("{slots} ({})", info.pool),
        format!("prefetch {prefetch}"),
        format!("events {events}"),
        format!("soft/hard limit {limits}"),
    ]
}

/// `1d`, `90s`, `0.5s`: the largest unit that says it exactly.
fn short(span: Duration) -> String {
    let seconds = span.as_secs();
    if span.subsec_nanos() > 0 || seconds == 0 {
        return format!("{}s", span.as_secs_f64());
    }
    for (unit, name) in [(86_400, "d"), (3600, "h"), (60, "m")] {
        if seconds.is_multiple_of(unit) {
            return format!("{}{name}", seconds / unit);
        }
    }
    format!("{seconds}s")
}

/// Parts in lines of at most `width`, with `gap` between them; a part that is longer goes on in the next line.
fn wrap(parts: &[String], gap: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        let chars: Vec<char> = part.chars().collect();
        match lines.last_mut() {
            Some(line) if line.chars().count() + gap.len() + chars.len() <= width => {
                line.push_str(gap);
                line.push_str(part);
            }
            _ => lines.extend(chars.chunks(width).map(String::from_iter)),
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
    use crate::task::TimeLimits;

    fn info() -> Info {
        Info {
            nodename: Nodename::expand("w1@box", "box"),
            app: "proj".to_owned(),
            transport: "redis://:**@127.0.0.1:6404/0".to_owned(),
            results: "redis://127.0.0.1:6404/1".to_owned(),
            result_serializer: "json".to_owned(),
            result_expires: Some(Duration::from_secs(86_400)),
            limits: TimeLimits::default(),
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

    /// The last three words of the title are this machine's.
    fn body(text: &str) -> &str {
        text.split_once('\n').expect("a title").1
    }

    #[test]
    fn on_a_terminal_it_is_tidy() {
        let text = terminal(&info(), LogLevel::Info, &now(), 100, false);
        assert!(text.starts_with("rcelery "), "{text}");
        assert!(
            text.lines()
                .next()
                .unwrap()
                .ends_with("  2026-11-22 15:26:13"),
            "{text}"
        );
        assert_eq!(
            body(&text),
            "  transport    redis://:**@127.0.0.1:6404/0\n\
             \x20 results      redis://127.0.0.1:6404/1 (json, expires 1d)\n\
             \x20 concurrency  2 (threads)   prefetch 8   events off (-E)   soft/hard limit none\n\
             \x20 queues       celery → celery(direct) key=celery\n\
             \x20 tasks (2)    proj.add  proj.fail\n"
        );
    }

    #[test]
    fn on_a_terminal_of_any_width_it_fits() {
        let mut info = info();
        info.limits.hard = Some(Duration::from_secs(90));
        info.queues
            .push(Queue::direct("a_queue_whose_name_is_long_and_says_little"));
        info.tasks
            .extend((0..30).map(|n| format!("proj.module.task_{n}")));
        for columns in [80, 60, 44, 30, 140] {
            let text = terminal(&info, LogLevel::Info, &now(), columns, false);
            let body: Vec<&str> = body(&text).lines().collect();
            assert!(
                body.iter().all(|l| l.chars().count() <= columns.max(25)),
                "{columns}:\n{text}"
            );
            assert!(body.iter().skip(1).all(|l| l.starts_with("  ")), "{text}");
            let squeezed: String = text.split_whitespace().collect();
            assert!(
                squeezed.contains("key=a_queue_whose_name_is_long_and_says_little"),
                "{text}"
            );
            assert!(squeezed.contains("soft/hardlimitnone/90s"), "{text}");
        }
    }

    #[test]
    fn spans_are_said_in_their_largest_unit() {
        for (millis, said) in [
            (86_400_000, "1d"),
            (90_000, "90s"),
            (300_000, "5m"),
            (500, "0.5s"),
        ] {
            assert_eq!(short(Duration::from_millis(millis)), said);
        }
    }
}
