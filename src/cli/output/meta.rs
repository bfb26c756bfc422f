//! How far a task is, read from the meta of a custom state in any of the common styles.
//!
//! `current`/`total`/`status` is the style of Celery's documentation; the others are those of celery-progress, tqdm-like
//! helpers and hand-written tasks.

use crate::protocol::{ResultMeta, Value};

/// How far a task is. Everything is optional: a task may only have something to say.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Progress {
    pub(crate) current: Option<f64>,
    pub(crate) total: Option<f64>,
    /// 0 to 100.
    pub(crate) percent: Option<f64>,
    pub(crate) text: Option<String>,
}

impl Progress {
    /// Reads the meta of a state that is neither final nor one of Celery's own without progress.
    pub(crate) fn of(meta: &ResultMeta) -> Option<Self> {
        let state = meta.status.as_str();
        let builtin = [
            "PENDING", "RECEIVED", "STARTED", "RETRY", "SUCCESS", "FAILURE", "REVOKED", "REJECTED",
            "IGNORED",
        ];
        if builtin.contains(&state) {
            return None;
        }
        Self::from_value(&meta.result)
    }

    /// Reads a dict; none if nothing in it is about progress.
    pub(crate) fn from_value(value: &Value) -> Option<Self> {
        let map = value.as_map()?;
        let number = |names: &[&str]| {
            names
                .iter()
                .filter_map(|name| map.get(*name)?.as_f64())
                .find(|n| n.is_finite() && *n >= 0.0)
        };
        let text = ["status", "message", "description", "desc"]
            .iter()
            .filter_map(|name| map.get(*name))
            .find_map(Value::as_str)
            .filter(|s| !s.is_empty());
        let current = number(&["current", "done", "completed", "i"]);
        let total = number(&["total", "n", "count"]).filter(|t| *t > 0.0);
        let stated = ["percent", "progress"]
            .iter()
            .filter_map(|name| map.get(*name))
            .filter_map(|v| v.as_f64().map(|n| (n, matches!(v, Value::Float(_)))))
            .find(|(n, _)| n.is_finite() && *n >= 0.0)
            // A float up to 1 is a fraction; the integer 1 is one per cent.
            .map(|(n, float)| if float && n <= 1.0 { n * 100.0 } else { n });
        let percent = match (current, total) {
            (Some(current), Some(total)) => Some(current / total * 100.0),
            _ => stated,
        }
        .map(|p| p.min(100.0));
        let progress = Self {
            current,
            total,
            percent,
            text: text.map(str::to_owned),
        };
        (progress != Self::default()).then_some(progress)
    }

    /// `10/20`, `10` while the total is unknown, nothing if only a percentage is known.
    pub(crate) fn counter(&self) -> Option<String> {
        match (self.current, self.total) {
            (Some(current), Some(total)) => Some(format!("{}/{}", short(current), short(total))),
            (Some(current), None) => Some(short(current)),
            _ => None,
        }
    }

    /// `10/20 50% step 10 of 20`: for plain lines.
    pub(crate) fn words(&self) -> String {
        let percent = self.percent.map(|p| format!("{p:.0}%"));
        let parts = [self.counter(), percent, self.text.clone()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// As in the JSON document of `result -j`.
    pub(crate) fn to_value(&self) -> Value {
        Value::from([
            ("current", number_value(self.current)),
            ("total", number_value(self.total)),
            (
                "percent",
                number_value(self.percent.map(|p| (p * 10.0).round() / 10.0)),
            ),
            ("status", Value::opt(self.text.as_deref())),
        ])
    }
}

/// A count without a needless fraction.
fn short(n: f64) -> String {
    if n.fract() == 0.0 {
        format!("{n:.0}")
    } else {
        format!("{n:.1}")
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "checked to be whole and small"
)]
fn number_value(n: Option<f64>) -> Value {
    match n {
        None => Value::Null,
        Some(n) if n.fract() == 0.0 && n < 1e15 => Value::Int(n as i64),
        Some(n) => Value::Float(n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::State;

    fn read(entries: &[(&str, Value)]) -> Progress {
        let map = entries
            .iter()
            .map(|(k, v)| ((*k).to_owned(), v.clone()))
            .collect();
        Progress::from_value(&Value::Map(map)).unwrap()
    }

    #[test]
    fn every_style_is_read() {
        for (current, total) in [
            ("current", "total"),
            ("done", "n"),
            ("completed", "count"),
            ("i", "total"),
        ] {
            let p = read(&[(current, 5.into()), (total, 20.into())]);
            assert_eq!(p.counter().as_deref(), Some("5/20"));
            assert_eq!(p.percent, Some(25.0));
        }
        for text in ["status", "message", "description", "desc"] {
            assert_eq!(
                read(&[(text, "loading".into())]).text.as_deref(),
                Some("loading")
            );
        }
    }

    #[test]
    fn a_percentage_is_of_a_hundred_or_of_one() {
        assert_eq!(read(&[("percent", 37.into())]).percent, Some(37.0));
        assert_eq!(read(&[("progress", 0.37.into())]).percent, Some(37.0));
        assert_eq!(read(&[("percent", 1.into())]).percent, Some(1.0));
        assert_eq!(read(&[("progress", 1.0.into())]).percent, Some(100.0));
        assert_eq!(read(&[("percent", 250.into())]).percent, Some(100.0));
    }

    #[test]
    fn more_than_all_is_shown_but_not_drawn() {
        let p = read(&[("current", 30.into()), ("total", 20.into())]);
        assert_eq!(
            (p.counter().as_deref(), p.percent),
            (Some("30/20"), Some(100.0))
        );
    }

    #[test]
    fn without_a_total_there_is_a_counter_only() {
        let p = read(&[("current", 7.into()), ("status", "counting".into())]);
        assert_eq!((p.percent, p.words().as_str()), (None, "7 counting"));
        assert_eq!(
            read(&[("current", 1.into()), ("total", 0.into())]).percent,
            None
        );
    }

    #[test]
    fn a_key_without_a_number_leaves_it_to_the_next() {
        let p = read(&[
            ("current", Value::Null),
            ("done", 5.into()),
            ("total", 20.into()),
        ]);
        assert_eq!(p.counter().as_deref(), Some("5/20"));
        let p = read(&[("percent", Value::Null), ("progress", 0.5.into())]);
        assert_eq!(p.percent, Some(50.0));
    }

    #[test]
    fn hostile_numbers_are_left_out() {
        assert_eq!(
            Progress::from_value(&Value::from([("current", f64::NAN.into())])),
            None
        );
        assert_eq!(
            Progress::from_value(&Value::from([("total", Value::Int(-3))])),
            None
        );
        assert_eq!(Progress::from_value(&"text".into()), None);
    }

    #[test]
    fn only_custom_states_carry_progress() {
        let dict = Value::from([("current", 1.into()), ("total", 2.into())]);
        for (state, seen) in [
            ("PROGRESS", true),
            ("RENDERING", true),
            ("SUCCESS", false),
            ("STARTED", false),
        ] {
            let meta = ResultMeta::new("x", State::new(state), dict.clone());
            assert_eq!(Progress::of(&meta).is_some(), seen, "{state}");
        }
    }
}
