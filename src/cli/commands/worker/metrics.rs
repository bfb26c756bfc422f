//! What a worker counts, in Prometheus' text format.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::resource::{UsageWho, getrusage};

use crate::worker::State;
use crate::worker::state::{BOUNDS, Link, Phase};

/// The whole page.
pub(super) fn text(state: &State) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let mut page = Page::default();
    let link = state.link();
    page.one(
        "rcelery_worker_ready",
        "gauge",
        "Whether the worker takes tasks.",
        f64::from(link == Link::Ready),
    );
    page.one(
        "rcelery_broker_connected",
        "gauge",
        "Whether the worker is connected to its broker.",
        f64::from(link != Link::Connecting),
    );
    worker(&mut page, state, now);
    process(&mut page, state, now);
    page.0
}

fn worker(page: &mut Page, state: &State, now: Duration) {
    let (tally, slots, prefetch, counts, oldest) = {
        let tables = state.lock();
        let started = tables.requests(Phase::Active);
        let started = started.iter().filter_map(|r| r.time_start());
        (
            tables.tally.clone(),
            tables.concurrency,
            tables.prefetch_count,
            [Phase::Active, Phase::Reserved, Phase::Scheduled].map(|p| tables.count(p)),
            started.fold(f64::INFINITY, f64::min),
        )
    };
    page.one(
        "rcelery_slots",
        "gauge",
        "How many tasks may run at a time.",
        slots as f64,
    );
    page.one(
        "rcelery_prefetch_count",
        "gauge",
        "How many messages may be held; 0 means no limit.",
        f64::from(prefetch),
    );
    let kinds = [
        (
            "rcelery_tasks_active",
            "Tasks that run, or are being completed.",
        ),
        (
            "rcelery_tasks_reserved",
            "Tasks that wait for a slot or their rate limit.",
        ),
        (
            "rcelery_tasks_scheduled",
            "Tasks that are held for a later time.",
        ),
    ];
    for ((name, help), count) in kinds.into_iter().zip(counts) {
        page.one(name, "gauge", help, count as f64);
    }
    let age = if oldest.is_finite() {
        (now.as_secs_f64() - oldest).max(0.0)
    } else {
        0.0
    };
    page.one(
        "rcelery_oldest_active_seconds",
        "gauge",
        "How long the oldest running task has run.",
        age,
    );

    page.head(
        "rcelery_tasks_total",
        "counter",
        "Tasks that have ended, by name and state.",
    );
    for (task, state, count) in tally.ended() {
        page.sample(
            "rcelery_tasks_total",
            &format!("task=\"{}\",state=\"{state}\"", escaped(task)),
            count as f64,
        );
    }
    page.head(
        "rcelery_task_runtime_seconds",
        "histogram",
        "How long runs took, by task.",
    );
    for (task, runs) in tally.runtimes() {
        let task = escaped(task);
        let mut below = 0;
        for (bound, count) in BOUNDS.iter().zip(runs.buckets) {
            below += count;
            let labels = format!("task=\"{task}\",le=\"{bound}\"");
            page.sample("rcelery_task_runtime_seconds_bucket", &labels, below as f64);
        }
        let labels = format!("task=\"{task}\",le=\"+Inf\"");
        page.sample(
            "rcelery_task_runtime_seconds_bucket",
            &labels,
            runs.count as f64,
        );
        let labels = format!("task=\"{task}\"");
        page.sample("rcelery_task_runtime_seconds_sum", &labels, runs.sum);
        page.sample(
            "rcelery_task_runtime_seconds_count",
            &labels,
            runs.count as f64,
        );
    }
}

/// What Prometheus' own clients say of every process; what the system does not tell is left out.
fn process(page: &mut Page, state: &State, now: Duration) {
    page.one(
        "process_start_time_seconds",
        "gauge",
        "When the worker started, in Unix time.",
        (now.saturating_sub(state.uptime())).as_secs_f64(),
    );
    if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
        let seconds = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
        page.one(
            "process_cpu_seconds_total",
            "counter",
            "Processor time used, in seconds.",
            seconds(usage.user_time()) + seconds(usage.system_time()),
        );
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |name: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    if let Some(resident) = kib("VmRSS:") {
        page.one(
            "process_resident_memory_bytes",
            "gauge",
            "Resident memory, in bytes.",
            resident * 1024.0,
        );
    }
    if let Some(size) = kib("VmSize:") {
        page.one(
            "process_virtual_memory_bytes",
            "gauge",
            "Virtual memory, in bytes.",
            size * 1024.0,
        );
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        page.one(
            "process_open_fds",
            "gauge",
            "Open files.",
            files.count() as f64,
        );
    }
}

#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: f64) {
        let _ = writeln!(self.0, "{name}{{{labels}}} {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.head(name, kind, help);
        let _ = writeln!(self.0, "{name} {value}");
    }
}

/// The value of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_was_counted() {
        let state = State::default();
        {
            let mut tables = state.lock();
            tables.concurrency = 4;
            tables.tally.end("a\"b", "SUCCESS");
            tables.tally.ran("t", Duration::from_millis(700));
        }
        let page = text(&state);
        for line in [
            "rcelery_worker_ready 0",
            "rcelery_slots 4",
            "rcelery_oldest_active_seconds 0",
            "rcelery_tasks_total{task=\"a\\\"b\",state=\"SUCCESS\"} 1",
            "rcelery_task_runtime_seconds_bucket{task=\"t\",le=\"0.5\"} 0",
            "rcelery_task_runtime_seconds_bucket{task=\"t\",le=\"1\"} 1",
            "rcelery_task_runtime_seconds_bucket{task=\"t\",le=\"+Inf\"} 1",
            "rcelery_task_runtime_seconds_sum{task=\"t\"} 0.7",
        ] {
            assert!(page.lines().any(|l| l == line), "{line}\n{page}");
        }
    }

    #[test]
    fn every_sample_has_a_type() {
        let page = text(&State::default());
        let mut typed = Vec::new();
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                typed.extend(rest.split(' ').next());
            } else if !line.starts_with('#') {
                let name = line.split(['{', ' ']).next().unwrap();
                assert!(typed.iter().any(|t| name.starts_with(t)), "{line}");
            }
        }
    }
}
