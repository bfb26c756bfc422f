//! Settings made of text, for the unit tests of this room.

use super::{Origin, Settings};

/// Settings with these entries.
pub(super) fn settings(entries: &[(&str, &str)]) -> Settings {
    let mut settings = Settings::default();
    for (key, text) in entries {
        settings.set_text(key, text, Origin::Code).unwrap();
    }
    settings
}

/// Why an entry is refused.
pub(super) fn refused(key: &str, text: &str) -> String {
    let error = Settings::default().set_text(key, text, Origin::Code);
    error.unwrap_err().to_string()
}
