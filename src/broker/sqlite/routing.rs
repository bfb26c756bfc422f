//! Which bindings a routing key matches.
//!
//! Mirrors `kombu.transport.virtual.exchange`: `#` stands for any text there, so `media.#` does not match plain `media`.

use crate::protocol::ExchangeType;

/// Whether a message with `key` goes to a queue bound by `pattern`.
pub(super) fn matches(kind: ExchangeType, pattern: &str, key: &str) -> bool {
    match kind {
        // Redis's fanout subscribes to patterns of keys, which events use (kombu/transport/redis.py, fanout_patterns).
        ExchangeType::Fanout => pattern.is_empty() || topic(pattern.as_bytes(), key.as_bytes()),
        ExchangeType::Direct => pattern == key,
        ExchangeType::Topic => topic(pattern.as_bytes(), key.as_bytes()),
    }
}

/// `*` is one word without dots, `#` any text. Backtracks to the last `#` only, so the time is bounded by the product of
/// both lengths.
fn topic(pattern: &[u8], key: &[u8]) -> bool {
    let (mut p, mut k) = (0, 0);
    // Where to go on after a mismatch: behind the last `#`, with one byte more of the key for it.
    let mut hash: Option<(usize, usize)> = None;
    // The same for the last `*` since, which takes no dots.
    let mut star: Option<(usize, usize)> = None;
    loop {
        match pattern.get(p) {
            Some(b'#') => {
                p += 1;
                hash = Some((p, k));
                star = None;
                continue;
            }
            Some(b'*') if key.get(k).is_some_and(|b| *b != b'.') => {
                p += 1;
                k += 1;
                star = Some((p, k));
                continue;
            }
            Some(b) if *b != b'*' && key.get(k) == Some(b) => {
                p += 1;
                k += 1;
                continue;
            }
            None if k == key.len() => return true,
            _ => {}
        }
        if let Some((after, from)) = star
            && key.get(from).is_some_and(|b| *b != b'.')
        {
            (p, k) = (after, from + 1);
            star = Some((p, k));
        } else if let Some((after, from)) = hash
            && from < key.len()
        {
            (p, k) = (after, from + 1);
            hash = Some((p, k));
            star = None;
        } else {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_match_as_kombu_matches_them() {
        for (pattern, key, expected) in [
            ("media.#", "media.video", true),
            ("media.#", "media.video.h264", true),
            ("media.#", "media", false),
            ("#", "", true),
            ("#", "worker.heartbeat", true),
            ("worker.*", "worker.online", true),
            ("worker.*", "worker.online.now", false),
            ("worker.*", "worker.", false),
            ("*.online", "worker.online", true),
            ("*.*.c", "a.b.c", true),
            ("*.*.c", "a.b.c.c", false),
            ("#.c", "a.b.c", true),
            ("#.*.d", "a.b.c.d", true),
            ("a.#.d.*", "a.b.d.c.d.e", true),
            ("task", "task", true),
            ("task", "tasks", false),
            ("tasks", "task", false),
        ] {
            assert_eq!(
                matches(ExchangeType::Topic, pattern, key),
                expected,
                "{pattern} {key}"
            );
        }
    }

    #[test]
    fn a_broadcast_is_filtered_where_the_binding_has_a_key() {
        for (pattern, key, expected) in [
            ("", "", true),
            ("", "any.key", true),
            ("#", "task.sent", true),
            ("worker.#", "task.sent", false),
            ("worker.#", "worker.online", true),
        ] {
            assert_eq!(
                matches(ExchangeType::Fanout, pattern, key),
                expected,
                "{pattern} {key}"
            );
        }
    }

    #[test]
    fn hostile_patterns_end_quickly() {
        let pattern = "#*.".repeat(2000);
        let key = "a.".repeat(2000);
        assert!(!matches(ExchangeType::Topic, &format!("{pattern}x"), &key));
    }
}
