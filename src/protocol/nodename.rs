//! Node names, `name@host`.
//!
//! Mirrors `celery.utils.nodenames`.

use std::fmt;

/// The name of a worker that was given none (nodenames.py, `NODENAME_DEFAULT`).
const DEFAULT_NAME: &str = "celery";

/// A worker's name in destinations, queues, events and results: `celery@host`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Nodename(String);

impl Nodename {
    /// Expands a `-n` argument: `%h` host name, `%n` its first label, `%d` the rest, `%%` a percent sign. `%i` and `%I`
    /// (pool process index) are those of the worker's main process: `0` and nothing.
    ///
    /// Without `@` the argument is the host part, as in Celery: `-n web1` names `celery@web1`. An empty name part is
    /// `celery`, an empty host part is `host`. What follows an unknown `%` stays as it is.
    #[must_use]
    pub fn expand(template: &str, host: &str) -> Self {
        let (name, host_part) = template.split_once('@').unwrap_or(("", template));
        let name = if name.is_empty() { DEFAULT_NAME } else { name };
        let host_part = if host_part.is_empty() {
            host
        } else {
            host_part
        };
        let (first, rest) = host.split_once('.').unwrap_or((host, ""));
        let expanded = replace(&format!("{name}@{host_part}"), |key| match key {
            'h' => Some(host),
            'n' => Some(first),
            'd' => Some(rest),
            _ => None,
        });
        Self(expanded)
    }

    /// Expands the name of a file (`--logfile`, `--pidfile`): `%n` this node's name part, `%h` its host, `%d` the host
    /// without its first label, `%p` the whole name, `%i` and `%I` as in [`expand`](Self::expand).
    #[must_use]
    pub fn format(&self, template: &str) -> String {
        let host = self.host();
        let domain = host.split_once('.').map_or("", |(_, domain)| domain);
        replace(template, |key| match key {
            'h' => Some(host),
            'n' => Some(self.name()),
            'd' => Some(domain),
            'p' => Some(&self.0),
            _ => None,
        })
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

    /// The part after `@`.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, host)| host)
    }
}

fn replace<'a>(template: &str, text_of: impl Fn(char) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let mut after = rest[at + 1..].chars();
        match after.next() {
            Some('%') => out.push('%'),
            Some('i') => out.push('0'),
            Some('I') => {}
            Some(key) => match text_of(key) {
                Some(text) => out.push_str(text),
                None => out.extend(['%', key]),
            },
            None => out.push('%'),
        }
        rest = after.as_str();
    }
    out.push_str(rest);
    out
}

impl fmt::Display for Nodename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_expand_as_in_celery() {
        for (template, want) in [
            ("", "celery@box.example.com"),
            ("foo", "celery@foo"),
            ("foo@", "foo@box.example.com"),
            ("@bar", "celery@bar"),
            ("foo@%h", "foo@box.example.com"),
            ("%n@x", "box@x"),
            ("foo@%n", "foo@box"),
            ("%h", "celery@box.example.com"),
            ("a@%d", "a@example.com"),
            ("a%%b@%h", "a%b@box.example.com"),
            ("w%i@%h", "w0@box.example.com"),
            ("w%I@%h", "w@box.example.com"),
            ("x@y@z", "x@y@z"),
            ("é%q@%", "é%q@%"),
        ] {
            assert_eq!(Nodename::expand(template, "box.example.com").as_str(), want);
        }
    }

    #[test]
    fn file_names_expand_as_in_celery() {
        let node = Nodename::expand("w1@%h", "box.example.com");
        for (template, want) in [
            ("%n%I.log", "w1.log"),
            ("%h", "box.example.com"),
            ("%p", "w1@box.example.com"),
            ("%d", "example.com"),
            ("%i", "0"),
            ("%%n", "%n"),
        ] {
            assert_eq!(node.format(template), want);
        }
    }
}
