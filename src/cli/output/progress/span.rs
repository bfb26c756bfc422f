//! Spans of time as people read them.

use std::time::Duration;

/// `00:02`, `1:02:03`.
pub(super) fn clock(elapsed: Duration) -> String {
    let s = elapsed.as_secs();
    if s < 3600 {
        format!("{:02}:{:02}", s / 60, s % 60)
    } else {
        format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    }
}

/// `4.1s`, `2m 5s`, `1h 2m`.
pub(super) fn seconds(elapsed: Duration) -> String {
    if elapsed.as_secs() < 60 {
        format!("{:.1}s", elapsed.as_secs_f64())
    } else {
        rough(elapsed)
    }
}

/// `2s`, `2m 5s`, `1h 2m`, `3d 4h`.
pub(crate) fn rough(span: Duration) -> String {
    let s = span.as_secs_f64().round() as u64;
    match s {
        0..60 => format!("{s}s"),
        60..3600 => format!("{}m {}s", s / 60, s % 60),
        3600..86_400 => format!("{}h {}m", s / 3600, s / 60 % 60),
        _ => format!("{}d {}h", s / 86_400, s / 3600 % 24),
    }
}

/// How long ago, in one unit: `12s ago`, `3m ago`.
pub(crate) fn ago(span: Duration) -> String {
    match span.as_secs() {
        s @ 0..60 => format!("{s}s ago"),
        s @ 60..3600 => format!("{}m ago", s / 60),
        s @ 3600..86_400 => format!("{}h ago", s / 3600),
        s => format!("{}d ago", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        let s = Duration::from_secs;
        assert_eq!(clock(s(62)), "01:02");
        assert_eq!(clock(s(3723)), "1:02:03");
        assert_eq!(seconds(Duration::from_millis(4100)), "4.1s");
        assert_eq!(rough(s(125)), "2m 5s");
        assert_eq!(rough(s(90_000)), "1d 1h");
        assert_eq!(ago(s(185)), "3m ago");
        assert_eq!(ago(s(90_000)), "1d ago");
    }
}
