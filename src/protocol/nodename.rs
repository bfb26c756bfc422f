//! Node names, `name@host`.
//!
//! Mirrors `celery.utils.nodenames`.

use std::fmt;

/// A worker's name in destinations, queues, events and results: `celery@host`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Nodename(String);

impl Nodename {
    /// Expands a `-n` argument: `%h` host name, `%n` its first label, `%d` the rest, `%%` a percent sign.
    /// A name without `@` gets `@host`; `%i` and `%I` (pool process index) are empty in the worker's main process.
    #[must_use]
    pub fn expand(template: &str, host: &str) -> Self {
        let template = if template.is_empty() {
            "celery"
        } else {
            template
        };
        let (name, host_part) = match template.split_once('@') {
            Some((name, host_part)) => (name, host_part.to_owned()),
            None => (template, host.to_owned()),
        };
        let (first, rest) = host.split_once('.').unwrap_or((host, ""));
        let expand = |text: &str| {
            let mut out = String::new();
            let mut chars = text.chars();
            while let Some(c) = chars.next() {
                if c != '%' {
                    out.push(c);
                    continue;
                }
                match chars.next() {
                    Some('h') => out.push_str(host),
                    Some('n') => out.push_str(if text == name { first } else { name }),
                    Some('d') => out.push_str(rest),
                    Some('%') => out.push('%'),
                    Some('i' | 'I' | 'p') => {}
                    Some(other) => {
                        out.push('%');
                        out.push(other);
                    }
                    None => out.push('%'),
                }
            }
            out
        };
        let name = if name.is_empty() {
            "celery".to_owned()
        } else {
            expand(name)
        };
        Self(format!("{name}@{}", expand(&host_part)))
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before `@`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once('@').map_or(&self.0, |(name, _)| name)
    }
}

impl fmt::Display for Nodename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
