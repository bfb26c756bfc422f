//! ISO 8601 as Celery writes and reads it. No clock is read here: pass `now` in.
//!
//! Mirrors `celery.utils.time` and dateutil's `isoparse`.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::civil::{Date, DateTime, ISOWeekDate, Time, Weekday};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};

use super::ProtocolError;

/// Reads an ISO 8601 date and time: basic and extended forms, `Z`, comma fractions; without an offset it is UTC.
///
/// # Errors
/// `Invalid` if it is not one.
pub fn parse(text: &str) -> Result<Timestamp, ProtocolError> {
    let (civil, offset) = parse_civil(text)?;
    // Python's `datetime.max` and `datetime.min` lie just outside: as far away as can be is what they mean.
    let outside = if civil.year() > 0 {
        Timestamp::MAX
    } else {
        Timestamp::MIN
    };
    Ok(offset
        .unwrap_or(Offset::UTC)
        .to_timestamp(civil)
        .unwrap_or(outside))
}

/// Reads an ISO 8601 date and time as it stands: the wall clock, and the offset if one is given.
///
/// # Errors
/// `Invalid` if it is not one.
pub fn parse_civil(text: &str) -> Result<(DateTime, Option<Offset>), ProtocolError> {
    let mut reader = Reader(text.as_bytes());
    reader
        .date_time()
        .filter(|_| reader.0.is_empty())
        .ok_or_else(|| {
            // The text may be as long as a message: only its start is worth showing.
            let start: String = text.chars().take(64).collect();
            ProtocolError::invalid("date and time", format!("`{start}` is not ISO 8601"))
        })
}

/// Reads a time of day, `03:04:05[.ffffff][±HH:MM]`.
pub(super) fn parse_time(text: &str) -> Option<(Time, Option<Offset>)> {
    let mut reader = Reader(text.as_bytes());
    let (time, midnight) = reader.time()?;
    let offset = reader.offset()?;
    (reader.0.is_empty() && !midnight).then_some((time, offset))
}

/// Python's `isoformat()` with offset: `2030-01-01T00:00:00.5+00:00` → microseconds, left out when zero.
#[must_use]
pub fn isoformat(at: Timestamp, zone: &TimeZone) -> String {
    let offset = zone.to_offset(at);
    let mut out = civil_text(offset.to_datetime(at), 'T');
    push_offset(&mut out, offset);
    out
}

/// As [`isoformat`], with a blank for the `T` and no offset: the form of `DATETIME` columns in SQLite.
#[must_use]
pub fn sqlite_datetime(at: Timestamp, zone: &TimeZone) -> String {
    let civil = zone.to_offset(at).to_datetime(at);
    format!(
        "{} {}.{:06}",
        date_text(civil.date()),
        clock_text(civil.time()),
        micros(civil.time())
    )
}

/// `isoformat` of a wall clock without offset.
pub(super) fn civil_text(civil: DateTime, separator: char) -> String {
    let (date, time) = (civil.date(), civil.time());
    let (year, month, day) = (date.year(), date.month(), date.day());
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    let mut out = String::with_capacity(32);
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02}{separator}{hour:02}:{minute:02}:{second:02}"
    );
    if micros(time) != 0 {
        let _ = write!(out, ".{:06}", micros(time));
    }
    out
}

/// `03:04:05[.ffffff]`.
pub(super) fn time_text(time: Time) -> String {
    let mut out = clock_text(time);
    if micros(time) != 0 {
        let _ = write!(out, ".{:06}", micros(time));
    }
    out
}

/// `2030-01-02`.
pub(super) fn date_text(date: Date) -> String {
    format!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
}

/// `+05:30`, with seconds if there are any.
pub(super) fn push_offset(out: &mut String, offset: Offset) {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    let _ = write!(out, "{sign}{:02}:{:02}", seconds / 3600, seconds / 60 % 60);
    if !seconds.is_multiple_of(60) {
        let _ = write!(out, ":{:02}", seconds % 60);
    }
}

/// Microseconds of the second.
pub(super) fn micros(time: Time) -> i32 {
    time.subsec_nanosecond() / 1000
}

