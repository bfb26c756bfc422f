//! `memsample`: how much memory the worker uses.

use super::base::{Control, ControlCommand, Kind, Run};
use std::sync::PoisonError;

use nix::sys::resource::{UsageWho, getrusage};

/// Samples kept for `memdump`.
const SAMPLES_MAX: usize = 1_000;

pub(super) const COMMAND: ControlCommand = ControlCommand::new(
    "memsample",
    Kind::Inspect,
    "Sample current RSS memory usage",
    Run::Now(|control, _| {
        let rss = resident();
        remember(control, &rss);
        Ok(rss.into())
    }),
);

fn remember(control: &Control, rss: &str) {
    let mut samples = control
        .memory_samples
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if samples.len() == SAMPLES_MAX {
        samples.pop_front();
    }
    samples.push_back(rss.to_owned());
}

/// The resident memory of this process, as Celery writes it: `60.797MB`.
pub(super) fn resident() -> String {
    let from_proc = || {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib)
    };
    // Where there is no /proc, the peak is the nearest that can be told.
    let peak = || {
        let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
        u64::try_from(usage.max_rss()).ok()
    };
    human(from_proc().or_else(peak).unwrap_or(0) * 1024)
}

/// Bytes with a unit and five significant digits.
#[expect(clippy::cast_precision_loss, reason = "five digits are shown")]
fn human(bytes: u64) -> String {
    const UNITS: [(u64, &str); 4] = [
        (1 << 40, "TB"),
        (1 << 30, "GB"),
        (1 << 20, "MB"),
        (1 << 10, "KB"),
    ];
    let Some((size, unit)) = UNITS.iter().find(|(size, _)| bytes >= *size) else {
        return format!("{bytes}b");
    };
    let amount = bytes as f64 / *size as f64;
    let before_point = amount.log10().floor().max(0.0);
    let digits = if before_point >= 3.0 {
        1
    } else if before_point >= 2.0 {
        2
    } else if before_point >= 1.0 {
        3
    } else {
        4
    };
    let text = format!("{amount:.digits$}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}{unit}")
}

#[cfg(test)]
mod tests {
    use super::human;

    #[test]
    fn bytes_have_five_digits_and_a_unit() {
        assert_eq!(human(63_750_307), "60.797MB");
        assert_eq!(human(2 << 20), "2MB");
        assert_eq!(human(1536), "1.5KB");
        assert_eq!(human(12), "12b");
    }
}
