//! What can be wrong with the configuration.

use std::fmt;
use std::path::{Path, PathBuf};

use super::mask::mask_line;

/// A configuration that cannot be used. None of these goes away by trying again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No setting has that name.
    #[error("unknown setting `{key}`")]
    UnknownKey {
        /// The name as given.
        key: String,
        /// The nearest name that exists.
        suggestion: Option<String>,
    },
    /// A setting of Celery that has no meaning here: Python only, or of a back end that is not built in.
    #[error("setting `{key}` does not apply to rcelery")]
    NotApplicable {
        /// Its name.
        key: String,
    },
    /// The value is of the wrong type or out of range.
    #[error("`{key}` must be {expected}, not {found}")]
    WrongType {
        /// The setting.
        key: String,
        /// What it takes.
        expected: String,
        /// What it was given.
        found: String,
    },
    /// The value is of the right type and still wrong.
    #[error("`{key}`: {reason}")]
    Invalid {
        /// The setting, with the path inside it (`task_queues[1].name`).
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A `key=value` without a `=`.
    #[error("`{text}` is not KEY=VALUE")]
    NotAPair {
        /// The argument.
        text: String,
    },
    /// The file is not TOML.
    #[error("{}:{line}:{column}: {message}{excerpt}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// The parser's words.
        message: String,
        /// The line, with a mark at the place.
        excerpt: Excerpt,
    },
    /// A setting in the file or the environment is wrong.
    #[error("{place}: {error}{excerpt}")]
    At {
        /// `rcelery.toml:3:1`, the name of the variable, or the option.
        place: String,
        /// What is wrong.
        #[source]
        error: Box<ConfigError>,
        /// The line, if it is in a file.
        excerpt: Excerpt,
    },
    /// The file cannot be read.
    #[error("can't read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no directory for the default broker's file.
    #[error("no place for the default broker: neither XDG_STATE_HOME nor HOME is set")]
    NoStateDirectory,
    /// A Python app that names no broker.
    #[error("the app `{app}` names no broker")]
    AppWithoutBroker {
        /// Its name.
        app: String,
    },
    /// A queue that is neither configured nor may be created.
    #[error("queue `{queue}` is not in `task_queues`, and `task_create_missing_queues` is off")]
    UnknownQueue {
        /// Its name.
        queue: String,
    },
}

impl ConfigError {
    /// Always false: no configuration mends itself.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        false
    }

    /// Advice for the person who wrote the configuration, where there is any.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey {
                suggestion: Some(name),
                ..
            } => Some(format!("did you mean `{name}`?")),
            Self::At { error, .. } => error.hint(),
            Self::AppWithoutBroker { .. } => Some(
                "Celery would take RabbitMQ on this machine, which is not supported: set `broker_url` in the app, or \
                 CELERY_BROKER_URL for all of its programs"
                    .to_owned(),
            ),
            Self::NoStateDirectory => {
                Some("name a broker with -b, or set HOME or XDG_STATE_HOME".to_owned())
            }
            _ => None,
        }
    }

    pub(super) fn invalid(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Invalid {
            key: key.into(),
            reason: reason.into(),
        }
    }

    pub(super) fn at(self, place: impl Into<String>) -> Self {
        Self::At {
            place: place.into(),
            error: Box::new(self),
            excerpt: Excerpt::default(),
        }
    }

    /// As [`ConfigError::at`], for a place in a file.
    pub(super) fn in_file(self, path: &Path, text: &str, offset: usize) -> Self {
        let (line, column) = position(text, offset);
        Self::At {
            place: format!("{}:{line}:{column}", path.display()),
            error: Box::new(self),
            excerpt: Excerpt::of(text, line, column),
        }
    }
}

/// A line of a file and a mark under the place; secrets are masked. Displayed below a message, or as nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    /// The line; `line` and `column` are from 1.
    pub(super) fn of(text: &str, line: usize, column: usize) -> Self {
        let Some(source) = text.lines().nth(line - 1) else {
            return Self::default();
        };
        let shown = mask_line(source);
        let printable = |c: char| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        };
        let short: String = shown.chars().take(WIDEST).map(printable).collect();
        let gutter = " ".repeat(line.to_string().len());
        // Under a masked line the mark would stand in the wrong place.
        let mark = if shown == source && column <= WIDEST {
            // Tabs stay tabs, so that the mark stands under its column whatever their width.
            let lead: String = source
                .chars()
                .take(column - 1)
                .map(|c| if c == '\t' { c } else { ' ' })
                .collect();
            format!("\n  {gutter} | {lead}^")
        } else {
            String::new()
        };
        Self(format!("\n  {line} | {short}{mark}"))
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The longest part of a line that is shown.
const WIDEST: usize = 100;

/// Line and column, from 1, of a byte offset.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (line, before[start..].chars().count() + 1)
}
