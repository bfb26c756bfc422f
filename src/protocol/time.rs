//! ISO 8601 as Celery writes and reads it. No clock is read here: pass `now` in.
//!
//! Mirrors `celery.utils.time` and dateutil's `isoparse`.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::ProtocolError;

/// Reads an ISO 8601 date and time: basic and extended forms, `Z`, comma fractions; without an offset it is UTC.
///
/// # Errors
/// `Invalid` if it is not one.
pub fn parse(text: &str) -> Result<Timestamp, ProtocolError> {
    unimplemented!("{text}")
}

/// Python's `isoformat()` with offset: `2030-01-01T00:00:00.5+00:00` → microseconds, left out when zero.
#[must_use]
pub fn isoformat(at: Timestamp, zone: &TimeZone) -> String {
    unimplemented!("{at} {zone:?}")
}

/// As [`isoformat`], with a blank for the `T` and no offset: the form of `DATETIME` columns in SQLite.
#[must_use]
pub fn sqlite_datetime(at: Timestamp, zone: &TimeZone) -> String {
    unimplemented!("{at} {zone:?}")
}