fn clock_text(time: Time) -> String {
    format!(
        "{:02}:{:02}:{:02}",
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// What is left of the text to read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn date_time(&mut self) -> Option<(DateTime, Option<Offset>)> {
        let date = self.date()?;
        if self.0.is_empty() {
            return Some((date.to_datetime(Time::midnight()), None));
        }
        // isoparse takes any character between date and time.
        self.0 = self.0.get(1..)?;
        let (time, next_day) = self.time()?;
        let offset = self.offset()?;
        let date = if next_day {
            date.tomorrow().ok()?
        } else {
            date
        };
        Some((date.to_datetime(time), offset))
    }

    fn date(&mut self) -> Option<Date> {
        let year = i16::try_from(self.digits(4)?).ok().filter(|y| *y > 0)?;
        let extended = self.skip(b'-');
        if self.skip(b'W') {
            let week = i8::try_from(self.digits(2)?).ok()?;
            let has_day = if extended {
                self.skip(b'-')
            } else {
                self.0.first().is_some_and(u8::is_ascii_digit)
            };
            let day = if has_day { self.digits(1)? } else { 1 };
            let day = Weekday::from_monday_one_offset(i8::try_from(day).ok()?).ok()?;
            return Some(ISOWeekDate::new(year, week, day).ok()?.date());
        }
        let run = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        if run == 3 {
            let day = self.digits(3)?;
            let first = Date::new(year, 1, 1).ok()?;
            let date = first
                .checked_add(Span::new().days(i64::from(day) - 1))
                .ok()?;
            return (date.year() == year && day > 0).then_some(date);
        }
        if self.0.is_empty() && !extended {
            return Date::new(year, 1, 1).ok();
        }
        let month = i8::try_from(self.digits(2)?).ok()?;
        if extended && !self.skip(b'-') {
            return Date::new(year, month, 1).ok();
        }
        let day = i8::try_from(self.digits(2)?).ok()?;
        Date::new(year, month, day).ok()
    }

    /// The time of day, and whether it was `24:00`: the next day's midnight.
    fn time(&mut self) -> Option<(Time, bool)> {
        let hour = self.digits(2)?;
        let (mut minute, mut second, mut nanos) = (0, 0, 0);
        let extended = self.skip(b':');
        if extended || self.0.first().is_some_and(u8::is_ascii_digit) {
            minute = self.digits(2)?;
            let more = if extended {
                self.skip(b':')
            } else {
                self.0.first().is_some_and(u8::is_ascii_digit)
            };
            if more {
                second = self.digits(2)?;
                if self.skip(b'.') || self.skip(b',') {
                    nanos = self.fraction()?;
                }
            }
        }
        if hour == 24 {
            return (minute == 0 && second == 0 && nanos == 0).then_some((Time::midnight(), true));
        }
        let small = |n: u32| i8::try_from(n).ok();
        let time = Time::new(small(hour)?, small(minute)?, small(second)?, nanos).ok()?;
        Some((time, false))
    }

    /// Digits of a fraction of a second, in nanoseconds; Python keeps six.
    fn fraction(&mut self) -> Option<i32> {
        let run = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        if run == 0 {
            return None;
        }
        let mut micros = 0;
        for i in 0..6 {
            micros = micros * 10
                + if i < run {
                    i32::from(self.0[i] - b'0')
                } else {
                    0
                };
        }
        self.0 = &self.0[run..];
        Some(micros * 1000)
    }

    /// `None` for a malformed offset, `Some(None)` for none at all.
    #[expect(
        clippy::option_option,
        reason = "malformed and absent are different answers"
    )]
    fn offset(&mut self) -> Option<Option<Offset>> {
        if self.0.is_empty() {
            return Some(None);
        }
        if self.skip(b'Z') || self.skip(b'z') {
            return Some(Some(Offset::UTC));
        }
        let sign = if self.skip(b'-') {
            -1
        } else if self.skip(b'+') {
            1
        } else {
            return None;
        };
        let mut seconds = i32::try_from(self.digits(2)?).ok()? * 3600;
        for unit in [60, 1] {
            if self.0.is_empty() {
                break;
            }
            self.skip(b':');
            let part = i32::try_from(self.digits(2)?).ok()?;
            if part > 59 {
                return None;
            }
            seconds += part * unit;
        }
        if seconds >= 24 * 3600 {
            return None;
        }
        Offset::from_seconds(sign * seconds).ok().map(Some)
    }

    fn skip(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        if found {
            self.0 = &self.0[1..];
        }
        found
    }

    fn digits(&mut self, count: usize) -> Option<u32> {
        let digits = self.0.get(..count)?;
        let mut number = 0;
        for digit in digits {
            if !digit.is_ascii_digit() {
                return None;
            }
            number = number * 10 + u32::from(digit - b'0');
        }
        self.0 = &self.0[count..];
        Some(number)
    }
}

