//! kombu's routing for transports without exchanges of their own: binding tables with patterns as regular expressions.
//!
//! Mirrors `kombu.transport.virtual.exchange`.

use regex::Regex;

use crate::protocol::{ExchangeType, Queue};

/// The separator within members of binding tables and names of priority lists.
pub(crate) const SEP: &str = "\x06\x16";

/// One row of an exchange's binding table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding {
    /// Binding key.
    pub(crate) routing_key: String,
    /// Regular expression of a topic binding; else empty.
    pub(crate) pattern: String,
    /// The bound queue.
    pub(crate) queue: String,
}

impl Binding {
    /// The row that binds `queue`.
    pub(crate) fn of(queue: &Queue) -> Self {
        Self {
            routing_key: queue.routing_key.clone(),
            pattern: match queue.exchange.kind {
                ExchangeType::Topic => key_to_pattern(&queue.routing_key),
                ExchangeType::Direct | ExchangeType::Fanout => String::new(),
            },
            queue: queue.name.clone(),
        }
    }

    /// As a member of the table's set: key, pattern and queue.
    pub(crate) fn to_member(&self, sep: &str) -> String {
        [&*self.routing_key, &*self.pattern, &*self.queue].join(sep)
    }

    /// Reads a member.
    pub(crate) fn from_member(member: &str, sep: &str) -> Option<Self> {
        let mut parts = member.split(sep);
        let (routing_key, pattern, queue) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self {
            routing_key: routing_key.to_owned(),
            pattern: pattern.to_owned(),
            queue: queue.to_owned(),
        })
    }
}

/// The regular expression of a topic binding key: `*` is one word, `#` anything, anchored at both ends.
///
/// `media.#` does not match plain `media`, unlike AMQP (TopicExchange.key_to_pattern).
pub(crate) fn key_to_pattern(routing_key: &str) -> String {
    let words: Vec<String> = routing_key
        .split('.')
        .map(|word| match word {
            "*" => r"[^\.]+".to_owned(),
            "#" => ".*?".to_owned(),
            word => escape(word),
        })
        .collect();
    format!("^{}$", words.join(r"\."))
}

/// Backslashes before what is neither alphanumeric nor one of kombu's exceptions (kombu.utils.text.escape_regex).
fn escape(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for c in word.chars() {
        if c == '\0' {
            out.push_str("\\000");
            continue;
        }
        if !(c.is_alphanumeric() || matches!(c, '*' | '#')) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// The queues that a message of `routing_key` goes to, each once, in the order of the table.
pub(crate) fn matching(table: &[Binding], kind: ExchangeType, routing_key: &str) -> Vec<String> {
    let mut queues: Vec<String> = Vec::new();
    for binding in table {
        let hit = match kind {
            ExchangeType::Direct => binding.routing_key == routing_key,
            ExchangeType::Topic => matches_pattern(&binding.pattern, routing_key),
            ExchangeType::Fanout => true,
        };
        if hit && !binding.queue.is_empty() && !queues.contains(&binding.queue) {
            queues.push(binding.queue.clone());
        }
    }
    queues
}

/// As [`matching`] where the exchange's type is not known: by equal key, or by the row's own pattern.
pub(crate) fn matching_any(table: &[Binding], routing_key: &str) -> Vec<String> {
    let (topic, direct): (Vec<_>, Vec<_>) =
        table.iter().cloned().partition(|b| !b.pattern.is_empty());
    let mut queues = matching(&direct, ExchangeType::Direct, routing_key);
    queues.extend(matching(&topic, ExchangeType::Topic, routing_key));
    queues.dedup();
    queues
}

/// A pattern that is no regular expression matches nothing: another program may have written it.
fn matches_pattern(pattern: &str, routing_key: &str) -> bool {
    !pattern.is_empty()
        && Regex::new(&unescape_for_regex(pattern)).is_ok_and(|re| re.is_match(routing_key))
}

/// Python allows `\` before any punctuation; the regex crate refuses a few (`\_`, `\ `, non-ASCII).
fn unescape_for_regex(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some(c) if c.is_ascii_punctuation() && c != '_' && c != '<' && c != '>' => {
                out.push('\\');
                out.push(c);
            }
            Some(c) if c.is_ascii_alphanumeric() => {
                out.push('\\');
                out.push(c);
            }
            Some(c) => out.push(c),
            None => out.push_str("\\\\"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Exchange;

    fn row(key: &str, queue: &str) -> Binding {
        let exchange = Exchange::new("media", ExchangeType::Topic);
        Binding::of(&Queue::bound(queue, exchange, key))
    }

    #[test]
    fn patterns_are_written_as_kombu_writes_them() {
        assert_eq!(key_to_pattern("media.#"), r"^media\..*?$");
        assert_eq!(key_to_pattern("media.*.jpg"), r"^media\.[^\.]+\.jpg$");
        assert_eq!(key_to_pattern("a-b.c_d"), r"^a\-b\.c\_d$");
    }

    #[test]
    fn topic_keys_match_by_words() {
        let table = [
            row("media.#", "all"),
            row("media.*.jpg", "one"),
            row("a_b.x", "odd"),
        ];
        let to = |key| matching(&table, ExchangeType::Topic, key);
        assert_eq!(to("media.x.jpg"), ["all", "one"]);
        assert_eq!(to("media.x.y.jpg"), ["all"]);
        assert!(to("media").is_empty());
        assert_eq!(to("a_b.x"), ["odd"]);
    }

    #[test]
    fn members_survive_both_ways() {
        let member = row("media.#", "all").to_member(SEP);
        assert_eq!(member, "media.#\u{6}\u{16}^media\\..*?$\u{6}\u{16}all");
        assert_eq!(
            Binding::from_member(&member, SEP),
            Some(row("media.#", "all"))
        );
        assert_eq!(Binding::from_member("nonsense", SEP), None);
    }
}
