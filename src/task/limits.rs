//! Rate and time limits.

use std::time::Duration;

/// At most so many starts of a task type per second, per worker: `10/s`, `6/m`, `100/h`, or a number per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// Starts per second; 0 means no limit.
    pub per_second: f64,
}

impl RateLimit {
    /// Reads `10/s`, `6/m`, `100/h`, `0.5`.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (ops, unit) = text.split_once('/').unwrap_or((text, "s"));
        let seconds = match unit {
            "s" | "" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            other => return Err(format!("unknown unit `{other}`: use s, m or h")),
        };
        let ops: f64 = ops
            .trim()
            .parse()
            .map_err(|_| format!("`{ops}` is not a number"))?;
        if !ops.is_finite() || ops < 0.0 {
            return Err(format!("`{ops}` is not a positive number"));
        }
        Ok(Self {
            per_second: ops / seconds,
        })
    }

    /// Time between two starts; none if there is no limit.
    #[must_use]
    pub fn interval(self) -> Option<Duration> {
        (self.per_second > 0.0).then(|| Duration::from_secs_f64(1.0 / self.per_second))
    }
}

/// Time limits of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeLimits {
    /// After this the task fails with `SoftTimeLimitExceeded`, unless it has asked to be told.
    pub soft: Option<Duration>,
    /// After this the task is cut off and fails with `TimeLimitExceeded`.
    pub hard: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::RateLimit;

    #[test]
    fn rates_are_read_in_celerys_units() {
        assert_eq!(
            RateLimit::parse("6/m").unwrap().interval(),
            Some(Duration::from_secs(10))
        );
        assert_eq!(
            RateLimit::parse("10/s").unwrap().interval(),
            Some(Duration::from_millis(100))
        );
        assert_eq!(
            RateLimit::parse("0.5").unwrap().interval(),
            Some(Duration::from_secs(2))
        );
        assert_eq!(RateLimit::parse("0").unwrap().interval(), None);
        assert!(
            RateLimit::parse("10/d").is_err()
                && RateLimit::parse("-1/s").is_err()
                && RateLimit::parse("x").is_err()
        );
    }
}