/// Reads `90`, `1.5`, `300ms`, `30s`, `5m`, `2h`, `1d`, `1w`, and sums such as `1h30m`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if let Ok(seconds) = rest.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    if rest.is_empty() {
        return None;
    }
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let amount: f64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "ms" => 0.001,
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hour" | "hours" => 3_600.0,
            "d" | "day" | "days" => 86_400.0,
            "w" | "week" | "weeks" => 604_800.0,
            _ => return None,
        };
        sum = sum.checked_add(Duration::try_from_secs_f64(amount * unit).ok()?)?;
        rest = rest[letters..].trim_start();
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utc(text: &str) -> String {
        isoformat(parse(text).unwrap(), &TimeZone::UTC)
    }

    #[test]
    fn every_iso_form_is_read() {
        for (text, want) in [
            (
                "2030-01-02T03:04:05.678901+00:00",
                "2030-01-02T03:04:05.678901+00:00",
            ),
            ("2030-01-02T03:04:05.5", "2030-01-02T03:04:05.500000+00:00"),
            ("2030-01-02T03:04:05,5Z", "2030-01-02T03:04:05.500000+00:00"),
            ("2030-01-02 03:04", "2030-01-02T03:04:00+00:00"),
            ("20300102T030405Z", "2030-01-02T03:04:05+00:00"),
            ("20300102T0304+0530", "2030-01-01T21:34:00+00:00"),
            ("2030-01-02T03-05", "2030-01-02T08:00:00+00:00"),
            (
                "2030-01-02T03:04:05.1234567",
                "2030-01-02T03:04:05.123456+00:00",
            ),
            ("2030-01-02", "2030-01-02T00:00:00+00:00"),
            ("2030-01", "2030-01-01T00:00:00+00:00"),
            ("2030", "2030-01-01T00:00:00+00:00"),
            ("2030-W01-3", "2030-01-02T00:00:00+00:00"),
            ("2030W013", "2030-01-02T00:00:00+00:00"),
            ("2030-002T24:00", "2030-01-03T00:00:00+00:00"),
            ("2030002", "2030-01-02T00:00:00+00:00"),
        ] {
            assert_eq!(utc(text), want, "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "tomorrow",
            "2030-1-2",
            "2030-13-01",
            "2030-02-30",
            "2030-01-02T",
            "2030-01-02T25:00",
            "2030-01-02T03:04:05.",
            "2030-01-02T03:04:05+",
            "2030-01-02T03:04:05+24:00",
            "2030-000",
            "2030-366",
            "0000-01-01",
            "2030-01-02T03:04:05Zjunk",
            "203001",
            "2030-01-02T03:04:05+05:60",
            "9999-12-31T24:00",
            "é030-01-01",
            "2030-01-02é03:04",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn isoformat_shows_the_zone() {
        let at = parse("2030-01-02T03:04:05Z").unwrap();
        let zone = TimeZone::get("America/New_York").unwrap();
        assert_eq!(isoformat(at, &zone), "2030-01-01T22:04:05-05:00");
        let zone = TimeZone::get("Asia/Kolkata").unwrap();
        assert_eq!(isoformat(at, &zone), "2030-01-02T08:34:05+05:30");
        assert_eq!(sqlite_datetime(at, &zone), "2030-01-02 08:34:05.000000");
    }

    #[test]
    fn a_long_text_does_not_fill_the_error() {
        let error = parse(&"x".repeat(10_000)).unwrap_err();
        assert!(error.to_string().len() < 200);
    }
}
